"""Articles in the API: how far one came, for programs that wait for it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Header, Query, Router, Status
from pydantic import Field

from articles import state_wording
from articles.api.asking import who_may_look
from articles.api.strict import BIGGEST_ID, REFUSALS, InQuery, Strict
from articles.failures import report
from articles.models import Article, Event, ImageFile, Stage, StageRecord
from articles.unchanged import tag_of

MOST_EVENTS = 100

router = Router(tags=["articles"])


class StageOut(Strict):
    """One of the five stages."""

    stage: str = Field(description="article, prompts, images, format or upload")
    label: str
    state: str = Field(description="pending, waiting, running, done or failed")
    started_at: datetime | None
    finished_at: datetime | None
    failed_at: datetime | None


class ImagesOut(Strict):
    done: int
    total: int = Field(description="0 until the prompts are made")


class ErrorOut(Strict):
    """Why it waits or stopped, in words for people."""

    stage: str
    headline: str
    reason: str
    next_action: str
    saved: str
    not_done: str


class EventOut(Strict):
    """A line of the timeline."""

    id: int
    at: datetime
    kind: str
    stage: str
    message: str


class ProgressOut(Strict):
    """How an article stands."""

    id: int
    title: str
    status: str = Field(description="draft, queued, running, waiting, done, failed or cancelled")
    state: str = Field(description="the same in words, as in the desk")
    is_moving: bool = Field(description="false: it rests until a person acts, or is done")
    stages: list[StageOut]
    images: ImagesOut
    error: ErrorOut | None
    cost: Decimal | None = Field(
        description="US dollars so far, at least so much where costs are unknown; null where nothing of it is known"
    )
    unknown_costs: int = Field(description="calls whose cost is not known")
    link: str = Field(description="of the draft or the preview page; empty until there is one")
    next_at: datetime | None = Field(description="of one that waits: when it goes on")
    events: list[EventOut] = Field(description="oldest first; go on with after=<id of the last>")


class Timeline(InQuery):
    """Which lines of the timeline."""

    after: int | None = Field(None, ge=0, le=BIGGEST_ID, description="only events with a greater id")
    limit: int = Field(20, ge=1, le=MOST_EVENTS, description="how many events at most")


@router.get(
    "/{int:article_id}/progress", response={200: ProgressOut, 304: None, **REFUSALS}, operation_id="article_progress"
)
def progress(
    request: HttpRequest,
    response: HttpResponse,
    article_id: int,
    timeline: Query[Timeline],
    if_none_match: Annotated[str | None, Header(alias="If-None-Match", max_length=100)] = None,
) -> Status[ProgressOut | None]:
    """How far an article came, and what happened to it (five queries, however long its story is).

    Who asks again sends `If-None-Match` with the `ETag` of the last answer: 304 as long as nothing has changed.
    """
    user = who_may_look(request, Article)
    mine = Article.objects.touchable_by(user).filter(pk=article_id)
    tag = response["ETag"] = tag_of(request, mine, user.pk)
    if if_none_match == tag:
        return Status(304, None)
    article = mine.with_progress().first()
    if article is None:
        raise Http404
    return Status(200, _progress(article, timeline))


def _progress(article: Article, timeline: Timeline) -> ProgressOut:
    return ProgressOut(
        id=article.pk,
        title=str(article),
        status=article.status,
        state=state_wording.state(article),
        is_moving=article.is_moving,
        stages=_stages(article),
        images=_images(list(article.images.all())),
        error=_error(article),
        cost=article.cost.dollars,
        unknown_costs=article.cost.unknown,
        link=article.address,
        next_at=article.next_at,
        events=_events(article, timeline),
    )


def _stages(article: Article) -> list[StageOut]:
    records = {record.stage: record for record in article.records.all()}
    return [
        _stage(stage, step.kind, records[stage])
        for stage, step in zip(Stage, state_wording.steps(article), strict=True)
    ]


def _stage(stage: Stage, kind: str, record: StageRecord) -> StageOut:
    return StageOut(
        stage=stage.value,
        label=str(stage.label),
        state=kind,
        started_at=record.started_at,
        finished_at=record.finished_at,
        failed_at=record.failed_at,
    )


def _images(images: list[ImageFile]) -> ImagesOut:
    return ImagesOut(done=sum(image.is_stored for image in images), total=len(images))


def _error(article: Article) -> ErrorOut | None:
    if article.error is None:
        return None
    found = report(article)
    return ErrorOut(
        stage=article.error["stage"],
        headline=found.headline,
        reason=found.reason,
        next_action=found.next,
        saved=found.saved,
        not_done=found.not_done,
    )


def _events(article: Article, timeline: Timeline) -> list[EventOut]:
    """The newest, or the first ones after the one that the caller knows; oldest first."""
    found = article.events.defer("detail")
    if timeline.after is None:
        chosen = list(found.order_by("-pk")[: timeline.limit])[::-1]
    else:
        chosen = list(found.filter(pk__gt=timeline.after).order_by("pk")[: timeline.limit])
    return [_event(event) for event in chosen]


def _event(event: Event) -> EventOut:
    return EventOut(id=event.pk, at=event.at, kind=event.kind, stage=event.stage, message=event.message)
