"""A stage computes for so long and no longer; what it is given, paid for or about to keep is never cut short."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from articles import processes
from articles.failures import Failure
from articles.models import Article, Call, Event, Stage, StageRecord
from articles.pipeline.run import Outcome, Run
from articles.processes import ComputesTooLong, computed, cut_computing_short
from articles.providers import Answer
from tests.conftest import HandIn, error_of

Work = Callable[[Article], Article]
Does = Callable[[Run], object]

LIMIT = 0.4  # seconds of processor time
LONG = 3 * LIMIT


@pytest.fixture
def in_a_worker(transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process counts as one."""
    settings.GALLEY_STAGE_CPU_SECONDS = LIMIT
    monkeypatch.setattr(processes, "TICK_SECONDS", LIMIT / 4)
    monkeypatch.setattr(processes, "_asked_to_stop", False)
    before = signal.getsignal(signal.SIGVTALRM)
    cut_computing_short()
    yield
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0), "a timer goes on behind its stage"
    signal.signal(signal.SIGVTALRM, before)


@pytest.fixture
def first_stage(monkeypatch: pytest.MonkeyPatch, in_a_worker: None) -> Callable[[Does], None]:
    """Makes the first stage do what is given."""

    def does(work: Does) -> None:
        def stage(run: Run) -> Outcome:
            work(run)
            return Outcome()

        monkeypatch.setattr("articles.stages.article.run", stage)

    return does


def is_done(article: Article) -> bool:
    return article.records.get(stage=Stage.ARTICLE).state == StageRecord.State.DONE


def compute(seconds: float = LONG) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def for_ever(*_: object) -> None:
    while True:
        pass


def matches_for_ever(_: Run) -> None:
    re.search(r"(a+)+b", "a" * 40)


def takes_it_for_a_bad_file(_: Run) -> None:
    try:
        for_ever()
    except Exception:
        return


def calls_back(_: Run) -> None:
    list(map(for_ever, range(2)))  # by way of C


@pytest.mark.parametrize("burns", [for_ever, matches_for_ever, takes_it_for_a_bad_file, calls_back])
def test_a_stage_that_computes_without_end_is_stopped_and_named(
    hand_in: HandIn, run: Work, first_stage: Callable[[Does], None], burns: Does
) -> None:
    first_stage(burns)

    article = run(hand_in())

    error = error_of(article)
    assert (article.status, error["code"], error["stage"]) == (Article.Status.FAILED, "too_long_at_work", "article")
    assert (article.crashes, article.next_at) == (0, None)
    assert Failure.read(error).sentence == (
        "Galley declined the manuscript: it takes more than 0.4 seconds of processor time"
    )
    assert article.records.get(stage=Stage.ARTICLE).state == StageRecord.State.FAILED
    assert processes.is_asked_to_stop(), "nothing more is begun in a process in which something was cut off"


def test_a_stage_that_waits_is_not_stopped(hand_in: HandIn, run: Work, first_stage: Callable[[Does], None]) -> None:
    first_stage(lambda _: time.sleep(LONG))

    assert is_done(run(hand_in()))


def test_what_is_saved_gives_a_stage_all_its_time_again(
    hand_in: HandIn, run: Work, first_stage: Callable[[Does], None]
) -> None:
    def works(run: Run) -> None:
        for part in range(8):
            compute(LIMIT / 4)
            run.save_file(f"{part}.txt", b"a part")

    first_stage(works)

    assert is_done(run(hand_in()))


def test_an_answer_that_comes_when_the_time_is_up_is_kept(
    hand_in: HandIn, run: Work, first_stage: Callable[[Does], None]
) -> None:
    """Not the request, nor its answer, nor the commit is cut short, however long they compute."""

    def send(_: Call) -> Answer:
        compute()
        return Answer({"of": "the service"}, model="one")

    def asks(run: Run) -> None:
        run.calls.ask("text", "the article", provider="text", send=send)
        for_ever()

    first_stage(asks)
    article = run(hand_in())

    call = Call.objects.get()
    assert (call.state, call.raw, call.sends, call.lost_answers) == ("received", {"of": "the service"}, 1, 0)
    assert error_of(article)["code"] == "too_long_at_work"


def test_an_answer_that_is_too_much_work_stays_and_is_asked_for_anew(
    hand_in: HandIn, run: Work, first_stage: Callable[[Does], None]
) -> None:
    def reads(run: Run) -> None:
        call = run.calls.ask("text", "the article", provider="text", send=lambda _: Answer({"of": "the service"}))
        with run.calls.reading(call, "the article"):
            for_ever()

    first_stage(reads)
    article = run(hand_in())

    call = Call.objects.get()
    assert (call.state, call.raw) == ("failed", {"of": "the service"})
    assert error_of(article)["code"] == "too_long_at_work"
    assert Failure.read(error_of(article)).next == "press Recover to ask again"


def test_a_transaction_is_not_cut_short(hand_in: HandIn, run: Work, first_stage: Callable[[Does], None]) -> None:
    def writes(run: Run) -> None:
        with transaction.atomic():
            run.lease.note("first", "One of two")
            compute()
            run.lease.note("second", "Two of two")
        for_ever()

    first_stage(writes)
    run(hand_in())

    assert Event.objects.filter(kind__in=["first", "second"]).count() == 2


def test_a_query_is_not_cut_short(hand_in: HandIn, run: Work, first_stage: Callable[[Does], None]) -> None:
    """A connection that is left in the middle of one is of no use to whoever notes the failure."""
    seen = []

    def slowly(execute: Callable[..., object], *query: object) -> object:
        compute()
        return execute(*query)

    def asks(run: Run) -> None:
        with connection.execute_wrapper(slowly):
            seen.append(run.article.images.count())
        for_ever()

    first_stage(asks)
    article = run(hand_in())

    assert seen == [0]
    assert error_of(article)["code"] == "too_long_at_work"


def test_an_import_is_not_cut_short(
    hand_in: HandIn, run: Work, first_stage: Callable[[Does], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that is half imported is taken for a whole one by whoever asks next."""
    (tmp_path / "slow_to_import.py").write_text(f"from {__name__} import compute\ncompute()\nwhole = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def imports(_: Run) -> None:
        __import__("slow_to_import")
        for_ever()

    first_stage(imports)
    run(hand_in())

    assert sys.modules.pop("slow_to_import").whole


def test_nothing_is_cut_short_outside_of_a_worker(settings: Settings) -> None:
    settings.GALLEY_STAGE_CPU_SECONDS = LIMIT

    computed(compute)

    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_what_comes_behind_a_stage_is_not_cut_short(in_a_worker: None) -> None:
    with pytest.raises(ComputesTooLong):
        computed(for_ever)

    compute()  # the timer was stopped
    signal.raise_signal(signal.SIGVTALRM)  # and one that was on its way meets no stage
    assert computed(lambda: "made") == "made"


def test_another_thread_uses_up_the_time_and_is_not_cut_short(in_a_worker: None) -> None:
    """The signal comes to the main thread, wherever that is."""
    ended = []

    def beside() -> None:
        compute()
        ended.append(True)

    def work() -> None:
        thread = threading.Thread(target=beside)
        thread.start()
        try:
            for_ever()
        finally:
            thread.join()

    with pytest.raises(ComputesTooLong):
        computed(work)
    assert ended
