"""The budget of a batch, from its start to its pause: whatever its articles ask for, and whatever that costs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Sum
from pytest_django import Settings

from articles.batches import control
from articles.batches.counts import count_batch
from articles.batches.start import start_batch
from articles.models import Article, Batch, Call, Cost
from articles.pipeline.calls import Calls
from tests.doubles.server import Doubles

pytestmark = pytest.mark.django_db(transaction=True)

PAID = ("text", "pictures", "layout")
TEXT = Decimal("0.066")  # the most that a call of the text service may cost here
Start = Callable[..., Batch]
WorkOff = Callable[[], int]


@pytest.fixture
def started(editor: User, services: Doubles) -> Start:
    """A running batch of three styles with three sections, without pictures unless they are asked for."""
    services.configure(image_width=480, image_bytes=4000)

    def start(**fields: Any) -> Batch:
        given = {"styles": "Art Deco\nBauhaus\nRococo", "sections": "Kitchen\nBath\nHall", "images_per_style": 0}
        brief = "The {section} in the style {style}"
        batch = Batch.objects.create(owner=editor, name="Rooms", key="rooms", brief=brief, **{**given, **fields})
        start_batch(batch, editor)
        return batch

    return start


def _consistent(batch: Batch) -> Batch:
    """The batch as it is now; its sums are those of the ledger."""
    batch.refresh_from_db()
    found = Call.objects.filter(article__batch=batch).aggregate(known=Sum("cost"), reserved=Sum("reserved"))
    assert (batch.spent, batch.reserved) == tuple(found[name] or 0 for name in ("known", "reserved"))
    assert batch.articles.aggregate(sum=Sum("spent"))["sum"] == batch.spent
    return batch


def _charged(services: Doubles) -> int:
    """Requests that a service takes money for."""
    paid = {"responses", "chat", "create", "messages"}
    return sum(request.operation in paid for request in services.requests())


@pytest.mark.parametrize("budget", ["0.05", "0.07", "0.20", "0.40"])
def test_a_budget_is_never_passed_whatever_is_asked_for(
    started: Start, work_off: WorkOff, services: Doubles, editor: User, budget: str
) -> None:
    """Openings, their general pictures, sections, their pictures, pages by Claude."""
    batch = started(budget=Decimal(budget), images_per_style=6, images_per_section=6, formatter="claude")
    work_off()

    batch = _consistent(batch)
    assert batch.state == Batch.State.PAUSED
    assert batch.spent + batch.reserved <= Decimal(budget)
    assert f"the budget of ${budget}" in batch.reason
    Batch.objects.update(budget=Decimal(20))
    control.resume(batch, editor)
    work_off()

    assert _consistent(batch).state == Batch.State.DONE
    assert _charged(services) == Call.objects.filter(provider__in=PAID).count(), "and nothing was paid for twice"


def test_a_page_is_looked_at_as_well(started: Start, work_off: WorkOff, services: Doubles, editor: User) -> None:
    batch = started(styles="Bauhaus", sections="Hall", formatter="claude", budget=Decimal("0.15"))
    work_off()

    batch = _consistent(batch)
    [article] = batch.articles.all()
    assert batch.state == Batch.State.PAUSED
    assert services.requests("anthropic") == []
    assert (article.status, article.sections_written) == (Article.Status.DRAFT, (1, 1))


def test_every_paid_call_of_an_article_is_looked_at_before_it_is_made(
    started: Start, work_off: WorkOff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a stage asks for: what it may cost is reserved when it is sent."""
    sent: dict[str, Decimal | None] = {}
    really = Calls._sent

    def look(self: Calls, send: Any, call: Call, *rest: Any) -> Any:
        if call.provider in PAID:
            sent[call.key] = Call.objects.get(pk=call.pk).reserved
        return really(self, send, call, *rest)

    monkeypatch.setattr(Calls, "_sent", look)
    started(styles="Bauhaus", sections="Hall", formatter="claude", images_per_style=1, images_per_section=1)
    work_off()

    assert sent.keys() == {"text", "image:hero", "text:section-1", "image:section_1_1", "format"}
    assert all(sent.values())


