"""What the pages of batches show: the plan of one, its grid of styles and sections, and how several stand."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Exists, Min, OuterRef, Q
from django.utils import timezone

from articles import formats
from articles.batches import lists
from articles.batches import plan as batche_plan
from articles.batches import progress as batche_progress
from articles.batches.plan import Plan
from articles.batches.progress import COMPLETENESS, RATE_OVER, Standing, of_completeness, with_sections
from articles.failures import Failure
from articles.models import Article, Batch, Section

LINES = 50  # of a list, or of the grid, on a page
COLUMNS = 60  # of the grid on a page
MOST_MISSING = 50  # articles in the list of what is missing
MARKS = {"done": "●", "running": "◐", "waiting": "○", "missing": "✗"}


@dataclass(frozen=True)
class Pager:
    """One page of so many things; `number` counts from 1 and is never beyond the end."""

    name: str  # of its parameter in the address
    number: int
    total: int
    size: int

    @classmethod
    def read(cls, said: str | None, name: str, total: int, size: int = LINES) -> Pager:
        """What an address asks for, or the nearest there is."""
        asked = int(said) if said and said.isascii() and said.isdigit() and len(said) < 9 else 1
        return cls(name, min(max(asked, 1), max(-(-total // size), 1)), total, size)

    @property
    def slice(self) -> slice:
        return slice((self.number - 1) * self.size, self.number * self.size)

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        return min(self.number * self.size, self.total)

    @property
    def before(self) -> int:
        return self.number - 1

    @property
    def after(self) -> int:
        """The number of the next page, 0 on the last."""
        return self.number + 1 if self.last < self.total else 0

    @property
    def is_needed(self) -> bool:
        return self.total > self.size


def about(cost: Decimal) -> str:
    """`about $110`, `about $3.20`: as exact as an estimate is."""
    return f"about ${cost:,.0f}" if cost >= 100 else f"about ${cost:,.2f}"


# Before it starts


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
class Preview:
    """What a start would do, with the errors first, a page of each list."""

    batch: Batch
    plan: Plan
    bad: Sequence[tuple[str, lists.BadRow]]
    bad_pager: Pager
    listings: Sequence[Listing]

    @property
    def signature(self) -> str:
        """Of what is shown, to know at the deed whether it still holds. What is under way counts for nothing here."""
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
        return ", ".join([*parts, about(self.plan.cost)])

    @property
    def button(self) -> str:
        if number := self.bad_pager.total:
            those = "the line that cannot" if number == 1 else f"the {number:,} lines that cannot"
            return f"Start without {those} be used"
        return f"Start {self.what}"

    @property
    def is_above_budget(self) -> bool:
        return self.batch.budget is not None and self.plan.cost > self.batch.budget

    @property
    def is_changed(self) -> bool:
        """Whether it is about a batch that was started before."""
        return self.batch.started_at is not None

    @property
    def time(self) -> str:
        return formats.duration(timedelta(minutes=max(round(self.plan.seconds / 60), 1)))


def preview(batch: Batch, said: dict[str, str]) -> Preview:
    """The plan and the page of each list that `said` asks for (six queries)."""
    plan = batche_plan.plan(batch)
    listings = []
    for name, listed in (("styles", plan.styles), ("sections", plan.sections)):
        pager = Pager.read(said.get(name), name, len(listed.rows))
        listings.append(Listing(name, listed.columns, listed.rows[pager.slice], pager))
    bad_pager = Pager.read(said.get("bad"), "bad", len(plan.bad))
    return Preview(batch, plan, plan.bad[bad_pager.slice], bad_pager, listings)


# Once it runs


@dataclass(frozen=True)
class Cell:
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
    cells: Sequence[Cell | None]

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
class Missing:
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
    standing: Standing
    slowed: str
    recoverable: int  # articles that stopped, or were cancelled one by one
    has_more_lines: bool  # its lists hold what was not started yet
    with_grid: bool
    show: str  # the completeness that is shown, "" for all
    columns: Sequence[str]
    rows: Sequence[GridRow]
    rows_pager: Pager
    columns_pager: Pager
    missing: Sequence[Missing]
    more_missing: int

    @property
    def filters(self) -> list[tuple[str, str, int]]:
        """The name, words and number of each completeness."""
        return [(name, label, self.standing.articles[name]) for name, label in COMPLETENESS.items()]

    @property
    def rate(self) -> str:
        return formats.rate(self.standing.per_minute) if self.batch.state == Batch.State.RUNNING else ""

    @property
    def left(self) -> str:
        return formats.left(self.standing.left) if self.batch.state == Batch.State.RUNNING else ""

    @property
    def is_open(self) -> bool:
        return self.batch.state in (Batch.State.RUNNING, Batch.State.PAUSED)

    @property
    def live(self) -> str:
        """In one phrase, for those who listen."""
        standing = self.standing
        phrases = [f"{standing.done:,} of {formats.count(standing.total, 'section')}", self.left]
        return f"{self.batch.get_state_display()}: {', '.join(filter(None, phrases))}"


def batch_page(batch: Batch, said: dict[str, str], *, with_grid: bool = True) -> BatchPage:
    """What the address asks for of a batch that was started (15 queries at most, whatever its size)."""
    standing = batche_progress.standing(batch)  # first: its revision must not be younger than any row shown
    show = said.get("show", "") if said.get("show") in COMPLETENESS else ""
    headings = _headings(batch)
    columns_pager = Pager.read(said.get("columns"), "columns", len(headings), COLUMNS)
    columns = headings[columns_pager.slice]
    rows_pager = Pager.read(
        said.get("page"), "page", standing.articles[show] if show else sum(standing.articles.values())
    )
    stopped = [Article.Status.FAILED]
    if batch.state != Batch.State.CANCELLED:
        stopped.append(Article.Status.CANCELLED)
    missing, more_missing = _missing(batch)
    return BatchPage(
        batch=batch,
        standing=standing,
        slowed=batche_progress.slowed(batch),
        recoverable=batch.articles.filter(status__in=stopped).count(),
        has_more_lines=_has_more_lines(batch, [key for key, _ in headings], standing),
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
    cells: dict[int, dict[str, Cell]] = defaultdict(dict)
    for article, key, index, heading, state in sections.values_list("article", "key", "index", "heading", "state"):
        cells[article][key] = Cell(article, index, heading, kind(state, is_running=article in running))
    return [
        GridRow(article, batche_progress.completeness(article), [cells[article.pk].get(key) for key in keys])
        for article in shown
    ]


def name_of(article: Article) -> str:
    """What it is called in its batch: by its style, whatever title it was given."""
    return str(article.batch_fields.get("style") or article)


def kind(state: str, *, is_running: bool) -> str:
    """How a section is shown. One that was begun by a run that is over waits to be gone on with."""
    match state:
        case Section.State.DONE:
            return "done"
        case Section.State.FAILED:
            return "missing"
        case Section.State.RUNNING if is_running:
            return "running"
        case _:
            return "waiting"


def _has_more_lines(batch: Batch, keys: Collection[str], standing: Standing) -> bool:
    """Whether the lists were made longer and not started since (one query)."""
    styles, sections = lists.read(batch.styles, "style"), lists.read(batch.sections, "section")
    there = set(batch.articles.values_list("batch_key", flat=True))
    new = {row.key for row in styles.rows} - there or {row.key for row in sections.rows} - set(keys)
    return bool(new) or standing.total < len(there) * len(keys)


def _missing(batch: Batch) -> tuple[list[Missing], int]:
    """The articles that lack something for good, and how many more there are (three queries)."""
    lacking = Section.objects.filter(article=OuterRef("pk"), state=Section.State.FAILED)
    found = batch.articles.filter(Q(status=Article.Status.FAILED) | Exists(lacking))
    shown = list(found.only("title", "idea", "status", "error", "batch", "batch_fields").order_by("pk")[:MOST_MISSING])
    reasons: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    sections = Section.objects.filter(article__in=shown, state=Section.State.FAILED).order_by("article", "index")
    for article, heading, error in sections.values_list("article", "heading", "error"):
        reasons[article][Failure.read(error).why].append(heading)
    return [Missing(article, _lacks(article, reasons[article.pk])) for article in shown], found.count() - len(shown)


def _lacks(article: Article, reasons: dict[str, list[str]]) -> list[tuple[str, str]]:
    """`[("Kitchen, Bath and 3 more", "it declined the prompt")]`; where no section is to blame, what stopped it."""
    if not reasons:
        return [("", Failure.read(article.error).sentence)]
    return [(_some(headings), reason) for reason, headings in reasons.items()]


def _some(headings: Sequence[str]) -> str:
    if len(headings) <= 4:
        return ", ".join(headings)
    return f"{', '.join(headings[:3])} and {len(headings) - 3:,} more"


# Several at a glance


@dataclass(frozen=True)
class Overview:
    """How one of several batches stands."""

    batch: Batch
    total: int
    done: int
    missing: int
    per_minute: float
    articles: dict[str, int] = field(default_factory=dict)
    spent: Decimal = Decimal(0)

    @property
    def progress(self) -> str:
        """`942 of 1,440 sections`"""
        return f"{self.done:,} of {formats.count(self.total, 'section')}"

    @property
    def left(self) -> str:
        to_do = self.total - self.done - self.missing
        return formats.left(timedelta(minutes=to_do / self.per_minute)) if self.per_minute and to_do else ""

    @property
    def completeness(self) -> list[tuple[str, str]]:
        """`[("complete", "58 complete"), ("failed", "1 failed")]`"""
        return [(name, f"{number:,} {COMPLETENESS[name].lower()}") for name, number in self.articles.items() if number]


def overviews(found: Sequence[Batch], *, with_articles: bool = False) -> list[Overview]:
    """How these batches stand (two queries, three with their articles)."""
    sections: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(Section.State.values, 0))
    rows = Section.objects.filter(batch__in=found).order_by().values_list("batch", "state")
    for batch, state, number in rows.annotate(number=Count("pk")):
        sections[batch][state] = number
    now = timezone.now()
    lately = Section.objects.filter(batch__in=found, finished_at__gte=now - RATE_OVER).order_by()
    rates = dict(lately.values_list("batch").annotate(number=Count("pk")))
    articles, spent = _articles(found) if with_articles else ({}, {})
    return [
        Overview(
            batch,
            total=sum(sections[batch.pk].values()),
            done=sections[batch.pk][Section.State.DONE],
            missing=sections[batch.pk][Section.State.FAILED],
            per_minute=rates.get(batch.pk, 0) / _minutes(batch, now),
            articles=articles.get(batch.pk, {}),
            spent=spent.get(batch.pk, Decimal(0)),
        )
        for batch in found
    ]


def _minutes(batch: Batch, now: datetime) -> float:
    """Over which the rate of a batch is counted."""
    since = max(now - RATE_OVER, batch.started_at or now)
    return max((now - since).total_seconds(), 1) / 60


def _articles(found: Sequence[Batch]) -> tuple[dict[int, dict[str, int]], dict[int, Decimal]]:
    numbers: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COMPLETENESS, 0))
    spent: dict[int, Decimal] = defaultdict(Decimal)
    articles = with_sections(Article.objects.filter(batch__in=found)).order_by()
    for article in articles.only("batch_id", "word_count", "status", "spent").iterator():
        numbers[article.batch_id or 0][batche_progress.completeness(article)] += 1
        spent[article.batch_id or 0] += article.spent
    return numbers, spent
