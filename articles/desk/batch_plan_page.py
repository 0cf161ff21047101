"""What the page of a plan shows: what a start would do, and the two lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Min

from articles import formats
from articles.batches import lists
from articles.batches.plan import MOST_NAMED, BatchPlan, given, plan_batch
from articles.desk.batch_page import name_of
from articles.desk.pager import Pager
from articles.models import Article, Batch


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
    styles_gone: Sequence[str]  # names of some articles that are left out, as their lines are in the list no more
    sections_gone: Sequence[tuple[str, int]]  # likewise headings, each with the number of articles

    @property
    def signature(self) -> str:
        """Of what is shown, to know at the start whether it still holds. What is under way counts for nothing here."""
        batch, plan = self.batch, self.plan
        shown = [len(plan.new_articles), plan.new_sections, self.bad_pager.total, batch.budget, given(batch)]
        return "|".join(map(str, shown))

    @property
    def may_start(self) -> bool:
        """Whether Start would do anything: what runs already needs none for what is only not written yet."""
        if self.batch.state == Batch.State.RUNNING:
            return self.plan.changes_rows and not self.plan.problems
        return not (self.plan.problems or self.plan.does_nothing)

    @property
    def to_write(self) -> int:
        return self.plan.new_sections + self.plan.missing_sections

    @property
    def there(self) -> int:
        """Articles that are there already."""
        return self.plan.articles - len(self.plan.new_articles)

    @property
    def more_styles_gone(self) -> int:
        return self.plan.there.left_out - len(self.styles_gone)

    @property
    def more_sections_gone(self) -> int:
        return len(self.plan.there.sections_gone) - len(self.sections_gone)

    @property
    def what(self) -> str:
        """`60 articles, 1,440 sections, about $110, without 2 articles`"""
        parts = [formats.count(len(self.plan.new_articles), "article")] if self.plan.new_articles else []
        parts += [formats.count(self.to_write, "section")] if self.to_write else []
        parts += [self.about] if self.plan.calls else []
        parts += [f"without {left_out}"] if (left_out := self.plan.there.left_out_words) else []
        return ", ".join(parts) or f"{formats.count(self.plan.there.going_on, 'article')} again"

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
    def rests(self) -> bool:
        """Whether Start wakes one that was held back."""
        return self.batch.state in (Batch.State.PAUSED, Batch.State.CANCELLED)

    @property
    def time(self) -> str:
        return formats.duration(timedelta(minutes=max(round(self.plan.seconds / 60), 1)))


def batch_plan_page(batch: Batch, said: dict[str, str]) -> BatchPlanPage:
    """The plan and the page of each list that `said` asks for (seven queries)."""
    plan = plan_batch(batch)
    listings = []
    for name, listed in (("styles", plan.styles), ("sections", plan.sections)):
        pager = Pager.read(said.get(name), name, len(listed.rows))
        listings.append(Listing(name, listed.columns, listed.rows[pager.slice], pager))
    bad_pager = Pager.read(said.get("bad"), "bad", len(plan.bad))
    return BatchPlanPage(
        batch, plan, plan.bad[bad_pager.slice], bad_pager, listings, _styles_gone(plan), _sections_gone(batch, plan)
    )


def _styles_gone(plan: BatchPlan) -> list[str]:
    found = Article.objects.filter(pk__in=plan.there.styles_gone).order_by("pk").only("batch_fields", "title", "idea")
    return [name_of(article) for article in found]


def _sections_gone(batch: Batch, plan: BatchPlan) -> list[tuple[str, int]]:
    numbers = dict(plan.there.sections_gone.most_common(MOST_NAMED))
    found = batch.all_sections.filter(key__in=numbers).order_by().values("key").annotate(name=Min("heading"))
    names = {row["key"]: row["name"] for row in found}
    return [(names.get(key, key), number) for key, number in numbers.items()]
