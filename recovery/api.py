"""Recovery in the API: whatever was interrupted goes on, and an article that rests gets another manuscript."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404, HttpRequest
from ninja import Body, Router
from ninja.errors import HttpError
from pydantic import Field

from articles import bounds
from articles.api.asking import who_asks, who_may
from articles.api.batches import CONFLICTS
from articles.api.strict import REFUSALS, Nothing, Strict
from articles.models import Article
from articles.pipeline.sweep import sweep
from recovery.another_manuscript import FROM_THE_TEXT, NotTaken, check, hand_in, version
from recovery.forms import AnotherManuscriptForm
from recovery.plan import Total, plans

router = Router(tags=["recovery"])
of_articles = Router(tags=["articles"])  # beside the operations that articles have below


class StatsOut(Strict):
    articles_found: int
    stages_reset: int
    tasks_restarted: int


class SweptOut(Strict):
    """What the sweep found and did, in a sentence and in numbers."""

    message: str
    stats: StatsOut


# `nothing` is named for its schema alone, which refuses a body that says something.
@router.post("/sweep", response={200: SweptOut, **REFUSALS}, operation_id="recovery_sweep")
def sweep_now(request: HttpRequest, nothing: Annotated[Nothing | None, Body()] = None) -> SweptOut:  # noqa: ARG001
    """Find what was interrupted and let it go on, now instead of within a minute. Safe at any time, twice at once."""
    who_may(request, "articles.change_article")
    swept = sweep()
    return SweptOut(message=swept.sentence, stats=StatsOut(**asdict(swept)))


class ManuscriptPlanOut(Strict):
    """What another manuscript would do to an article that rests."""

    version: str = Field(description="of the article as it is now: send it along with the manuscript")
    done_again: list[str] = Field(description="what is made again, in words")
    paid_calls: int
    cost: Decimal | None = Field(description="US dollars, an estimate; null where nothing of it is known")
    unknown_costs: int = Field(description="calls whose cost is not known")
    cost_words: str = Field(description="about $0.12, at least $0.03, or cost not known")


class ManuscriptIn(Strict):
    """A finished text, which is used as it is."""

    manuscript: str = Field(min_length=1, max_length=settings.MANUSCRIPT_BYTES)
    name: str = Field(
        "", max_length=bounds.LONGEST_FILE_NAME, description="of its file, which says how it is read: a.md"
    )
    version: str = Field(description="of the article, as its plan has said", max_length=64)


class HandedInOut(Strict):
    """What was done, in a sentence, and how the article stands after it."""

    message: str
    status: str


@of_articles.get(
    "/{int:article_id}/manuscript",
    response={200: ManuscriptPlanOut, **CONFLICTS},
    operation_id="article_manuscript_plan",
)
def plan_manuscript(request: HttpRequest, article_id: int) -> ManuscriptPlanOut:
    """What another manuscript for an article would do and cost; 409, with the reason, for one that takes none now."""
    article = _changeable(request, article_id)
    total = Total(plans([article], FROM_THE_TEXT, patience=0))
    return ManuscriptPlanOut(
        version=version(article),
        done_again=list(total.again),
        paid_calls=total.calls,
        cost=total.cost.dollars,
        unknown_costs=total.cost.unknown,
        cost_words=total.about,
    )


@of_articles.put(
    "/{int:article_id}/manuscript", response={200: HandedInOut, **CONFLICTS}, operation_id="article_manuscript_replace"
)
def replace_manuscript(request: HttpRequest, article_id: int, given: ManuscriptIn) -> HandedInOut:
    """Another manuscript for an article that rests, which goes on with it. 409: it is not as its plan was made for."""
    article, user = _changeable(request, article_id), who_asks(request)
    form = _form(given)
    if not form.is_valid():
        raise HttpError(422, " ".join(str(sentence) for found in form.errors.values() for sentence in found))
    try:
        hand_in(article, user, form, seen=given.version)
    except NotTaken as exc:
        raise HttpError(409, str(exc)) from exc
    article.refresh_from_db(fields=["status"])
    said = "It begins with the new manuscript at its time." if article.is_scheduled else "It goes on with it."
    return HandedInOut(message=said, status=article.status)


def _changeable(request: HttpRequest, article_id: int) -> Article:
    """An article that this person may change, and that takes another manuscript."""
    user = who_may(request, "articles.change_article")
    found = Article.objects.touchable_by(user).prefetch_related("records", "images")
    article = found.filter(pk=article_id).first()
    if article is None:
        raise Http404
    try:
        check(article)
    except NotTaken as exc:
        raise HttpError(409, str(exc)) from exc
    return article


def _form(given: ManuscriptIn) -> AnotherManuscriptForm:
    """The form of the desk: the same reader, the same bounds."""
    if not given.name:
        return AnotherManuscriptForm({"manuscript": given.manuscript})
    file = SimpleUploadedFile(given.name, given.manuscript.encode())
    return AnotherManuscriptForm({}, {"file": file})
