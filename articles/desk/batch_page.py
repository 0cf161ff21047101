"""What the page of a started batch shows: how far it is, its grid of styles and sections, what is missing and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Exists, Min, OuterRef, Q

from articles.batches import control
from articles.batches.cells import MARKS, cell_state
from articles.batches.completeness import COMPLETENESS, completeness_of, of_completeness, with_sections
from articles.batches.counts import BatchCounts, count_batch
from articles.batches.plan import has_other_lists
from articles.batches.progress import slowed
from articles.batches.wording import ProgressWords, progress_words
from articles.desk.pager import Pager
from articles.failures import Failure
from articles.models import Article, Batch, Section

COLUMNS = 60  # of the grid on a page
MOST_MISSING = 50  # articles in the list of what is missing


@dataclass(frozen=True)
class GridCell:
    """One section of one article: `kind` is a key of MARKS."""

    article: int
    index: int
    heading: str
    kind: str

    @property
    def mark(self) -> str:
        return MARKS[self.kind]


@dataclass(frozen=True)
class GridRow:
    """One style: None where it has no such section."""

    article: Article
    completeness: str
    cells: Sequence[GridCell | None]

    @property
    def name(self) -> str:
        return name_of(self.article)

    @property
    def written(self) -> int:
        return int(self.article.written)  # type: ignore[attr-defined]  # from `with_sections`

    @property
    def planned(self) -> int:
        return int(self.article.planned)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class IncompleteArticle:
    """An article that lacks something: pairs of what and why, both phrases; "" for what where it is no section."""

    article: Article
    lacks: Sequence[tuple[str, str]]

    @property
    def name(self) -> str:
        return name_of(self.article)


@dataclass(frozen=True)
class BatchPage:
    """Everything about a batch that was started."""

    batch: Batch
    counts: BatchCounts
    words: ProgressWords
    slowed: str
    recoverable: int  # articles that stopped
    has_other_lists: bool  # they were changed, and not started since
    with_grid: bool
    show: str  # the completeness that is shown, "" for all
    columns: Sequence[str]
    rows: Sequence[GridRow]
    rows_pager: Pager
    columns_pager: Pager
    missing: Sequence[IncompleteArticle]
    more_missing: int

    @property
    def filters(self) -> list[tuple[str, str, int]]:
        """The name, words and number of each completeness."""
        return [(name, label, self.counts.articles[name]) for name, label in COMPLETENESS.items()]

    @property
    def is_open(self) -> bool:
        return self.batch.state in (Batch.State.RUNNING, Batch.State.PAUSED)

    @property
    def live(self) -> str:
        """In one phrase, for those who listen."""
        return f"{self.batch.get_state_display()}: {self.words['summary_words']}"

    @property
    def legend(self) -> Iterable[tuple[str, str]]:
        """The states of cells with their marks."""
        return MARKS.items()


def batch_page(batch: Batch, said: dict[str, str], *, with_grid: bool = True) -> BatchPage:
    """What the address asks for of a batch that was started (15 queries at most, whatever its size)."""
    counts = count_batch(batch)  # first: its revision must not be younger than any row shown
    show = said.get("show", "") if said.get("show") in COMPLETENESS else ""
    headings = _headings(batch)
    columns_pager = Pager.read(said.get("columns"), "columns", len(headings), COLUMNS)
    columns = headings[columns_pager.slice]
    rows_pager = Pager.read(said.get("page"), "page", counts.articles[show] if show else sum(counts.articles.values()))
    missing, more_missing = _missing(batch)
    return BatchPage(
        batch=batch,
        counts=counts,
        words=progress_words(batch, counts),
        slowed=slowed(batch),
        recoverable=batch.articles.filter(control.STOPPED).count(),
        has_other_lists=not batch.starting and has_other_lists(batch),
        with_grid=with_grid,
        show=show,
        columns=[heading for _, heading in columns],
        rows=_rows(batch, show, rows_pager, [key for key, _ in columns]) if with_grid else [],
        rows_pager=rows_pager,
        columns_pager=columns_pager,
        missing=missing,
        more_missing=more_missing,
    )


def _headings(batch: Batch) -> list[tuple[str, str]]:
    """The key and heading of each section that an article of it has, in their order."""
    found = batch.all_sections.order_by().values("key").annotate(first=Min("index"), name=Min("heading"))
    return [(row["key"], row["name"]) for row in found.order_by("first", "key")]


def _rows(batch: Batch, show: str, pager: Pager, keys: Sequence[str]) -> list[GridRow]:
    articles = of_completeness(batch.articles.all(), show) if show else with_sections(batch.articles.all())
    shown = list(
        articles.only("title", "idea", "status", "word_count", "batch", "batch_fields").order_by("pk")[pager.slice]
    )
    sections = Section.objects.filter(article__in=shown, key__in=keys).order_by()
    running = {article.pk for article in shown if article.status == Article.Status.RUNNING}
    cells: dict[int, dict[str, GridCell]] = defaultdict(dict)
    for article, key, index, heading, state in sections.values_list("article", "key", "index", "heading", "state"):
        cells[article][key] = GridCell(article, index, heading, cell_state(state, is_running=article in running))
    return [
        GridRow(article, completeness_of(article), [cells[article.pk].get(key) for key in keys]) for article in shown
    ]


def name_of(article: Article) -> str:
    """What it is called in its batch: by its style, whatever title it was given."""
    return str(article.batch_fields.get("style") or article)


def _missing(batch: Batch) -> tuple[list[IncompleteArticle], int]:
    """The articles that lack something for good, and how many more there are (three queries)."""
    lacking = Section.objects.filter(article=OuterRef("pk"), state=Section.State.FAILED)
    found = batch.articles.filter(Q(status=Article.Status.FAILED) | Exists(lacking))
    shown = list(found.only("title", "idea", "status", "error", "batch", "batch_fields").order_by("pk")[:MOST_MISSING])
    reasons: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    sections = Section.objects.filter(article__in=shown, state=Section.State.FAILED).order_by("article", "index")
    for article, heading, error in sections.values_list("article", "heading", "error"):
        reasons[article][Failure.read(error).why].append(heading)
    incomplete = [IncompleteArticle(article, _lacks(article, reasons[article.pk])) for article in shown]
    return incomplete, found.count() - len(shown)


def _lacks(article: Article, reasons: dict[str, list[str]]) -> list[tuple[str, str]]:
    """`[("Kitchen, Bath and 3 more", "it declined the prompt")]`; where no section is to blame, what stopped it."""
    if not reasons:
        return [("", Failure.read(article.error).sentence)]
    return [(_some(headings), reason) for reason, headings in reasons.items()]


def _some(headings: Sequence[str]) -> str:
    if len(headings) <= 4:
        return ", ".join(headings)
    return f"{', '.join(headings[:3])} and {len(headings) - 3:,} more"
