"""How a list is divided into lines and columns, whatever program it comes from; and what was assumed for that."""

from __future__ import annotations

import contextlib
import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_DELIMITERS = ",;\t"
_SEPARATOR = re.compile(r'\s*"?sep=([,;|\t])"?\s*', re.IGNORECASE)  # what Excel writes into the first line
_UNSEEN = re.compile("[\u200b\u2060\ufeff\u00ad\u180e]")  # no width and no meaning; those of Persian and emoji stay
_FIRST = 5  # so many filled lines may stand above the names of the columns, with these
_MOST_IN_QUOTES = 20  # lines of one record
_CALLED = {"\t": "a tab", ",": "a comma", ";": "a semicolon", "|": "a stroke"}


@dataclass(frozen=True, slots=True)
class Record:
    """What stands in one line, or in the several that a quoted value takes, by its columns.

    No values: a quotation mark in it is never closed. `text` is what one sees of it.
    """

    line: int
    lines: int
    values: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Table:
    """A list as it is divided. `header` are the names of its columns, the one that names a row first; without a
    header it is empty.
    """

    header: tuple[str, ...]
    header_line: int  # 0: none
    records: Iterator[Record]
    above: tuple[Record, ...] = ()  # lines that stand above the header
    assumed: str = ""  # a sentence on what nobody said
    problem: str = ""  # a sentence on why it cannot be divided


@dataclass(frozen=True)
class _Head:
    """Where the names of the columns stand: the line, from 0 on, and the column that names a row."""

    delimiter: str
    at: int
    named_by: int = 0
    assumed: str = ""


def divided(text: str, column: str) -> Table:
    """A list whose lines are called by `column` ("style"). Raises csv.Error for a header that cannot be read."""
    lines = text.split("\n")
    said = _SEPARATOR.fullmatch(lines[0])
    begin = 1 if said else 0
    filled = [at for at in range(begin, len(lines)) if clean(lines[at])]
    if filled and clean(lines[filled[0]]).casefold() in (column, f"{column}s"):
        return Table((), filled[0] + 1, _whole_lines(lines, filled[0] + 1))
    if head := _named(lines, filled, column, said[1] if said else ""):
        return _table(lines, begin, head)
    assumed, problem = _doubt(lines, filled, column, said[1] if said else "")
    return Table((), 0, _whole_lines(lines, begin), assumed=assumed, problem=problem)


def _table(lines: Sequence[str], begin: int, head: _Head) -> Table:
    cells = [clean(cell).casefold() for cell in _cells(lines[head.at], head.delimiter)]
    others = [at for at in range(len(cells)) if at != head.named_by]
    kept = [head.named_by, *(at for at in others if cells[at])]  # Excel adds some without a name
    order = [*kept, *(at for at in others if not cells[at])]
    records = _records(lines, head.at + 1, head.delimiter, order)
    above = tuple(_whole_lines(lines[: head.at], begin))
    return Table(tuple(cells[at] for at in kept), head.at + 1, records, above, head.assumed)


def _named(lines: Sequence[str], filled: Sequence[int], column: str, said: str) -> _Head | None:
    """The first line that holds the name of the column, as one of several."""
    names = (column, f"{column}s", "name")
    for at in filled[:_FIRST]:
        delimiter = said or max(_DELIMITERS, key=lines[at].count)
        if delimiter not in lines[at]:
            continue
        cells = [clean(cell).casefold() for cell in _cells(lines[at], delimiter)]
        named_by = next((number for number, cell in enumerate(cells) if cell in names), None)
        if named_by is None:
            continue
        if at == filled[0] and named_by == 0:
            return _Head(delimiter, at)
        below = [line for line in filled if line >= at]
        if len(below) > 1 and _columns_in_all(lines, below, delimiter):
            first = f"Line {at + 1} names the columns. " if at != filled[0] else ""
            where = f"The {column}s stand in column {named_by + 1}, “{cells[named_by]}”." if named_by else ""
            return _Head(delimiter, at, named_by, f"{first}{where}".strip())
    return None


def _doubt(lines: Sequence[str], filled: Sequence[int], column: str, said: str) -> tuple[str, str]:
    """What is assumed, and what the problem is, in a list that names no columns; two sentences, or ""."""
    delimiter = said or max(_DELIMITERS, key=lines[filled[0]].count) if filled else ","
    if _columns_in_all(lines, filled, delimiter) < 2:
        return "", ""
    begins = f"Each line of the {column}s has {_CALLED[delimiter]} in it"
    if delimiter == "," and not said:
        mend = f"If it is a table, name its columns in a first line that begins with {column}."
        return f"{begins}, and is taken as one {column}. {mend}", ""
    mend = f"Name them in a first line that begins with {column}; with {column} alone, each line is one {column}."
    return "", f"{begins}, as in a table, but no line names the columns. {mend}"


def _columns_in_all(lines: Sequence[str], filled: Sequence[int], delimiter: str) -> int:
    """How many columns all lines have; 0 where they differ, or where there is only one line."""
    if len(filled) < 2:
        return 0
    try:
        numbers = {len(_cells(lines[at], delimiter)) for at in filled}
    except csv.Error:
        return 0
    return numbers.pop() if len(numbers) == 1 else 0


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _whole_lines(lines: Sequence[str], begin: int) -> Iterator[Record]:
    for at in range(begin, len(lines)):
        if line := clean(lines[at]):
            yield Record(at + 1, 1, (line,), line)


def _records(lines: Sequence[str], begin: int, delimiter: str, order: Sequence[int]) -> Iterator[Record]:
    at = begin
    while at < len(lines):
        number, cells = _record(lines, at, delimiter)
        values = [clean(cell) for cell in cells]
        if any(values) or not number:
            text = ", ".join(values) if number else clean(lines[at])
            yield Record(at + 1, max(number, 1), _arranged(values, order), text)
        at += max(number, 1)


def _arranged(values: Sequence[str], order: Sequence[int]) -> tuple[str, ...]:
    """The values in this order of their columns, and those behind; without empty ones at the end."""
    arranged = [*(values[at] if at < len(values) else "" for at in order), *values[len(order) :]]
    filled = max((at for at, value in enumerate(arranged) if value), default=-1)
    return tuple(arranged[: filled + 1])


def _record(lines: Sequence[str], at: int, delimiter: str) -> tuple[int, list[str]]:
    """How many lines a record takes, and its cells: several where a value in quotes goes on. 0: it is never closed."""
    for number in range(1, min(len(lines) - at, _MOST_IN_QUOTES) + 1):
        # A line behind it is a record of its own, unless a quotation mark is open. What closes one that began in an
        # earlier line has to be its end: else it opens another.
        given = [*(f"{line}\n" for line in lines[at : at + number]), "x"]
        with contextlib.suppress(csv.Error):
            found = list(csv.reader(given, delimiter=delimiter, strict=number > 1))
            if len(found) > 1:
                return number, found[0]
    return 0, []


def clean(value: str) -> str:
    """A value on one line, without control characters and what nobody sees."""
    plain = "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in _UNSEEN.sub("", value))
    return " ".join(plain.split())
