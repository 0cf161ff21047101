"""The warm process: Django is loaded once, and each process that is asked for is forked from here.

Reads a line of JSON a process, {"deed", "moment", …}, and answers with one when that process has ended:
{"killed", "touches", "told"}. Ends when its input does.
"""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import sys
import threading
import time
import traceback
from multiprocessing import Value
from typing import Any, cast

import anthropic.resources.messages.messages  # noqa: F401  both SDKs would import these at their first request
import django
import openai.resources.responses.responses  # noqa: F401

django.setup()

from django.contrib.auth.models import User  # noqa: E402  Django first
from django.utils import timezone  # noqa: E402
from django.utils.module_loading import import_string  # noqa: E402
from django_q.brokers import Broker, get_broker  # noqa: E402
from django_q.models import OrmQ  # noqa: E402
from django_q.monitor import monitor  # noqa: E402
from django_q.pusher import pusher  # noqa: E402
from django_q.worker import worker  # noqa: E402

from articles import tasks  # noqa: E402
from articles.models import Article, Event  # noqa: E402
from articles.pipeline import transitions  # noqa: E402
from articles.pipeline.sweep import UNCLAIMED  # noqa: E402
from articles.pipeline.worker import STAGES  # noqa: E402
from articles.processes import die_with_parent  # noqa: E402
from publishing.models import Site  # noqa: E402
from tests.faults import publications  # noqa: E402
from tests.faults.reaper import Reaper  # noqa: E402

PATIENCE = 120  # seconds, for an article that a fresh worker finishes
LONGEST = 900  # seconds, for one process on a busy machine
MOVING = (Article.Status.QUEUED, Article.Status.RUNNING, Article.Status.WAITING)


def submit(idea: str) -> None:
    """What the desk does with a form."""
    transitions.submit(Article(owner=User.objects.get(), site=Site.objects.get(), idea=idea))


def work(idea: str) -> None:
    """What the processes of a pool do, one after the other: take one message, run it, confirm it."""
    broker: Broker = get_broker()
    messages, results = queue.Queue[Any](), queue.Queue[Any]()
    one_round = threading.Event()
    one_round.set()
    pusher(messages, one_round, broker)
    messages.put("STOP")
    worker(messages, results, Value("f", -1))
    results.put("STOP")
    monitor(results, broker)


def sweep(idea: str) -> None:
    tasks.sweep()


def finish(idea: str) -> None:
    """A fresh pool, until the article stands still; then the messages that are late arrive, too."""
    deadline = time.monotonic() + PATIENCE
    while (article := Article.objects.get(idea=idea)).status in MOVING and time.monotonic() < deadline:
        if article.status == Article.Status.WAITING and article.next_at:
            time.sleep(max((article.next_at - timezone.now()).total_seconds(), 0))
        tasks.sweep()
        if get_broker().queue_size():
            work(idea)
        else:  # two minutes later
            lost = Article.objects.filter(pk=article.pk, status=Article.Status.QUEUED)
            lost.update(queued_at=timezone.now() - UNCLAIMED)
    OrmQ.objects.update(lock=timezone.now())
    while get_broker().queue_size():
        work(idea)


def look(idea: str) -> dict[str, Any] | None:
    """What Galley says about the article, where there is one."""
    article = Article.objects.filter(idea=idea).first()
    if article is None:
        return None
    return {
        "uid": article.uid,
        "tree": article.tree_prefix,
        "status": article.status,
        "error": article.error,
        "lost": {call.key: call.lost_answers for call in article.calls.filter(lost_answers__gt=0)},
        "calls": sorted(set(article.calls.values_list("state", flat=True))),
        "repeated": Event.objects.filter(article=article, kind="repeated").count(),
    }


OF_PUBLICATIONS = (publications.enter, publications.ready, publications.serve, publications.carry_on)
DEEDS = {deed.__name__: deed for deed in (submit, work, sweep, finish, look, *OF_PUBLICATIONS, publications.published)}


def _live(deed: str, moment: int | None, idea: str, answer: int) -> None:
    """The life of one process. It never returns."""
    try:
        die_with_parent(signal.SIGKILL)
        reaper = Reaper(moment, lambda touches: _tell(answer, touches))
        reaper.watch()
        told = DEEDS[deed](idea)
        _tell(answer, reaper.touches, told)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _tell(answer: int, touches: list[str], told: Any = None) -> None:
    os.write(answer, json.dumps({"touches": touches, "told": told}, default=str).encode())


def _lived(request: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        _live(request["deed"], request["moment"], request["idea"], writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        if not select.select([answer], [], [], LONGEST)[0]:
            os.kill(pid, signal.SIGTERM)
        told = answer.read()
    _, status = os.waitpid(pid, 0)
    end = os.waitstatus_to_exitcode(status)
    if end not in (0, -signal.SIGKILL):
        raise SystemExit(f"{request} ended with {end}")
    return {"killed": end != 0, **cast(dict[str, Any], json.loads(told))}


die_with_parent(signal.SIGKILL)
for _stage in STAGES.values():  # once, for all that are forked from here
    import_string(_stage)
for line in sys.stdin:
    sys.stdout.write(json.dumps(_lived(json.loads(line))) + "\n")
    sys.stdout.flush()
