"""Stopped articles by what stopped them: is it one problem or thirty?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min

from articles.formats import count
from articles.models import Article, ArticleQuerySet, Stage, StageRecord

MOST = 200  # problems that are told apart


def cause(error: dict[str, Any], site_id: int | None) -> str:
    """What stopped an article, the same for all that one remedy helps: `WordPress|upload|login|3`.

    Each site has its own logins, so the upload's problems are told apart by site.
    """
    site = site_id if error["stage"] == Stage.UPLOAD else None
    return f"{error['provider'][:100]}|{error['stage']}|{error['code']}|{site or ''}"


@dataclass(frozen=True)
class Problem:
    """So many articles that stopped for one reason, the first of them at `since`."""

    cause: str
    count: int
    since: datetime
    newest: int  # the id of an article
    provider: str
    stage: str
    reason: str
    next: str
    short: str
    site: str

    @property
    def sentence(self) -> str:
        """`Upload: the site did not accept the application password of user "desk"`."""
        return f"{self.stage}: {self._reason}"

    @property
    def _provider(self) -> str:
        return self.provider.replace("The ", "the ", 1)

    @property
    def _reason(self) -> str:
        """Reasons speak of "it" where the provider was named before. Here it was not."""
        return f"{self._provider} {self.reason[3:]}" if self.reason.startswith("it ") else self.reason

    @property
    def label(self) -> str:
        """Short, for a filter: `Upload to Magazine: login refused`."""
        place = f" to {self.site}" if self.site else f", {self._provider}"
        return f"{self.stage}{place}: {self.short}"


def problems(articles: ArticleQuerySet) -> list[Problem]:
    """The problems of these articles, the most frequent first (two queries, however many there are)."""
    groups = list(
        articles.filter(status=Article.Status.FAILED)
        .order_by()
        .values("cause")
        .annotate(number=Count("pk"), since=Min("ended_at"), oldest=Min("pk"), newest=Max("pk"))
        .order_by("-number", "-newest")[:MOST]
    )
    ends = {pk for group in groups for pk in (group["oldest"], group["newest"])}
    samples = Article.objects.filter(pk__in=ends).select_related("site").only("error", "site__name").in_bulk()
    return [_problem(group, samples) for group in groups if {group["oldest"], group["newest"]} <= samples.keys()]


def with_cause(articles: ArticleQuerySet, cause: str) -> ArticleQuerySet:
    """Only those that stopped for this reason."""
    return articles.filter(status=Article.Status.FAILED, cause=cause.replace("\x00", ""))


def _problem(group: Mapping[str, Any], samples: dict[int, Article]) -> Problem:
    oldest, newest = samples[group["oldest"]], samples[group["newest"]]
    error = newest.error or {}
    stage, short = error.get("stage", ""), problem(error)
    # Where the reasons differ in a detail, only what they share is said.
    same = (oldest.error or {}).get("reason") == error.get("reason")
    return Problem(
        cause=group["cause"],
        count=group["number"],
        since=group["since"],
        newest=newest.pk,
        provider=error.get("provider") or "Galley",
        stage=str(Stage(stage).label) if stage in Stage else "",
        reason=error.get("reason", "") if same else short,
        next=error.get("action", ""),
        short=short,
        site=newest.site.name if newest.site and stage == Stage.UPLOAD else "",
    )


# What a failure is called where there is room for two or three words only. The codes are those of ProviderError;
# what is not here is named by its kind.
SHORT = {
    "login": "login refused",
    "rights": "rights are missing",
    "undecipherable": "password cannot be read",
    "401": "key refused",
    "403": "access refused",
    "invalid_api_key": "key refused",
    "authentication_error": "key refused",
    "no_credit": "no credit left",
    "402": "no credit left",
    "429": "too many requests",
    "declined": "request declined",
    "refusal": "request declined",
    "content_filter": "request declined",
    "not_configured": "service not set up",
    "timeout": "no answer in time",
    "too_slow": "took too long",
    "connect": "not reachable",
    "broken": "connection broke off",
    "certificate": "certificate not valid",
    "private_address": "address not allowed",
    "redirects": "address leads nowhere",
    "bad_picture": "picture cannot be used",
    "no_picture": "picture not accepted",
    "expired": "picture address expired",
    "too_large": "answer too large",
    "too_long": "article too long",
    "too_short": "article too short",
    "shortened": "page lost some text",
    "cut_off": "answer cut off",
    "manuscript": "manuscript cannot be read",
    "storage": "backup storage failed",
    "database": "database failed",
    "damaged": "a saved file is damaged",
    "dropped": "parts of the draft dropped",
    "crashes": "interrupted too often",
    "bug": "a mistake in Galley",
    "sections": "sections missing",
    "pace": "it is not our turn yet",
}
BY_KIND = {
    "Unreachable": "not reachable",
    "Busy": "no room there",
    "Refused": "access refused",
    "Rejected": "request declined",
    "Garbled": "answer cannot be used",
    "Mistake": "a mistake in Galley",
}


def problem(error: dict[str, Any]) -> str:
    """A failure in two or three words, from what was saved of it."""
    code = str(error.get("code") or "")
    return SHORT.get(code) or BY_KIND.get(str(error.get("kind")), "see why")


def why(error: dict[str, Any] | None) -> str:
    """The reason of a failure as a phrase that stands alone: `The picture service declined the prompt`."""
    error = error or {}
    reason = str(error.get("reason") or "")
    return f"{error.get('provider') or 'Galley'} {reason[3:]}" if reason.startswith("it ") else reason


@dataclass(frozen=True)
class Report:
    """The failure of an article. Every field is a phrase for people."""

    title: str
    headline: str
    step: int
    reason: str
    next: str
    saved: str
    not_done: str
    backup: str
    detail: str

    def __str__(self) -> str:
        return (
            f"Galley could not finish “{self.title}”: {self.headline} (step {self.step} of {len(Stage)}).\n"
            f"Reason: {self.reason}.   Next: {self.next}.\n"
            f"Saved: {self.saved}.   Not done: {self.not_done}.   Backup: {self.backup}"
        )


def report(article: Article) -> Report:
    """The report of an article that failed or waits (three queries, none when its rows were fetched before)."""
    error = article.error or {}
    done = {record.stage for record in article.records.all() if record.state == StageRecord.State.DONE}
    return Report(
        title=str(article),
        headline=error.get("headline", ""),
        step=Stage(error.get("stage", Stage.ARTICLE)).step,
        reason=error.get("reason", ""),
        next=error.get("action", ""),
        saved=_and(saved_phrases(article)) or "what you handed in",
        not_done=_and([stage.label.lower() for stage in Stage if stage not in done]),
        backup=article.tree_prefix,
        detail=error.get("detail", ""),
    )


def saved_phrases(article: Article) -> list[str]:
    """`["article (2,143 words)", "4 prompts", "4 images", "formatted page"]`, as far as it came."""
    done = {record.stage for record in article.records.all() if record.state == StageRecord.State.DONE}
    images = list(article.images.all())
    stored = sum(image.is_stored for image in images)
    phrases = []
    written, planned = article.sections_written
    if Stage.ARTICLE in done:
        phrases.append(f"article ({article.word_count:,} words)")
    elif planned and article.word_count:
        phrases.append(f"opening and {written:,} of {count(planned, 'section')}")
    if Stage.PROMPTS in done:
        phrases.append(f"{len(images)} prompts")
    if stored:
        phrases.append(f"{stored} image{'s' if stored > 1 else ''}")
    if Stage.FORMAT in done:
        phrases.append("formatted page")
    if Stage.UPLOAD in done:
        phrases.append("uploaded draft")
    return phrases


def _and(phrases: list[str]) -> str:
    return ", ".join(phrases)
