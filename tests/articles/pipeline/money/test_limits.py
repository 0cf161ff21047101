"""The limits of the desk hold at every moment, and who has no room knows why and goes on by itself, or by a button."""

from __future__ import annotations

import random
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db.models import Sum
from django.utils import timezone
from pytest_django import Settings

from articles.failures import Failure
from articles.models import Article, Call, CostRecord, DeskSettings, SpentDay
from articles.pipeline import transitions
from articles.pipeline.money import limits
from articles.pipeline.rate_limits import NotYet
from articles.pipeline.run import Run
from articles.pipeline.sweep import sweep
from articles.providers import Answer
from articles.providers.errors import Refused, Unreachable
from articles.providers.prices import Bound
from tests.articles.batches.grid import batch_of
from tests.articles.pipeline.money.test_spending import MOST, NOTHING, Service, ask, fails, run_of, says, work

pytestmark = pytest.mark.django_db(transaction=True)


def set_(**values: object) -> None:
    row = DeskSettings.row()
    assert limits.change(row.version, values)


@pytest.fixture
def run(editor: User) -> Run:
    return run_of(batch_of(editor, 2, 2))


def sums() -> dict[date, tuple[Decimal, Decimal]]:
    """By days. They are what the ledger says, at any time."""
    days = {row.day: (row.spent, row.reserved) for row in SpentDay.objects.all()}
    ledger = Call.objects.aggregate(Sum("cost"), Sum("reserved"))
    assert sum((spent for spent, _ in days.values()), NOTHING) == (ledger["cost__sum"] or NOTHING)
    open_ = Call.objects.filter(reserved__isnull=False).values_list("counted_on").annotate(Sum("reserved"))
    assert {day: reserved for day, (_, reserved) in days.items() if reserved} == dict(open_.order_by())
    records = CostRecord.objects.order_by().values_list("day").annotate(Sum("cost"))
    assert {day: cost for day, cost in records if cost} == {day: spent for day, (spent, _) in days.items() if spent}
    return days


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(timezone, "now", lambda: moment)


def test_what_is_spent_and_may_be_counts_to_its_day(run: Run) -> None:
    today = timezone.localdate()
    ask(run, says(Decimal("0.02")))
    assert sums() == {today: (Decimal("0.02"), NOTHING)}
    with pytest.raises(Unreachable):
        ask(run, fails(Unreachable("text", "it broke off")), "prompts")
    assert sums() == {today: (Decimal("0.02"), MOST.dollars)}
    assert limits.charged(today) == Decimal("0.08")
    assert limits.charged(today + timedelta(days=1)) == 0


