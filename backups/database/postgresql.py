"""A PostgreSQL database at one instant: a REPEATABLE READ transaction, and a second one that shares its snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from backups.database.digests import BLOCK_BITS, Digests
from backups.database.maps import Block, Blocks, numbers
from backups.database.snapshot import SEPARATOR, Connection, Difference, Identity, RowsRead, Snapshot, content_hash
from backups.database.tables import Column, Table


class PostgreSQL(Snapshot):
    """Compares by the rows' xmin, the number of the transaction that wrote each."""

    def identity(self, tables: Iterable[Table]) -> Identity:
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

    def comparable(self, before: Mapping[str, Any], now: Identity) -> bool:
        """Transaction numbers mean the same in this very database alone, forwards in time and within one round."""
        if {**before, "xid": 0} != {**now, "xid": 0}:
            return False
        passed: int = now["xid"] - before["xid"]
        return 0 <= passed < 2**31

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            found: list[tuple[Any, ...]] = connection.execute(sql, prepare=False).fetchall()
            return found

    def _read(self, table: Table, where: str, relations: Sequence[Column]) -> RowsRead:
        name = self.name(table.pk)
        content = ", ".join(self._value(column) for column in table.columns)
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
            return RowsRead(referred=[set() for _ in relations])
        pks, tokens, contents, *referred = zip(*rows, strict=True)
        hashes = [content_hash(content) for content in contents]
        return RowsRead(pks, tokens, hashes, SEPARATOR.join(contents), [set(some) - {None} for some in referred])

    def _value(self, column: Column) -> str:
        """Numbers with a point are told as texts: JSON's may lose digits."""
        kind = "::text" if column.kind == "DecimalField" else ""
        return f"t.{self.name(column)}{kind} AS {self.quote(column.name)}"

    def compare(self, table: Table, blocks: Blocks) -> Difference:
        found, left = Difference(), set(blocks)
        for number, now in self._blocks(table):
            left.discard(number)
            _look(blocks.get(number), now, found)
        for number in left:
            found.gone += numbers(blocks[number].pks)
        found.changed.sort()
        return found

    def _blocks(self, table: Table) -> Iterator[tuple[int, Block]]:
        """Keys and tokens as they are now."""
        name = self.name(table.pk)
        sql = (
            f"SELECT {name} >> {BLOCK_BITS}, string_agg(int8send({name}), ''::bytea ORDER BY {name}), "  # noqa: S608
            f"string_agg(int8send(xmin::text::bigint), ''::bytea ORDER BY {name}) "
            f"FROM {self.quote(table.name)} GROUP BY 1"
        )
        with self.connection() as connection, connection.cursor(name="compare", binary=True) as cursor:
            cursor.itersize = 1000
            for number, pks, tokens in cursor.execute(sql):
                yield number, Block(pks, tokens, b"")

    def digests(self, tables: list[Table]) -> Callable[[], dict[str, Digests]]:
        """None: tokens tell enough."""
        return lambda: {table.label: {} for table in tables}

    def marks(self, block: Block) -> dict[int, bytes]:
        return block.tokens_by_pk()


def _look(before: Block | None, now: Block, found: Difference) -> None:
    """Compare the rows of a block one by one, where it is not as it was."""
    if before is not None and before.pks == now.pks:
        if before.tokens != now.tokens:
            tokens = zip(numbers(now.pks), numbers(before.tokens), numbers(now.tokens), strict=True)
            found.changed += [pk for pk, was, token in tokens if was != token]
        return
    had = {} if before is None else before.tokens_by_pk()
    tokens_now = now.tokens_by_pk()
    found.changed += [pk for pk, token in tokens_now.items() if had.get(pk) != token]
    found.gone += [pk for pk in had if pk not in tokens_now]


@contextmanager
def opened(wrapper: BaseDatabaseWrapper) -> Iterator[PostgreSQL]:
    """Raises DatabaseError."""
    with closing(wrapper.copy()) as first, closing(wrapper.copy()) as other:
        yield PostgreSQL(wrapper, _connections(first, other))


def _connections(*wrappers: BaseDatabaseWrapper) -> list[Connection]:
    """Of psycopg, all seeing the instant of the first one's transaction."""
    found: list[Connection] = []
    for wrapper in wrappers:
        wrapper.connect()
        with wrapper.wrap_database_errors:
            wrapper.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if found:
                [name] = found[0].execute("SELECT pg_export_snapshot()").fetchone()
                wrapper.connection.execute(f"SET TRANSACTION SNAPSHOT '{name}'")
        found.append(wrapper.connection)
    return found
