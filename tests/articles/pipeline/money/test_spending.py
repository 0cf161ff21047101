"""Money in the ledger: what is reserved, what is known, what nobody knows; and that a budget holds."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, Max, QuerySet, Sum
from pytest_django import Settings

from articles.models import Article, Batch, Call, Cost, CostRecord, Stage
from articles.pipeline import transitions
from articles.pipeline.lease import Fenced, HeldBack
from articles.pipeline.rate_limits import NotYet
from articles.pipeline.run import Run
from articles.providers import Answer
from articles.providers.errors import Busy, Garbled, ProviderError, Refused, Rejected, Unreachable
from articles.providers.prices import Bound
from tests.articles.batches.grid import batch_of, write
from tests.journeys.installation import Installation
from tests.services import postgres

pytestmark = pytest.mark.django_db(transaction=True)

MOST = Bound(Decimal("0.06"))
COST, NOTHING = Decimal("0.02"), Decimal(0)


@pytest.fixture
def batch(editor: User) -> Batch:
    return batch_of(editor, 2, 2, budget=Decimal("1.00"))


def run_of(batch: Batch, place: int = 0) -> Run:
    """A worker's claim of one of its articles."""
    article = batch.articles.order_by("pk")[place]
    write(article)
    return Run(Article.objects.select_related("batch").get(pk=article.pk))


def ask(run: Run, send: Callable[[Call], Answer], key: str = "text", most: Bound = MOST) -> Call:
    return run.calls.ask(key, "the article", provider="P", send=send, most=most)


def says(cost: Decimal | None = COST, at_most: Decimal | None = None) -> Callable[[Call], Answer]:
    return lambda _: Answer({"of": "it"}, cost=cost, at_most=at_most)


def fails(exc: Exception) -> Callable[[Call], Answer]:
    def send(_: Call) -> Answer:
        raise exc

    return send


def kept(batch: Batch) -> tuple[Decimal, Decimal, int]:
    """What the batch says: known, reserved, and the calls that are open. It is what the ledger says, at any time."""
    batch = Batch.objects.get(pk=batch.pk)
    calls = Call.objects.filter(article__batch=batch)
    found = calls.aggregate(Sum("cost"), Sum("reserved"), Count("reserved"))
    known, reserved = found["cost__sum"] or NOTHING, found["reserved__sum"] or NOTHING
    assert (batch.spent, batch.reserved, batch.open_costs) == (known, reserved, found["reserved__count"])
    for spent, known_of_article in batch.articles.annotate(Sum("calls__cost")).values_list("spent", "calls__cost__sum"):
        assert spent == (known_of_article or NOTHING)
    recorded(calls)
    return known, reserved, batch.open_costs


def recorded(calls: QuerySet[Call]) -> None:
    """The records of each call come to what its row says, at any time."""
    records = CostRecord.objects.order_by().values_list("article", "key", "generation")
    sums = records.annotate(Sum("cost"), Sum("unknown"), Count("number", distinct=True), Max("number"))
    found = {tuple(of_call): (cost, unknown) for *of_call, cost, unknown, _, _ in sums}
    assert all(numbers == last for *_, numbers, last in sums)
    for call in calls.select_related("article").defer("answer"):
        unanswered = call.state == Call.State.INTENT and not call.lost_answers
        expected = (call.cost or NOTHING, int(call.reserved is not None and not unanswered))
        assert found.get((call.article.uid, call.key, call.generation), (NOTHING, 0)) == expected


# One call


def test_a_call_is_reserved_before_it_is_sent_and_settled_by_its_answer(batch: Batch) -> None:
    in_flight = []

    def send(call: Call) -> Answer:
        in_flight.append(kept(batch))
        assert Call.objects.get(pk=call.pk).reserved == MOST.dollars
        return Answer({"of": "it"}, cost=COST)

    ask(run_of(batch), send)

    assert in_flight == [(NOTHING, MOST.dollars, 1)]
    assert kept(batch) == (COST, NOTHING, 0)


@pytest.mark.parametrize(
    ("send", "expected"),
    [
        (says(), (COST, NOTHING, 0)),
        (says(Decimal(0)), (NOTHING, NOTHING, 0)),
        (says(None), (NOTHING, MOST.dollars, 1)),  # it does not say what it has used
        (says(None, Decimal("0.05")), (NOTHING, Decimal("0.05"), 1)),  # it says what, and the model has no price
        (says(None, Decimal("0.07")), (NOTHING, MOST.dollars, 1)),
        (fails(Rejected("text", "no")), (NOTHING, NOTHING, 0)),
        (fails(Refused("text", "no key")), (NOTHING, NOTHING, 0)),
        (fails(Busy("text", "full")), (NOTHING, NOTHING, 0)),
        (fails(Unreachable("text", "nobody is there", lost=False)), (NOTHING, NOTHING, 0)),
        (fails(Unreachable("text", "it broke off")), (NOTHING, MOST.dollars, 1)),
        (fails(Garbled("text", "that is no JSON")), (NOTHING, MOST.dollars, 1)),  # paid for, and not kept
        (fails(ZeroDivisionError()), (NOTHING, MOST.dollars, 1)),
    ],
)
def test_what_may_have_been_charged_stays_reserved(
    batch: Batch, send: Callable[[Call], Answer], expected: tuple[Decimal, Decimal, int]
) -> None:
    with suppress(ProviderError, ZeroDivisionError):
        ask(run_of(batch), send)

    assert kept(batch) == expected