def test_a_model_without_a_price_uses_up_the_budget(
    started: Start, work_off: WorkOff, services: Doubles, settings: Settings
) -> None:
    settings.OPENAI_MODEL = "gpt-6"
    batch = started(budget=Decimal("2.00"))
    work_off()

    batch = _consistent(batch)
    assert batch.state == Batch.State.PAUSED
    assert batch.spent == 0
    assert batch.reserved <= 2
    assert 1 <= _charged(services) < 12
    cost = count_batch(batch).spent
    assert cost == Cost(Decimal(0), _charged(services))
    assert cost.dollars is None


def test_a_model_without_a_price_is_not_asked_where_the_operator_says_so(
    started: Start, work_off: WorkOff, services: Doubles, settings: Settings, editor: User
) -> None:
    settings.OPENAI_MODEL, settings.GALLEY_UNKNOWN_PRICES = "gpt-6", "refuse"
    batch = started(budget=Decimal("2.00"))
    work_off()
    batch.refresh_from_db()
    assert (batch.state, services.requests()) == (Batch.State.PAUSED, [])

    settings.GALLEY_PRICES = settings.GALLEY_PRICES.with_own(["gpt-6 1 4", "gpt-6-2026-08-07 1 4"])
    control.resume(batch, editor)
    work_off()

    batch = _consistent(batch)
    assert batch.state == Batch.State.DONE
    assert count_batch(batch).spent == Cost(batch.spent, 0)


def test_answers_that_do_not_say_what_they_used_cost_what_they_may_cost(
    started: Start, work_off: WorkOff, services: Doubles
) -> None:
    services.fail("openai", "responses", "no_usage", times=None)
    batch = started(budget=Decimal("0.30"))
    work_off()

    batch = _consistent(batch)
    assert batch.state == Batch.State.PAUSED
    assert (_charged(services), batch.spent) == (4, Decimal(0))
    assert 4 * Decimal("0.064") < batch.reserved <= 4 * TEXT


def test_openings_that_cannot_be_used_count_at_once(started: Start, work_off: WorkOff, services: Doubles) -> None:
    """They are paid for before there is any section."""
    services.fail("openai", "responses", "malformed", times=None)
    batch = started(budget=Decimal("1.00"))
    work_off()

    batch = _consistent(batch)
    assert batch.spent > 0
    assert batch.reserved == 0
    assert set(batch.articles.values_list("status", flat=True)) <= {Article.Status.FAILED, Article.Status.DRAFT}


def test_general_pictures_of_an_article_that_stops_count(started: Start, work_off: WorkOff, services: Doubles) -> None:
    batch = started(images_per_style=2, styles="Bauhaus", sections="Kitchen")
    services.fail("openai", "responses", "quota", times=None, match='"name": "section"')
    work_off()

    batch = _consistent(batch)
    assert batch.articles.get().status in (Article.Status.FAILED, Article.Status.DRAFT)
    assert batch.spent >= Decimal("0.06"), "two pictures"


FAULTS = [
    ("openai", "responses", kind)
    for kind in ("refusal", "max_tokens", "empty", "malformed", "no_usage", "failed", "server_error", "html", "reset")
] + [
    ("replicate", "create", "server_error"),
    ("replicate", "create", "reset"),
    ("replicate", "create", "html"),
    ("replicate", "create", "failed"),
    ("replicate", "create", "nsfw"),
    ("replicate", "poll", "data_removed"),
    ("replicate", "deliver", "gone"),
    ("anthropic", "messages", "refusal"),
    ("anthropic", "messages", "max_tokens"),
    ("anthropic", "messages", "half_body"),
]


@pytest.mark.parametrize(("provider", "operation", "kind"), FAULTS)
def test_the_sums_are_those_of_the_ledger_after_whatever_goes_wrong(
    started: Start, work_off: WorkOff, services: Doubles, editor: User, provider: str, operation: str, kind: str
) -> None:
    services.fail(provider, operation, kind, times=3)
    batch = started(styles="Bauhaus", images_per_style=1, images_per_section=1, formatter="claude", budget=Decimal(5))
    work_off()
    stopped = _consistent(batch).spent
    control.recover(batch, editor)
    Article.objects.filter(status=Article.Status.WAITING).update(status=Article.Status.DRAFT, next_at=None)
    Batch.objects.filter(state=Batch.State.PAUSED).update(state=Batch.State.RUNNING)
    work_off()

    assert _consistent(batch).spent >= stopped
