"""Costs as people and programs see them: what nobody knows is said wherever a sum is shown."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.utils import timezone

from articles.migrations import __name__ as migrations
from articles.models import Article, Batch, Call, CostRecord
from tests.articles.batches.grid import batch_of
from tests.batches import BATCHES, page_of
from tests.desk import START, as_, text

pytestmark = pytest.mark.django_db

ARTICLES = "/admin/articles/article/"
COSTS = [
    ([], "$0.00", "0", 0),
    ([("0.40", None), ("0.02", None)], "$0.42", "0.42", 0),
    ([("0.40", None), (None, "0.06"), ("0.02", "0.06")], "at least $0.42", "0.42", 2),
    ([(None, "0.06")], "not known", None, 1),
    ([(None, "0")], "not known", None, 1),
]
Costs = list[tuple[str | None, str | None]]


def article_with(owner: User, costs: Costs) -> Article:
    """One of a batch, with answered calls of these costs, and of what may come to them."""
    batch = batch_of(owner, 1, 2, budget=Decimal(20))
    [article] = batch.articles.all()
    for number, (cost, reserved) in enumerate(costs):
        known = {"provider": "text", "idempotency_key": "k", "sends": 1, "state": Call.State.DONE, "answer": {}}
        times = {"sent_at": timezone.now(), "received_at": timezone.now()}
        call = Call.objects.create(
            article=article, key=f"text:section-{number}", cost=cost, reserved=reserved, **known, **times
        )
        call.refresh_from_db()
        of_call = {"article": article.uid, "key": call.key, "stage": "article", "provider": "text", "owner": owner}
        CostRecord.objects.create(**of_call, cost=call.cost or 0, unknown=int(call.reserved is not None))
        Batch.objects.update(
            spent=F("spent") + (call.cost or 0), open_costs=F("open_costs") + int(call.reserved is not None)
        )
    return article


@pytest.mark.parametrize(("costs", "said", "dollars", "unknown"), COSTS)
def test_the_desk_says_what_is_not_known(
    editor: User, costs: Costs, said: str, dollars: str | None, unknown: int
) -> None:
    article = article_with(editor, costs)
    client = as_(editor)

    page = text(client.get(f"{ARTICLES}{article.pk}/change/"))
    assert said in text(client.get(ARTICLES))
    assert f"{said} of $20.00" in text(client.get(BATCHES))
    assert f"{said} of $20.00" in text(client.get(page_of(article.batch or Batch())))
    assert f"Cost today {said}" in text(client.get(START))
    assert (f"{said[:1].upper()}{said[1:]} in all." in page) == (dollars is not None and bool(costs))
    assert ("cost is not known." in page) == bool(unknown)


@pytest.mark.parametrize(("costs", "said", "dollars", "unknown"), COSTS)
def test_programs_are_told_as_much(editor: User, costs: Costs, said: str, dollars: str | None, unknown: int) -> None:
    article = article_with(editor, costs)
    client = as_(editor)

    of_article = client.get(f"/api/v1/articles/{article.pk}/progress").json()
    of_batch = client.get(f"/api/v1/batches/{article.batch_id}/progress").json()

    for found, name in ((of_article, "cost"), (of_batch, "spent")):
        assert found["unknown_costs"] == unknown
        assert found[name] is None if dollars is None else Decimal(found[name]) == Decimal(dollars)
    assert of_batch["spent_words"] == f"{said} of $20.00"


def test_what_is_in_flight_is_neither_known_nor_unknown(editor: User) -> None:
    article = article_with(editor, [("0.42", None)])
    Article.objects.update(status=Article.Status.RUNNING, lease_until=timezone.now())
    in_flight = {"state": Call.State.INTENT, "sends": 1, "reserved": "0.06", "sent_at": timezone.now()}
    call = Call.objects.create(article=article, key="format", provider="layout", idempotency_key="k", **in_flight)
    Batch.objects.update(open_costs=1)
    client = as_(editor)
    assert "$0.42 of $20.00" in text(client.get(BATCHES))
    assert "at least" not in text(client.get(BATCHES)) + text(client.get(START)) + text(client.get(ARTICLES))

    Call.objects.filter(pk=call.pk).update(lost_answers=1)  # and sent once more
    CostRecord.objects.create(article=article.uid, key="format", stage="format", owner=editor, unknown=1)

    for page in (BATCHES, START, ARTICLES, f"{ARTICLES}{article.pk}/change/"):
        assert "at least $0.42" in text(client.get(page)).lower()


# What was there before


Migrate = Callable[[str], None]


@pytest.fixture
def migrate() -> Migrate:
    migration: Any = __import__(f"{migrations}.0013_unknown_costs", fromlist=["reserve"])
    return lambda step: getattr(migration, step)(apps, SimpleNamespace(connection=connection))


@pytest.mark.parametrize(
    ("before", "cost", "reserved"),
    [
        ({"provider": "text", "cost": "0.02", "input_tokens": 9, "answer": {}}, "0.02", None),
        ({"provider": "text", "cost": "0", "answer": {}}, None, "1.65"),  # an answer that did not say what it used
        ({"provider": "text", "input_tokens": 1000, "output_tokens": 2000, "answer": {}}, None, "0.11"),
        ({"provider": "pictures", "answer": {}}, None, "0.03"),
        ({"provider": "pictures", "cost": "0.03", "answer": {}}, "0.03", None),
        ({"provider": "layout", "cost": "0.08", "lost_answers": 1, "input_tokens": 1000, "answer": {}}, "0.08", "0.01"),
        ({"provider": "layout", "sends": 1}, None, "1.65"),
        ({"provider": "layout", "sends": 1, "state": "failed"}, None, None),  # it was declined
        ({"provider": "wordpress:1", "sends": 1, "answer": {}}, None, None),
    ],
)
def test_calls_from_before_say_what_nobody_knows(
    editor: User, migrate: Migrate, before: dict[str, Any], cost: str | None, reserved: str | None
) -> None:
    article = article_with(editor, [])
    state = "done" if "answer" in before else "intent"
    call = Call.objects.create(**{"article": article, "key": "x", "idempotency_key": "k", "state": state} | before)

    migrate("reserve")

    call.refresh_from_db()
    assert (call.cost, call.reserved) == (cost and Decimal(cost), reserved and Decimal(reserved))


def test_batches_from_before_get_the_sums_of_the_ledger(editor: User, migrate: Migrate) -> None:
    """What was noted of an article that is deleted by now stays; what nobody had noted comes to it."""
    article = article_with(editor, [("0.40", None), (None, "0.06"), ("0.02", "0.06")])
    Article.objects.update(spent="0.30")
    Batch.objects.update(spent="1.30", open_costs=0)

    migrate("add_up")

    batch = Batch.objects.get()
    article.refresh_from_db()
    assert (batch.spent, batch.reserved, batch.open_costs) == (Decimal("1.42"), Decimal("0.12"), 2)
    assert article.spent == Decimal("0.42")
