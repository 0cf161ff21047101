"""The two lists of a batch, as an editor pastes them: a line each, or CSV with a first line that names the columns.

Nothing is guessed away: a line that cannot be used is named with its number and what to do, and the others stay good.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from articles import bounds
from articles.batches import tables
from articles.batches.tables import Table

_PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")
_COLUMN = re.compile(r"[^\W\d_][\w -]{0,39}")
# Without width, and marks of direction: in a name they are no part of it, while a value keeps what tables.py keeps.
_UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\u00ad\u180e]")


@dataclass(frozen=True, slots=True)
class Row:
    """A usable line: its number in the list, and its values by their columns, the first of which is its name."""

    line: int
    columns: tuple[str, ...]  # the same for all rows of a list
    values: tuple[str, ...]
    lines: int = 1  # that it takes in the list

    @property
    def name(self) -> str:
        return self.values[0]

    @property
    def key(self) -> str:
        return folded(self.name)

    @property
    def fields(self) -> dict[str, str]:
        missing = [""] * (len(self.columns) - len(self.values))
        return dict(zip(self.columns, [*self.values, *missing], strict=False))


@dataclass(frozen=True)
class BadRow:
    """A line that cannot be used: what stands there, shortened, and why in a sentence."""

    line: int
    text: str
    reason: str
    lines: int = 1  # that it takes in the list


@dataclass(frozen=True)
class Listed:
    """A list as it was read. `columns` are names that may stand in a brief; `problem` is why nothing can be made of the
    list, `assumed` what was taken for granted: each a sentence, or "".
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    bad: tuple[BadRow, ...]
    problem: str = ""
    assumed: str = ""


def folded(name: str) -> str:
    """What makes two names the same: neither case nor spaces count, nor what has no width."""
    return " ".join(unicodedata.normalize("NFKC", _UNSEEN.sub("", name)).casefold().split())[: bounds.LONGEST_NAME]


def read(text: str, column: str) -> Listed:
    """A list whose first column is called `column` ("style", "section"), whatever its first line calls it.

    It is a table where one of its first lines names the column ("style", "styles", "name") among others; a list
    without columns may hold commas. Never more is kept than the bounds allow, whatever is given.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    try:
        table = tables.divided(text, column)
    except csv.Error:  # a field of more than 131,072 characters
        first = next(line for line in text.split("\n") if line.strip())
        reason = f"The first line has {len(first):,} characters. Shorten the names of its columns."
        return Listed((column,), (), (BadRow(1, _short(first), reason),), f"{column.capitalize()}s: {reason}")
    if table.problem:
        return Listed((column,), (), (), table.problem)
    columns = (column, *table.header[1:])
    if len(columns) > bounds.MOST_COLUMNS:
        most = f"{bounds.MOST_COLUMNS} are possible. Take away those that the brief does not use."
        problem = f"The list of {column}s has {len(columns):,} columns; {most}"
        return Listed(columns[: bounds.MOST_COLUMNS], (), (), problem)
    return _read_records(table, columns, text)


def _read_records(table: Table, columns: tuple[str, ...], text: str) -> Listed:
    rows: list[Row] = []
    above = "This line stands above the names of the columns. Take it away."
    bad = [BadRow(record.line, _short(record.values[0]), above) for record in table.above]
    seen: dict[str, int] = {}
    problem = ""
    if wrong := _column_problem(columns):
        bad.append(BadRow(table.header_line, _short(",".join(table.header)), wrong))
    for number, record in enumerate(table.records):
        line, values = record.line, record.values
        if number == bounds.MOST_LINES:
            reason = f"A list may have {number:,} lines. Make a second batch of this line and those below it."
            bad.append(BadRow(line, _short(record.text), reason))
            given = number + sum(1 for below in text.split("\n")[line - 1 :] if below.strip())
            most = f"{number:,} are possible"
            problem = (
                f"The list of {columns[0]}s has {given:,} lines; {most}. Make a second batch from line {line:,} on."
            )
            break
        if reason := _problem(values, columns, seen):
            bad.append(BadRow(line, _short(record.text), reason, record.lines))
            continue
        row = Row(line, columns, values[: len(columns)], record.lines)
        seen[row.key] = line
        rows.append(row)
    return Listed(columns, tuple(rows), tuple(bad), problem, table.assumed)


def _column_problem(columns: Sequence[str]) -> str:
    wrong = [name for name in columns if not _COLUMN.fullmatch(name)]
    if wrong:
        return f"“{_short(wrong[0])}” cannot be the name of a column. Use letters, digits and spaces."
    twice = [name for name, number in Counter(columns).items() if number > 1]
    return f"Two columns are called “{min(twice)}”. Rename one." if twice else ""


def _problem(values: Sequence[str], columns: Sequence[str], seen: Mapping[str, int]) -> str:
    """Why a line cannot be used, in a sentence with what to do; "" when it can."""
    if not values:
        return "A quotation mark is never closed. Close it, or take it away."
    if not values[0]:
        return f"The {columns[0]} is missing. Write it in the first column."
    if len(values[0]) > bounds.LONGEST_NAME:
        return f"The name has {len(values[0]):,} characters; {bounds.LONGEST_NAME} are possible. Shorten it."
    if any(len(value) > bounds.LONGEST_FIELD for value in values):
        return f"A column has more than {bounds.LONGEST_FIELD:,} characters. Shorten it."
    if any(values[len(columns) :]):
        return f"There are {len(values)} columns, and {len(columns)} names for them. Put text with commas in quotes."
    if earlier := seen.get(folded(values[0])):
        return f"The same {columns[0]} stands in line {earlier} already. Take one of them away."
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def unknown_placeholders(brief: str, columns: set[str]) -> list[str]:
    """Placeholders of a brief for which there is no column, as they stand there."""
    found = dict.fromkeys(match.group(0) for match in _PLACEHOLDER.finditer(brief))
    return [name for name in found if name[1:-1].strip().casefold() not in columns]


def longest_filled(brief: str, *listed: Listed) -> int:
    """So many characters at most has the brief with the words of lines in it, one of each of these lists."""
    length, names = len(brief), Counter[str]()
    for match in _PLACEHOLDER.finditer(brief):
        name = match.group(1).strip().casefold()
        if any(name in found.columns for found in listed):
            names[name] += 1
            length -= len(match.group(0))
    for found in listed:
        times = [names[column] for column in found.columns]
        lengths = (sum(n * len(value) for n, value in zip(times, row.values, strict=False)) for row in found.rows)
        length += max(lengths, default=0)
    return length


def filled(brief: str, fields: Mapping[str, str]) -> str:
    """The brief with the words of a line in it. What has no column stays as it is."""
    return _PLACEHOLDER.sub(lambda match: fields.get(match.group(1).strip().casefold(), match.group(0)), brief)
