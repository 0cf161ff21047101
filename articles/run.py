"""What a stage may do while its article is claimed: ask a service, save a file, note what happened.

Every write is fenced: it happens only while the article is still running under this very attempt. A worker that was
slow, lost its lease and comes back finds itself `Fenced` and stops. What it had paid for is kept all the same.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet, Sum
from django.template.loader import render_to_string
from django.utils import timezone

from articles import pace
from articles.models import Article, Call, Event, Stage, StageRecord
from articles.providers import Answer
from articles.providers.errors import Busy, ProviderError, Unreachable
from articles.tree import manifest, names
from backups.trees.tree import Stored

log = structlog.get_logger("galley.run")

OPENING = names.OPENING
DAMAGED = "damaged"  # the code of an error over a file that is not the one that was saved; Recover makes it again
CALL_SECONDS = 300  # the longest that one call may take
LEASE = timedelta(seconds=CALL_SECONDS + 100)
BUDGET_SECONDS = 240  # no new call after this long: with the longest call it stays below the queue's time-out


class Fenced(Exception):
    """The article is no longer ours: it was cancelled, or its lease ran out and another worker has it."""


class OutOfTime(Exception):
    """This task has worked long enough; the next one goes on."""


class HeldBack(Exception):
    """The article's batch does not run any more: it stays in line until it does."""


