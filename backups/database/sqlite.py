"""An SQLite database at one instant: a read transaction in its WAL, and for a large file a second process."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from backups.database.digests import (
    BLOCK_BITS,
    SPAN_KEYS,
    SPANS,
    DigestJob,
    Digests,
    Partner,
    digest_at,
    digests_of,
    partner,
    reader,
)
from backups.database.maps import Block, Blocks, numbers
from backups.database.snapshot import SEPARATOR, Difference, Identity, RowsRead, Snapshot, content_hash
from backups.database.tables import Column, Table
from backups.errors import TooLarge

SHARED_BLOCKS = 100  # from which on a table is read by both processes
LARGE_BYTES = 200_000_000  # of a file from which on a second process is worth its start
EMPTY = Block(b"", b"", b"")


class SQLite(Snapshot):
    """Compares by digests of contents, which are true of any database."""

    def __init__(
        self, wrapper: BaseDatabaseWrapper, connections: Iterable[sqlite3.Connection], partner: Partner | None = None
    ) -> None:
        super().__init__(wrapper, connections)
        self.partner = partner

    def identity(self, tables: Iterable[Table]) -> Identity:
        """Another SQLite may spell a number in another way."""
        return {
            "vendor": "sqlite",
            "version": sqlite3.sqlite_version,
            "shapes": {table.label: table.shape for table in tables},
        }

    def comparable(self, before: Mapping[str, Any], now: Identity) -> bool:
        return before == now

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Raises TooLarge for more than SQLite tells at once: 1 GB."""
        with self.connection() as connection:
            try:
                found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
            except sqlite3.DataError as exc:
                raise TooLarge(f"The database cannot tell so much at once: {exc}.") from exc
            return found

    def _read(self, table: Table, where: str, relations: Sequence[Column]) -> RowsRead:
        name = self.name(table.pk)
        content = ", ".join(f"'{column.name}', {self._value(column)}" for column in table.columns)
        others = [self.name(column) for column in relations]
        wanted = [
            "group_concat(pk)",
            "group_concat(length(CAST(content AS BLOB)))",
            "CAST(group_concat(content, ',' || char(10)) AS BLOB)",
            *(f"group_concat(DISTINCT {other})" for other in others),
        ]
        some = ", ".join([f"{name} AS pk", f"json_object({content}) AS content", *others])
        [[pks, lengths, body, *referred]] = self.query(
            f"SELECT {', '.join(wanted)} "  # noqa: S608
            f"FROM (SELECT {some} FROM {self.quote(table.name)} WHERE {where} ORDER BY {name})"
        )
        if pks is None:
            return RowsRead(referred=[set() for _ in referred])
        if not body.isascii():
            body.decode()
        hashes = _hashes(body, _numbers_in(lengths))
        return RowsRead(_numbers_in(pks), hashes, hashes, body, [set(_numbers_in(some)) for some in referred])

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
            block, digests = blocks.get(number, EMPTY), found.digests.get(number, b"")
            if not block.digests or block.digests != digests:
                self._look(table, number, digests, block, found)
        return found

    def _look(self, table: Table, number: int, digests: bytes, block: Block, found: Difference) -> None:
        """Compare the rows of a block one by one, where its digests are not those that it had."""
        numbered = range(number * SPANS, (number + 1) * SPANS)
        spans = {n for n in numbered if not block.digests or digest_at(digests, n) != digest_at(block.digests, n)}
        had: dict[int, bytes] = {}
        now: dict[int, bytes] = {}
        for first, last in _stretches(spans):
            low, high = first * SPAN_KEYS, (last + 1) * SPAN_KEYS
            had |= block.tokens_by_pk(low, high)
            now |= self._tokens(table, low, high)
        found.changed += [pk for pk, token in now.items() if had.get(pk) != token]
        found.gone += [pk for pk in had if pk not in now]

    def _tokens(self, table: Table, low: int, high: int) -> dict[int, bytes]:
        """Of the rows from one key up to another, by key."""
        name = self.name(table.pk)
        try:
            read = self._checked(table, f"{name} >= {low} AND {name} < {high}", ())
        except TooLarge:
            if high - low == 1:
                raise
            middle = (low + high) // 2
            return self._tokens(table, low, middle) | self._tokens(table, middle, high)
        return dict(zip(read.pks, read.tokens, strict=True))

    def digests(self, tables: list[Table]) -> Callable[[], dict[str, Digests]]:
        """In the second process, if there is one; else when they are waited for."""
        if self.partner is None:
            return lambda: {each.label: self.digest(each) for each in tables}
        second, wanted = self.partner, [(each.label, job) for each in tables if (job := self._job(each))]
        second.ask([job for _, job in wanted])
        return lambda: dict(zip([label for label, _ in wanted], second.wait(), strict=True))

    def digest(self, table: Table) -> Digests:
        """Every row is read, as any may have changed."""
        job = self._job(table)
        if job is None:
            return {}
        text, following, first, last = job
        with self.connection() as connection:
            if self.partner is None or last - first < SHARED_BLOCKS:
                return digests_of(connection, job)
            middle = (first + last) // 2
            self.partner.ask([(text, following, middle + 1, last)])
            found = digests_of(connection, (text, following, first, middle))
            return found | self.partner.wait()[0]

    def marks(self, block: Block) -> dict[int, bytes]:
        if not block.digests:
            return {}
        return {pk: digest_at(block.digests, pk // SPAN_KEYS) for pk in numbers(block.pks)}

    def _job(self, table: Table) -> DigestJob | None:
        """Values as they are stored: each row's as JSON, without its long texts but with their lengths, then these.

        JSON of all would take half as long again, and that of a backup more than twice as long. None without rows.
        """
        name, of = self.name(table.pk), self.quote(table.name)
        [[low, high]] = self.query(f"SELECT min({name}), max({name}) FROM {of}")  # noqa: S608
        if low is None:
            return None
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
        return text, following, low >> BLOCK_BITS, high >> BLOCK_BITS


@contextmanager
def opened(wrapper: BaseDatabaseWrapper) -> Iterator[SQLite]:
    """Raises sqlite3.Error, and EOFError when the second process dies."""
    with _readers(str(wrapper.settings_dict["NAME"])) as (readers, second):
        yield SQLite(wrapper, readers, second)


@contextmanager
def _readers(name: str) -> Iterator[tuple[list[sqlite3.Connection], Partner | None]]:
    """A connection; for a large file two, and a second process, that all see the same instant.

    Nobody else may write while they begin: some thousandths of a second. When somebody is in the middle of it and does
    not end, there is one alone.
    """
    file = Path(name)
    if not file.is_file() or file.stat().st_size < LARGE_BYTES or (os.cpu_count() or 1) < 2:
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
        second.begin()
        with closing(reader(name)) as connection, closing(reader(name)) as other:
            second.wait()
            holder.execute("ROLLBACK")
            yield [connection, other], second


def _hashes(body: bytes, lengths: list[int]) -> list[bytes]:
    """Of each row in a page, by the rows' lengths. Raises ValueError when these are not right."""
    ends = list(itertools.accumulate(lengths, lambda end, length: end + len(SEPARATOR) + length))
    if ends[-1] != len(body):
        raise ValueError("rows of another length")
    starts, whole = (0, *(end + len(SEPARATOR) for end in ends[:-1])), memoryview(body)
    return [content_hash(whole[start:end]) for start, end in zip(starts, ends, strict=True)]


def _numbers_in(listed: str | None) -> list[int]:
    """Numbers between commas."""
    return [int(number) for number in str(listed).split(",")] if listed else []


def _stretches(spans: set[int]) -> Iterator[tuple[int, int]]:
    """First and last of each stretch of numbers without a gap."""
    for _, stretch in itertools.groupby(enumerate(sorted(spans)), lambda pair: pair[1] - pair[0]):
        found = [number for _, number in stretch]
        yield found[0], found[-1]
