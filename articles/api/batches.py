"""Batches in the API: which there are, how one stands, a stream of what changes, and the buttons of its page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Count
from django.http import Http404, HttpRequest, StreamingHttpResponse
from ninja import Body, Query, Router
from ninja.errors import HttpError
from pydantic import Field
from typing_extensions import TypeAliasType

from articles.api.asking import who_asks
from articles.api.strict import BIGGEST_ID, REFUSALS, InQuery, Nothing, Problem, Strict
from articles.batches import control, progress, stream
from articles.batches.plan import plan_batch
from articles.batches.start import start_batch
from articles.errors import NotPossible
from articles.formats import count
from articles.models import Batch, BatchQuerySet, Section
from articles.models.access import may_look

MOST_BATCHES = 100
CONFLICTS: dict[int, type[Problem]] = {**REFUSALS, 409: Problem}
# The document's version of OpenAPI knows no streams: to it this is a text, as long as it may be.
EVENTS = {"type": "string", "description": "event: progress or end; id: the revision; data: JSON, in one line"}
STREAM = {"description": "OK", "content": {"text/event-stream": {"schema": EVENTS}}}

# A name of its own in the description, for generated programs.
CellState = TypeAliasType("CellState", Literal["done", "running", "waiting", "missing"])

router = Router(tags=["batches"])


class SectionsOut(Strict):
    total: int
    done: int
    running: int
    waiting: int
    missing: int = Field(description="asked for, and not made: Recover makes them")


class CountsOut(Strict):
    complete: int
    partial: int = Field(description="some of its sections are there")
    basic: int = Field(description="its opening is there, and none of its sections")
    failed: int
    waiting: int


class BatchProgressOut(Strict):
    """How a batch stands, and what of its grid has changed."""

    id: int
    name: str
    state: str = Field(description="draft, running, paused, done or cancelled")
    state_words: str = Field(description="the same in words, as in the desk")
    reason: str = Field(description="why it is paused or cancelled, a sentence; else empty")
    slowed: str = Field(description="why it stands still or is slow just now, a sentence; else empty")
    revision: int = Field(description="go on with since=<this>: nothing is left out")
    sections: SectionsOut
    articles: CountsOut
    per_minute: float = Field(description="sections, lately")
    left_seconds: int | None = Field(description="at the present rate; null where there is none")
    spent: Decimal | None = Field(
        description="US dollars, at least so much where costs are unknown; null where nothing of it is known"
    )
    unknown_costs: int = Field(description="calls whose cost is not known")
    budget: Decimal | None
    sections_words: str = Field(description="942 of 1,440")
    per_minute_words: str = Field(description="18 per min; empty where there is no rate")
    left_words: str = Field(description="about 28 min left; empty where there is no rate")
    spent_words: str = Field(description="$61.20 of $110.00, at least $61.20 of $110.00; or without the budget")
    summary_words: str = Field(description="942 of 1,440 sections, about 28 min left")
    cells: list[tuple[int, int, CellState]] = Field(
        description="article, section, state: what has changed since the revision that was asked for"
    )


class BatchOut(Strict):
    """A line in the list."""

    id: int
    name: str
    owner: str
    state: str
    state_words: str
    reason: str
    articles: int
    sections: int
    done: int = Field(description="sections that are there")
    missing: int


class BatchesOut(Strict):
    batches: list[BatchOut] = Field(description="newest first")
    before: int | None = Field(description="ask with before=<this> for older ones; null: there are none")


class ActionOut(Strict):
    """What was done, in a sentence, and how the batch stands after it."""

    message: str
    state: str


class AssumedOut(Strict):
    """What was taken for granted about a list."""

    list: str = Field(description="styles or sections")
    words: str = Field(description="what, in a sentence or two, as the desk's plan says it")


class StartedOut(ActionOut):
    """What a start has begun."""

    assumed: list[AssumedOut] = Field(
        description="what nobody said about the lists and was taken for granted; empty where they say all"
    )


class StartIn(Strict):
    """How to start."""

    without_bad_lines: bool = Field(False, description="leave out the lines that cannot be used")


class ListQuery(InQuery):
    """Which batches."""

    before: int | None = Field(None, ge=0, le=BIGGEST_ID, description="only batches with a smaller id")
    limit: int = Field(20, ge=1, le=MOST_BATCHES, description="how many at most")


class SinceQuery(InQuery):
    """What the caller knows already."""

    since: int = Field(0, ge=0, le=BIGGEST_ID, description="the revision up to which the cells are known")


# Reading


def readable(user: User) -> BatchQuerySet:
    """What this person may look at. Raises PermissionDenied."""
    if not may_look(user, Batch):
        raise PermissionDenied
    return Batch.objects.touchable_by(user)


@router.get("", response={200: BatchesOut, **REFUSALS}, operation_id="batches")
def all_batches(request: HttpRequest, page: Query[ListQuery]) -> BatchesOut:
    """The batches that you may look at (three queries, however many there are)."""
    found = readable(who_asks(request)).select_related("owner").defer("brief", "styles", "sections").order_by("-pk")
    if page.before is not None:
        found = found.filter(pk__lt=page.before)
    listed = list(found.annotate(number=Count("articles"))[: page.limit + 1])
    shown = listed[: page.limit]
    sections: dict[int, dict[str, int]] = {batch.pk: {} for batch in shown}
    states = Section.objects.filter(batch__in=sections).order_by().values_list("batch_id", "state")
    for batch_id, state, number in states.annotate(number=Count("pk")):
        sections[batch_id or 0][state] = number
    return BatchesOut(
        batches=[_line(batch, sections[batch.pk]) for batch in shown],
        before=shown[-1].pk if len(listed) > page.limit else None,
    )


def _line(batch: Batch, sections: dict[str, int]) -> BatchOut:
    return BatchOut(
        id=batch.pk,
        name=batch.name,
        owner=batch.owner.get_username(),
        state=batch.state,
        state_words=batch.get_state_display(),
        reason=batch.reason,
        articles=batch.number,  # type: ignore[attr-defined]  # annotated above
        sections=sum(sections.values()),
        done=sections.get(Section.State.DONE, 0),
        missing=sections.get(Section.State.FAILED, 0),
    )


@router.get(
    "/{int:batch_id}/progress",
    response={200: BatchProgressOut, **REFUSALS},
    operation_id="batch_progress",
    url_name="batch_progress",
)
def batch_progress(request: HttpRequest, batch_id: int, known: Query[SinceQuery]) -> BatchProgressOut:
    """How a batch stands, with the cells that have changed since (a constant number of queries)."""
    _look_up(request, batch_id)
    found = progress.batch_progress(batch_id, known.since)
    texts = {"spent": found.facts["spent"], "budget": found.facts["budget"]}
    money = {name: None if text is None else Decimal(text) for name, text in texts.items()}
    return BatchProgressOut.model_validate({**found.message(found.since), **money})


@router.get(
    "/{int:batch_id}/events",
    response={**REFUSALS, 406: Problem, 503: Problem},
    openapi_extra={"responses": {200: STREAM}},
    operation_id="batch_events",
)
def batch_events(request: HttpRequest, batch_id: int, known: Query[SinceQuery]) -> StreamingHttpResponse:
    """What changes, as server-sent events: `progress`, each with the JSON of the address above and its revision for an
    id, and `end` when the batch has ended. `Last-Event-ID` resumes without a gap.
    """
    _look_up(request, batch_id)
    if not isinstance(request, ASGIRequest):
        raise HttpError(406, "This server cannot send events, it runs under WSGI. Ask for …/progress now and then.")
    if stream.hub.is_full:
        raise HttpError(503, "Too many people watch by this server just now. Ask for …/progress now and then.")
    person = who_asks(request).pk
    if stream.hub.has_enough(person):
        raise HttpError(429, "You watch by as many streams as one person may. Close some, or ask for …/progress.")
    since = _last_event(request)
    again: Callable[[], User | None] = request.let_in_again  # type: ignore[attr-defined]  # by whoever let it in
    allowed = Watching(again, batch_id)
    return StreamingHttpResponse(
        stream.hub.stream(batch_id, known.since if since is None else since, allowed, person),
        content_type="text/event-stream; charset=utf-8",
        headers={
            "Cache-Control": "no-cache, no-transform",
            "X-Accel-Buffering": "no",
            "Content-Encoding": "identity",  # what compresses would wait until there is something worth it
        },
    )


@dataclass(frozen=True)
class Watching:
    """Whether whoever was let in to watch a batch may go on: asked now and then while the stream is open."""

    who: Callable[[], User | None]
    batch_id: int

    def __call__(self) -> bool:
        user = self.who()
        try:
            return user is not None and readable(user).filter(pk=self.batch_id).exists()
        except PermissionDenied:
            return False


def _last_event(request: HttpRequest) -> int | None:
    """The id that a browser sends when it connects again; None when there is none, or none of ours."""
    last = request.headers.get("Last-Event-ID", "")
    return min(int(last), BIGGEST_ID) if last.isdecimal() and last.isascii() and len(last) < 20 else None


# Doing


@router.post("/{int:batch_id}/start", response={200: StartedOut, **CONFLICTS}, operation_id="batch_start")
def start(request: HttpRequest, batch_id: int, how: Annotated[StartIn | None, Body()] = None) -> StartedOut:
    """Make what is not there yet. Again on one that has run: only what is missing."""
    batch = _mine(request, batch_id)
    bad = plan_batch(batch).bad
    if bad and not (how and how.without_bad_lines):
        first = "; ".join(f"{name}, line {row.line}: {row.reason}" for name, row in bad[:3])
        raise NotPossible(
            f"{count(len(bad), 'line')} cannot be used: {first} "
            'Mend them in the desk, or send {"without_bad_lines": true} to leave them out.'
        )
    plan = start_batch(batch, who_asks(request))
    made = f"{count(plan.articles, 'article')}, {count(plan.new_sections + plan.missing_sections, 'section')} to write"
    left_out = plan.there.left_out_words
    done = _done(batch, f"Started: {made}.{f' Left out: {left_out}.' if left_out else ''}")
    assumed = [AssumedOut(list=listed, words=said) for listed, said in plan.assumed]
    return StartedOut(message=done.message, state=done.state, assumed=assumed)


# `nothing` is named for its schema alone, which refuses a body that says something.
# A body is read and must be empty: what is sent along in error is refused, and never used.
@router.post("/{int:batch_id}/pause", response={200: ActionOut, **CONFLICTS}, operation_id="batch_pause")
def pause(request: HttpRequest, batch_id: int, nothing: Annotated[Nothing | None, Body()] = None) -> ActionOut:  # noqa: ARG001
    """Take no further section in hand; what is in hand is finished."""
    return _do(control.pause, request, batch_id)


@router.post("/{int:batch_id}/resume", response={200: ActionOut, **CONFLICTS}, operation_id="batch_resume")
def resume(request: HttpRequest, batch_id: int, nothing: Annotated[Nothing | None, Body()] = None) -> ActionOut:  # noqa: ARG001
    """Go on where it was paused or cancelled."""
    return _do(control.resume, request, batch_id)


@router.post("/{int:batch_id}/cancel", response={200: ActionOut, **CONFLICTS}, operation_id="batch_cancel")
def cancel(request: HttpRequest, batch_id: int, nothing: Annotated[Nothing | None, Body()] = None) -> ActionOut:  # noqa: ARG001
    """End it: what is saved stays, what is not begun is not begun."""
    return _do(control.cancel, request, batch_id)


def _do(action: Callable[[Batch, User], str], request: HttpRequest, batch_id: int) -> ActionOut:
    batch = _mine(request, batch_id)
    return _done(batch, action(batch, who_asks(request)))


def _look_up(request: HttpRequest, batch_id: int) -> None:
    if not readable(who_asks(request)).filter(pk=batch_id).exists():
        raise Http404


def _mine(request: HttpRequest, batch_id: int) -> Batch:
    user = who_asks(request)
    if not user.has_perm("articles.change_batch"):
        raise PermissionDenied
    batch = Batch.objects.touchable_by(user).filter(pk=batch_id).first()
    if batch is None:
        raise Http404
    return batch


def _done(batch: Batch, message: str) -> ActionOut:
    batch.refresh_from_db(fields=["state"])
    return ActionOut(message=message, state=batch.state)