def test_what_is_sent_again_on_another_day_is_open_on_that_day(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    with pytest.raises(Unreachable):
        ask(run, fails(Unreachable("text", "it broke off")))
    before = timezone.localdate()
    at(monkeypatch, now + timedelta(days=1))
    ask(run, says(Decimal("0.05")))
    assert sums() == {before: (NOTHING, NOTHING), before + timedelta(days=1): (Decimal("0.05"), Decimal("0.06"))}


@pytest.mark.parametrize(
    ("name", "period", "when"), [("limit_day", "a day", "today"), ("limit_month", "a month", "this month")]
)
def test_a_day_or_a_month_without_room_lets_an_article_wait_for_the_next(
    run: Run, name: str, period: str, when: str
) -> None:
    set_(**{name: Decimal("0.07")})
    ask(run, says(Decimal("0.02")))
    with pytest.raises(NotYet) as caught:
        ask(run, fails(AssertionError("sent")), "prompts")
    assert caught.value.code == name
    assert Failure.of(caught.value).sentence == (
        f"No money is left for {when}: the limit of $0.07 {period} is reached: $0.02 are spent, and this may cost $0.06"
    )
    assert caught.value.retry_after
    assert 0 < caught.value.retry_after <= 31 * 24 * 3600 + 3600
    assert Call.objects.get(key="prompts").sends == 0
    sums()


def test_days_and_months_are_those_of_the_desk(run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"  # 13 h ahead: there it is January already
    at(monkeypatch, datetime(2026, 12, 31, 18, 30, tzinfo=UTC))
    set_(limit_day=Decimal("0.06"))
    with timezone.override("Pacific/Auckland"):
        ask(run, says(Decimal("0.06")))
        assert sums() == {date(2027, 1, 1): (Decimal("0.06"), NOTHING)}
        with pytest.raises(NotYet) as caught:
            ask(run, fails(AssertionError("sent")), "prompts")
    assert caught.value.retry_after == 16.5 * 3600


def test_calls_in_flight_are_waited_for_a_moment(editor: User) -> None:
    batch = batch_of(editor, 2, 2)
    run, other = run_of(batch), run_of(batch, 1)
    set_(limit_day=Decimal("0.07"))

    def meanwhile(_: Call) -> Answer:
        with pytest.raises(NotYet) as caught:
            ask(other, fails(AssertionError("sent")))
        assert caught.value.retry_after == limits.SOON
        return Answer({"of": "it"}, cost=Decimal("0.01"))

    ask(run, meanwhile)
    assert ask(other, says(Decimal("0.01"))).is_paid


def test_an_article_that_costs_too_much_stops_until_a_person_acts(run: Run) -> None:
    set_(limit_article=Decimal("0.07"))
    ask(run, says(Decimal("0.02")))
    with pytest.raises(Refused) as caught:
        ask(run, fails(AssertionError("sent")), "prompts")
    assert (caught.value.code, caught.value.retry) == ("limit_article", False)
    assert Failure.of(caught.value).next == "have a chief editor raise it (Limits), then press Recover"
    set_(limit_article=Decimal("0.08"))
    assert ask(run, says(), "prompts").is_paid


def test_a_limit_of_nothing_pays_for_nothing_and_lets_what_is_free_through(run: Run) -> None:
    set_(limit_day=NOTHING)
    with pytest.raises(NotYet):
        ask(run, fails(AssertionError("sent")))
    assert run.calls.ask("media:hero", "the picture", provider="P", send=says(NOTHING)).is_paid


def test_what_nobody_knows_the_price_of_is_counted_or_refused(run: Run, settings: Settings) -> None:
    set_(limit_month=Decimal("9"))
    settings.GALLEY_UNKNOWN_PRICES = "refuse"
    with pytest.raises(Refused) as caught:
        ask(run, fails(AssertionError("sent")), most=Bound(Decimal("0.01"), is_priced=False))
    assert caught.value.code == "limit_unpriced"
    settings.GALLEY_UNKNOWN_PRICES = "dearest"
    assert ask(run, says(), most=Bound(Decimal("0.01"), is_priced=False)).is_paid


def test_a_raised_limit_lets_those_go_on_that_wait_for_it(run: Run) -> None:
    """And only those: who waits for a service waits on."""
    set_(limit_day=Decimal("0.01"))
    with pytest.raises(NotYet) as caught:
        ask(run, fails(AssertionError("sent")))
    transitions.wait(run.lease, caught.value, caught.value.retry_after or 0, counts=False)
    other = run_of(run.article.batch, 1)  # type: ignore[arg-type]  # it has one
    transitions.wait(other.lease, Unreachable("text", "it broke off"), 3600, counts=True)
    sweep()
    assert Article.objects.filter(status="waiting").count() == 2

    set_(limit_day=Decimal("5"))
    sweep()
    run.article.refresh_from_db()
    other.article.refresh_from_db()
    assert (run.article.status, other.article.status) == ("queued", "waiting")
    assert run.article.retries == 0


def test_what_was_changed_meanwhile_is_not_written_over() -> None:
    version = DeskSettings.row().version
    assert limits.change(version, {"limit_day": Decimal(5)})
    assert not limits.change(version, {"limit_day": Decimal(9)})
    assert DeskSettings.now().limit_day == 5


class Desk(Service):
    """Held against the limit of a day in place of a batch's budget."""

    def look(self) -> None:
        (known, reserved), limit = sums().get(timezone.localdate(), (NOTHING, NOTHING)), DeskSettings.now().limit_day
        assert limit is not None
        assert self.charged <= known + reserved
        assert self.charged + self.possible <= limit
        assert known + reserved <= limit


@pytest.mark.parametrize("seed", range(6))
def test_a_limit_holds_whichever_of_two_workers_asks_when(editor: User, seed: int) -> None:
    dice = random.Random(seed)
    set_(limit_day=Decimal(dice.choice(["0.40", "1.00", "3.00"])))
    service, found = Desk(batch_of(editor, 2, 1), dice), list[BaseException]()
    workers = [threading.Thread(target=work, args=(service, worker, found)) for worker in (0, 1)]
    for worker in workers:
        worker.start()
    service.turns[0].set()
    for worker in workers:
        worker.join(60)
    assert found == []
    service.look()
    assert service.charged > 0
