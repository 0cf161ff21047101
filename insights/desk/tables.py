"""The tables of the page, and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from articles.formats import money
from articles.models import Stage
from articles.providers.names import title_of
from insights.costs import Key, Paid, Usage
from insights.monitoring import Figures, Statistics
from publishing.models import Way

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of one
Cell = str | int | float | Decimal | None


@dataclass(frozen=True)
class Table:
    """`rows` as people read them, `plain` as programs do; the first column names the row."""

    name: str
    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    plain: Sequence[Sequence[Cell]]


def as_csv(table: Table) -> str:
    """With its heads. Words that a spreadsheet would compute are kept words by an apostrophe before them."""
    written = io.StringIO()
    lines = csv.writer(written)
    for row in [table.heads, *table.plain]:
        lines.writerow([_safe(cell) for cell in row])
    return written.getvalue()


def _safe(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(FORMULAS) else cell


def cost_tables(usage: Usage) -> list[Table]:
    """What was paid, told apart in each way but by day."""
    titles = {
        "month": "By month",
        "provider": "By service",
        "model": "By model",
        "stage": "By stage",
        "person": "By person",
        "site": "By site",
        "batch": "By batch",
    }
    return [_costs(name, title, usage.by[name]) for name, title in titles.items()]


def by_day(usage: Usage) -> Table:
    return _costs("day", "Paid a day", usage.by["day"])


def by_month(usage: Usage) -> Table:
    return _costs("month", "Paid a month", usage.by["month"])


def _costs(name: str, title: str, paid: dict[Key, Paid]) -> Table:
    heads = [name.capitalize(), "Cost", "Unknown", "Answers", "Tokens in", "Tokens out"]
    rows, plain = list[list[str]](), list[list[Cell]]()
    for key, each in paid.items():
        used = (each.answers, each.input_tokens, each.output_tokens)
        label = _label(name, key)
        rows.append([label, money(each.cost.known), f"{each.cost.unknown:,}", *(f"{number:,}" for number in used)])
        plain.append([label, each.cost.known, each.cost.unknown, *used])
    return Table(name, title, heads, rows, plain)


def _label(name: str, key: Key) -> str:
    first: Any = key[0]
    if first is None:
        return "none, or gone"
    match name:
        case "day":
            return f"{first:%Y-%m-%d}"
        case "month":
            return f"{first:%Y-%m}"
        case "stage":
            return str(Stage(first).label)
        case "provider":
            return title_of(first)
        case "model":
            return f"{title_of(first)}: {key[1] or 'not said'}"
        case _:
            return str(first)


def task_tables(found: Statistics) -> list[Table]:
    """How publications did, by way and by site."""
    ways = {str(Way(name).label): each for name, each in found.by_provider.items()}
    sites = {site[1] if site else "a page at the desk": each for site, each in found.by_site.items()}
    return [_figures("way", "Publications by way", ways), _figures("at", "Publications by site", sites)]


def _figures(name: str, title: str, figures: dict[str, Figures]) -> Table:
    heads = [
        title.rpartition(" ")[2].capitalize(),
        "All",
        "Completed",
        "Stopped",
        "Cancelled",
        "Success",
        "Mean",
        "p95",
    ]
    rows, plain = list[list[str]](), list[list[Cell]]()
    for label, each in figures.items():
        counts = (each.total, each.completed, each.failed, each.cancelled)
        rate = "–" if each.success_rate is None else f"{each.success_rate:.0%}"
        times = ["–" if seconds is None else f"{seconds:,.1f} s" for seconds in (each.mean, each.p95)]
        rows.append([label, *(f"{number:,}" for number in counts), rate, *times])
        plain.append([label, *counts, each.success_rate, each.mean, each.p95])
    return Table(name, title, heads, rows, plain)
