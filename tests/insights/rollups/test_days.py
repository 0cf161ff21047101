"""Whatever becomes of rows, and whoever does it: once their days are summed, the sums are what the rows come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from articles.failure_names import SHORT
from articles.models import Article, Call
from insights import tasks
from insights.models import Mark, ProviderMetric, Rollup
from insights.rollups import days
from publishing.models import PublishTask, Site
from tests.conftest import HandIn
from tests.publishing.conftest import new_site

pytestmark = pytest.mark.django_db
POST = "post"  # which costs nothing, and has no choice
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)  # a day of 23 hours in Berlin

CODES = st.sampled_from(["login", "rest_no_route", "a code that nobody knows", ""])
ERRORS = CODES.map(lambda code: {"code": code, "kind": "Rejected"})
MOMENTS = st.integers(-80, 80).map(lambda hours: NOON + timedelta(hours=hours, minutes=7))
SECONDS = st.one_of(st.none(), st.integers(-5, 500).map(lambda seconds: timedelta(seconds=seconds)))
WAYS = st.sampled_from(["rest", "xmlrpc", "playwright", "computer_use"])
COSTS = st.integers(0, 10**7).map(lambda n: Decimal(n) / 10**6)

TASKS = st.fixed_dictionaries(
    {
        "publisher": st.sampled_from(["hybrid", "rest"]),
        "way": st.one_of(st.just(""), WAYS),
        "turns": st.lists(
            st.fixed_dictionaries({"from": st.one_of(st.just(""), WAYS), "to": WAYS, "code": CODES}), max_size=2
        ),
        "status": st.sampled_from(["idle", "publishing", "completed", "failed"]),
        "cancelled": st.booleans(),
        "error": ERRORS,
        "retry_count": st.integers(0, 3),
        "created_at": MOMENTS,
        "started_at": st.one_of(st.none(), MOMENTS),
        "completed_at": st.one_of(st.none(), MOMENTS),
        "cost": COSTS,
    }
)
CALLS = st.fixed_dictionaries(
    {
        "key": st.sampled_from(
            ["text", "text:section-7", "prompts", "image:hero", "format", "agent:1.0:hero:3", "post"]
        ),
        "provider": st.sampled_from(["text", "pictures"]),
        "model": st.sampled_from(["", "flux"]),
        "state": st.sampled_from(["intent", "done", "failed", "closed"]),
        "error": st.one_of(st.none(), ERRORS),
        "sends": st.integers(0, 3),
        "lost_answers": st.integers(0, 1),
        "sent_at": st.one_of(st.none(), MOMENTS),
        "took": SECONDS,
        "cost": st.one_of(st.none(), COSTS),
        "reserved": st.one_of(st.none(), COSTS),
    }
)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("task"), st.integers(0, 2), TASKS),
        st.tuples(st.just("call"), st.integers(0, 2), CALLS),
        st.tuples(st.just("correct"), st.integers(0, 2), COSTS),
        st.tuples(st.just("end"), st.integers(0, 2), TASKS),
        st.tuples(st.just("delete"), st.integers(0, 2), st.none()),
        st.tuples(st.just("sum"), st.just(0), st.none()),
    ),
    max_size=14,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS, zone=st.sampled_from(["Europe/Berlin", "Pacific/Apia"]))
def test_every_figure_is_what_the_rows_come_to(
    deeds: list[tuple[str, int, Any]], zone: str, editor: User, chief: User
) -> None:
    with override_settings(TIME_ZONE=zone), transaction.atomic():
        desk = _Desk([editor, chief])
        for number, (deed, whose, what) in enumerate(deeds):
            desk.do(number, deed, whose, what)
        days.roll_up()
        found, wanted, left = _told(), _plain(ZoneInfo(zone)), Mark.objects.count()
        transaction.set_rollback(True)
    assert found == wanted
    assert left == 0


class _Desk:
    """Three articles, and what happens to what is of them."""

    def __init__(self, owners: list[User]) -> None:
        self.site = new_site("https://m.example.org")
        self.articles: dict[int, Article] = {
            n: Article.objects.create(owner=owners[n % 2], idea="i", tree_prefix=str(n)) for n in range(3)
        }

    def do(self, number: int, deed: str, whose: int, what: Any) -> None:
        if deed == "sum":
            days.roll_up()
        elif article := self.articles.get(whose):
            getattr(self, f"_{deed}")(article, number, what)

    def _task(self, article: Article, number: int, what: dict[str, Any]) -> None:
        site = self.site if number % 2 else None
        open_ones = article.publish_tasks.exclude(status__in=PublishTask.ENDED).filter(site=site)
        if what["status"] in PublishTask.ENDED or not open_ones.exists():
            PublishTask.objects.create(article=article, site=site, **what)

    def _call(self, article: Article, number: int, what: dict[str, Any]) -> None:
        took, sent = what["took"], what["sent_at"]
        received = sent + took if sent and took is not None else None
        fields = {key: value for key, value in what.items() if key != "took"}
        Call.objects.create(article=article, generation=number + 1, answer={}, received_at=received, **fields)

    def _correct(self, article: Article, _: int, cost: Decimal) -> None:
        article.calls.update(cost=cost, reserved=None)

    def _end(self, article: Article, _: int, what: dict[str, Any]) -> None:
        ended = {name: what[name] for name in ("created_at", "completed_at", "cost", "turns")}
        article.publish_tasks.update(status="completed", **ended)

    def _delete(self, article: Article, _: int, __: None) -> None:
        self.articles = {key: kept for key, kept in self.articles.items() if kept.pk != article.pk}
        article.delete()


Key = tuple[Any, ...]


def _told() -> dict[Key, Key]:
    sums: dict[Key, Key] = {}
    for row in ProviderMetric.objects.all():
        key = (row.day, row.kind, row.provider, row.model, row.owner_id, row.site_id, row.outcome, row.cause)
        assert key not in sums
        sums[key] = (row.number, row.again, row.timed, row.microseconds, row.cost, row.unknown)
    return sums


def _plain(zone: ZoneInfo) -> dict[Key, Key]:
    """From the rows, one after the other."""
    sums = defaultdict[Key, list[Any]](lambda: [0, 0, 0, 0, Decimal(0), 0])

    def add(key: Key, *part: Any) -> None:
        sums[key] = [one + other for one, other in zip(sums[key], part, strict=True)]

    for task in PublishTask.objects.select_related("article"):
        day, whose = task.created_at.astimezone(zone).date(), (task.article.owner_id, task.site_id)
        outcome = {"completed": "completed", "failed": "cancelled" if task.cancelled else "failed"}.get(
            task.status, "open"
        )
        cause = _cause(task.failure) if outcome == "failed" else ""
        took = (0, 0)
        if outcome == "completed" and task.started_at and task.completed_at:
            took = (1, max(_micro(task.completed_at - task.started_at), 0))
        add((day, "publisher", task.publisher, "", *whose, outcome, cause), 1, task.retry_count, *took, task.cost, 0)
        for turn in task.turns:
            if turn["from"]:
                add((day, "way", turn["from"], "", *whose, "failed", _cause(turn)), 1, 0, 0, 0, Decimal(0), 0)
        if task.way:
            cost = task.cost if task.way == "computer_use" else Decimal(0)
            add((day, "way", task.way, "", *whose, outcome, cause), 1, 0, *took, cost, 0)
    for call in Call.objects.select_related("article"):
        if call.sent_at is None or call.key == POST:
            continue
        kind = "section" if call.key == "text:section-7" else call.key.partition(":")[0]
        outcome = "cancelled"
        if call.state == "intent":
            outcome = "open"
        elif call.error is not None:
            outcome = "failed"
        elif call.received_at is not None:
            outcome = "completed"
        cause = _cause(call.error) if outcome == "failed" else ""
        took = (0, 0)
        if outcome == "completed" and call.received_at and call.received_at >= call.sent_at:
            took = (1, _micro(call.received_at - call.sent_at))
        unknown = int(call.reserved is not None and (call.state != "intent" or call.lost_answers > 0))
        day = call.sent_at.astimezone(zone).date()
        key = (day, kind, call.provider, call.model, call.article.owner_id, None, outcome, cause)
        cost = call.cost or Decimal(0)
        add(key, 1, call.sends - 1, *took, cost, unknown)
    return {key: (parts[0], max(parts[1], 0), *parts[2:]) for key, parts in sums.items()}


def _cause(error: Any) -> str:
    return str(error["code"] if error["code"] in SHORT else error.get("kind", ""))


def _micro(time: timedelta) -> int:
    return time // timedelta(microseconds=1)


# Days


def publication(article: Article, at: datetime, **fields: Any) -> PublishTask:
    what = {"publisher": "rest", "way": "rest", "status": "completed"} | fields
    return PublishTask.objects.create(article=article, created_at=at, **what)


def summed() -> dict[date, int]:
    rows = ProviderMetric.objects.filter(kind="publisher")
    return {row.day: row.number for row in rows}


def test_a_days_sums_are_there_once_the_job_has_run(hand_in: HandIn) -> None:
    for hours in (0, 1, 24):
        publication(hand_in(), NOON + timedelta(hours=hours))
    assert summed() == {}

    assert days.roll_up() >= 2

    assert summed() == {date(2026, 3, 29): 2, date(2026, 3, 30): 1}
    row = Rollup.objects.get()
    assert row.at is not None
    assert days.roll_up() == 0, "nothing has changed"


def test_a_time_zone_that_is_set_moves_what_lies_near_midnight(hand_in: HandIn, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    publication(hand_in(), datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    days.roll_up()
    assert summed() == {date(2026, 3, 2): 1}

    settings.TIME_ZONE = "America/New_York"
    days.roll_up()

    assert summed() == {date(2026, 3, 1): 1}


def test_the_last_day_that_there_is_has_no_day_after_it(hand_in: HandIn, settings: Settings) -> None:
    settings.TIME_ZONE = "UTC"
    publication(hand_in(), datetime(9999, 12, 31, 12, tzinfo=UTC))
    days.roll_up()
    assert summed() == {date(9999, 12, 31): 1}


def test_what_has_no_time_left_is_summed_by_the_next_go(hand_in: HandIn) -> None:
    publication(hand_in(), NOON)
    publication(hand_in(), NOON - timedelta(days=1))

    assert days.roll_up(seconds=-1) == 0
    assert not Rollup.objects.filter(at__isnull=False).exists()
    days.roll_up()

    assert len(summed()) == 2


def test_a_job_that_fails_leaves_everything_as_it_was_and_marked(hand_in: HandIn) -> None:
    publication(hand_in(), NOON)
    days.roll_up()
    publication(hand_in(), NOON)
    with mock.patch.object(days, "sums_of", side_effect=RuntimeError):
        tasks.roll_up()
    assert summed() == {date(2026, 3, 29): 1}

    tasks.roll_up()

    assert summed() == {date(2026, 3, 29): 2}


@pytest.mark.parametrize(
    "change",
    [
        lambda task: PublishTask.objects.filter(pk=task.pk).update(cost="0.5"),
        lambda task: task.article.delete(),
        lambda task: PublishTask.objects.bulk_create([PublishTask(article=task.article, created_at=NOON)]),
    ],
    ids=["corrected", "deleted", "made"],
)
def test_whatever_changes_a_row_marks_its_day(hand_in: HandIn, change: Callable[[PublishTask], object]) -> None:
    task = publication(hand_in(), NOON)
    days.roll_up()
    assert not Mark.objects.exists()

    change(task)

    assert set(Mark.objects.values_list("at", flat=True)) == {NOON}


def test_a_user_and_a_site_that_go_take_their_sums_along(hand_in: HandIn, editor: User) -> None:
    site: Site = new_site("https://m.example.org")
    task = publication(hand_in(), NOON, site=site)
    days.roll_up()

    task.article.delete()
    site.delete()
    editor.delete()

    assert summed() == {}
