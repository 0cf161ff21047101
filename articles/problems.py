"""Stopped articles by what stopped them: is it one problem or thirty?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min

from articles.models import Article, ArticleQuerySet, Stage
from articles.words import problem

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
