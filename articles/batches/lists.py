"""The two lists of a batch, as an editor pastes them: a line each, or CSV with a first line that names the columns.

Nothing is guessed away: a line that cannot be used is named with its number and what to do, and the others stay good.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LONGEST_NAME = 200
LONGEST_FIELD = 1000
MOST_ROWS = 5000
_PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")
_COLUMN = re.compile(r"[^\W\d_][\w -]{0,39}")
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """A usable line: its number in the list, its name, and its columns by their names (the name's own among them)."""

    line: int
    name: str
    fields: Mapping[str, str]

    @property
    def key(self) -> str:
        return folded(self.name)


@dataclass(frozen=True)
class BadRow:
    """A line that cannot be used: what stands there, shortened, and why in a sentence."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Listed:
    """A list as it was read. `columns` are names that may stand in a brief."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    bad: tuple[BadRow, ...]


def folded(name: str) -> str:
    """What makes two names the same: neither case nor spaces count."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())[:LONGEST_NAME]


def read(text: str, column: str) -> Listed:
    """A list whose first column is called `column` ("style", "section"), whatever its first line calls it.

    It is CSV where the first line holds a delimiter and begins with the name of the column ("style", "styles",
    "name"); a list without columns may hold commas.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    header, lines = _split(text, column)
    columns = [column, *header[1:]]
    rows: list[Row] = []
    bad: list[BadRow] = []
    seen: dict[str, int] = {}
    if problem := _column_problem(columns):
        bad.append(BadRow(1, _short(",".join(header)), problem))
    for line, values in lines:
        reason = _problem(values, columns, seen)
        if reason:
            bad.append(BadRow(line, _short(", ".join(values)), reason))
            continue
        if len(rows) == MOST_ROWS:
            reason = f"A list may have {MOST_ROWS:,} lines. Make a second batch of this line and those below it."
            bad.append(BadRow(line, _short(values[0]), reason))
            break
        fields = dict(zip(columns, [*values, *[""] * len(columns)], strict=False))
        row = Row(line, fields[column], fields)
        seen[row.key] = line
        rows.append(row)
    return Listed(tuple(columns), tuple(rows), tuple(bad))


def _split(text: str, column: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The header, [column] where there is none, and the lines with their numbers and cleaned values."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    header = [_clean(value).casefold() for value in next(csv.reader([first], delimiter=delimiter), [])]
    if first.count(delimiter) and header[0] in (column, f"{column}s", "name"):
        return header, _csv_lines(text, delimiter)
    alone = header == [column] or header == [f"{column}s"]
    lines = ((number, [_clean(line)]) for number, line in enumerate(text.split("\n"), 1))
    filled = ((number, values) for number, values in lines if values[0])
    if alone:
        next(filled, None)
    return [column], filled


def _csv_lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    before, is_header = 0, True
    while True:
        try:
            values = [_clean(value) for value in next(reader)]
        except StopIteration:
            return
        except csv.Error:  # a field of more than 131,072 characters: a quote that is never closed
            yield before + 1, []
            return
        number, before = before + 1, reader.line_num
        if not any(values):
            continue
        if is_header:
            is_header = False
            continue
        yield number, values


def _clean(value: str) -> str:
    return " ".join("".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in value).split())


def _column_problem(columns: list[str]) -> str:
    wrong = [name for name in columns if not _COLUMN.fullmatch(name)]
    if wrong:
        return f"“{_short(wrong[0])}” cannot be the name of a column. Use letters, digits and spaces."
    twice = {name for name in columns if columns.count(name) > 1}
    return f"Two columns are called “{min(twice)}”. Rename one." if twice else ""


def _problem(values: list[str], columns: list[str], seen: Mapping[str, int]) -> str:
    """Why a line cannot be used, in a sentence with what to do; "" when it can."""
    if not values:
        return "A quotation mark is never closed. Close it, or take it away."
    if not values[0]:
        return f"The {columns[0]} is missing. Write it in the first column."
    if len(values[0]) > LONGEST_NAME:
        return f"The name has {len(values[0]):,} characters; {LONGEST_NAME} are possible. Shorten it."
    if any(len(value) > LONGEST_FIELD for value in values):
        return f"A column has more than {LONGEST_FIELD:,} characters. Shorten it."
    if len([value for value in values[len(columns) :] if value]):
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


def filled(brief: str, fields: Mapping[str, str]) -> str:
    """The brief with the words of a line in it. What has no column stays as it is."""
    return _PLACEHOLDER.sub(lambda match: fields.get(match.group(1).strip().casefold(), match.group(0)), brief)