def test_an_answer_of_no_use_costs_what_it_costs_at_once(batch: Batch) -> None:
    run = run_of(batch)
    call = ask(run, says())

    with pytest.raises(Garbled), run.calls.reading(call, "the article"):
        raise Garbled("text", "it wrote only 3 words")

    assert kept(batch) == (COST, NOTHING, 0)


def test_a_lost_answer_stays_reserved_beside_the_one_that_came(batch: Batch) -> None:
    run = run_of(batch)
    with suppress(Unreachable):
        ask(run, fails(Unreachable("text", "it broke off")))

    in_flight = []
    ask(run, lambda _: in_flight.append(kept(batch)) or Answer({"of": "it"}, cost=COST))  # type: ignore[func-returns-value]  # to do both

    assert in_flight == [(NOTHING, 2 * MOST.dollars, 1)]
    assert kept(batch) == (COST, MOST.dollars, 1)
    assert Call.objects.all().cost() == Cost(COST, 1)


def test_each_of_two_answers_costs_though_only_the_first_is_kept(batch: Batch) -> None:
    slow = run_of(batch)

    def send(_: Call) -> Answer:
        Article.objects.filter(pk=slow.article.pk).update(attempt=2)
        ask(Run(Article.objects.get(pk=slow.article.pk)), says(Decimal("0.03")))
        return Answer({"of": "slow"}, cost=COST)

    with pytest.raises(Fenced):
        ask(slow, send)

    assert kept(batch) == (COST + Decimal("0.03"), NOTHING, 0)


def test_who_is_fenced_before_sending_reserves_nothing(batch: Batch) -> None:
    run = run_of(batch)
    Article.objects.filter(pk=run.article.pk).update(attempt=2)

    with pytest.raises(Fenced):
        ask(run, says())

    assert kept(batch) == (NOTHING, NOTHING, 0)
    assert Call.objects.get().sends == 0


def test_what_is_given_up_stays_spent_and_reserved(batch: Batch, editor: User) -> None:
    run = run_of(batch)
    ask(run, says())
    with suppress(Unreachable):
        ask(run, fails(Unreachable("text", "it broke off")), key="format")
    transitions.cancel(run.article, editor)
    anew = frozenset(Stage)
    transitions.resume(run.article, editor, transitions.Work(stages=anew, anew=anew))

    assert set(Call.objects.values_list("state", flat=True)) == {Call.State.CLOSED}
    assert kept(batch) == (COST, MOST.dollars, 1)


def test_what_is_in_flight_is_not_called_unknown_until_nobody_waits_for_it(batch: Batch, editor: User) -> None:
    run = run_of(batch)
    costs = []

    def send(_: Call) -> Answer:
        costs.append(_costs(batch, run.article))
        raise ZeroDivisionError  # as if its process died

    with suppress(ZeroDivisionError):
        ask(run, send)
    transitions.cancel(run.article, editor)

    assert costs == [(Cost(), Cost())]
    assert _costs(batch, run.article) == (Cost(Decimal(0), 1), Cost(Decimal(0), 1))


def _costs(batch: Batch, article: Article) -> tuple[Cost, Cost]:
    of_batch, of_article = (model.objects.with_cost() for model in (Batch, Article))
    return of_batch.get(pk=batch.pk).cost, of_article.get(pk=article.pk).cost


def test_a_picture_is_counted_when_it_is_begun_and_doubted_when_it_fails(batch: Batch) -> None:
    run, most = run_of(batch), Bound(Decimal("0.03"))
    done = ask(run, says(Decimal("0.03")), "image:hero", most)
    failed = ask(run, says(Decimal("0.03")), "image:section_1", most)
    assert kept(batch) == (Decimal("0.06"), NOTHING, 0)

    run.calls.update_answer(done, Answer({"status": "succeeded"}, cost=Decimal("0.03")), most)
    run.calls.update_answer(failed, Answer({"status": "failed"}), most)

    assert kept(batch) == (Decimal("0.03"), Decimal("0.03"), 1)


