"""What a start does with an article that is there: told by the plan, and looked at again when it is done.

Plan and start ask the same function, so what was shown is what is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from django.db.models import QuerySet

from articles.batches.lists import Row
from articles.models import Article, Section

ENDED = (Article.Status.DONE, Article.Status.CANCELLED)
STOPPED = (Article.Status.FAILED, Article.Status.CANCELLED)
_FIELDS = ("pk", "batch_key", "status", "cancelled_with", "tree_expired_at")
_OF_SECTIONS = ("sections__pk", "sections__key", "sections__index", "sections__state", "sections__sha256")


class FoundSection(NamedTuple):
    pk: int
    key: str
    number: int  # its index
    state: str
    has_text: bool


class FoundArticle(NamedTuple):
    pk: int
    key: str
    status: str
    cancelled_with: str
    has_expired: bool  # its tree
    sections: Sequence[FoundSection]


@dataclass(frozen=True)
class Change:
    """What a start does with one article. Without any of these it is left as it is."""

    article: FoundArticle
    leaves_out: bool = False  # its line is in the list no more: it is cancelled with it
    stays_cancelled: bool = False  # somebody cancelled this one
    goes_on: bool = False  # it had stopped, or was cancelled with its batch or its line
    further: Sequence[Row] = ()  # sections that it gets
    to_make: int = 0  # of its sections, whose text or pictures are not there
    dropped: Sequence[FoundSection] = ()  # nothing of them is made, and their lines are in the list no more
    settled: Sequence[
        FoundSection
    ] = ()  # likewise, but their texts are there: they stay, without the pictures they lack

    @property
    def reopens(self) -> bool:
        """It was finished."""
        return self.article.status == Article.Status.DONE and bool(self.further or self.to_make)

    @property
    def longest(self) -> int:
        """The greatest index of its sections after the start."""
        return max(self.kept_indexes, default=0) + len(self.further)

    @property
    def kept_indexes(self) -> list[int]:
        dropped = {section.pk for section in self.dropped}
        return [section.number for section in self.article.sections if section.pk not in dropped]


def found_articles(articles: QuerySet[Article]) -> Iterator[FoundArticle]:
    """These articles with their sections. One statement: nothing can come between two looks."""
    rows = articles.order_by("pk").values_list(*_FIELDS, *_OF_SECTIONS)
    for head, group in groupby(rows.iterator(), key=itemgetter(slice(len(_FIELDS)))):
        rows_of_sections = (row[len(_FIELDS) :] for row in group)
        sections = [
            FoundSection(pk, key, number, state, bool(sha256))
            for pk, key, number, state, sha256 in rows_of_sections
            if pk is not None
        ]
        pk, key, status, cancelled_with, expired_at = head
        yield FoundArticle(pk, key, status, cancelled_with, expired_at is not None, sections)


def change_of(found: FoundArticle, styles: Collection[str], sections: Mapping[str, Row]) -> Change:
    """What a start with these lists does. `styles` are keys, `sections` rows by their keys."""
    if found.key not in styles:
        return Change(found, leaves_out=found.status not in ENDED)
    if found.status == Article.Status.CANCELLED and not found.cancelled_with:
        return Change(found, stays_cancelled=True)
    there = {section.key for section in found.sections}
    unmade = [section for section in found.sections if section.state != Section.State.DONE]
    gone = [section for section in unmade if section.key not in sections and not _is_in_hand(found, section)]
    return Change(
        found,
        goes_on=found.status in STOPPED,
        further=[row for key, row in sections.items() if key not in there],
        to_make=len(unmade) - len(gone),
        dropped=[section for section in gone if not section.has_text],
        settled=[section for section in gone if section.has_text],
    )


def _is_in_hand(found: FoundArticle, section: FoundSection) -> bool:
    """Somebody writes it just now: it is finished."""
    return found.status == Article.Status.RUNNING and section.state == Section.State.RUNNING
