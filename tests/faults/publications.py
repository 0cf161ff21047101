"""What a process does with an article of which only the publication is left; told by its title.

`enter` gives the site its second password, `ready` makes an article, `serve` is a worker as the supervisor starts it,
without the schedules, `carry_on` is a fresh one after a death, `published` says what Galley knows in the end.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from django.contrib.auth.models import User
from django_q.brokers import Broker, get_broker
from django_q.conf import Conf
from django_q.worker import worker

from articles import tasks
from articles.models import Article, Event
from articles.processes import cut_computing_short, is_alive, is_asked_to_stop, stop_when_asked
from config.supervision.worker import STOP, Results, Task, Tasks
from publishing import publish_tasks
from publishing.browser.opening import sweep_up
from publishing.models import BrowserSession, BrowserSlot, Site
from publishing.options import Options
from tests.publishing.nearly_done import nearly_done

MOVING = (Article.Status.QUEUED, Article.Status.RUNNING, Article.Status.WAITING)
OPTIONS = Options(publish_immediately=True, tags=("Freight",), categories=("Trade",), excerpt="In short.")


def enter(secret: str) -> None:
    site = Site.objects.get()
    site.web_secret, site.time_limit = secret, 3
    site.save()


def ready(title: str) -> None:
    """Nothing is left of the articles before, and no way is closed: each signs in, and begins with the best."""
    BrowserSession.objects.all().delete()
    BrowserSlot.objects.all().delete()
    Site.objects.update(closed_ways={})
    by, site = User.objects.get(), Site.objects.get()
    publish_tasks.submit(nearly_done(by, site, title), site, by, options=OPTIONS)


def serve(title: str) -> None:
    """A worker, until the article stands still."""
    stop_when_asked()
    cut_computing_short()
    broker: Broker = get_broker()
    timer = SimpleNamespace(value=-1, get_lock=nullcontext)
    worker(_UntilItStands(broker, title), Results(broker), timer, Conf.TIMEOUT)


def carry_on(title: str) -> None:
    tasks.sweep()
    sweep_up()
    serve(title)


def published(title: str) -> dict[str, Any]:
    article = Article.objects.get(title=title)
    task = article.publish_tasks.get()  # there is one
    calls = list(article.calls.order_by("pk"))
    return {
        "uid": article.uid,
        "status": article.status,
        "error": article.error,
        "owner": article.lease_owner,
        "task": [task.status, task.progress],
        "way": task.way,
        "turns": [turn["code"] for turn in task.turns],
        "states": sorted({call.state for call in calls}),
        "unflagged": [call.key for call in calls if call.sends - 1 > call.lost_answers],
        "lost": {call.key: call.lost_answers for call in calls if call.lost_answers},
        "repeated": Event.objects.filter(article=article, kind="repeated").count(),
        "slots": [slot.holder for slot in BrowserSlot.objects.exclude(holder="") if is_alive(slot.holder)],
    }


class _UntilItStands(Tasks):
    """What it takes is what a worker takes; the schedules' own work would come between at any time."""

    def __init__(self, broker: Broker, title: str) -> None:
        super().__init__(broker)
        self._schedule_at = time.monotonic() + 24 * 60 * 60
        self._title = title

    def get(self) -> Task | str:
        self._look_at = 0.0
        while not is_asked_to_stop() and Article.objects.get(title=self._title).status in MOVING:
            if task := self._next():
                return task
            time.sleep(0.1)
        return STOP
