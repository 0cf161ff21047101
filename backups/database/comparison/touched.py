"""What a restore has touched: by this it is undone.

Rows are packed, some hundreds together: of each its key, that of its unit, and a digest of what it has become.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

from backups.database.comparison.steps import DELETE, WRITES, DatabasePlan, batches
from backups.database.tables import Row, Table, comparable, unit_column

_PACKED = struct.Struct(">qq8s")  # zeros for no unit, nothing for no digest
TouchedRows = tuple[str, str, bytes]  # a model, what was done, and rows, packed


class TouchedRow(NamedTuple):
    """`unit` is the key of what it belongs to; `digest` is empty for a row that was deleted."""

    pk: int
    unit: int | None
    action: str
    digest: bytes


def touched_by(plan: DatabasePlan) -> Iterator[TouchedRows]:
    """What a plan has done to a database, as that is now. For each row that there is, a digest is made."""
    for table in plan.staged.tables:
        unit = unit_column(table)
        for action in WRITES:
            for some in batches(plan.steps(action, model=table.label)):
                pks = [step.target for step in some]
                now = {} if action == DELETE else rows_there(table, plan.alias, pks)
                yield table.label, action, b"".join(_pack(pk, now.get(pk, {}), unit) for pk in pks)


def unpacked(action: str, packed: bytes) -> Iterator[TouchedRow]:
    for pk, unit, digest in _PACKED.iter_unpack(packed):
        yield TouchedRow(pk, unit or None, action, digest)


def _pack(pk: int, row: Row, unit: str) -> bytes:
    return _PACKED.pack(pk, row.get(unit) or 0, row_digest(row) if row else b"")


def row_digest(row: Row) -> bytes:
    """Of a row as Django reads it, the same for the same content: 8 bytes."""
    content = repr([(name, comparable(value)) for name, value in sorted(row.items())])
    return hashlib.blake2b(content.encode(errors="surrogatepass"), digest_size=8).digest()


def rows_there(table: Table, alias: str, pks: list[int]) -> dict[int, Row]:
    """The rows that are there, by key."""
    rows = table.rows(alias).filter(pk__in=pks).values(*(column.name for column in table.columns))
    return {row[table.pk.name]: row for row in rows}
