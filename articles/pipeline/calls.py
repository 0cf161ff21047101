"""The ledger of calls to the outside: none is paid for twice where that can be known, and none is forgotten.

The intent is committed before the call, the raw answer before anything is read from it. An answer that is there is
never asked for again; what was paid for is kept even when the worker that asked is fenced meanwhile.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from articles import cost_records
from articles.formats import for_all
from articles.models import Call
from articles.pipeline import rate_limits
from articles.pipeline.lease import Fenced, Lease, OutOfTime
from articles.pipeline.money.spending import noting, reserving
from articles.processes import ComputesTooLong
from articles.providers import Answer
from articles.providers.errors import Busy, Garbled, ProviderError, Then, Unreachable
from articles.providers.names import title_of
from articles.providers.prices import Bound

log = structlog.get_logger("galley.run")

# Between tries to keep a paid answer: with the longest call they stay below the lease. A standby may take a minute to
# take over.
PAUSES = (0.1, 1, 2, 4, 8, 16, 20, 20, 20)  # seconds
# From an intent to its sending. A worker that was frozen for longer has lost its turn, and maybe its article.
STALE = timedelta(seconds=30)


class Calls:
    """The calls of one article, made under one lease."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    def ask(
        self,
        key: str,
        thing: str,
        *,
        provider: str,
        send: Callable[[Call], Answer],
        most: Bound | None = None,
        address: str = "",
        look_up: Callable[[Call], Answer | None] | None = None,
        take_back: Callable[[Answer, Call], None] | None = None,
    ) -> Call:
        """A call with an answer: the one that was paid for already, else one made now.

        `thing` names what is asked for in sentences: "the hero image". `most` is the most that it may cost, without it
        nothing: the budget of the article's batch must have room for that. What changes something elsewhere says at
        which `address`; `look_up` asks there whether an earlier request arrived: what it finds is adopted and nothing
        is sent. `take_back` gets an answer that came second, and the call with the first. Raises ProviderError, Fenced,
        OutOfTime, HeldBack.
        """
        call = self._current(key, provider, address)
        if call.is_paid:
            return call
        if call.state == Call.State.FAILED and call.error and not ProviderError.restored(call.error).retry:
            raise ProviderError.restored(call.error)
        self._lease.check_time()
        rate_limits.take_turn(provider)
        if look_up is not None and (found := self._looked_up(look_up, call, thing)):
            if self._intend(call, thing, sends=call.sends):
                self._receive(call, found)
                self._lease.note("adopted", f"Found {thing} where an earlier attempt had left it")
            return call
        self._lease.check_time()  # a turn, or a look, may have taken long
        lost = call.sent_at if call.state == Call.State.INTENT else None
        if self._intend(call, thing, most, sends=call.sends + 1, lost_answers=call.lost_answers + bool(lost)):
            if lost and look_up is None:
                self._note_repeat(lost, provider, thing)
            self._receive(call, self._sent(send, call, thing, most), most, take_back)
        return call

    def _note_repeat(self, lost: datetime, provider: str, thing: str) -> None:
        said = f"{title_of(provider)} may have charged {thing} twice ({for_all(lost)}, its answer was lost)"
        self._lease.note("repeated", said)

    def _looked_up(self, look_up: Callable[[Call], Answer | None], call: Call, thing: str) -> Answer | None:
        """A look-up that fails says nothing about what was sent before: the call stays as it is."""
        try:
            return look_up(call)
        except ProviderError as exc:
            exc.thing = exc.thing or thing
            raise

    def _sent(self, send: Callable[[Call], Answer], call: Call, thing: str, most: Bound | None) -> Answer:
        """Notes on the call how it failed. One whose fate is unknown stays an intent.

        One that was declined has cost nothing; an answer that cannot even be kept may have cost what it may cost.
        Raises OutOfTime where the intent has grown old.
        """
        if call.sent_at and timezone.now() - call.sent_at > STALE:
            raise OutOfTime
        try:
            return send(call)
        except ProviderError as exc:
            exc.thing = exc.thing or thing
            lost = isinstance(exc, Unreachable) and exc.lost
            self._log_call(logging.WARNING, "a call failed", call, code=exc.code, retry=exc.retry, lost=lost)
            if isinstance(exc, Busy):
                rate_limits.close(exc)
            if not lost:
                self._fail(call, exc, free=None if isinstance(exc, Garbled) else most)
            raise

    def _log_call(self, level: int, event: str, call: Call, **facts: Any) -> None:
        """`sends` counts the first and all repetitions; `seconds` are since the last of them."""
        seconds = round((timezone.now() - call.sent_at).total_seconds(), 3) if call.sent_at else None
        counted = {"sends": call.sends, "lost_answers": call.lost_answers, "seconds": seconds}
        log.log(level, event, call=call.key, provider=call.provider, stage=self._lease.stage.value, **counted, **facts)

    def _current(self, key: str, provider: str, address: str = "") -> Call:
        """The call in force for a key; a new generation where the last was given up or went elsewhere.

        What changes something lies at its address for good: also when others were asked since, it is known there.
        """
        asked = self._lease.article.calls.filter(key=key).order_by("-generation")
        last = asked.first()
        there = asked.filter(provider=provider, address=address).first() if address else last
        if there and there.state != Call.State.CLOSED and (there.provider, there.address) == (provider, address):
            return there
        call, _ = Call.objects.get_or_create(
            article=self._lease.article,
            key=key,
            generation=last.generation + 1 if last else 1,
            defaults={"provider": provider, "address": address, "idempotency_key": uuid.uuid4().hex},
        )
        return call

    def _intend(self, call: Call, thing: str, most: Bound | None = None, **changes: Any) -> bool:
        """Commit that the call will be sent, while the article is ours and the call as it was read. False: its answer
        has come meanwhile, to a worker that had the article before. Raises Fenced, and as `reserving` does.
        """
        changes |= {"state": Call.State.INTENT, "sent_at": timezone.now(), "error": None}
        with reserving(self._lease.article, call, most, thing) as reserved:
            self._lease.renew()
            changes |= reserved
            if not _unchanged(call).update(**changes):
                call.refresh_from_db()
                if call.is_paid:
                    return False
                raise Fenced
        _set(call, **changes)
        return True

    def _receive(
        self,
        call: Call,
        answer: Answer,
        most: Bound | None = None,
        take_back: Callable[[Answer, Call], None] | None = None,
    ) -> None:
        """Commit the raw answer, ours or not any more: it was paid for. The first answer stays, and each one's cost."""
        changes = {
            "state": Call.State.RECEIVED,
            "received_at": timezone.now(),
            "answer": answer.raw,
            "model": answer.model,
            "input_tokens": answer.input_tokens,
            "output_tokens": answer.output_tokens,
            "reasoning_tokens": answer.reasoning_tokens,
        }
        if self._persisted(call, changes, answer, most):
            _set(call, **changes)
            cost = None if answer.cost is None else float(answer.cost)
            self._log_call(logging.INFO, "a call was answered", call, cost=cost)
            return
        # Another worker was answered before us.
        if take_back is not None:
            same = {"key": call.key, "provider": call.provider, "address": call.address}
            answered = self._lease.article.calls.filter(**same, answer__isnull=False)
            take_back(answer, answered.order_by("-generation")[0])
        self._lease.renew()
        call.refresh_from_db()
        if not call.is_paid:
            raise Fenced

    def _persisted(self, call: Call, changes: dict[str, Any], answer: Answer, most: Bound | None) -> bool:
        """Keep a paid answer, even if the database has to come back first. False: the call had one already.

        One that was given up meanwhile keeps its state, and its answer beside it: it was paid for.
        """
        for last, seconds in enumerate(PAUSES, 1 - len(PAUSES)):
            try:
                with noting(self._lease.article, call, answer) as noted:
                    return _kept(call, changes, noted.answered(answer, most))
            except (OperationalError, InterfaceError):
                if connection.in_atomic_block or not last:
                    raise
                log.warning("the database is away; a paid answer waits for it")
                connection.close()
                time.sleep(seconds)
        return False

    @contextmanager
    def reading(self, call: Call, thing: str) -> Iterator[None]:
        """Around what reads an answer: one that cannot be used fails its call."""
        try:
            yield
        except ProviderError as exc:
            exc.thing = exc.thing or thing
            self.fail(call, exc)
            raise
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as exc:
            log.exception("an answer of a shape that nobody has thought of", call=call.key)
            raise self._unreadable(call, thing, "its answer cannot be read", "unreadable") from exc
        except ComputesTooLong as exc:
            log.exception("an answer is too much work", call=call.key)
            raise self._unreadable(call, thing, f"reading its answer {exc.reason}", exc.code) from exc

    def _unreadable(self, call: Call, thing: str, reason: str, code: str) -> Garbled:
        unreadable = Garbled(call.provider, reason, then=Then.ASK_AGAIN, code=code, detail=str(call.raw), thing=thing)
        self.fail(call, unreadable)
        return unreadable

    def update_answer(self, call: Call, answer: Answer, most: Bound | None = None) -> None:
        """Replace the answer of a call whose work goes on elsewhere: a prediction that is being made, a draft.

        Its cost was expected when it was begun, and stays; what one has cost that failed, nobody knows.
        """
        changes: dict[str, Any] = {"answer": answer.raw, "model": answer.model}
        with noting(self._lease.article, call) as noted:
            money = noted.finished(answer, most) if most else {}
            Call.objects.filter(pk=call.pk, state=call.state).update(**changes, **money)
        _set(call, **changes)

    def done(self, call: Call) -> None:
        """The answer was read and what it held is safe. A call that was given up meanwhile stays so."""
        changes = {"state": Call.State.DONE, "done_at": timezone.now()}
        with transaction.atomic():
            self._lease.made_headway()
            Call.objects.filter(pk=call.pk, state__in=[Call.State.RECEIVED, Call.State.DONE]).update(**changes)
        _set(call, **changes)

    def fail(self, call: Call, exc: ProviderError) -> None:
        """The answer of a call is of no use. It stays on the row, and so does what it has cost."""
        self._fail(call, exc)

    def _fail(self, call: Call, exc: ProviderError, free: Bound | None = None) -> None:
        """`free`: what was reserved for a call that has cost nothing."""
        changes = {"state": Call.State.FAILED, "error": exc.saved()}
        with noting(self._lease.article, call) as noted:
            Call.objects.filter(pk=call.pk).update(**noted.with_less(free))
            # As we know it: an answer that another worker has received meanwhile is good, and what it has sent is open.
            failed = _unchanged(call).update(**changes)
        if failed:
            _set(call, **changes)

    def close(self, call: Call) -> None:
        """A failed call is not looked at again: whoever asks next asks anew."""
        Call.objects.filter(pk=call.pk, state=Call.State.FAILED).update(state=Call.State.CLOSED)
        _set(call, state=Call.State.CLOSED)

    def settle(self, begins: str) -> None:
        """What calls with such keys were about is there, however it came: of what is in flight nobody waits for the
        answer any more. Raises Fenced.
        """
        calls = self._lease.article.calls.filter(key__startswith=begins)
        with self._lease.fence():
            calls.filter(state=Call.State.RECEIVED).update(state=Call.State.DONE, done_at=timezone.now())
            cost_records.close(calls.filter(state=Call.State.INTENT))

    def give_up(self, call: Call) -> None:
        """What an answered call has made is not there any more: whoever asks next asks anew. Raises Fenced."""
        with self._lease.fence():
            _unchanged(call).update(state=Call.State.CLOSED)
        _set(call, state=Call.State.CLOSED)


def _unchanged(call: Call) -> QuerySet[Call]:
    """The call's row, as long as it is as it was read."""
    return Call.objects.filter(pk=call.pk, state=call.state, sends=call.sends, sent_at=call.sent_at)


def _kept(call: Call, changes: dict[str, Any], money: dict[str, Any]) -> bool:
    """Write an answer into its call, and what it has cost in any case. False: the call had an answer already."""
    calls = Call.objects.filter(pk=call.pk)
    if calls.filter(state__in=[Call.State.INTENT, Call.State.FAILED]).update(**changes, **money):
        return True
    changes = {**changes, "state": Call.State.CLOSED}
    if not calls.filter(state=Call.State.CLOSED, answer__isnull=True).update(**changes, **money) and money:
        calls.update(**money)
    return False


def _set(row: Any, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
