"""Recovery in the API: whatever was interrupted goes on, and an article that rests gets another manuscript."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404, HttpRequest
from ninja import Body, Router, Status
from ninja.errors import HttpError
from pydantic import Field

from articles import bounds
from articles.api.articles import Ids, LeftOut, how_many
from articles.api.asking import who_asks, who_may
from articles.api.batches import CONFLICTS
from articles.api.strict import REFUSALS, Nothing, Strict
from articles.errors import NotPossible
from articles.models import Article, Formatter, Stage
from articles.pipeline import transitions
from articles.pipeline.sweep import sweep
from articles.providers.errors import ProviderError
from publishing.models import Site
from recovery.another_manuscript import FROM_THE_TEXT, NotTaken, check, hand_in, version
from recovery.forms import AnotherManuscriptForm
from recovery.plan import Options, Plan, Total, plans

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


class RecoverIn(Strict):
    """How to go on; what is left out is as the article says, from the first stage that is not done."""

    from_stage: Stage | None = Field(None, strict=False, description="do this stage and all after it anew")
    formatter: Formatter | None = Field(None, strict=False, description="who lays the page out this time")
    site_id: str | None = Field(None, pattern=r"^[0-9]{1,18}$", description="send it to this site")
    dry_run: bool = Field(False, description="tell the plan and its cost, and do nothing")

    @property
    def options(self) -> Options:
        """Raises HttpError."""
        site = int(self.site_id) if self.site_id else None
        if site and not Site.objects.filter(pk=site).exists():
            raise HttpError(422, "There is no such site. The desk lists them under Sites.")
        return Options(self.from_stage, self.formatter or "", site)


class RecoverManyIn(RecoverIn):
    """Which, and how."""

    ids: Ids


class RecoveryOut(Strict):
    """What a recovery does, or with `dry_run` would do, in a sentence, and to which articles."""

    message: str
    recovered: list[int] = Field(description="that go on, or with dry_run would")
    left: list[LeftOut]
    reused: list[str] = Field(description="what is there and stays, in words")
    done_again: list[str] = Field(description="what is made again, in words")
    damaged: list[str] = Field(description="with dry_run: what is damaged in the backup, a sentence each")
    unverified: int = Field(description="articles whose files were not read; their runs look before they go on")
    paid_calls: int
    possible_repeats: int = Field(description="calls whose answer was lost: they may have been charged already")
    cost: Decimal | None = Field(description="US dollars, an estimate; null where nothing of it is known")
    unknown_costs: int = Field(description="calls whose cost is not known")
    cost_words: str = Field(description="about $0.12, at least $0.03, or cost not known")
    seconds: int = Field(description="an estimate, for all of them together")


@of_articles.post(
    "/{int:article_id}/recover",
    response={200: RecoveryOut, 202: RecoveryOut, **CONFLICTS},
    operation_id="article_recover",
)
def recover_one(
    request: HttpRequest, article_id: int, given: Annotated[RecoverIn | None, Body()] = None
) -> Status[RecoveryOut]:
    """Let an article that stopped, was cancelled or waits go on: 202. With `dry_run`: what that does and costs, 200."""
    user, how = who_may(request, "articles.change_article"), given or RecoverIn.model_validate({})
    if not Article.objects.touchable_by(user).filter(pk=article_id).exists():
        raise Http404
    done = _recover(user, [article_id], how)
    if done.left:
        raise NotPossible(done.left[0].why)
    return Status(200 if how.dry_run else 202, done)


@of_articles.post(
    "/recover", response={200: RecoveryOut, 202: RecoveryOut, **REFUSALS}, operation_id="articles_recover"
)
def recover_many(request: HttpRequest, given: RecoverManyIn) -> Status[RecoveryOut]:
    """The same for many. Those that are not yours, or are not to be recovered, are named with the reason."""
    done = _recover(who_may(request, "articles.change_article"), given.ids, given)
    return Status(200 if given.dry_run else 202, done)


def _recover(user: User, ids: list[int], how: RecoverIn) -> RecoveryOut:
    """As the desk's page: a plan reads files for some seconds, and each article that goes on looks at its own."""
    options, planned = how.options, list[Plan]()
    wanted = list(dict.fromkeys(ids))
    mine = Article.objects.touchable_by(user).filter(pk__in=wanted).with_progress()
    found = {article.pk: article for article in mine}
    able = [found[pk] for pk in wanted if pk in found and found[pk].can_recover]
    try:
        planned = plans(able, options) if how.dry_run else plans(able, options, patience=0)
    except ProviderError:  # the storage does not answer: then the rows alone speak
        planned = plans(able, options, patience=0)
    late = [] if how.dry_run else [each.article.pk for each in planned if not _goes_on(each, user)]
    left = [LeftOut(id=pk, why=_why_not(found.get(pk))) for pk in wanted if pk in late or pk not in _ids(able)]
    done = [each for each in planned if each.article.pk not in late]
    return _told(how, Total(done), left)


def _ids(articles: list[Article]) -> set[int]:
    return {article.pk for article in articles}


def _goes_on(planned: Plan, user: User) -> bool:
    return transitions.resume(planned.article, user, planned.work)


def _why_not(article: Article | None) -> str:
    if article is None:
        return "It is not here, or belongs to somebody else."
    article.refresh_from_db(fields=["status"])
    return f"It is {article.get_status_display().lower()}: there is nothing to recover."


def _told(how: RecoverIn, total: Total, left: list[LeftOut]) -> RecoveryOut:
    done = [each.article.pk for each in total.plans]
    said = total.summary if how.dry_run and done else how_many(done, left, "recovered")
    return RecoveryOut(
        message=said,
        recovered=done,
        left=left,
        reused=list(total.reused),
        done_again=list(total.again),
        damaged=[sentence for _, sentence in total.damaged],
        unverified=total.unverified,
        paid_calls=total.calls,
        possible_repeats=total.possible_repeats,
        cost=total.cost.dollars,
        unknown_costs=total.cost.unknown,
        cost_words=total.about,
        seconds=total.seconds if done else 0,
    )


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
