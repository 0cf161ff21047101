"""A database as it is at one instant, read without holding anybody up.

    with snapshot("default") as seen:
        page = seen.after(table, 17_000)             # the next 1,000 rows: keys, tokens, hashes, JSON
        difference = seen.compare(table, blocks)     # what has changed since the map `blocks` was made

PostgreSQL gives a REPEATABLE READ transaction, SQLite a read transaction in its WAL: both see everything that was
committed before, and nothing that is committed later. Token and content of a row come from one statement.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from backups import tables
from backups.digests import BITS, BLOCK, DIGEST, STEP, STEPS, Digests, Job, Partner, partner, reader
from backups.digests import digest as digest_of
from backups.errors import Failed
from backups.maps import WORD, Block, Blocks, numbers, word
from backups.tables import Column, Table

ROWS = 1000  # of a chunk
MOST_ROWS = 10_000
WORTH = 100  # blocks from which on a table is read by both
LARGE = 200_000_000  # bytes of an SQLite file from which on a second process is worth its start


@dataclass(frozen=True, slots=True)
class Page:
    """Rows by ascending key: what they are called, how they are compared, and each as JSON."""

    pks: list[int]
    tokens: list[bytes]
    hashes: list[bytes]
    texts: list[bytes]
    keys: dict[str, dict[int, list[Any]]]  # by relation: the natural keys of what the rows refer to


@dataclass(slots=True)
class Difference:
    """Keys of rows that are new or changed, and of those that are gone; on SQLite today's digests, by block."""

    changed: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    digests: Digests = field(default_factory=dict)


class Snapshot(ABC):
    """What both databases have in common. SQL is quoted by Django, and its names come from the models alone."""

    def __init__(self, wrapper: BaseDatabaseWrapper) -> None:
        self.quote = wrapper.ops.quote_name
        self._keys: dict[str, dict[int, list[Any]]] = {}

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
    def _page(self, table: Table, where: str, limit: str) -> Page: ...

    def digests(self, _tables: list[Table]) -> Callable[[], dict[str, Digests]]:
        """Begins to make the digests of tables where comparing goes by them; what it returns waits for them."""
        return dict

    def unnoticed(self, _pk: int, token: bytes, before: bytes, _block_before: Block, _block: Block) -> bool:
        """Whether `compare` would have taken a row for unchanged."""
        return token == before

    def after(self, table: Table, pk: int | None, *, upto: int | None = None) -> Page:
        """The next rows behind a key, 1,000 at most; with `upto` only those up to that key, 10,000 at most."""
        name = self.name(table.pk)
        where = [] if pk is None else [f"{name} > {int(pk)}"]
        where += [] if upto is None else [f"{name} <= {int(upto)}"]
        return self._page(table, " AND ".join(where) or "1 = 1", f" LIMIT {ROWS if upto is None else MOST_ROWS}")

    def rows(self, table: Table, pks: Iterable[int]) -> Page:
        return self._page(table, f"{self.name(table.pk)} IN ({_numbers(pks)})", "")

    def count(self, table: Table) -> int:
        [[rows]] = self.query(f"SELECT count(*) FROM {self.quote(table.name)}")  # noqa: S608
        return int(rows)

    def keys(self, table: Table, pks: set[int]) -> dict[int, list[Any]]:
        """The natural keys of some rows. Those of small tables are remembered."""
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


