"""A database as it is at one instant, read without holding anybody up.

    with snapshot("default") as seen:
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
import itertools
import operator
import os
import queue
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from backups.database import tables
from backups.database.digests import BITS, DIGEST, STEP, STEPS, Digests, Job, Partner, partner, reader
from backups.database.digests import digest as digest_of
from backups.database.maps import WORD, Block, Blocks, numbers
from backups.database.tables import Column, Table
from backups.errors import Failed, TooLarge

ROWS = 1000  # of a chunk
SEPARATOR = b",\n"  # JSON has no line's end of its own
MOST_ROWS = 10_000
NO_ROWS = Block(b"", b"", b"")
WORTH = 100  # blocks from which on a table is read by both
LARGE = 200_000_000  # bytes of an SQLite file from which on a second process is worth its start


@dataclass(frozen=True, slots=True)
class Page:
    """Rows by ascending key: what they are called, how they are compared, and each as JSON."""

    pks: Sequence[int]
    tokens: Sequence[bytes]
    hashes: Sequence[bytes]
    body: bytes  # rows as JSON, between SEPARATORs
    keys: dict[str, dict[int, list[Any]]]  # by relation: the natural keys of what the rows refer to


@dataclass(frozen=True, slots=True)
class Told:
    """Rows as the database tells them. Raises ValueError when they are not in order."""

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
    """What both databases have in common. SQL is quoted by Django, and its names come from the models alone.

    Threads may share it: each borrows one of the `connections`, which all see the same instant.
    """

    def __init__(self, wrapper: BaseDatabaseWrapper, connections: Iterable[Any]) -> None:
        self.quote = wrapper.ops.quote_name
        self._keys: dict[str, dict[int, list[Any]]] = {}
        self._keys_lock = threading.RLock()
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for connection in connections:
            self._idle.put(connection)

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """One of the connections, for as long as it is needed: nobody holds two."""
        borrowed = self._idle.get()
        try:
            yield borrowed
        finally:
            self._idle.put(borrowed)

    def name(self, column: Column) -> str:
        return self.quote(str(column.field.column))

    @abstractmethod
    def identity(self, tables: Iterable[Table]) -> dict[str, Any]:
        """What must not differ for tokens of another day to be compared with those of today."""

    @abstractmethod
    def comparable(self, before: dict[str, Any], now: dict[str, Any]) -> bool: ...

    @abstractmethod
    def query(self, sql: str) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def compare(self, table: Table, blocks: Blocks) -> Difference: ...

    @abstractmethod
    def _read(self, table: Table, where: str, relations: Sequence[Column]) -> Told: ...

    def digests(self, _tables: list[Table]) -> Callable[[], dict[str, Digests]]:
        """Begins to make the digests of tables where comparing goes by them; what it returns waits for them."""
        return dict

    def unnoticed(self, _pk: int, token: bytes, before: bytes, _block_before: Block, _block: Block) -> bool:
        """Whether `compare` would have taken a row for unchanged."""
        return token == before

    def end(self, table: Table, pk: int | None, upto: int | None = None) -> tuple[int | None, int]:
        """Where the chunk behind a key ends, and its rows: after 1,000, or at `upto` unless 10,000 come before that."""
        name, most = self.name(table.pk), ROWS if upto is None else MOST_ROWS
        [[last, rows]] = self.query(
            f"SELECT max(pk), count(*) FROM (SELECT {name} AS pk FROM {self.quote(table.name)} "  # noqa: S608
            f"WHERE {self._between(table, pk, upto)} ORDER BY {name} LIMIT {most}) t"
        )
        return last if upto is None or rows == most else upto, rows

    def between(self, table: Table, pk: int | None, upto: int) -> Page:
        """The rows behind a key, up to another."""
        return self._page(table, self._between(table, pk, upto))

    def rows(self, table: Table, pks: Iterable[int]) -> Page:
        return self._page(table, f"{self.name(table.pk)} IN ({_numbers(pks)})")

    def pks(self, table: Table, pk: int | None, upto: int) -> list[int]:
        """The keys behind one, up to another."""
        name = self.name(table.pk)
        where = self._between(table, pk, upto)
        rows = self.query(f"SELECT {name} FROM {self.quote(table.name)} WHERE {where} ORDER BY {name}")  # noqa: S608
        return [row for (row,) in rows]

    def count(self, table: Table) -> int:
        [[rows]] = self.query(f"SELECT count(*) FROM {self.quote(table.name)}")  # noqa: S608
        return int(rows)

    def keys(self, table: Table, pks: set[int]) -> dict[int, list[Any]]:
        """The natural keys of some rows. Those of small tables are remembered."""
        with self._keys_lock:
            known = self._keys.setdefault(table.label, {})
            if len(known) > MOST_ROWS:
                known.clear()
            if missing := pks - known.keys():
                columns = ", ".join(self.name(column) for column in (table.pk, *table.key_columns))
                rows = self.query(
                    f"SELECT {columns} FROM {self.quote(table.name)} "  # noqa: S608
                    f"WHERE {self.name(table.pk)} IN ({_numbers(missing)})"
                )
                values = [list(column) for column in zip(*rows, strict=True)][1:]
                for n, column in enumerate(table.key_columns if rows else ()):
                    if column.refers:
                        others = self.keys(tables.table(column.refers), set(values[n]) - {None})
                        values[n] = [others.get(value) for value in values[n]]
                for row, *key in zip((row[0] for row in rows), *values, strict=True):
                    known[row] = list(key)
            return {pk: known[pk] for pk in pks if pk in known}

    def _page(self, table: Table, where: str) -> Page:
        told = self._told(table, where, table.references)
        keys = {
            column.field.name: self.keys(tables.table(column.refers), some)
            for column, some in zip(table.references, told.referred, strict=True)
        }
        return Page(told.pks, told.tokens, told.hashes, told.body, keys)

    def _told(self, table: Table, where: str, relations: Sequence[Column]) -> Told:
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


class SQLite(Snapshot):
    def __init__(
        self, wrapper: BaseDatabaseWrapper, connections: Iterable[sqlite3.Connection], partner: Partner | None = None
    ) -> None:
        super().__init__(wrapper, connections)
        self.partner = partner

    def identity(self, tables: Iterable[Table]) -> dict[str, Any]:
        """Tokens are hashes of contents, true of any database; but another SQLite may spell a number in another way."""
        return {
            "vendor": "sqlite",
            "version": sqlite3.sqlite_version,
            "shapes": {table.label: table.shape for table in tables},
        }

    def comparable(self, before: dict[str, Any], now: dict[str, Any]) -> bool:
        return before == now

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Raises TooLarge for more than SQLite tells at once: 1 GB."""
        with self.connection() as connection:
            try:
                found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
            except sqlite3.DataError as exc:
                raise TooLarge(f"The database cannot tell so much at once: {exc}.") from exc
            return found

    def _read(self, table: Table, where: str, relations: Sequence[Column]) -> Told:
        name = self.name(table.pk)
        content = ", ".join(f"'{column.name}', {self._value(column)}" for column in table.columns)
        others = [self.name(column) for column in relations]
        told = [
            "group_concat(pk)",
            "group_concat(length(CAST(content AS BLOB)))",
            "CAST(group_concat(content, ',' || char(10)) AS BLOB)",
            *(f"group_concat(DISTINCT {other})" for other in others),
        ]
        some = ", ".join([f"{name} AS pk", f"json_object({content}) AS content", *others])
        [[pks, lengths, body, *referred]] = self.query(
            f"SELECT {', '.join(told)} "  # noqa: S608
            f"FROM (SELECT {some} FROM {self.quote(table.name)} WHERE {where} ORDER BY {name})"
        )
        if pks is None:
            return Told(referred=[set() for _ in referred])
        if not body.isascii():
            body.decode()
        ends = list(itertools.accumulate(_whole(lengths), lambda end, length: end + len(SEPARATOR) + length))
        if ends[-1] != len(body):
            raise ValueError("rows of another length")
        starts, whole = (0, *(end + len(SEPARATOR) for end in ends[:-1])), memoryview(body)
        hashes = [_hash(whole[start:end]) for start, end in zip(starts, ends, strict=True)]
        return Told(_whole(pks), hashes, hashes, body, [set(_whole(some)) for some in referred])

    def _value(self, column: Column) -> str:
        """JSON that is one already is taken as it is, and numbers with a point are told with all their digits."""
        name = self.name(column)
        if column.kind == "JSONField":
            return f"json({name})"
        if column.has_a_point:
            return f"CASE typeof({name}) WHEN 'real' THEN json(quote({name})) ELSE {name} END"
        return name

    def compare(self, table: Table, blocks: Blocks) -> Difference:
        found = Difference(digests=self.digest(table))
        for number in sorted(blocks.keys() | found.digests.keys()):
            block, digests = blocks.get(number, NO_ROWS), found.digests.get(number, b"")
            if not block.digests or block.digests != digests:
                self._look(table, number, digests, block, found)
        return found

    def _look(self, table: Table, number: int, digests: bytes, block: Block, found: Difference) -> None:
        """Compare the rows of a block one by one, where its digests are not those that it had."""
        numbered = range(number * STEPS, (number + 1) * STEPS)
        steps = {n for n in numbered if not block.digests or digest_at(digests, n) != digest_at(block.digests, n)}
        had: dict[int, bytes] = {}
        now: dict[int, bytes] = {}
        for first, last in _runs(steps):
            low, high = first * STEP, (last + 1) * STEP
            had |= block.tokens_by_pk(low, high)
            now |= self._tokens(table, low, high)
        found.changed += [pk for pk, token in now.items() if had.get(pk) != token]
        found.gone += [pk for pk in had if pk not in now]

    def _tokens(self, table: Table, low: int, high: int) -> dict[int, bytes]:
        """Of the rows from one key up to another, by key."""
        name = self.name(table.pk)
        try:
            told = self._told(table, f"{name} >= {low} AND {name} < {high}", ())
        except TooLarge:
            if high - low == 1:
                raise
            middle = (low + high) // 2
            return self._tokens(table, low, middle) | self._tokens(table, middle, high)
        return dict(zip(told.pks, told.tokens, strict=True))

    def digests(self, tables: list[Table]) -> Callable[[], dict[str, Digests]]:
        if self.partner is None:
            return lambda: {each.label: self.digest(each) for each in tables}
        second, wanted = self.partner, [(each.label, job) for each in tables if (job := self._job(each))]
        second.say([job for _, job in wanted])
        return lambda: dict(zip([label for label, _ in wanted], second.hear(), strict=True))

    def digest(self, table: Table) -> Digests:
        """Every row is read, as any may have changed."""
        job = self._job(table)
        if job is None:
            return {}
        text, following, first, last = job
        with self.connection() as connection:
            if self.partner is None or last - first < WORTH:
                return digest_of(connection, job)
            middle = (first + last) // 2
            self.partner.say([(text, following, middle + 1, last)])
            found = digest_of(connection, (text, following, first, middle))
            found |= self.partner.hear()[0]
            return found

    def _job(self, table: Table) -> Job | None:
        """Values as they are stored: each row's as JSON, without its long texts but with their lengths, then these.

        JSON of all would take half as long again, and that of a backup more than twice as long.
        """
        name, of = self.name(table.pk), self.quote(table.name)
        [[low, high]] = self.query(f"SELECT min({name}), max({name}) FROM {of}")  # noqa: S608
        texts = [self.name(column) for column in table.columns if column.kind == "TextField"]
        values = {self.name(column): self.name(column) for column in table.columns}
        values |= {self.name(column): f"quote({self.name(column)})" for column in table.columns if column.has_a_point}
        # Bytes stay themselves among the values: JSON refuses them here as in a backup, and the operator is told.
        length = "CASE typeof({0}) WHEN 'blob' THEN {0} ELSE length(CAST({0} AS BLOB)) END"
        values |= {text: length.format(text) for text in texts}
        long = " || ".join(f"ifnull({text}, '')" for text in texts) or "''"
        rows = (
            f"SELECT json_array({', '.join(values.values())}) AS row, {long} AS long FROM {of} "  # noqa: S608
            f"WHERE {name} >= ? AND {name} < ? ORDER BY {name}"
        )
        text = f"SELECT CAST(group_concat(row, char(10)) || char(0) || group_concat(long, '') AS BLOB) FROM ({rows})"  # noqa: S608
        following = f"SELECT min({name}) FROM {of} WHERE {name} >= ?"  # noqa: S608
        return None if low is None else (text, following, low >> BITS, high >> BITS)

    def unnoticed(self, pk: int, _token: bytes, _before: bytes, block_before: Block, block: Block) -> bool:
        before = digest_at(block_before.digests, pk // STEP)
        return bool(before) and before == digest_at(block.digests, pk // STEP)


class PostgreSQL(Snapshot):
    def identity(self, tables: Iterable[Table]) -> dict[str, Any]:
        [[system, timeline, database, xid]] = self.query(
            "SELECT s.system_identifier::text, c.timeline_id, d.oid::bigint, pg_current_snapshot()::text "
            "FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database()"
        )
        oids = dict(self.query("SELECT relname, oid::bigint FROM pg_class WHERE pg_table_is_visible(oid)"))
        return {
            "vendor": "postgresql",
            "system": system,
            "timeline": timeline,
            "database": database,
            "xid": int(xid.split(":")[1]),
            "tables": {table.label: oids.get(table.name, 0) for table in tables},
            "shapes": {table.label: table.shape for table in tables},
        }

    def comparable(self, before: dict[str, Any], now: dict[str, Any]) -> bool:
        """Transaction numbers mean the same in this very database alone, forwards in time and within one round."""
        if {**before, "xid": 0} != {**now, "xid": 0}:
            return False
        passed: int = now["xid"] - before["xid"]
        return 0 <= passed < 2**31

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            found: list[tuple[Any, ...]] = connection.execute(sql, prepare=False).fetchall()
            return found

    def _read(self, table: Table, where: str, relations: Sequence[Column]) -> Told:
        name = self.name(table.pk)
        content = ", ".join(self._column(column) for column in table.columns)
        others = "".join(f", t.{self.name(column)}" for column in relations)
        sql = (
            f"SELECT t.{name}, int8send(t.xmin::text::bigint), "  # noqa: S608
            f"(SELECT convert_to(row_to_json(r)::text, 'UTF8') FROM (SELECT {content}) r){others} "
            f"FROM {self.quote(table.name)} t WHERE {where} ORDER BY t.{name}"
        )
        from psycopg import Cursor  # not Django's, which asks for texts; and a desk on SQLite has no use for any

        with self.connection() as connection, Cursor(connection) as cursor:
            rows = cursor.execute(sql, prepare=False, binary=True).fetchall()
        if not rows:
            return Told(referred=[set() for _ in relations])
        pks, tokens, contents, *referred = zip(*rows, strict=True)
        hashes = [_hash(content) for content in contents]
        return Told(pks, tokens, hashes, SEPARATOR.join(contents), [set(some) - {None} for some in referred])

    def compare(self, table: Table, blocks: Blocks) -> Difference:
        name, found, left = self.name(table.pk), Difference(), set(blocks)
        sql = (
            f"SELECT {name} >> {BITS}, string_agg(int8send({name}), ''::bytea ORDER BY {name}), "  # noqa: S608
            f"string_agg(int8send(xmin::text::bigint), ''::bytea ORDER BY {name}) "
            f"FROM {self.quote(table.name)} GROUP BY 1"
        )
        with self.connection() as connection, connection.cursor(name="compare", binary=True) as cursor:
            cursor.itersize = 1000
            for number, pks, tokens in cursor.execute(sql):
                left.discard(number)
                block = blocks.get(number)
                if block is not None and (block.pks, block.tokens) == (pks, tokens):
                    continue
                if block is not None and block.pks == pks:
                    found.changed += [
                        pk
                        for pk, was, token in zip(numbers(pks), numbers(block.tokens), numbers(tokens), strict=True)
                        if was != token
                    ]
                    continue
                had = {} if block is None else block.tokens_by_pk()
                now = Block(pks, tokens, b"").tokens_by_pk()
                found.changed += [pk for pk, token in now.items() if had.get(pk) != token]
                found.gone += [pk for pk in had if pk not in now]
        for number in left:
            found.gone += blocks[number].tokens_by_pk()
        found.changed.sort()
        return found

    def _column(self, column: Any) -> str:
        """Numbers with a point are told as texts: JSON's may lose digits."""
        kind = "::text" if column.kind == "DecimalField" else ""
        return f"t.{self.name(column)}{kind} AS {self.quote(column.name)}"


@contextmanager
def snapshot(alias: str = "default") -> Iterator[Snapshot]:
    """On connections of its own, which block nobody. Raises Failed when the database does not answer."""
    wrapper = connections[alias]
    if wrapper.vendor not in ("sqlite", "postgresql"):
        raise Failed(f"A {wrapper.display_name} database is not backed up here: SQLite and PostgreSQL are.")
    try:
        if wrapper.vendor == "sqlite":
            with _readers(str(wrapper.settings_dict["NAME"])) as (readers, second):
                yield SQLite(wrapper, readers, second)
            return
        with closing(wrapper.copy()) as first, closing(wrapper.copy()) as other:
            yield PostgreSQL(wrapper, _backends(first, other))
    except (sqlite3.Error, DatabaseError, EOFError) as exc:
        raise Failed(f"The database cannot be read: {exc}") from exc


def _backends(*wrappers: BaseDatabaseWrapper) -> list[Any]:
    """Connections of psycopg that see the instant of the first one's transaction."""
    found: list[Any] = []
    for wrapper in wrappers:
        wrapper.connect()
        with wrapper.wrap_database_errors:
            wrapper.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if found:
                [name] = found[0].execute("SELECT pg_export_snapshot()").fetchone()
                wrapper.connection.execute(f"SET TRANSACTION SNAPSHOT '{name}'")
        found.append(wrapper.connection)
    return found


@contextmanager
def _readers(name: str) -> Iterator[tuple[list[sqlite3.Connection], Partner | None]]:
    """A connection; for a large file two, and a second process, that all see the same instant.

    Nobody else may write while they begin: some thousandths of a second. When somebody is in the middle of it and does
    not end, there is one alone.
    """
    file = Path(name)
    if not file.is_file() or file.stat().st_size < LARGE or (os.cpu_count() or 1) < 2:
        with closing(reader(name)) as connection:
            yield [connection], None
        return
    with partner(name) as second, closing(sqlite3.connect(name, isolation_level=None, timeout=5)) as holder:
        try:
            holder.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            with closing(reader(name)) as connection:
                yield [connection], None
            return
        second.say("begin")
        with closing(reader(name)) as connection, closing(reader(name)) as other:
            second.hear()
            holder.execute("ROLLBACK")
            yield [connection, other], second


def _hash(row: bytes | memoryview) -> bytes:
    return hashlib.blake2b(row, digest_size=WORD).digest()


def digest_at(digests: bytes, step: int) -> bytes:
    at = step % STEPS * DIGEST
    return digests[at : at + DIGEST]


def _whole(told: str | None) -> list[int]:
    """Numbers between commas."""
    return [int(number) for number in str(told).split(",")] if told else []


def _numbers(pks: Iterable[int]) -> str:
    return ", ".join(str(int(pk)) for pk in pks) or "NULL"


def _runs(steps: set[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers without a gap."""
    for _, run in itertools.groupby(enumerate(sorted(steps)), lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        yield numbers[0], numbers[-1]
