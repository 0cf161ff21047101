"""Stopped articles by what stopped them: is it one problem or thirty?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models.fields.json import KT

from articles.models import Article, ArticleQuerySet, Stage
from articles.words import problem

MOST = 1000  # articles that are looked at, and that one button recovers


@dataclass
class Problem:
    """Articles that stopped for one reason. `key` names it in addresses: `WordPress|upload|login|3`."""

    key: str
    provider: str
    stage: str
    reason: str
    short: str
    site: str
    ids: list[int] = field(default_factory=list)
    since: datetime | None = None

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
    """The problems of the newest stopped ones among these articles, the most frequent first (one query)."""
    found: dict[str, Problem] = {}
    for row in _stopped(articles).order_by("-ended_at", "-pk")[:MOST]:
        problem_ = found.setdefault(_key(row), _problem(row))
        problem_.ids.append(row["pk"])
        problem_.since = row["ended_at"]
        if problem_.reason != row["reason"]:
            problem_.reason = problem_.short  # the reasons differ in a detail: say what they share
    return sorted(found.values(), key=lambda problem_: -len(problem_.ids))


def with_problem(articles: ArticleQuerySet, key: str) -> ArticleQuerySet:
    """Only those that stopped for this reason."""
    provider, stage, code, site = [*key.replace("\x00", "").rsplit("|", 3), "", "", ""][:4]
    return articles.filter(
        status=Article.Status.FAILED,
        error__provider=provider,
        error__stage=stage,
        error__code=code,
        **({"site": int(site)} if site.isdecimal() and len(site) < 19 else {}),
    )


def _stopped(articles: ArticleQuerySet) -> Any:
    named = {name: KT(f"error__{name}") for name in ("provider", "code", "reason", "kind")}
    return (
        articles.filter(status=Article.Status.FAILED)
        .annotate(at_stage=KT("error__stage"))
        .values("pk", "ended_at", "at_stage", "site_id", "site__name", **named)
    )


def _key(row: dict[str, Any]) -> str:
    """Each site has its own logins, so the upload's problems are told apart by site."""
    site = row["site_id"] if row["at_stage"] == Stage.UPLOAD else ""
    return f"{row['provider']}|{row['at_stage']}|{row['code']}|{site or ''}"


def _problem(row: dict[str, Any]) -> Problem:
    at_upload = row["at_stage"] == Stage.UPLOAD
    return Problem(
        key=_key(row),
        provider=row["provider"] or "Galley",
        stage=str(Stage(row["at_stage"]).label) if row["at_stage"] in Stage else "",
        reason=row["reason"] or "",
        short=problem(row),
        site=(row["site__name"] or "") if at_upload else "",
    )