def test_of_an_article_on_its_own_there_are_no_sums_and_no_limit(editor: User) -> None:
    article = Article(owner=editor, idea="Ships")
    transitions.submit(article)
    claimed = transitions.claim(article.pk)
    assert claimed

    ask(Run(claimed), says(None), most=Bound(Decimal(1000)))

    article.refresh_from_db()
    assert article.spent == 0
    assert article.calls.all().cost() == Cost(Decimal(0), 1)


# The budget


def test_without_room_nothing_is_sent_and_the_batch_pauses(batch: Batch) -> None:
    Batch.objects.update(budget=Decimal("0.10"))
    run = run_of(batch)
    ask(run, says(Decimal("0.05")))

    with pytest.raises(HeldBack):
        ask(run, says(), key="format")

    batch.refresh_from_db()
    assert (batch.state, batch.cause) == (Batch.State.PAUSED, "budget")
    assert batch.reason == (
        "The next sections would spend more than the budget of $0.10: $0.05 are spent, and the next call may cost "
        "$0.06. Next: raise the budget, then resume."
    )
    assert not Call.objects.filter(key="format", sends__gt=0).exists()
    assert kept(batch) == (Decimal("0.05"), NOTHING, 0)


def test_what_nobody_knows_the_cost_of_uses_up_the_budget(batch: Batch) -> None:
    Batch.objects.update(budget=Decimal("0.20"))
    run = run_of(batch)
    for number in range(3):
        ask(run, says(None), key=f"text:section-{number}")

    with pytest.raises(HeldBack):
        ask(run, says(None), key="format")
    batch.refresh_from_db()
    assert "$0.00 are spent, up to $0.18 by calls that did not say what they cost" in batch.reason


def test_a_call_waits_for_those_in_flight_before_its_batch_is_paused(batch: Batch) -> None:
    Batch.objects.update(budget=Decimal("0.10"))
    first, second = run_of(batch, 0), run_of(batch, 1)

    def send(_: Call) -> Answer:
        with pytest.raises(NotYet) as caught:
            ask(second, says())
        assert caught.value.retry_after
        return Answer({"of": "first"}, cost=COST)

    ask(first, send)
    batch.refresh_from_db()
    assert batch.state == Batch.State.RUNNING
    assert ask(second, says()).is_paid


def test_the_dead_hold_nobody_up(batch: Batch, editor: User) -> None:
    """What was in flight when its worker died counts as spent: nobody waits for its answer."""
    Batch.objects.update(budget=Decimal("0.10"))
    first, second = run_of(batch, 0), run_of(batch, 1)
    with suppress(ZeroDivisionError):
        ask(first, fails(ZeroDivisionError()))
    transitions.cancel(first.article, editor)

    with pytest.raises(HeldBack):
        ask(second, says())


@pytest.mark.parametrize(("policy", "sent"), [("dearest", True), ("refuse", False)])
def test_a_model_without_a_price_is_counted_or_refused(
    batch: Batch, settings: Settings, policy: str, sent: bool
) -> None:
    settings.GALLEY_UNKNOWN_PRICES = policy
    with suppress(HeldBack):
        ask(run_of(batch), says(None), most=MOST._replace(is_priced=False))

    batch.refresh_from_db()
    assert Call.objects.filter(sends=1).exists() == sent
    assert (batch.state == Batch.State.RUNNING) == sent
    assert ("price of a model is not known" in batch.reason) != sent


def test_without_a_budget_nothing_is_refused(batch: Batch, settings: Settings) -> None:
    settings.GALLEY_UNKNOWN_PRICES = "refuse"
    Batch.objects.update(budget=None)

    assert ask(run_of(batch), says(None), most=Bound(Decimal(1000), is_priced=False)).is_paid


# Any two workers


@dataclass
class Service:
    """What it has charged, whoever knows it; the workers take turns at each moment in which a call is in flight."""

    batch: Batch
    dice: random.Random
    charged: Decimal = Decimal(0)
    possible: Decimal = Decimal(0)  # what is in flight may cost so much
    turns: dict[int, threading.Event] = field(default_factory=lambda: {0: threading.Event(), 1: threading.Event()})
    over: set[int] = field(default_factory=set)

    def answer(self, worker: int, most: Bound) -> Answer:
        self.possible += most.dollars
        self.look()
        self.pass_on(worker)
        self.possible -= most.dollars
        cost = (most.dollars * self.dice.randint(0, 100) / 100).quantize(Decimal("0.000001"))
        what = self.dice.randrange(8)
        self.charged += cost if what < 6 else Decimal(0)
        match what:
            case 0 | 1:
                return Answer({"of": "it"}, cost=cost)
            case 2:
                return Answer({"of": "it"})
            case 3:
                return Answer({"of": "it"}, at_most=cost)
            case 4:
                raise Unreachable("text", "it broke off")
            case 5:
                raise self.dice.choice([Garbled("text", "no JSON"), ZeroDivisionError()])
            case _:
                raise self.dice.choice([Busy("text", "full"), Rejected("text", "no")])

    def pass_on(self, worker: int) -> None:
        """Let the other one go on, or not: who is handed the turn works until it passes it on itself."""
        other = 1 - worker
        if other not in self.over and self.dice.random() < 0.7:
            self.turns[worker].clear()
            self.turns[other].set()
            assert self.turns[worker].wait(20)

    def end(self, worker: int) -> None:
        self.over.add(worker)
        self.turns[1 - worker].set()

    def look(self) -> None:
        known, reserved, _ = kept(self.batch)
        assert self.batch.budget is not None
        assert self.charged <= known + reserved
        assert self.charged + self.possible <= self.batch.budget
        assert known + reserved <= self.batch.budget


