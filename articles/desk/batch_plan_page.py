"""What the page of a plan shows: what a start would do, and the two lists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from articles import formats
from articles.batches import lists
from articles.batches.plan import BatchPlan, plan_batch
from articles.desk.pager import Pager
from articles.models import Batch


@dataclass(frozen=True)
class Listing:
    """A list of a batch as it was read, a page of it."""

    name: str
    columns: Sequence[str]
    rows: Sequence[lists.Row]
    pager: Pager

    @property
    def lines(self) -> Iterator[tuple[int, list[str]]]:
        return ((row.line, [row.fields.get(column, "") for column in self.columns]) for row in self.rows)


@dataclass(frozen=True)
class BatchPlanPage:
    """What a start would do, with the errors first, a page of each list."""

    batch: Batch
    plan: BatchPlan
    bad: Sequence[tuple[str, lists.BadRow]]
    bad_pager: Pager
    listings: Sequence[Listing]

    @property
    def signature(self) -> str:
        """Of what is shown, to know at the start whether it still holds. What is under way counts for nothing here."""
        batch, plan = self.batch, self.plan
        made = [batch.brief, batch.styles, batch.sections, batch.images_per_style, batch.images_per_section]
        made += [batch.style, batch.formatter, batch.site_id, batch.budget]
        digest = hashlib.sha256(repr(made).encode()).hexdigest()[:16]
        return f"{len(plan.new_articles)}|{plan.new_sections}|{self.bad_pager.total}|{digest}"

    @property
    def adds(self) -> bool:
        return bool(self.plan.new_articles or self.plan.new_sections)

    @property
    def to_write(self) -> int:
        return self.plan.new_sections + self.plan.missing_sections

    @property
    def there(self) -> int:
        """Articles that are there already."""
        return self.plan.articles - len(self.plan.new_articles)

    @property
    def what(self) -> str:
        """`60 articles, 1,440 sections, about $110`"""
        parts = [formats.count(len(self.plan.new_articles), "article")] if self.plan.new_articles else []
        parts += [formats.count(self.to_write, "section")] if self.to_write else []
        return ", ".join([*parts, self.about])

    @property
    def about(self) -> str:
        """`about $110`"""
        return formats.about(self.plan.cost.known, self.plan.cost.unknown)

    @property
    def button(self) -> str:
        if number := self.bad_pager.total:
            those = "the line that cannot" if number == 1 else f"the {number:,} lines that cannot"
            return f"Start without {those} be used"
        return f"Start {self.what}"

    @property
    def is_above_budget(self) -> bool:
        return self.batch.budget is not None and self.plan.cost.known > self.batch.budget

    @property
    def is_changed(self) -> bool:
        """Whether it is about a batch that was started before."""
        return self.batch.started_at is not None

    @property
    def time(self) -> str:
        return formats.duration(timedelta(minutes=max(round(self.plan.seconds / 60), 1)))


def batch_plan_page(batch: Batch, said: dict[str, str]) -> BatchPlanPage:
    """The plan and the page of each list that `said` asks for (six queries)."""
    plan = plan_batch(batch)
    listings = []
    for name, listed in (("styles", plan.styles), ("sections", plan.sections)):
        pager = Pager.read(said.get(name), name, len(listed.rows))
        listings.append(Listing(name, listed.columns, listed.rows[pager.slice], pager))
    bad_pager = Pager.read(said.get("bad"), "bad", len(plan.bad))
    return BatchPlanPage(batch, plan, plan.bad[bad_pager.slice], bad_pager, listings)
