"""The plan of a batch: what a start would make of its two lists, and what it would cost."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypedDict

from django.conf import settings

from articles import bounds
from articles.batches import lists
from articles.batches.changes import Change, change_of, found_articles
from articles.estimates import SECONDS, cost_of, costs
from articles.formats import count
from articles.models import Batch, Cost, Formatter, ImageFile

MOST_NAMED = 50  # lines that were taken out of a list


def key_of(name: str) -> str:
    """What makes two batches of one owner the same."""
    return lists.folded(name)[: Batch._meta.get_field("key").max_length]


def given(batch: Batch) -> str:
    """A hash of all that the rows of a batch are made of."""
    made = [batch.brief, batch.styles, batch.sections, batch.images_per_style, batch.images_per_section]
    made += [batch.style, batch.formatter, batch.site_id]
    return hashlib.sha256(repr(made).encode()).hexdigest()[:16]


@dataclass
class Changes:
    """What a start does with the articles that are there, added up."""

    articles: int = 0
    further: int = 0  # sections that they get
    to_make: int = 0  # sections of those that are made or go on, whose texts or pictures are not there
    going_on: int = 0  # articles that had stopped, or were cancelled with the batch or their line
    reopened: int = 0  # finished articles that get further sections
    expired: list[int] = field(default_factory=list)  # ids of those of them whose trees are gone
    cancelled: int = 0  # by somebody one by one: they stay so
    left_out: int = 0  # articles that are not finished, and whose lines are in the list no more
    left_out_sections: int = 0  # not made, and in the list no more, of the other articles
    longest: int = 0  # the greatest index of a section
    styles_gone: list[int] = field(default_factory=list)  # ids of some articles that are left out
    sections_gone: Counter[str] = field(default_factory=Counter)  # keys of sections that are left out

    @property
    def differ(self) -> bool:
        """Whether their rows are not those that the lists want."""
        return bool(self.further or self.left_out or self.left_out_sections)

    @property
    def left_out_words(self) -> str:
        """`2 articles and 5 sections`; "" where nothing is left out."""
        numbers = [(self.left_out, "article"), (self.left_out_sections, "section")]
        return " and ".join(count(number, thing) for number, thing in numbers if number)

    def add(self, change: Change) -> None:
        self.articles += 1
        self.further += len(change.further)
        self.to_make += change.to_make
        self.going_on += change.goes_on
        self.reopened += change.reopens
        self.expired += [change.article.pk] if change.reopens and change.article.has_expired else []
        self.cancelled += change.stays_cancelled
        self.left_out += change.leaves_out
        self.longest = max(self.longest, change.longest)
        if change.leaves_out and len(self.styles_gone) < MOST_NAMED:
            self.styles_gone.append(change.article.pk)
        gone = [section.key for section in [*change.dropped, *change.settled]]
        self.left_out_sections += len(gone)
        self.sections_gone.update(gone)


@dataclass(frozen=True)
class BatchPlan:
    """What a start would make, and what is there already. `cost` is an estimate, `seconds` is with the workers here."""

    styles: lists.Listed
    sections: lists.Listed
    problems: tuple[str, ...]  # sentences; with any of them the batch cannot be started
    new_articles: tuple[lists.Row, ...]
    there: Changes
    images: int
    calls: int
    cost: Cost
    seconds: int

    @property
    def articles(self) -> int:
        """Of the batch after the start, those that are left out among them."""
        return len(self.new_articles) + self.there.articles

    @property
    def new_sections(self) -> int:
        return len(self.new_articles) * len(self.sections.rows) + self.there.further

    @property
    def missing_sections(self) -> int:
        """Rows that are there, and whose texts or pictures are not."""
        return self.there.to_make

    @property
    def published(self) -> int:
        """Finished articles that would get further sections."""
        return self.there.reopened

    @property
    def bad(self) -> list[tuple[str, lists.BadRow]]:
        """The lines that cannot be used, with the name of their list."""
        return [("styles", row) for row in self.styles.bad] + [("sections", row) for row in self.sections.bad]

    @property
    def assumed(self) -> list[tuple[str, str]]:
        """What was taken for granted about a list, in sentences, with the name of that list."""
        said = {"styles": self.styles.assumed, "sections": self.sections.assumed}
        return [(name, sentences) for name, sentences in said.items() if sentences]

    @property
    def changes_rows(self) -> bool:
        """Whether the lists are not those of which the rows were made."""
        return bool(self.new_articles) or self.there.differ

    @property
    def does_nothing(self) -> bool:
        return not (self.changes_rows or self.missing_sections or self.there.going_on or self.calls)

    @property
    def time(self) -> timedelta:
        return timedelta(seconds=self.seconds)


def plan_batch(batch: Batch) -> BatchPlan:
    """Reads the lists and compares them with what is there (three queries, one more where trees have expired). Changes
    nothing.

    What it holds grows with the lists, not with the rows that are there.
    """
    styles, sections = lists.read(batch.styles, "style"), lists.read(batch.sections, "section")
    new_articles, there = _compared(batch, styles, sections)
    to_write = len(new_articles) * len(sections.rows) + there.further + there.to_make
    return BatchPlan(
        styles,
        sections,
        problems=tuple(_problems(batch, styles, sections, there)),
        new_articles=new_articles,
        there=there,
        **_price(batch, len(new_articles), to_write, there),
    )


def has_other_lists(batch: Batch) -> bool:
    """Whether a start would add rows to one that was started, or leave some out (one query)."""
    new, there = _compared(batch, lists.read(batch.styles, "style"), lists.read(batch.sections, "section"))
    return bool(new) or there.differ


def _compared(batch: Batch, styles: lists.Listed, sections: lists.Listed) -> tuple[tuple[lists.Row, ...], Changes]:
    """The lines without an article, and what a start does with the articles that are there."""
    new, there = {row.key for row in styles.rows}, Changes()
    keys, rows = frozenset(new), {row.key: row for row in sections.rows}
    for found in found_articles(batch.articles.all()) if batch.pk else ():
        there.add(change_of(found, keys, rows))
        new.discard(found.key)
    return tuple(row for row in styles.rows if row.key in new), there


class Price(TypedDict):
    """The number of pictures and calls, and what they cost and take."""

    images: int
    calls: int
    cost: Cost
    seconds: int


def _price(batch: Batch, openings: int, to_write: int, there: Changes) -> Price:
    images = openings * batch.images_per_style + to_write * batch.images_per_section
    if there.expired:
        images += ImageFile.objects.filter(article__in=there.expired).count()
    paid_images = images if settings.REPLICATE_API_TOKEN else 0
    formats = 0
    if batch.formatter != Formatter.TEMPLATE and settings.ANTHROPIC_API_KEY:
        formats = openings + there.reopened
    seconds = openings * SECONDS["text"] + to_write * SECONDS["section"] + formats * SECONDS["format"]
    # The pictures of one section are made at the same time.
    seconds += SECONDS["image"] * (openings * bool(batch.images_per_style) + to_write * bool(batch.images_per_section))
    return {
        "images": images,
        "calls": openings + to_write + paid_images + formats,
        "cost": cost_of({"text": openings, "section": to_write, "image": paid_images, "format": formats}, costs()),
        "seconds": seconds // settings.GALLEY_WORKERS,
    }


def _problems(batch: Batch, styles: lists.Listed, sections: lists.Listed, there: Changes) -> Iterator[str]:
    for name, listed in (("style", styles), ("section", sections)):
        if listed.problem:
            yield listed.problem
        elif not listed.rows:
            yield f"There is no usable {name}. Write at least one line."
    yield from _too_much(batch, styles, sections, there)
    unknown = lists.unknown_placeholders(batch.brief, {*styles.columns, *sections.columns, "number"})
    for placeholder in unknown[:5]:
        yield f"The brief has {placeholder[:60]}, and no column is called so. Rename one of them."
    if not settings.OPENAI_API_KEY:
        yield "No text service is set up here. Ask the operator to set OPENAI_API_KEY."


def _too_much(batch: Batch, styles: lists.Listed, sections: lists.Listed, there: Changes) -> Iterator[str]:
    """What is beyond a bound: what was given, what is possible, what to do."""
    cells = len(styles.rows) * len(sections.rows)
    if cells > bounds.MOST_CELLS:
        together = f"{count(len(styles.rows), 'style')} with {count(len(sections.rows), 'section')} each are"
        yield (
            f"{together} {cells:,} sections; a batch may have {bounds.MOST_CELLS:,}. "
            "Make several batches of them, or shorten a list."
        )
    if there.longest > bounds.MOST_SECTIONS:
        yield (
            f"An article would get a section with the number {there.longest:,}; {bounds.MOST_SECTIONS:,} are possible, "
            "those that were taken out of the list among them. Make a second batch of the further sections."
        )
    longest = lists.longest_filled(batch.brief, styles, sections)
    if longest > bounds.LONGEST_FILLED:
        yield (
            f"With the words of the longest lines the brief has {longest:,} characters; {bounds.LONGEST_FILLED:,} are "
            "possible. Shorten the brief, or the columns that stand in it."
        )
