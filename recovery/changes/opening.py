"""How an article that is made is opened for a change, all or nothing: what is replaced is kept, and it goes on.

The post on a site stays as it is until somebody publishes the article again.

| killed                                     | what is there                                                          |
|--------------------------------------------|------------------------------------------------------------------------|
| before the commit                          | the article as it was; copies that no manifest names, written over     |
| after it, before the message               | a queued article, which the sweep finds                                |
| while a picture or a page is made          | as ever: its answer is saved first, and is not paid for twice          |
| before the page, where it keeps its layout | the page of before in its copy, from which it is made                  |
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User

from articles import bounds
from articles.models import Article, Stage
from articles.pipeline import reopening, transitions
from articles.pipeline.transitions import Work
from articles.state_wording import state
from articles.tree import earlier
from articles.tree.earlier import LOOK, Entry
from backups.trees.tree import FileDamaged


class NotChanged(Exception):
    """Nothing was done; the message says why and what to do."""


class MovedOn(NotChanged):
    """It is not as it was seen."""

    def __init__(self, article: Article) -> None:
        super().__init__(f"“{article}” has changed since you looked at it, and nothing was done. Look at it again.")


def check(article: Article, takes: bool, what: str) -> None:
    """Raises NotChanged for an article that stays as it is just now, or has no room for more that is replaced."""
    if article.status == Article.Status.DONE and article.tree_expired_at:
        raise NotChanged("The backup of this article was removed after it was done. Hand it in again as a copy.")
    if not takes:
        raise NotChanged(f"“{article}” cannot get {what} now. {state(article)}.")
    if len(article.earlier_files) + 2 > bounds.MOST_EARLIER_FILES:
        raise NotChanged("This article keeps as many earlier pictures and pages as it can. Hand it in again as a copy.")


def look_of(article: Article) -> dict[str, str]:
    """By names of fields."""
    return {name: getattr(article, name) for name in LOOK}


def version(article: Article) -> str:
    """Of a page as somebody sees it: what they decide by it holds for this alone."""
    said = (article.status, article.attempt, article.record(Stage.FORMAT).sha256, *look_of(article).values())
    return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


def take_on(article: Article, changed: Mapping[str, str]) -> None:
    for name, value in changed.items():
        setattr(article, name, value)


def kept_page(article: Article, why: str, *, must: bool) -> list[Entry]:
    """A copy of its page, none where it has none. A damaged one raises NotChanged if it `must` be kept.

    Raises Unreachable.
    """
    page = article.record(Stage.FORMAT)
    if page.state != page.State.DONE:
        return []
    try:
        return [earlier.keep_page(article, page, why)]
    except FileDamaged as exc:
        if must:
            raise NotChanged(f"{exc} Hand the article in again as a copy.") from exc
    return []


def stages_of_page(article: Article) -> frozenset[Stage]:
    """The page; without a site the preview, too, which costs nothing."""
    return frozenset({Stage.FORMAT} if article.site_id else {Stage.FORMAT, Stage.UPLOAD})


def opened(article: Article, work: Work, by: User, **seen: Any) -> None:
    """Let the article go on with what is changed; within a transaction. Raises MovedOn where it is not as it was."""
    if article.status == Article.Status.DONE:
        won = reopening.for_a_change(article, work, by, **seen)
    else:
        seen |= {"status": article.status, "attempt": article.attempt}
        won = transitions.resume(article, by, replace(work, did=f"{work.did}, and the article goes on"), **seen)
    if not won:
        raise MovedOn(article)


def show_anew(article: Article, entry: Entry, details: Mapping[str, Any] | None = None) -> None:
    """Have the page made of an earlier one, which keeps its layout: nobody is asked for it.

    For the article as it is made from here on: to be called when all else of it is changed. `details` are those of the
    record from now on; without them they stay.
    """
    page = article.records.get(stage=Stage.FORMAT)
    told = {reopening.SHOWN_ANEW: entry["file"], reopening.LAID_OUT_OF: reopening.laid_out_of(article)}
    kept = page.details if details is None else details
    article.records.filter(pk=page.pk).update(details={**kept, **told})
