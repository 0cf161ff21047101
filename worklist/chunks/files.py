"""Chunk files: their order, and the records in them. Their names are all that is known for certain of the old scripts,
so what is understood is listed here, and whatever is not is said.

| a file holds, as JSON (also behind gzip, `.json.gz`)           | records                                    |
|----------------------------------------------------------------|--------------------------------------------|
| a list                                                         | its entries                                |
| an object with one list that has objects in it                 | the entries of that list                   |
| an object that is a record itself                              | this one                                   |
| an object on each line                                         | the lines; one that cannot be read is told |
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from worklist.chunks import records

MOST_BYTES = 64 * 2**20  # of a file, unpacked
MOST_RECORDS = 100_000  # of a file
_NAME = re.compile(r"chunk_(?P<number>\d{1,9})(?:_(?P<rest>[^/]*?))?\.jsonl?(?:\.gz)?", re.ASCII | re.IGNORECASE)
_TIME = re.compile(r"\d{8}_?\d{6}", re.ASCII)


class Unreadable(Exception):
    """Of a file as a whole; the message says why, without the file's name."""


@dataclass
class Read:
    """Records by their number in the file, from 1, and sentences on what of it could not be read."""

    records: list[tuple[int, Any]]
    flaws: list[str] = field(default_factory=list)


def number(name: str) -> int | None:
    """Of a chunk file; None for any other."""
    found = _NAME.fullmatch(name)
    return int(found["number"]) if found else None


def in_order(names: Iterable[str]) -> list[str]:
    """Later exports after earlier ones, by the time in their names, as far as that is there; then by number."""

    def place(name: str) -> tuple[str, int, str]:
        found = _NAME.fullmatch(name.rpartition("/")[2])
        rest = (found["rest"] or "") if found else ""
        return rest if _TIME.fullmatch(rest) else "", int(found["number"]) if found else 0, name

    return sorted(names, key=place)


def gaps(numbers: Iterable[int]) -> list[str]:
    """What no file has of the numbers from 1 to the highest: `3`, `7 to 9`."""
    found, last = [], 0
    for each in sorted(set(numbers)):
        if each > last + 1:
            found.append(f"{last + 1:,}" if each == last + 2 else f"{last + 1:,} to {each - 1:,}")
        last = each
    return found


def read(name: str, content: bytes) -> Read:
    """The records of a file. Raises Unreadable."""
    plain = _unpacked(content) if name.lower().endswith(".gz") else content
    try:
        found = _records(json.loads(plain))
    except RecursionError as exc:
        raise Unreadable("it is nested too deeply.") from exc
    except ValueError as exc:
        lines = _lines(plain)
        if lines is None:
            raise Unreadable(f"it is not valid JSON: {exc}.") from exc
        found = lines
    if len(found.records) > MOST_RECORDS:
        raise Unreadable(f"it has {len(found.records):,} records; more than {MOST_RECORDS:,} are not read.")
    return found


def _unpacked(content: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            plain = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as exc:
        raise Unreadable(f"it cannot be unpacked: {exc}.") from exc
    if len(plain) > MOST_BYTES:
        raise Unreadable(f"it has more than {MOST_BYTES // 2**20} MB, unpacked.")
    return plain


def _records(data: Any) -> Read:
    if isinstance(data, list):
        return Read(list(enumerate(data, 1)))
    if not isinstance(data, dict):
        raise Unreadable("it holds neither a list nor an object.")
    lists = {name: value for name, value in data.items() if isinstance(value, list)}
    with_objects = [name for name, value in lists.items() if any(isinstance(each, dict) for each in value)]
    if records.is_one(data) and set(with_objects) <= set(records.TEXTS):
        return Read([(1, data)])
    if len(with_objects) > 1:
        named = ", ".join(records.shown(name) for name in with_objects[:5])
        raise Unreadable(f"it holds several lists, and which one has the records nobody can tell: {named}.")
    if not with_objects and (not lists or any(lists.values())):
        raise Unreadable("it holds no list of records, and is none itself.")
    return Read(list(enumerate(lists[with_objects[0]], 1)) if with_objects else [])


def _lines(plain: bytes) -> Read | None:
    """An object on each line; None where the first is none, or the only one."""
    found = Read([])
    for at, line in enumerate(plain.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.records.append((at, json.loads(line)))
        except (ValueError, RecursionError):
            if not found.records:
                return None
            found.flaws.append(f"Line {at:,} is not valid JSON.")
    return found if len(found.records) > 1 and isinstance(found.records[0][1], dict) else None
