"""Faults of the ground under a run: clock, disk, storage, processes. Each passes, and nothing is paid for twice.

Everything is real but the services, which tell by their own logs what they were asked. tests/articles/test_pipeline.py
has the same in small, tests/journeys/test_faults.py with whole installations.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.db.models import DateTimeField, F
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from articles import pipeline, processes
from articles.models import Article, Event
from articles.providers import Answer
from articles.providers.errors import Unreachable
from articles.providers.text import TextClient
from articles.run import LEASE, Run
from tests.conftest import HandIn
from tests.doubles.server import Doubles

Work = Callable[[Article], Article]
HOUR = timedelta(hours=1)
PAID = {("openai", "responses"), ("replicate", "create"), ("anthropic", "messages")}
CALLS = 7  # text, prompts, four pictures, the page


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("articles.stages.images.POLL_SECONDS", (0.001,))


def paid(services: Doubles) -> int:
    return sum((request.provider, request.operation) in PAID for request in services.requests())


def let_time_pass(by: timedelta) -> None:
    """So much later; or, when it is less than nothing, after the clock was set back by so much.

    Only the distance between the clock and the times in the rows matters: the rows are moved.
    """
    for model in apps.get_models():
        times = [field.name for field in model._meta.fields if isinstance(field, DateTimeField)]
        if times:
            model._default_manager.update(**{name: F(name) - by for name in times})


# Owners


def zombie() -> Iterator[str]:
    child = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.DEVNULL)
    name = processes.this_process(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended; nobody has collected it
    yield name
    child.wait()


def reused() -> Iterator[str]:
    """A number that belongs to a living process now, and belonged to another before."""
    machine, pid, started = processes.this_process().split("|")
    yield f"{machine}|{pid}|{int(started) - 1}"


@pytest.mark.parametrize("owner", [zombie, reused])
def test_what_a_dead_owner_left_goes_on_at_once(hand_in: HandIn, run: Work, owner: Callable[[], Iterator[str]]) -> None:
    article = hand_in()
    pipeline._claim(article.pk)
    for name in owner():
        Article.objects.update(lease_owner=name)

        assert pipeline.sweep() == pipeline.Swept(1, 0, 1)
    assert run(article).status == Article.Status.DONE


# The clock


def test_a_clock_that_is_set_back_hides_no_queued_article(
    hand_in: HandIn, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """Its message hides as well: the queue gives out none from the future."""
    with django_capture_on_commit_callbacks(execute=True):
        hand_in()
    let_time_pass(-HOUR)

    with django_capture_on_commit_callbacks(execute=True):
        assert pipeline.sweep().tasks_restarted == 1
    assert OrmQ.objects.filter(lock__lte=timezone.now()).count() == 1
    assert pipeline.sweep() == pipeline.Swept()


@pytest.mark.parametrize("back", [HOUR, timedelta(minutes=10)])
def test_a_clock_that_is_set_back_prolongs_no_wait(
    hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch, back: timedelta
) -> None:
    article = hand_in()
    with monkeypatch.context() as broken:
        away = mock.Mock(side_effect=Unreachable("The text service", "it did not answer in time"))
        broken.setattr("articles.stages.article.run", away)
        run(article)
    assert pipeline.sweep() == pipeline.Swept(), "not due yet"
    let_time_pass(-back)

    assert pipeline.sweep().tasks_restarted == 1
    assert run(article).status == Article.Status.DONE


def test_a_clock_that_is_set_back_prolongs_no_lease(hand_in: HandIn, run: Work) -> None:
    """Its holder on another machine may be at work: it keeps what a lease may last, and no more."""
    article = hand_in()
    claimed = pipeline._claim(article.pk)
    assert claimed
    Article.objects.update(lease_owner="elsewhere|1|1")
    let_time_pass(-HOUR)

    assert pipeline.sweep() == pipeline.Swept()
    Run(claimed).hold()  # not fenced
    let_time_pass(-HOUR)
    assert pipeline.sweep() == pipeline.Swept()
    let_time_pass(LEASE)
    assert pipeline.sweep().tasks_restarted == 1
    assert run(article).status == Article.Status.DONE


def test_a_clock_that_is_set_back_does_not_put_the_sweep_to_sleep(db: None) -> None:
    schedule = Schedule.objects.get(func="articles.tasks.sweep")
    schedule.next_run = timezone.now() + timedelta(minutes=1)
    schedule.save()
    pipeline.sweep()
    assert Schedule.objects.get(pk=schedule.pk).next_run == schedule.next_run
    let_time_pass(-HOUR)

    pipeline.sweep()

    assert Schedule.objects.get(pk=schedule.pk).next_run <= timezone.now()


def test_an_operators_own_rhythm_of_the_sweep_stays(db: None) -> None:
    later = timezone.now() + timedelta(minutes=29)
    Schedule.objects.filter(func="articles.tasks.sweep").update(minutes=30, next_run=later)
    pipeline.sweep()
    assert Schedule.objects.get(func="articles.tasks.sweep").next_run == later


def test_clocks_that_differ_a_little_change_nothing(hand_in: HandIn, run: Work) -> None:
    queued, running = hand_in(), hand_in()
    pipeline._claim(running.pk)
    Article.objects.filter(pk=running.pk).update(lease_owner="elsewhere|1|1")
    let_time_pass(-timedelta(minutes=1))
    before = list(Article.objects.order_by("pk").values())

    assert pipeline.sweep() == pipeline.Swept()

    assert list(Article.objects.order_by("pk").values()) == before
    assert run(queued).status == Article.Status.DONE


@pytest.mark.django_db(transaction=True)
def test_a_clock_that_jumps_ahead_costs_at_most_the_call_in_flight(
    hand_in: HandIn, services: Doubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every lease has run out at once; the worker that had one is fenced when it comes back with its answer."""
    article = hand_in(idea="the slow return of night trains")
    ask = TextClient.ask

    def overtaken(*args: Any, **kwargs: Any) -> Answer:
        monkeypatch.setattr(TextClient, "ask", ask)
        let_time_pass(HOUR)
        assert pipeline.sweep().tasks_restarted == 1
        pipeline.run_article(article.pk)
        return ask(*args, **kwargs)

    monkeypatch.setattr(TextClient, "ask", overtaken)
    pipeline.run_article(article.pk)

    article.refresh_from_db()
    assert (article.status, article.attempt) == (Article.Status.DONE, 2)
    assert paid(services) == CALLS + 1
    assert article.calls.get(key="text").lost_answers == 1
    assert Event.objects.filter(article=article, kind="repeated").count() == 1
    assert article.tree.verify() == []
