"""The ledger of calls: whatever two workers do in between one another, nothing saved is lost or bought again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, transaction
from django.utils import timezone

from articles.models import Article, Call
from articles.pipeline import transitions
from articles.pipeline.lease import BUDGET_SECONDS, CALL_SECONDS, LEASE, Fenced, OutOfTime
from articles.pipeline.run import Run
from articles.providers import Answer
from articles.providers.errors import Garbled, Rejected, Unreachable
from tests.conftest import HandIn


def ask(run: Run, send: Callable[[Call], Answer], **kwargs: object) -> Call:
    return run.calls.ask("text", "the article", provider="text", send=send, **kwargs)  # type: ignore[arg-type]  # passed on


def claimed(article: Article) -> Run:
    found = transitions.claim(article.pk)
    assert found
    return Run(found)


def taken_over(article: Article, editor: User) -> Run:
    """Somebody cancels and recovers, and another worker has the article."""
    transitions.cancel(article, editor)
    transitions.resume(article, editor)
    return claimed(article)


def never(_: Call) -> Answer:
    raise AssertionError("this must not be sent")


def test_whoever_slept_after_its_intent_sends_nothing(hand_in: HandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its turn has passed, and others may have the article."""
    run = claimed(hand_in())
    intend = run.calls._intend

    def and_sleeps(*given: Any, **changes: Any) -> bool:
        intended, wakes = intend(*given, **changes), timezone.now() + timedelta(minutes=1)
        monkeypatch.setattr("django.utils.timezone.now", lambda: wakes)
        return intended

    monkeypatch.setattr(run.calls, "_intend", and_sleeps)

    with pytest.raises(OutOfTime):
        ask(run, never)


@pytest.mark.parametrize("asleep", ["at its turn", "at its look-up"])
def test_whoever_slept_before_its_intent_overwrites_no_answer(
    hand_in: HandIn, editor: User, monkeypatch: pytest.MonkeyPatch, asleep: str
) -> None:
    article = hand_in()
    slow = claimed(article)

    def meanwhile(*_: object) -> None:
        monkeypatch.undo()
        fresh = taken_over(article, editor)
        fresh.calls.done(ask(fresh, lambda _: Answer({"of": "fresh"})))

    if asleep == "at its turn":
        monkeypatch.setattr("articles.pipeline.rate_limits.take_turn", meanwhile)
        with pytest.raises(Fenced):
            ask(slow, never)
    else:
        with pytest.raises(Fenced):
            ask(slow, never, look_up=meanwhile)

    call = Call.objects.get()
    assert (call.state, call.raw, call.sends, call.lost_answers) == ("done", {"of": "fresh"}, 1, 0)
    third = taken_over(article, editor)
    assert ask(third, never).raw == {"of": "fresh"}
    assert not article.events.filter(kind="repeated").exists()