def work(service: Service, worker: int, found: list[BaseException]) -> None:
    """Calls of one article until there is no room, each as a stage makes it, read or not."""
    try:
        assert service.turns[worker].wait(20)
        run = run_of(service.batch, worker)
        for number in range(40):
            most = Bound(Decimal(service.dice.choice(["0.06", "0.03", "0.29"])))
            key = service.dice.choice(["text", "format", f"text:section-{number}", f"image:section_{number}_1"])
            with suppress(ProviderError, ZeroDivisionError):
                run.calls.done(ask(run, lambda _, most=most: service.answer(worker, most), key, most))  # type: ignore[misc]  # bound now
            if service.dice.random() < 0.5:  # somebody has it asked for anew
                run.article.calls.filter(key=key, state__in=["failed", "done"]).update(state=Call.State.CLOSED)
            service.look()
    except HeldBack:
        pass
    except BaseException as exc:
        found.append(exc)
    finally:
        service.end(worker)
        connection.close()


@pytest.mark.parametrize("seed", range(12))
def test_a_budget_holds_whichever_of_two_workers_asks_when(editor: User, seed: int) -> None:
    """At every moment what was charged and what is in flight is within it, whatever is lost, garbled or unsaid."""
    dice = random.Random(seed)
    batch = batch_of(editor, 2, 1, budget=Decimal(dice.choice(["0.40", "1.00", "3.00"])))
    service, found = Service(batch, dice), list[BaseException]()
    workers = [threading.Thread(target=work, args=(service, worker, found)) for worker in (0, 1)]
    for worker in workers:
        worker.start()
    service.turns[0].set()
    for worker in workers:
        worker.join(60)

    assert found == []
    service.look()
    assert service.charged > 0


# Four processes at once


MAKE = """
from decimal import Decimal
from django.contrib.auth.models import User
from articles.models import Batch
from tests.articles.batches.grid import batch_of, write
for article in batch_of(User.objects.get(username="ada"), 4, 1, budget=Decimal("3.00")).articles.all():
    write(article)
"""
SPEND = """
from decimal import Decimal
from articles.models import Article
from articles.pipeline.lease import HeldBack
from articles.pipeline.rate_limits import NotYet
from articles.pipeline.run import Run
from articles.providers import Answer
from articles.providers.prices import Bound
run = Run(Article.objects.order_by("pk")[{place}])
for number in range(40):
    try:
        answer = Answer({{"of": "it"}}, cost=Decimal("0.05") if number % 3 else None)
        run.calls.ask(f"x:{{number}}", "it", provider="P", send=lambda _: answer, most=Bound(Decimal("0.06")))
    except NotYet:
        continue
    except HeldBack:
        break
"""
SUMS = "list(Batch.objects.values_list('spent', 'reserved', 'open_costs', 'state').get())"
LEDGER = "[call for call in Call.objects.values_list('cost', 'reserved')]"


@pytest.mark.dealt(2)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_budget_holds_when_four_processes_spend_at_once(database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        galley = Installation(tmp_path / "desk")
        galley.folder.mkdir()
        if database == "postgres":
            if reason := postgres.available():
                pytest.skip(reason)
            galley.settings["DATABASE_URL"] = stack.enter_context(postgres.postgres(tmp_path))
        galley.prepare()
        galley.manage("shell", "--verbosity", "0", "-c", MAKE)
        with ThreadPoolExecutor(4) as team:
            shell = ("shell", "--verbosity", "0", "-c")
            list(team.map(lambda place: galley.manage(*shell, SPEND.format(place=place)), range(4)))
        spent, reserved, open_costs, state = galley.ask(SUMS)
        ledger = galley.ask(LEDGER)

    assert state == Batch.State.PAUSED
    assert Decimal("2.70") < Decimal(spent) + Decimal(reserved) <= 3
    assert Decimal(spent) == sum(Decimal(cost) for cost, _ in ledger if cost is not None)
    assert Decimal(reserved) == sum(Decimal(most) for _, most in ledger if most is not None)
    assert open_costs == sum(most is not None for _, most in ledger)