@dataclass(frozen=True)
class Outcome:
    """What a stage made: its file in the tree, who made it, details for the record, changes to the article."""

    stored: Stored | None = None
    maker: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    article: dict[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    """One claim of one article."""

    article: Article
    stage: Stage = Stage.ARTICLE
    started: float = field(default_factory=time.monotonic)

    def _mine(self) -> QuerySet[Article]:
        return Article.objects.filter(pk=self.article.pk, status=Article.Status.RUNNING, attempt=self.article.attempt)

    def hold(self, **changes: Any) -> None:
        """Renew the lease, with changes to the article. Raises Fenced."""
        changes = {"lease_until": timezone.now() + LEASE, **changes}
        if not self._mine().update(**changes):
            raise Fenced
        for name, value in changes.items():
            setattr(self.article, name, value)

    def saved_something(self, **changes: Any) -> None:
        """Hold, and forget earlier crashes and waits: the run makes headway."""
        self.hold(crashes=1, retries=0, **changes)

    @property
    def seconds(self) -> float:
        """How long this task has worked on the article."""
        return time.monotonic() - self.started

    @property
    def spent(self) -> Decimal:
        """What the calls for the article have cost, in US dollars, as far as it is known (one query)."""
        return self.article.calls.aggregate(sum=Sum("cost"))["sum"] or Decimal(0)

    def check_time(self) -> None:
        """Raises OutOfTime when nothing long may be started any more."""
        if self.seconds > BUDGET_SECONDS:
            raise OutOfTime

    # Calls to the outside

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
        self.check_time()
        pace.take_turn(provider)
        if look_up is not None and (found := self._looked_up(look_up, call, thing)):
            self._intend(call, sends=call.sends)
            self._receive(call, found)
            self.note("adopted", f"Found {thing} where an earlier attempt had left it")
            return call
        lost = call.sent_at if call.state == Call.State.INTENT else None
        self._intend(call, sends=call.sends + 1, lost_answers=call.lost_answers + bool(lost))
        if lost and look_up is None:
            at = timezone.localtime(lost).strftime("%H:%M")
            self.note("repeated", f"{provider} may have charged {thing} twice ({at}, its answer was lost)")
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
                pace.close(exc)
            if not lost:
                self.spoilt(call, exc)
            raise

    def _log_call(self, level: int, event: str, call: Call, **facts: Any) -> None:
        """`sends` counts the first and all repetitions; `seconds` are since the last of them."""
        seconds = round((timezone.now() - call.sent_at).total_seconds(), 3) if call.sent_at else None
        counted = {"sends": call.sends, "lost_answers": call.lost_answers, "seconds": seconds}
        log.log(level, event, call=call.key, provider=call.provider, stage=self.stage.value, **counted, **facts)

    def _current(self, key: str, provider: str) -> Call:
        """The call in force for a key; a new generation where the last was given up or went elsewhere."""
        last = self.article.calls.filter(key=key).order_by("-generation").first()
        if last and last.state != Call.State.CLOSED and last.provider == provider:
            return last
        call, _ = Call.objects.get_or_create(
            article=self.article,
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
            self.hold()
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
        self.hold()
        call.refresh_from_db()
        if not call.is_paid:
            raise Fenced

    @contextmanager
    def reading(self, call: Call, thing: str) -> Iterator[None]:
        """Around what reads an answer: one that cannot be used spoils its call."""
        try:
            yield
        except ProviderError as exc:
            exc.thing = exc.thing or thing
            self.spoilt(call, exc)
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
        self.saved_something()

    def spoilt(self, call: Call, exc: ProviderError) -> None:
        """The call failed, or its answer is of no use. The answer stays on the row."""
        changes = {"state": Call.State.FAILED, "error": exc.saved()}
        # As we know it: an answer that another worker has received meanwhile is good.
        if Call.objects.filter(pk=call.pk, state=call.state).update(**changes):
            _set(call, **changes)

    def give_up(self, call: Call) -> None:
        """A failed call is not looked at again: whoever asks next asks anew."""
        Call.objects.filter(pk=call.pk, state=Call.State.FAILED).update(state=Call.State.CLOSED)
        _set(call, state=Call.State.CLOSED)

    # What is kept

    def save_file(self, name: str, content: bytes) -> Stored:
        """Write a file into the article's tree. Raises Unreachable when the storage does not take it."""
        self.hold()
        with storing():
            return self.article.tree.add(name, content)

    def save_page(self, name: str, title: str, html: str) -> Stored:
        """Write a text under its title. Raises as `save_file` does."""
        page = render_to_string("articles/raw_article.html", {"title": title, "html": html})
        return self.save_file(name, page.encode())

    def load_file(self, stored: Stored) -> bytes:
        """Read a file of the tree. Raises Unreachable, backups.trees.tree.Damaged."""
        with storing():
            return self.article.tree.read(stored)

    def commit_manifest(self) -> None:
        """Replace the manifest by what the rows say now."""
        self.hold()
        written = None
        while written != (now := manifest.build(self.article)):
            with storing():
                self.article.tree.commit(*now)
            written = now
            if self._mine().exists():  # and so was it all the time: nobody has written a newer one
                return
        raise Fenced

    def note(self, kind: str, message: str, detail: str = "", **facts: Any) -> None:
        """Add to the timeline, and to the log, which takes `facts` as well."""
        Event.objects.create(
            article=self.article,
            kind=kind,
            stage=self.stage,
            attempt=self.article.attempt,
            message=message[:500],
            detail=detail,
        )
        log.info(message, kind=kind, stage=self.stage.value, **facts)

    def begin(self, record: StageRecord) -> None:
        self.stage = Stage(record.stage)
        self.hold()
        _set(record, state=StageRecord.State.RUNNING, started_at=timezone.now(), failed_at=None, error="")
        record.save()

    def finish(self, record: StageRecord, outcome: Outcome) -> None:
        """File, row, manifest: the stage is complete when the manifest names what it made."""
        stored, now = outcome.stored, timezone.now()
        with transaction.atomic():
            spent = {"spent": self.spent} if self.article.batch_id else {}
            self.saved_something(**outcome.article, **spent)
            _set(
                record,
                state=StageRecord.State.DONE,
                finished_at=now,
                file=stored.name if stored else "",
                sha256=stored.sha256 if stored else "",
                bytes=stored.bytes if stored else 0,
                maker=outcome.maker,
                details=outcome.details,
            )
            record.save()
            seconds = round((now - (record.started_at or now)).total_seconds(), 3)
            self.note("saved", f"{self.stage.label}: done and safe", maker=outcome.maker, seconds=seconds)
        self.commit_manifest()


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


@contextmanager
def storing() -> Iterator[None]:
    """Turns the errors of the backup storage into one that a run can wait for."""
    try:
        yield
    except (OSError, BotoCoreError, ClientError) as exc:
        raise Unreachable(
            "The backup storage",
            f"it did not take a file ({exc.strerror or 'input/output error'})"
            if isinstance(exc, OSError)
            else "it did not answer",
            action="ask the operator to look at the storage, then press Recover",
            code="storage",
            detail=str(exc),
            lost=False,
            thing="a file",
        ) from exc
