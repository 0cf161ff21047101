"""The plan of a batch: what a start would make of its two lists, and what it would cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.conf import settings

from articles.batches import lists
from articles.estimates import SECONDS, costs
from articles.models import Article, Batch, ImageFile, Section


def key_of(name: str) -> str:
    """What makes two batches of one owner the same."""
    return lists.folded(name)[: Batch._meta.get_field("key").max_length]


@dataclass(frozen=True)
class BatchPlan:
    """What a start would make, and what is there already. `cost` in US dollars, `seconds` with the workers here."""

    styles: lists.Listed
    sections: lists.Listed
    problems: tuple[str, ...]  # sentences; with any of them the batch cannot be started
    new_articles: tuple[lists.Row, ...]
    articles: int
    new_sections: int
    missing_sections: int  # rows that are there, and whose text or pictures are not
    images: int
    calls: int
    cost: Decimal
    seconds: int
    published: int  # finished articles that would get further sections
    expired: int  # those of them whose backup was removed: their pictures are made again

    @property
    def bad(self) -> list[tuple[str, lists.BadRow]]:
        """The lines that cannot be used, with the name of their list."""
        return [("styles", row) for row in self.styles.bad] + [("sections", row) for row in self.sections.bad]

    @property
    def does_nothing(self) -> bool:
        return not (self.new_articles or self.new_sections or self.missing_sections or self.calls)

    @property
    def time(self) -> timedelta:
        return timedelta(seconds=self.seconds)


def plan_batch(batch: Batch) -> BatchPlan:
    """Reads the lists and compares them with what is there (seven queries). Changes nothing."""
    styles, sections = lists.read(batch.styles, "style"), lists.read(batch.sections, "section")
    there = _there(batch)
    new = tuple(row for row in styles.rows if row.key not in there)
    wanted = {row.key for row in sections.rows}
    further = {key: wanted - found.keys() for key, found in there.items()}
    new_sections = len(new) * len(sections.rows) + sum(len(more) for more in further.values())
    missing = sum(state != Section.State.DONE for found in there.values() for state in found.values())
    to_write = new_sections + missing
    published = [article for article in _done(batch) if further.get(article.batch_key)]
    expired = [article for article in published if article.tree_expired_at]
    images = len(new) * batch.images_per_style + to_write * batch.images_per_section
    images += ImageFile.objects.filter(article__in=expired).count()
    known, openings = costs(), len(new)
    paid_images = images if settings.REPLICATE_API_TOKEN else 0
    formats = 0
    if batch.formatter != Article.Formatter.TEMPLATE and settings.ANTHROPIC_API_KEY:
        formats = len(new) + sum(bool(more) for more in further.values())
    seconds = openings * SECONDS["text"] + to_write * SECONDS["section"] + formats * SECONDS["format"]
    # The pictures of one section are made at the same time.
    seconds += SECONDS["image"] * (openings * bool(batch.images_per_style) + to_write * bool(batch.images_per_section))
    return BatchPlan(
        styles,
        sections,
        problems=tuple(_problems(batch, styles, sections)),
        new_articles=new,
        articles=len(new) + len(there),
        new_sections=new_sections,
        missing_sections=missing,
        images=images,
        calls=openings + to_write + paid_images + formats,
        cost=openings * known["text"]
        + to_write * known["section"]
        + paid_images * known["image"]
        + formats * known["format"],
        seconds=seconds // settings.GALLEY_WORKERS,
        published=len(published),
        expired=len(expired),
    )


def _there(batch: Batch) -> dict[str, dict[str, str]]:
    """Of each article of the batch: the states of its sections by their keys (two queries)."""
    if batch.pk is None:
        return {}
    found: dict[str, dict[str, str]] = {key: {} for key in batch.articles.values_list("batch_key", flat=True)}
    rows = batch.all_sections.order_by().values_list("article__batch_key", "key", "state")
    for article, key, state in rows.iterator():
        found[article][key] = state
    return found


def _done(batch: Batch) -> list[Article]:
    if batch.pk is None:
        return []
    return list(batch.articles.filter(status=Article.Status.DONE).only("batch_key", "tree_expired_at"))


def _problems(batch: Batch, styles: lists.Listed, sections: lists.Listed) -> Iterator[str]:
    for name, listed in (("style", styles), ("section", sections)):
        if not listed.rows:
            yield f"There is no usable {name}. Write at least one line."
    unknown = lists.unknown_placeholders(batch.brief, {*styles.columns, *sections.columns, "number"})
    for placeholder in unknown[:5]:
        yield f"The brief has {placeholder[:60]}, and no column is called so. Rename one of them."
    if not settings.OPENAI_API_KEY:
        yield "No text service is set up here. Ask the operator to set OPENAI_API_KEY."