def test_an_answer_that_came_late_is_used_and_not_asked_for_again(
    hand_in: HandIn, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes to a worker that was fenced, while the one after it waits for its turn."""
    article = hand_in()
    slow = claimed(article)

    def send(sent: Call) -> Answer:
        fresh = taken_over(article, editor)

        def meanwhile(_: str) -> None:
            monkeypatch.undo()
            slow.calls._receive(Call.objects.get(pk=sent.pk), Answer({"of": "slow"}))

        monkeypatch.setattr("articles.pipeline.rate_limits.take_turn", meanwhile)
        assert ask(fresh, never).raw == {"of": "slow"}
        return Answer({"of": "slow"})

    with pytest.raises(Fenced):
        ask(slow, send)

    call = Call.objects.get()
    assert (call.raw, call.sends, call.lost_answers) == ({"of": "slow"}, 1, 0)


def test_a_fenced_workers_failure_hides_no_call_that_is_out(hand_in: HandIn, editor: User) -> None:
    """What the next worker has sent may be charged: whoever comes after its death says so."""
    article = hand_in()
    slow = claimed(article)

    class Died(BaseException):
        pass

    def die(_: Call) -> Answer:
        raise Died

    def send(_: Call) -> Answer:
        fresh = taken_over(article, editor)
        with pytest.raises(Died):
            ask(fresh, die)
        raise Rejected("text", "no")

    with pytest.raises(Rejected):
        ask(slow, send)
    assert Call.objects.get().state == Call.State.INTENT
    third = taken_over(article, editor)
    ask(third, lambda _: Answer({"of": "third"}))

    assert Call.objects.get().lost_answers == 2
    assert article.events.filter(kind="repeated").count() == 2


def test_a_fenced_worker_ends_no_call_of_another(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    slow = claimed(article)
    call = ask(slow, lambda _: Answer({"of": "slow"}))
    taken_over(article, editor)

    with pytest.raises(Fenced):
        slow.calls.done(call)
    with pytest.raises(Fenced):
        slow.calls.give_up(call)

    assert Call.objects.get().state == Call.State.RECEIVED


def test_an_intent_is_part_of_no_other_transaction(hand_in: HandIn) -> None:
    run = claimed(hand_in())

    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        ask(run, never)

    assert Call.objects.get().sends == 0


def test_what_was_sent_elsewhere_is_asked_anew_and_what_is_here_stays(hand_in: HandIn) -> None:
    run = claimed(hand_in())
    first = ask(run, lambda _: Answer({"at": "old"}), address="https://old.example.org")

    second = ask(run, lambda _: Answer({"at": "new"}), address="https://new.example.org")

    assert (second.generation, second.raw) == (2, {"at": "new"})
    first.refresh_from_db()
    assert first.raw == {"at": "old"}
    assert ask(run, never, address="https://new.example.org") == second


@pytest.mark.parametrize("exc", [TypeError("'int' is not iterable"), KeyError("id"), RecursionError(), ValueError()])
def test_an_answer_that_nobody_can_read_is_asked_for_anew(hand_in: HandIn, editor: User, exc: Exception) -> None:
    article = hand_in()
    run = claimed(article)
    call = ask(run, lambda _: Answer({"components": 5}))

    with pytest.raises(Garbled) as caught, run.calls.reading(call, "the article"):
        raise exc

    assert caught.value.code == "unreadable"
    assert Call.objects.get().state == Call.State.FAILED
    again = taken_over(article, editor)
    assert ask(again, lambda _: Answer({"components": []})).generation == 2


def test_time_that_a_look_up_took_is_time_that_no_call_has(hand_in: HandIn) -> None:
    run = claimed(hand_in())

    def look_up(_: Call) -> None:
        run.lease.started -= BUDGET_SECONDS + 1

    with pytest.raises(OutOfTime):
        ask(run, never, look_up=look_up)

    assert Call.objects.get().sends == 0


def test_a_look_up_that_fails_leaves_the_call_as_it_is(hand_in: HandIn) -> None:
    run = claimed(hand_in())

    def look_up(_: Call) -> None:
        raise Unreachable("text", "away")

    with pytest.raises(Unreachable):
        ask(run, never, look_up=look_up)

    assert (Call.objects.get().state, Call.objects.get().sends) == (Call.State.INTENT, 0)


def test_of_two_answers_the_one_that_was_read_is_done(hand_in: HandIn) -> None:
    """In one article, and in two."""
    run, other = claimed(hand_in()), claimed(hand_in())
    call = ask(run, lambda _: Answer({"of": "it"}))
    run.calls.ask("prompts", "the prompts", provider="text", send=lambda _: Answer({"of": "them"}))
    ask(other, lambda _: Answer({"of": "the other"}))

    run.calls.done(call)

    states = Call.objects.order_by("pk").values_list("article", "key", "state")
    assert list(states) == [
        (run.article.pk, "text", Call.State.DONE),
        (run.article.pk, "prompts", Call.State.RECEIVED),
        (other.article.pk, "text", Call.State.RECEIVED),
    ]


def test_a_database_that_does_not_come_back_is_no_answer_of_another(
    hand_in: HandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was paid for says that the answer is lost, and the intent stays."""
    run, waited = claimed(hand_in()), list[float]()
    monkeypatch.setattr("articles.pipeline.calls.time.sleep", waited.append)
    monkeypatch.setattr("articles.pipeline.calls.connection", mock.Mock(in_atomic_block=False))
    monkeypatch.setattr("articles.pipeline.calls.noting", mock.Mock(side_effect=OperationalError("away")))

    with pytest.raises(OperationalError):
        ask(run, lambda _: Answer({"of": "it"}))

    assert sum(waited) > 60, "a standby may take a minute to take over"
    assert CALL_SECONDS + sum(waited) < LEASE.total_seconds()
    assert (Call.objects.get().state, Call.objects.get().sends) == (Call.State.INTENT, 1)


def test_a_call_that_was_declined_is_not_sent_again_until_somebody_asks(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    run = claimed(article)
    declined = Rejected("text", "no")

    def decline(_: Call) -> Answer:
        raise declined

    with pytest.raises(Rejected):
        ask(run, decline)
    with pytest.raises(Rejected) as caught:
        ask(run, never)

    assert caught.value.saved() == declined.saved()
    assert ask(taken_over(article, editor), lambda _: Answer({"of": "it"})).generation == 2


@pytest.mark.parametrize("elsewhere", [{"provider": "another"}, {"address": "https://new.example.org"}])
def test_another_service_and_another_address_are_asked_anew(hand_in: HandIn, elsewhere: dict[str, str]) -> None:
    run = claimed(hand_in())
    first = {"provider": "text", "address": "https://old.example.org"}
    asked = [
        run.calls.ask("post", "the draft", send=lambda _, at=at: Answer({"at": at}), **{**first, **at})  # type: ignore[misc, arg-type]  # bound now
        for at in ({}, elsewhere)
    ]

    assert [call.generation for call in asked] == [1, 2]