class SQLite(Snapshot):
    def __init__(
        self, wrapper: BaseDatabaseWrapper, connection: sqlite3.Connection, partner: Partner | None = None
    ) -> None:
        super().__init__(wrapper)
        self.connection, self.partner = connection, partner

    def identity(self, tables: Iterable[Table]) -> dict[str, Any]:
        return {"vendor": "sqlite", "shapes": {table.label: table.shape for table in tables}}

    def comparable(self, before: dict[str, Any], now: dict[str, Any]) -> bool:
        return before == now  # tokens are hashes of contents: true of any database

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _page(self, table: Table, where: str, limit: str) -> Page:
        names = [column.name for column in table.columns]
        documents = [column.name for column in table.columns if column.kind == "JSONField"]
        own = names.index(table.pk.name)
        rows = self.query(
            f"SELECT {self._columns(table)} FROM {self.quote(table.name)} "  # noqa: S608
            f"WHERE {where} ORDER BY {self.name(table.pk)}{limit}"
        )
        texts = []
        try:
            for row in rows:
                content = dict(zip(names, row, strict=True))
                for name in documents:
                    if content[name] is not None:
                        content[name] = orjson.Fragment(content[name])
                texts.append(orjson.dumps(content))
        except TypeError as exc:
            raise Failed(f"A row of {table.label} holds what is no text: {exc}") from exc
        hashes = [hashlib.blake2b(text, digest_size=WORD).digest() for text in texts]
        keys = {}
        for at, column in enumerate(table.columns):
            if column.refers:
                keys[column.field.name] = self.keys(tables.table(column.refers), {row[at] for row in rows} - {None})
        return Page([row[own] for row in rows], hashes, hashes, texts, keys)

    def compare(self, table: Table, blocks: Blocks) -> Difference:
        found = Difference(digests=self.digest(table))
        for number in sorted(blocks.keys() | found.digests.keys()):
            block, digests = blocks.get(number), found.digests.get(number, b"")
            if block is not None and block.digests and block.digests == digests:
                continue
            steps = list(range(STEPS))
            if block is not None and block.digests and digests:
                at = [slice(step * DIGEST, step * DIGEST + DIGEST) for step in steps]
                steps = [step for step in steps if block.digests[at[step]] != digests[at[step]]]
            self._look(table, number, set(steps), block, found)
        return found

    def _look(self, table: Table, number: int, steps: set[int], block: Block | None, found: Difference) -> None:
        """Compare the rows of some steps of a block one by one."""
        had = {} if block is None else block.tokens_by_pk()
        had = {pk: token for pk, token in had.items() if pk // STEP % STEPS in steps}
        now: dict[int, bytes] = {}
        name = self.name(table.pk)
        for first, last in _runs(steps):
            low = number * BLOCK + first * STEP
            page = self._page(table, f"{name} >= {low} AND {name} < {low + (last - first + 1) * STEP}", "")
            now.update(zip(page.pks, page.tokens, strict=True))
        found.changed += [pk for pk, token in now.items() if had.get(pk) != token]
        found.gone += [pk for pk in had if pk not in now]

    def digests(self, tables: list[Table]) -> Callable[[], dict[str, Digests]]:
        if self.partner is None:
            return lambda: {each.label: self.digest(each) for each in tables}
        second, wanted = self.partner, [(each.label, job) for each in tables if (job := self._job(each))]
        second.say([job for _, job in wanted])
        return lambda: dict(zip([label for label, _ in wanted], second.hear(), strict=True))

    def digest(self, table: Table) -> Digests:
        """Every row is read, and none is looked at: a quarter of the work of making JSON of it."""
        job = self._job(table)
        if job is None:
            return {}
        rows, following, first, last = job
        if self.partner is None or last - first < WORTH:
            return digest_of(self.connection, job)
        middle = (first + last) // 2
        self.partner.say([(rows, following, middle + 1, last)])
        found = digest_of(self.connection, (rows, following, first, middle))
        found |= self.partner.hear()[0]
        return found

    def _job(self, table: Table) -> Job | None:
        name, of = self.name(table.pk), self.quote(table.name)
        [[low, high]] = self.query(f"SELECT min({name}), max({name}) FROM {of}")  # noqa: S608
        rows = f"SELECT {name}, {self._columns(table)} FROM {of} WHERE {name} >= ? AND {name} < ? ORDER BY {name}"  # noqa: S608
        following = f"SELECT min({name}) FROM {of} WHERE {name} >= ?"  # noqa: S608
        return None if low is None else (rows, following, low >> BITS, high >> BITS)

    def unnoticed(self, pk: int, _token: bytes, _before: bytes, block_before: Block, block: Block) -> bool:
        at = (pk // STEP) % STEPS * DIGEST
        before = block_before.digests[at : at + DIGEST]
        return bool(before) and before == block.digests[at : at + DIGEST]

    def _columns(self, table: Table) -> str:
        return ", ".join(self.name(column) for column in table.columns)


class PostgreSQL(Snapshot):
    def __init__(self, wrapper: BaseDatabaseWrapper) -> None:
        super().__init__(wrapper)
        self.connection: Any = wrapper.connection  # psycopg's

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
        found: list[tuple[Any, ...]] = self.connection.execute(sql, prepare=False).fetchall()
        return found

    def _page(self, table: Table, where: str, limit: str) -> Page:
        name = self.name(table.pk)
        references = table.references
        columns = ", ".join(self._column(column) for column in table.columns)
        told = ", ".join(f"t.{self.name(column)}" for column in (table.pk, *references))
        sql = (
            f"COPY (SELECT t.xmin, {told}, (SELECT row_to_json(r) FROM (SELECT {columns}) r) "  # noqa: S608
            f"FROM (SELECT xmin, * FROM {self.quote(table.name)} WHERE {where} ORDER BY {name}{limit}) t "
            f"ORDER BY {name}) "
            "TO STDOUT WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
        )
        pks, tokens, texts = [], [], []
        refers: list[set[int]] = [set() for _ in references]
        with self.connection.cursor() as cursor, cursor.copy(sql) as lines:
            for line in lines:
                xmin, pk, *others, text = bytes(line).split(b"\x02", len(references) + 2)
                pks.append(int(pk))
                tokens.append(word(int(xmin)))
                texts.append(text[:-1])
                for seen, other in zip(refers, others, strict=True):
                    if other:
                        seen.add(int(other))
        keys = {
            column.field.name: self.keys(tables.table(column.refers), seen)
            for column, seen in zip(references, refers, strict=True)
        }
        return Page(pks, tokens, [hashlib.blake2b(text, digest_size=WORD).digest() for text in texts], texts, keys)

    def compare(self, table: Table, blocks: Blocks) -> Difference:
        name, found, left = self.name(table.pk), Difference(), set(blocks)
        sql = (
            f"SELECT {name} >> {BITS}, string_agg(int8send({name}), ''::bytea ORDER BY {name}), "  # noqa: S608
            f"string_agg(int8send(xmin::text::bigint), ''::bytea ORDER BY {name}) "
            f"FROM {self.quote(table.name)} GROUP BY 1"
        )
        with self.connection.cursor(name="compare", binary=True) as cursor:
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
    """On a connection of its own, which blocks nobody. Raises Failed when the database does not answer."""
    wrapper = connections[alias]
    if wrapper.vendor not in ("sqlite", "postgresql"):
        raise Failed(f"A {wrapper.display_name} database is not backed up here: SQLite and PostgreSQL are.")
    try:
        if wrapper.vendor == "sqlite":
            with _together(str(wrapper.settings_dict["NAME"])) as (connection, second):
                yield SQLite(wrapper, connection, second)
            return
        with closing(wrapper.copy()) as own:
            own.connect()
            with own.wrap_database_errors:
                own.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield PostgreSQL(own)
    except (sqlite3.Error, DatabaseError, EOFError) as exc:
        raise Failed(f"The database cannot be read: {exc}") from exc


@contextmanager
def _together(name: str) -> Iterator[tuple[sqlite3.Connection, Partner | None]]:
    """A connection, and for a large file a second process that sees the same instant.

    Nobody else may write while both begin: some thousandths of a second. When somebody is in the middle of it and does
    not end, there is no second process.
    """
    file = Path(name)
    if not file.is_file() or file.stat().st_size < LARGE or (os.cpu_count() or 1) < 2:
        with closing(reader(name)) as connection:
            yield connection, None
        return
    with partner(name) as second, closing(sqlite3.connect(name, isolation_level=None, timeout=5)) as holder:
        try:
            holder.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            with closing(reader(name)) as connection:
                yield connection, None
            return
        second.say("begin")
        with closing(reader(name)) as connection:
            second.hear()
            holder.execute("ROLLBACK")
            yield connection, second


def _numbers(pks: Iterable[int]) -> str:
    return ", ".join(str(int(pk)) for pk in pks) or "NULL"


def _runs(steps: set[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers without a gap."""
    for _, run in itertools.groupby(enumerate(sorted(steps)), lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        yield numbers[0], numbers[-1]
