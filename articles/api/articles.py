"""Articles in the API: handed in, listed, read, cancelled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Body, Query, Router, Status
from pydantic import AwareDatetime, Field

from articles import state_wording
from articles.api.asking import who_may, who_may_look
from articles.api.cursor import Cursor, read_cursor
from articles.api.once import IdempotencyKey, digest, once
from articles.api.strict import BIGGEST_ID, REFUSALS, InQuery, Nothing, Problem, Strict, one_of
from articles.api.submitting import ArticleIn, SubmitProblem, filled, refusal
from articles.errors import NotPossible
from articles.failures import report
from articles.models import Article, ArticleKey, ArticleQuerySet
from articles.pipeline import transitions

MOST = 100  # articles in one answer
MOST_AT_ONCE = 1000  # to which something is done together, as in the desk
COUNTED = 10_000  # articles at most; beyond it there are "more"
CONFLICT: dict[int, type[Problem]] = {**REFUSALS, 409: Problem}
Ids = Annotated[list[Annotated[int, Field(ge=1, le=BIGGEST_ID)]], Field(min_length=1, max_length=MOST_AT_ONCE)]

router = Router(tags=["articles"])


class ArticleOut(Strict):
    """An article, in one line."""

    id: int
    title: str
    owner: str
    site_id: str | None = Field(description="null: a preview page at the desk")
    site: str | None
    batch: int | None = Field(description="the id of the batch that it belongs to")
    status: str = Field(description="draft, queued, running, waiting, done, failed or cancelled")
    state: str = Field(description="the same in words, as in the desk")
    problem: str = Field(description="of one that waits or stopped: what is wrong, a headline; else empty")
    is_moving: bool = Field(description="false: it rests until a person acts, or is done")
    created_at: datetime
    scheduled_at: datetime | None = Field(description="when work on it begins, if somebody has chosen a time")
    next_at: datetime | None = Field(description="of one that waits: when it goes on")
    ended_at: datetime | None
    word_count: int
    images: int = Field(description="pictures that are there")
    cost: Decimal | None = Field(
        description="US dollars so far, at least so much where costs are unknown; null where nothing of it is known"
    )
    unknown_costs: int = Field(description="calls whose cost is not known")
    link: str = Field(description="of the draft or the preview page; empty until there is one")
    actions: list[str] = Field(description="what may be done now: recover, cancel")


class WholeArticleOut(ArticleOut):
    """An article, with what it is made of and how."""

    idea: str
    manuscript_name: str = Field(description="of the file that was handed in; empty for a pasted text and an idea")
    is_long: bool
    style: str
    formatter: str
    brand_primary: str
    brand_accent: str
    backup: str = Field(description="the folder of its files in the backup storage")


class ArticlesOut(Strict):
    """Newest first."""

    articles: list[ArticleOut]
    count: int = Field(description=f"how many there are altogether, counted up to {COUNTED:,}")
    more: bool = Field(description="there are more than were counted")
    cursor: str | None = Field(description="the next page: cursor=<this>; null: this was the last")


class LeftOut(Strict):
    """One to which it was not done."""

    id: int
    why: str


class CancelIn(Strict):
    """Which articles."""

    ids: Ids


class CancelledOut(Strict):
    """What was done, in a sentence, and to which."""

    message: str
    cancelled: list[int]
    left: list[LeftOut]


class WantedArticles(InQuery):
    """Which articles."""

    status: Annotated[Article.Status, one_of(Article.Status.values)] | None = None
    owner: str | None = Field(None, max_length=150, description="the user name")
    site: int | None = Field(None, ge=1, le=BIGGEST_ID, description="its id")
    batch: int | None = Field(None, ge=1, le=BIGGEST_ID, description="its id")
    since: AwareDatetime | None = Field(None, alias="from", description="handed in at this time or later")
    until: AwareDatetime | None = Field(None, alias="to", description="handed in before")
    text: str | None = Field(None, min_length=1, max_length=100, description="in the title or the idea")
    limit: int = Field(20, ge=1, le=MOST)
    cursor: str | None = Field(None, max_length=100, description="where another page ended")

    def of(self, articles: ArticleQuerySet) -> ArticleQuerySet:
        wanted = {
            "status": self.status,
            "owner__username": self.owner,
            "site": self.site,
            "batch": self.batch,
            "created_at__gte": self.since,
            "created_at__lt": self.until,
        }
        found = articles.filter(**{name: value for name, value in wanted.items() if value is not None})
        if self.text is not None:
            found = found.filter(Q(title__icontains=self.text) | Q(idea__icontains=self.text))
        return found


# Handing in


@router.post(
    "",
    response={200: WholeArticleOut, 202: WholeArticleOut, **REFUSALS, 422: SubmitProblem},
    operation_id="article_submit",
)
def submit(
    request: HttpRequest, response: HttpResponse, given: ArticleIn, idempotency_key: IdempotencyKey = None
) -> Status[WholeArticleOut | SubmitProblem]:
    """Hand in an idea, a manuscript or a file; it is made by itself.

    202 for a new article, 200 where it was asked for already: by the same `Idempotency-Key` within a day. A file that
    does not say in which encoding it is gets 422 with `readings`: send it again with the `encoding` that reads right.
    """
    user = who_may(request, "articles.add_article")
    who_may_look(request, Article)
    form = filled(given, user)
    if not form.is_valid():
        return Status(422, refusal(form))
    if idempotency_key is None:
        article, is_new = form.submit(), True
    else:
        asked = digest(given.model_dump(mode="json"))
        row, is_new = once(ArticleKey, user, idempotency_key, asked, lambda: ({"article": form.submit()}, True))
        article = row.article
    response["Location"] = reverse("api:article", args=[article.pk])
    return Status(202 if is_new else 200, _whole(_article(user, article.pk)))


# Reading


@router.get("", response={200: ArticlesOut, **REFUSALS}, operation_id="articles")
def listed(request: HttpRequest, wanted: Query[WantedArticles]) -> ArticlesOut:
    """The articles that you may look at, newest first (a constant number of queries, however many there are).

    `cursor` goes on where another page ended, also while new ones arrive.
    """
    user, cursor = who_may_look(request, Article), read_cursor(wanted.cursor)
    found = wanted.of(Article.objects.touchable_by(user))
    counted = found.order_by()[: COUNTED + 1].count()
    behind = cursor.rows_behind(found) if cursor else found
    rows = list(behind.with_progress().order_by("-created_at", "-pk")[: wanted.limit + 1])
    shown = rows[: wanted.limit]
    last = shown[-1] if len(rows) > wanted.limit else None
    may_change = user.has_perm("articles.change_article")
    return ArticlesOut(
        articles=[ArticleOut(**_line(article, may_change=may_change)) for article in shown],
        count=min(counted, COUNTED),
        more=counted > COUNTED,
        cursor=str(Cursor(last.created_at, last.pk)) if last else None,
    )


@router.get(
    "/{int:article_id}", response={200: WholeArticleOut, **REFUSALS}, operation_id="article", url_name="article"
)
def one(request: HttpRequest, article_id: int) -> WholeArticleOut:
    """An article: what was handed in, how it stands, and what may be done with it."""
    return _whole(_article(who_may_look(request, Article), article_id))


# Cancelling


@router.post("/{int:article_id}/cancel", response={200: WholeArticleOut, **CONFLICT}, operation_id="article_cancel")
def cancel(request: HttpRequest, article_id: int, nothing: Annotated[Nothing | None, Body()] = None) -> WholeArticleOut:  # noqa: ARG001
    """Stop an article. What is saved stays, and recovery goes on with it. Again: the same answer."""
    user = who_may(request, "articles.change_article")
    found = _article(user, article_id)
    if why := _cancelled(found, user):
        raise NotPossible(f"“{found}” {why}.")
    return _whole(_article(user, article_id))


@router.post("/cancel", response={200: CancelledOut, **REFUSALS}, operation_id="articles_cancel")
def cancel_many(request: HttpRequest, given: CancelIn) -> CancelledOut:
    """Stop many. Those that are not yours, or have ended, are left as they are, and named with the reason."""
    user = who_may(request, "articles.change_article")
    done, left = each(user, given.ids, lambda article: _cancelled(article, user))
    return CancelledOut(message=how_many(done, left, "cancelled"), cancelled=done, left=left)


def _cancelled(article: Article, user: User) -> str:
    """Cancel it. Returns why it was not done, a phrase; empty where it was, also before."""
    if article.status == Article.Status.CANCELLED:
        return ""
    if not article.can_cancel:
        return f"is {article.get_status_display().lower()}: there is nothing to cancel"
    return "" if transitions.cancel(article, user) else "has just ended"


def each(user: User, ids: list[int], do: Callable[[Article], str]) -> tuple[list[int], list[LeftOut]]:
    """Do something to those of these articles that this person may touch; `do` says why it did not."""
    wanted = list(dict.fromkeys(ids))
    mine = {row.pk: row for row in Article.objects.touchable_by(user).filter(pk__in=wanted).named()}
    why = {pk: do(mine[pk]) if pk in mine else "is not here, or belongs to somebody else" for pk in wanted}
    return [pk for pk in wanted if not why[pk]], [LeftOut(id=pk, why=f"It {why[pk]}.") for pk in wanted if why[pk]]


def how_many(done: list[int], left: list[LeftOut], verb: str) -> str:
    said = f"{len(done):,} {verb}."
    return f"{said} {len(left):,} left as they were." if left else said


# What is said of one


def _article(user: User, article_id: int) -> Article:
    found = Article.objects.touchable_by(user).with_progress().filter(pk=article_id).first()
    if found is None:
        raise Http404
    return found


def _whole(article: Article) -> WholeArticleOut:
    return WholeArticleOut(
        **_line(article, may_change=True),
        idea=article.idea,
        manuscript_name=article.manuscript_name,
        is_long=article.is_long,
        style=article.style,
        formatter=article.formatter,
        brand_primary=article.brand_primary,
        brand_accent=article.brand_accent,
        backup=article.tree_prefix,
    )


def _line(article: Article, *, may_change: bool) -> dict[str, Any]:
    deeds = {"recover": article.can_recover, "cancel": article.can_cancel}
    return {
        "id": article.pk,
        "title": str(article),
        "owner": article.owner.get_username(),
        "site_id": str(article.site_id) if article.site_id else None,
        "site": article.site.name if article.site else None,
        "batch": article.batch_id,
        "status": article.status,
        "state": state_wording.state(article),
        "problem": report(article).headline if article.error else "",
        "is_moving": article.is_moving,
        "created_at": article.created_at,
        "scheduled_at": article.scheduled_at,
        "next_at": article.next_at,
        "ended_at": article.ended_at,
        "word_count": article.word_count,
        "images": sum(image.is_stored for image in article.images.all()),
        "cost": article.cost.dollars,
        "unknown_costs": article.cost.unknown,
        "link": article.address,
        "actions": [deed for deed, possible in deeds.items() if may_change and possible],
    }
