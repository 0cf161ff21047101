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
from decimal import Decimal
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Sum
from django.utils import timezone

from articles.models import Call
from articles.pipeline import rate_limits
from articles.pipeline.lease import Fenced, Lease
from articles.providers import Answer
from articles.providers.errors import Busy, ProviderError, Unreachable
from articles.providers.names import title_of

log = structlog.get_logger("galley.run")


class Calls:
    """The calls of one article, made under one lease."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    @property
    def spent(self) -> Decimal:
        """What they have cost, in US dollars, as far as it is known (one query)."""
        return self._lease.article.calls.aggregate(sum=Sum("cost"))["sum"] or Decimal(0)

    def ask(
        self,
        key: str,
        thing: str,
        *,
        provider: str,
        send: Callable[[Call], Answer],
        look_up: Callable[[Call], Answer | None] | None = None,
    ) -> Call:
        """A call with an answer: the one that was paid for already, else one made now.

        `look_up` asks the other side whether an earlier request arrived; what it finds is adopted and nothing is
        sent. `thing` names what is asked for in sentences: "the hero image". Raises ProviderError, Fenced, OutOfTime.
        """
        call = self._current(key, provider)
        if call.is_paid:
            return call
        if call.state == Call.State.FAILED and call.error and not ProviderError.restored(call.error).retry:
            raise ProviderError.restored(call.error)
        self._lease.check_time()
        rate_limits.take_turn(provider)
        if look_up is not None and (found := self._looked_up(look_up, call, thing)):
            self._intend(call, sends=call.sends)
            self._receive(call, found)
            self._lease.note("adopted", f"Found {thing} where an earlier attempt had left it")
            return call
        self._lease.check_time()  # again: a turn and a look-up take their time
        lost = call.sent_at if call.state == Call.State.INTENT else None
        self._intend(call, sends=call.sends + 1, lost_answers=call.lost_answers + bool(lost))
        if lost and look_up is None:
            at = timezone.localtime(lost).strftime("%H:%M")
            self._lease.note(
                "repeated", f"{title_of(provider)} may have charged {thing} twice ({at}, its answer was lost)"
            )
        self._receive(call, self._sent(send, call, thing))
        return call

    def _looked_up(self, look_up: Callable[[Call], Answer | None], call: Call, thing: str) -> Answer | None:
        """A look-up that fails says nothing about what was sent before: the call stays as it is."""
        try:
            return look_up(call)
        except ProviderError as exc:
            exc.thing = exc.thing or thing
            raise

    def _sent(self, send: Callable[[Call], Answer], call: Call, thing: str) -> Answer:
        """Notes on the call how it failed. One whose fate is unknown stays an intent."""
        try:
            return send(call)
        except ProviderError as exc:
            exc.thing = exc.thing or thing
            lost = isinstance(exc, Unreachable) and exc.lost
            self._log_call(logging.WARNING, "a call failed", call, code=exc.code, retry=exc.retry, lost=lost)
            if isinstance(exc, Busy):
                rate_limits.close(exc)
            if not lost:
                self.fail(call, exc)
            raise

    def _log_call(self, level: int, event: str, call: Call, **facts: Any) -> None:
        """`sends` counts the first and all repetitions; `seconds` are since the last of them."""
        seconds = round((timezone.now() - call.sent_at).total_seconds(), 3) if call.sent_at else None
        counted = {"sends": call.sends, "lost_answers": call.lost_answers, "seconds": seconds}
        log.log(level, event, call=call.key, provider=call.provider, stage=self._lease.stage.value, **counted, **facts)

    def _current(self, key: str, provider: str) -> Call:
        """The call in force for a key; a new generation where the last was given up or went elsewhere."""
        last = self._lease.article.calls.filter(key=key).order_by("-generation").first()
        if last and last.state != Call.State.CLOSED and last.provider == provider:
            return last
        call, _ = Call.objects.get_or_create(
            article=self._lease.article,
            key=key,
            generation=last.generation + 1 if last else 1,
            defaults={"provider": provider, "idempotency_key": uuid.uuid4().hex},
        )
        return call

    def _intend(self, call: Call, **changes: Any) -> None:
        """Commit that the call will be sent, then make sure that it still may be."""
        changes |= {"state": Call.State.INTENT, "sent_at": timezone.now(), "error": None}
        before = {name: getattr(call, name) for name in changes}
        _set(call, **changes)
        call.save(update_fields=list(changes))
        try:
            self._lease.renew()
        except Fenced:
            # Nothing was sent, and whoever has the article now need not fear that something was.
            Call.objects.filter(pk=call.pk, sent_at=call.sent_at).update(**before)
            raise

    def _receive(self, call: Call, answer: Answer) -> None:
        """Commit the raw answer, ours or not any more: it was paid for. The first answer stays."""
        changes = {
            "state": Call.State.RECEIVED,
            "received_at": timezone.now(),
            "answer": answer.raw,
            "model": answer.model,
            "cost": answer.cost,
            "input_tokens": answer.input_tokens,
            "output_tokens": answer.output_tokens,
            "reasoning_tokens": answer.reasoning_tokens,
        }
        if _persisted(call, changes):
            _set(call, **changes)
            self._log_call(
                logging.INFO, "a call was answered", call, cost=None if call.cost is None else float(call.cost)
            )
            return
        # A slow worker, fenced meanwhile, was answered before us.
        self._lease.renew()
        call.refresh_from_db()
        if not call.is_paid:
            raise Fenced

    @contextmanager
    def reading(self, call: Call, thing: str) -> Iterator[None]:
        """Around what reads an answer: one that cannot be used fails its call."""
        try:
            yield
        except ProviderError as exc:
            exc.thing = exc.thing or thing
            self.fail(call, exc)
            raise

    def update_answer(self, call: Call, answer: Answer) -> None:
        """Replace the answer of a call whose work goes on elsewhere: a prediction that is being made."""
        changes = {"answer": answer.raw, "cost": answer.cost, "model": answer.model}
        Call.objects.filter(pk=call.pk, state=Call.State.RECEIVED).update(**changes)
        _set(call, **changes)

    def done(self, call: Call) -> None:
        """The answer was read and what it held is safe. A call that was given up meanwhile stays so."""
        changes = {"state": Call.State.DONE, "done_at": timezone.now()}
        Call.objects.filter(pk=call.pk).exclude(state=Call.State.CLOSED).update(**changes)
        _set(call, **changes)
        self._lease.made_headway()

    def fail(self, call: Call, exc: ProviderError) -> None:
        """The call failed, or its answer is of no use. The answer stays on the row."""
        changes = {"state": Call.State.FAILED, "error": exc.saved()}
        # As we know it: an answer that another worker has received meanwhile is good.
        if Call.objects.filter(pk=call.pk, state=call.state).update(**changes):
            _set(call, **changes)

    def close(self, call: Call) -> None:
        """A failed call is not looked at again: whoever asks next asks anew."""
        Call.objects.filter(pk=call.pk, state=Call.State.FAILED).update(state=Call.State.CLOSED)
        _set(call, state=Call.State.CLOSED)


def _persisted(call: Call, changes: dict[str, Any]) -> bool:
    """Keep a paid answer, even if the database has to come back first. False: the call had one already.

    One that was given up meanwhile keeps its state, and its answer beside it: it was paid for.
    """
    for seconds in (0, 1, 2, 4, 8, 16):
        try:
            calls = Call.objects.filter(pk=call.pk)
            if calls.filter(state__in=[Call.State.INTENT, Call.State.FAILED]).update(**changes):
                return True
            calls.filter(state=Call.State.CLOSED, answer__isnull=True).update(**{**changes, "state": Call.State.CLOSED})
            return False
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or seconds == 16:
                raise
            log.warning("the database is away; a paid answer waits for it")
            connection.close()
            time.sleep(seconds)
    return False


def _set(row: Any, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
