"""A database as it is at one instant, read without holding anybody up: what both vendors have in common.

    with snapshot("default") as seen:                # of `vendors`
        last = seen.end(table, 17_000)               # the key of the last of the next 1,000 rows
        page = seen.between(table, 17_000, last)     # these rows: keys, tokens, hashes, JSON
        difference = seen.compare(table, blocks)     # what has changed since the map `blocks` was made

PostgreSQL gives a REPEATABLE READ transaction, SQLite a read transaction in its WAL: both see everything that was
committed before, and nothing that is committed later. Token and content of a row come from one statement. The database
makes the JSON, a page at a time: outside of Python, where threads do it side by side. SQLite gives a page as one text
and tells how long each row is, as a row alone costs a step back into Python; PostgreSQL would copy such a text
several times, and gives rows.
"""

from __future__ import annotations

import hashlib
import operator
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypedDict

from django.db.backends.base.base import BaseDatabaseWrapper

from backups.database import tables
from backups.database.digests import Digests
from backups.database.maps import WORD, Block, Blocks
from backups.database.tables import Column, NaturalKeys, Table, sql_list
from backups.errors import Failed

PAGE_ROWS = 1000
MOST_PAGE_ROWS = 10_000  # of one that ends at a key that was given
SEPARATOR = b",\n"  # JSON has no line's end of its own
Connection = Any  # of the database's own driver


class Identity(TypedDict, total=False):
    """Which database, which tables of which shape: kept in the manifest, and held against that of the next backup."""

    vendor: str
    shapes: dict[str, list[list[str]]]  # by model: name and kind of each column
    version: str  # of SQLite
    system: str  # this and all below: of PostgreSQL
    timeline: int
    database: int
    xid: int  # the next transaction's number
    tables: dict[str, int]  # their numbers, by model


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows by ascending key: what they are called, how they are compared, and each as JSON."""

    pks: Sequence[int]
    tokens: Sequence[bytes]
    hashes: Sequence[bytes]
    body: bytes  # rows as JSON, between SEPARATORs
    keys: dict[str, NaturalKeys]  # by relation: of what the rows refer to


@dataclass(frozen=True, slots=True)
class RowsRead:
    """Rows as a database gives them. Raises ValueError when they are not in order."""

    pks: Sequence[int] = ()
    tokens: Sequence[bytes] = ()
    hashes: Sequence[bytes] = ()
    body: bytes = b""
    referred: Sequence[set[int]] = ()  # by relation: keys of what the rows refer to

    def __post_init__(self) -> None:
        if len(self.hashes) != len(self.pks) or any(map(operator.ge, self.pks, self.pks[1:])):
            raise ValueError("rows in another order")


@dataclass(slots=True)
class Difference:
    """Keys of rows that are new or changed, and of those that are gone; on SQLite today's digests, by block."""

    changed: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    digests: Digests = field(default_factory=dict)


