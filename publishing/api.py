"""Publishing in the API: submitted, watched, tried again, stopped."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router, Status
from ninja.errors import HttpError
from pydantic import AwareDatetime, Field

from articles.api.asking import who_may_look
from articles.api.once import IdempotencyKey, digest, once
from articles.api.strict import A_TIME, BIGGEST_ID, REFUSALS, InQuery, Problem, Strict
from articles.failures import Failure
from articles.models import Article
from publishing import keeping, publish_tasks
from publishing.models import PublishTask, Shot, Site, SubmitKey, Way
from publishing.options import (
    LONGEST_AUTHOR,
    LONGEST_EXCERPT,
    LONGEST_SEO,
    LONGEST_SLUG,
    LONGEST_TERM,
    MOST_TERMS,
    Options,
)

MOST = 100  # tasks in one answer
COUNTED = 10_000  # tasks at most; beyond it there are "more"

NAMED = Prefetch("article", Article.objects.named())
WITHOUT_PICTURES = Prefetch("film", Shot.objects.defer("jpeg"))

router = Router(tags=["publish"])
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_TERM)]
CONFLICT: dict[int, type[Problem]] = {**REFUSALS, 409: Problem}


class OptionsIn(Strict):
    """How the post shall be. What is left out is as its site wants its posts, else as the site has it, a draft."""

    seo_optimization: bool = Field(False, description="fill in the fields of the site's SEO plugin")
    publish_immediately: bool = Field(False, description="false: a draft")
    publish_at: AwareDatetime | None = Field(
        None, strict=False, description="with a time zone; the site publishes it then"
    )
    tags: list[Name] = Field([], max_length=MOST_TERMS)
    categories: list[Name] = Field([], max_length=MOST_TERMS, description="beside those of the site")
    excerpt: str = Field("", max_length=LONGEST_EXCERPT)
    slug: str = Field("", max_length=LONGEST_SLUG, pattern=r"^[a-z0-9]*(-[a-z0-9]+)*$")
    author: str = Field("", max_length=LONGEST_AUTHOR, description="name or login of a user of the site")
    comments: Literal["", "open", "closed"] = ""
    seo_title: str = Field("", max_length=LONGEST_SEO)
    seo_description: str = Field("", max_length=LONGEST_SEO)
    focus_keyword: str = Field("", max_length=LONGEST_SEO)


class SubmitIn(Strict):
    """What to publish by which way, and how."""

    provider: str = Field(
        Way.HYBRID.value, pattern=f"^({'|'.join(Way.values)})$", json_schema_extra={"enum": list(Way.values)}
    )
    site_id: str | None = Field(
        None, pattern=r"^[0-9]{1,18}$", description="left out: the site that the article is for already"
    )
    accept_cost: bool = Field(
        False, description="pictures of an article whose backup is gone may be paid for again; else 409 says so"
    )
    options: OptionsIn = Field(default_factory=lambda: OptionsIn.model_validate({}))


class SubmittedOut(Strict):
    task_id: str
    status: str
    message: str


class KeptOut(Strict):
    """What the site has made of one field."""

    field: str
    state: str = Field(description="kept, changed or dropped")
    found: str = Field(description="what it is there, where that can be said in few words")
    names: list[str]


class TurnOut(Strict):
    """Why another way was begun."""

    from_: str = Field(serialization_alias="from")
    to: str
    code: str
    reason: str
    at: Annotated[str, A_TIME]


class ShotOut(Strict):
    step: str
    timestamp: datetime
    image_url: str = Field(description="at the desk, for whoever may touch the article")


class TaskOut(Strict):
    """A publish task."""

    id: str
    article_id: str
    article_title: str
    site: str | None = Field(description="null: a page at the desk")
    provider: str
    way: str = Field(description="that it takes now, or took at last")
    status: str = Field(
        description="idle, pending, initializing, logging_in, uploading_images, creating_post, configuring_seo, "
        "publishing, completed or failed"
    )
    cancelled: bool = Field(description="of a failed one: somebody wanted it so, and there is no error")
    message: str = Field(description="the same in words, as in the desk")
    progress: int = Field(description="percent; it never goes back")
    current_step: str
    completed_steps: int
    total_steps: int = Field(description="0: not known yet")
    retry_count: int
    error_message: str | None
    next_action: str | None
    turns: list[TurnOut]
    kept: list[KeptOut]
    link: str = Field(description="of the post; empty until there is one")
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration: float | None = Field(description="seconds, until now while it runs")
    cost: Decimal = Field(description="US dollars that this task alone has cost")
    screenshots: list[ShotOut] = Field(description="what a browser showed; empty for other ways, and after some days")
    actions: list[str] = Field(description="what may be done now: retry, cancel")


class TasksOut(Strict):
    """Newest first."""

    tasks: list[TaskOut]
    count: int = Field(description=f"how many there are altogether, counted up to {COUNTED:,}")
    more: bool = Field(description="there are more than were counted")
    after: str | None = Field(description="the next page: after=<this>; null: this was the last")


class WantedTasks(InQuery):
    """Which tasks."""

    status: str | None = Field(None, max_length=20)
    provider: str | None = Field(None, max_length=20)
    limit: int = Field(20, ge=1, le=MOST)
    offset: int = Field(0, ge=0, le=COUNTED)
    after: int | None = Field(None, ge=1, le=BIGGEST_ID, description="only tasks that are older than this one")


@router.post(
    "/submit/{int:article_id}",
    response={200: SubmittedOut, 202: SubmittedOut, **CONFLICT},
    operation_id="publish_submit",
)
def submit(
    request: HttpRequest,
    response: HttpResponse,
    article_id: int,
    wanted: SubmitIn,
    idempotency_key: IdempotencyKey = None,
) -> Status[SubmittedOut]:
    """Publish an article: a finished one at once, any other one when it comes so far.

    202 for a new task, 200 where it was asked for already: by the same `Idempotency-Key` within a day, or as one is
    open for this article and site.
    """
    user = who_may_look(request, PublishTask)
    if not user.has_perm("articles.change_article") or not user.has_perm("publishing.add_publishtask"):
        raise PermissionDenied
    article = Article.objects.touchable_by(user).filter(pk=article_id).select_related("site").first()
    if article is None:
        raise Http404
    task, is_new = _submitted(user, article, wanted, idempotency_key)
    response["Location"] = reverse("api:publish_task_status", args=[task.pk])
    said = "It is on its way." if is_new else "It was asked for already: this is its task."
    return Status(202 if is_new else 200, SubmittedOut(task_id=str(task.pk), status=task.status, message=said))


def _submitted(user: User, article: Article, wanted: SubmitIn, key: str | None) -> tuple[PublishTask, bool]:
    site = _site(article, wanted)
    options = (site.wishes if site else Options()).but(wanted.options.model_dump(exclude_unset=True))
    way = _way(wanted, site)

    def submit_it() -> tuple[PublishTask, bool]:
        return publish_tasks.submit(article, site, user, publisher=way, options=options, may_cost=wanted.accept_cost)

    if key is None:
        return submit_it()

    def named() -> tuple[dict[str, Any], bool]:
        task, is_new = submit_it()
        return {"task": task}, is_new

    row, is_new = once(SubmitKey, user, key, digest(article.pk, wanted.model_dump(mode="json")), named)
    return row.task, is_new


def _site(article: Article, wanted: SubmitIn) -> Site | None:
    if wanted.provider == "preview":
        return None
    if wanted.site_id is None:
        return article.site
    site = Site.objects.filter(pk=int(wanted.site_id)).first()
    if site is None:
        raise HttpError(422, "There is no such site. The desk lists them under Sites.")
    return site


def _way(wanted: SubmitIn, site: Site | None) -> str:
    if site is None and wanted.provider != "preview":
        raise HttpError(422, "This article is for no site. Give a site_id, or the provider “preview”.")
    return wanted.provider if wanted.provider != "hybrid" else publish_tasks.way_of(site)


@router.get(
    "/tasks/{int:task_id}/status",
    response={200: TaskOut, **REFUSALS},
    by_alias=True,
    url_name="publish_task_status",
    operation_id="publish_task_status",
)
def status(request: HttpRequest, task_id: int) -> TaskOut:
    """How far a task is (three queries)."""
    return _out(_task(who_may_look(request, PublishTask), task_id))


@router.get("/tasks", response={200: TasksOut, **REFUSALS}, by_alias=True, operation_id="publish_tasks")
def tasks(request: HttpRequest, wanted: Query[WantedTasks]) -> TasksOut:
    """Tasks, newest first. `after` goes on where another page ended, also while new ones arrive."""
    found = PublishTask.objects.touchable_by(who_may_look(request, PublishTask))
    if wanted.status is not None:
        found = found.filter(status=wanted.status)
    if wanted.provider is not None:
        found = found.filter(publisher=wanted.provider)
    counted = found.order_by()[: COUNTED + 1].count()
    page = found.select_related("site").order_by("-pk")
    if wanted.after is not None:
        page = page.filter(pk__lt=wanted.after)
    rows = list(page.prefetch_related(WITHOUT_PICTURES, NAMED)[wanted.offset : wanted.offset + wanted.limit + 1])
    shown = rows[: wanted.limit]
    return TasksOut(
        tasks=[_out(task) for task in shown],
        count=min(counted, COUNTED),
        more=counted > COUNTED,
        after=str(shown[-1].pk) if len(rows) > wanted.limit else None,
    )


@router.post(
    "/tasks/{int:task_id}/retry", response={202: TaskOut, **CONFLICT}, by_alias=True, operation_id="publish_task_retry"
)
def retry(request: HttpRequest, task_id: int) -> Status[TaskOut]:
    """Let a task that has stopped go on where it left off."""
    user, task = _mine_to_change(request, task_id)
    publish_tasks.retry(task, user)
    return Status(202, _out(_task(user, task_id)))


@router.post(
    "/tasks/{int:task_id}/cancel",
    response={202: TaskOut, **CONFLICT},
    by_alias=True,
    operation_id="publish_task_cancel",
)
def cancel(request: HttpRequest, task_id: int) -> Status[TaskOut]:
    """Stop a task. What is on the site stays as it is."""
    user, task = _mine_to_change(request, task_id)
    publish_tasks.cancel(task, user)
    return Status(202, _out(_task(user, task_id)))


def _task(user: User, task_id: int) -> PublishTask:
    tasks: QuerySet[PublishTask] = PublishTask.objects.touchable_by(user).select_related("article", "site")
    tasks = tasks.prefetch_related(WITHOUT_PICTURES)
    task = tasks.filter(pk=task_id).first()
    if task is None:
        raise Http404
    return task


def _mine_to_change(request: HttpRequest, task_id: int) -> tuple[User, PublishTask]:
    user = who_may_look(request, PublishTask)
    if not user.has_perm("publishing.change_publishtask") or not user.has_perm("articles.change_article"):
        raise PermissionDenied
    return user, _task(user, task_id)


def _address_of(task: PublishTask, shot: Shot) -> str:
    path = reverse("admin:publishing_publishtask_shot", args=[task.pk, shot.pk])
    return f"{settings.GALLEY_BASE_URL}{path}"


def _out(task: PublishTask) -> TaskOut:
    failure = Failure.read(task.failure) if task.failure else None
    return TaskOut(
        id=str(task.pk),
        article_id=str(task.article_id),
        article_title=str(task.article),
        site=task.site.name if task.site else None,
        provider=task.publisher,
        way=task.way,
        status=task.status,
        cancelled=task.cancelled,
        message=str(task.get_status_display()),
        progress=task.progress,
        current_step=task.current_step,
        completed_steps=task.completed_steps,
        total_steps=task.total_steps,
        retry_count=task.retry_count,
        error_message=f"{failure.sentence}." if failure else None,
        next_action=f"{failure.next}." if failure else None,
        turns=[
            TurnOut(from_=turn["from"], **{name: turn[name] for name in turn if name != "from"}) for turn in task.turns
        ],
        kept=[KeptOut(**finding) for finding in keeping.read(task.kept)],
        link=task.link or task.article.address,
        created_at=task.created_at,
        started_at=task.started_at,
        completed_at=task.completed_at,
        duration=task.seconds,
        cost=task.cost,
        screenshots=[
            ShotOut(step=shot.step, timestamp=shot.at, image_url=_address_of(task, shot)) for shot in task.film.all()
        ],
        actions=publish_tasks.actions(task),
    )