class Snapshot(ABC):
    """One instant of a database. SQL is quoted by Django, and its names come from the models alone.

    Threads may share it: each borrows one of the `connections`, which all see the same instant. Whatever reads rows
    raises Failed for what is no text, or comes in another order; SQLite raises TooLarge for more than it tells at once.
    """

    def __init__(self, wrapper: BaseDatabaseWrapper, connections: Iterable[Connection]) -> None:
        self.quote = wrapper.ops.quote_name
        self._keys: dict[str, NaturalKeys] = {}
        self._keys_lock = threading.RLock()
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        for connection in connections:
            self._idle.put(connection)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One of the connections, for as long as it is needed: nobody holds two."""
        borrowed = self._idle.get()
        try:
            yield borrowed
        finally:
            self._idle.put(borrowed)

    def name(self, column: Column) -> str:
        """Of a column, quoted."""
        return self.quote(str(column.field.column))

    # What each vendor does in its own way

    @abstractmethod
    def identity(self, tables: Iterable[Table]) -> Identity:
        """What must not differ for tokens of another day to be compared with those of today."""

    @abstractmethod
    def comparable(self, before: Mapping[str, Any], now: Identity) -> bool:
        """Whether tokens of an identity that a manifest tells mean the same as those of today."""

    @abstractmethod
    def query(self, sql: str) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def compare(self, table: Table, blocks: Blocks) -> Difference:
        """What has changed since the map `blocks` of the table was made. Reads each row, but for its content."""

    @abstractmethod
    def digests(self, tables: list[Table]) -> Callable[[], dict[str, Digests]]:
        """Begins to make the digests of tables, if comparing goes by them; what it returns waits for them."""

    @abstractmethod
    def marks(self, block: Block) -> dict[int, bytes]:
        """By key of each row in a block of a map: what `compare` tells by that the row has not changed."""

    @abstractmethod
    def _read(self, table: Table, where: str, relations: Sequence[Column]) -> RowsRead:
        """The rows of a condition. Raises UnicodeDecodeError, ValueError."""

    # What both do

    def end(self, table: Table, pk: int | None, upto: int | None = None) -> tuple[int | None, int]:
        """Where the chunk behind a key ends, and its rows: after 1,000, or at `upto` unless 10,000 come before that."""
        name, most = self.name(table.pk), PAGE_ROWS if upto is None else MOST_PAGE_ROWS
        [[last, rows]] = self.query(
            f"SELECT max(pk), count(*) FROM (SELECT {name} AS pk FROM {self.quote(table.name)} "  # noqa: S608
            f"WHERE {self._between(table, pk, upto)} ORDER BY {name} LIMIT {most}) t"
        )
        return last if upto is None or rows == most else upto, rows

    def between(self, table: Table, pk: int | None, upto: int) -> RowPage:
        """The rows behind a key, up to another."""
        return self._page(table, self._between(table, pk, upto))

    def rows(self, table: Table, pks: Iterable[int]) -> RowPage:
        """The rows of these keys, as far as they are there."""
        return self._page(table, f"{self.name(table.pk)} IN ({sql_list(pks)})")

    def pks(self, table: Table, pk: int | None, upto: int) -> list[int]:
        """The keys behind one, up to another."""
        name = self.name(table.pk)
        where = self._between(table, pk, upto)
        rows = self.query(f"SELECT {name} FROM {self.quote(table.name)} WHERE {where} ORDER BY {name}")  # noqa: S608
        return [row for (row,) in rows]

    def count(self, table: Table) -> int:
        [[rows]] = self.query(f"SELECT count(*) FROM {self.quote(table.name)}")  # noqa: S608
        return int(rows)

    def keys(self, table: Table, pks: set[int]) -> NaturalKeys:
        """The natural keys of some rows. Those of small tables are remembered."""
        with self._keys_lock:
            known = self._keys.setdefault(table.label, {})
            if len(known) > MOST_PAGE_ROWS:
                known.clear()
            if missing := pks - known.keys():
                known |= self._read_keys(table, missing)
            return {pk: known[pk] for pk in pks if pk in known}

    def _read_keys(self, table: Table, pks: set[int]) -> NaturalKeys:
        columns = ", ".join(self.name(column) for column in (table.pk, *table.key_columns))
        rows = self.query(
            f"SELECT {columns} FROM {self.quote(table.name)} "  # noqa: S608
            f"WHERE {self.name(table.pk)} IN ({sql_list(pks)})"
        )
        if not rows:
            return {}
        found, *values = (list(column) for column in zip(*rows, strict=True))
        for n, column in enumerate(table.key_columns):
            if column.refers:
                others = self.keys(tables.table(column.refers), set(values[n]) - {None})
                values[n] = [others.get(value) for value in values[n]]
        return {pk: list(key) for pk, *key in zip(found, *values, strict=True)}

    def _page(self, table: Table, where: str) -> RowPage:
        read = self._checked(table, where, table.references)
        keys = {
            column.field.name: self.keys(tables.table(column.refers), some)
            for column, some in zip(table.references, read.referred, strict=True)
        }
        return RowPage(read.pks, read.tokens, read.hashes, read.body, keys)

    def _checked(self, table: Table, where: str, relations: Sequence[Column]) -> RowsRead:
        try:
            return self._read(table, where, relations)
        except UnicodeDecodeError as exc:
            raise Failed(f"A row of {table.label} holds what is no text: {exc}.") from exc
        except ValueError as exc:
            raise Failed(f"The database told {table.label} in a strange way: {exc}.") from exc

    def _between(self, table: Table, pk: int | None, upto: int | None) -> str:
        name = self.name(table.pk)
        bounds = [] if pk is None else [f"{name} > {int(pk)}"]
        bounds += [] if upto is None else [f"{name} <= {int(upto)}"]
        return " AND ".join(bounds) or "1 = 1"


def content_hash(row: bytes | memoryview) -> bytes:
    """Of a row's JSON: 8 bytes."""
    return hashlib.blake2b(row, digest_size=WORD).digest()
