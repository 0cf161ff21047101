"""A backup of the database, laid out beside the database it is compared with: an SQLite file that goes away again.

Everything is read, checked against its hash and put together here before anything is done with it, so that a damaged
or hostile backup is refused as a whole, and memory stays flat however many rows there are.
"""

from __future__ import annotations

import json
import marshal
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from backups.database import chains, tables
from backups.database.tables import LOWEST_KEY, Row, Table, unit_column
from backups.errors import Damaged, Hostile
from backups.progress import Started, silent
from backups.repository.manifests import Entry, Generation, check_collisions
from backups.repository.repository import Repository
from backups.storage.bulk import in_bulk

READING_THREADS = 4
BATCH = 500  # rows
TABLES = """
CREATE TABLE row (model TEXT, pk INTEGER, unit INTEGER, content BLOB, PRIMARY KEY (model, pk)) WITHOUT ROWID;
CREATE TABLE key (model TEXT, pk INTEGER, key TEXT, PRIMARY KEY (model, pk)) WITHOUT ROWID;
CREATE TABLE chosen (model TEXT, pk INTEGER, needed INTEGER, PRIMARY KEY (model, pk)) WITHOUT ROWID;
CREATE TABLE moved (model TEXT, pk INTEGER, target INTEGER, PRIMARY KEY (model, pk)) WITHOUT ROWID;
CREATE TABLE claimed (model TEXT, target INTEGER, PRIMARY KEY (model, target)) WITHOUT ROWID;
CREATE TABLE touched
    (model TEXT, pk INTEGER, unit INTEGER, action TEXT, digest BLOB, PRIMARY KEY (model, pk)) WITHOUT ROWID;
CREATE TABLE step (n INTEGER PRIMARY KEY, model TEXT, pk INTEGER, target INTEGER, action TEXT, content BLOB);
CREATE INDEX steps ON step (action, model, n);
"""


@dataclass
class Staged:
    """The rows of a backup by model and key. `remarks` are sentences on what this version of the desk does not know.

    `is_of_another_version`: other migrations than ours had made the database that was backed up.
    """

    generation: Generation
    tables: list[Table]
    connection: sqlite3.Connection
    remarks: list[str] = field(default_factory=list)
    is_of_another_version: bool = False

    def rows(self, table: Table, *, chosen: bool) -> Iterator[list[tuple[int, Row]]]:
        """The rows of a model by ascending key, 500 at a time; of the chosen ones, or all."""
        only = "AND pk IN (SELECT pk FROM chosen WHERE model = row.model)" if chosen else ""
        after = LOWEST_KEY
        sql = f"SELECT pk, content FROM row WHERE model = ? AND pk > ? {only} ORDER BY pk LIMIT {BATCH}"  # noqa: S608
        while some := self.connection.execute(sql, (table.label, after)).fetchall():
            yield [(pk, marshal.loads(content)) for pk, content in some]  # noqa: S302  # written here a moment ago
            after = some[-1][0]

    def count(self, table: Table) -> int:
        [rows] = self.connection.execute("SELECT count(*) FROM row WHERE model = ?", (table.label,)).fetchone()
        return int(rows)

    def highest(self, table: Table) -> int:
        [pk] = self.connection.execute("SELECT max(pk) FROM row WHERE model = ?", (table.label,)).fetchone()
        return int(pk or 0)

    def holds(self, label: str, pk: int) -> bool:
        return bool(self.connection.execute("SELECT 1 FROM row WHERE model = ? AND pk = ?", (label, pk)).fetchone())

    def key(self, label: str, pk: int) -> list[object] | None:
        """The natural key of something that rows refer to, as the backup tells it."""
        found = self.connection.execute("SELECT key FROM key WHERE model = ? AND pk = ?", (label, pk)).fetchone()
        return list(json.loads(found[0])) if found else None

    def value(self, label: str, pk: int, name: str) -> object:
        """A field of one row; None where there is no such."""
        sql = "SELECT content FROM row WHERE model = ? AND pk = ?"
        found = self.connection.execute(sql, (label, pk)).fetchone()
        return marshal.loads(found[0]).get(name) if found else None  # noqa: S302  # as above

    def choose(self, units: Iterable[int]) -> None:
        """Only these units from now on: what belongs to them, and what all of that refers to."""
        unit = settings.BACKUP_UNIT["model"]
        run = self.connection.execute
        run("CREATE TEMP TABLE wanted (unit INTEGER PRIMARY KEY)")
        self.connection.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", [(pk,) for pk in units])
        run("INSERT INTO chosen SELECT model, pk, 0 FROM row WHERE unit IN (SELECT unit FROM wanted)")
        self.choose_needed(there=unit)

    def choose_needed(self, *, there: str = "") -> None:
        """Also what the chosen rows refer to, but for rows of the model of which all that matter are there."""
        for table in reversed(self.tables):
            needed: set[tuple[str, int]] = set()
            for some in self.rows(table, chosen=True):
                for _, row in some:
                    for column in table.references:
                        if column.refers != there and row.get(column.name) is not None:
                            needed.add((column.refers, row[column.name]))
            self.connection.executemany("INSERT OR IGNORE INTO chosen VALUES (?, ?, 1)", needed)

    def row(self, label: str, pk: int) -> Row:
        """One row, empty when there is none."""
        found = self.connection.execute("SELECT content FROM row WHERE model = ? AND pk = ?", (label, pk)).fetchone()
        return marshal.loads(found[0]) if found else {}  # noqa: S302  written by this process

    def chosen_targets(self, label: str) -> list[int]:
        """Where the chosen rows of a model are in the target, or come to be."""
        found = self.connection.execute(
            "SELECT coalesce(m.target, c.pk) FROM chosen c LEFT JOIN moved m ON m.model = c.model AND m.pk = c.pk "
            "WHERE c.model = ?",
            (label,),
        )
        return [pk for (pk,) in found]

    def claimed_between(self, label: str, after: int, last: int) -> set[int]:
        """Keys of the target that rows of the backup have found, behind one and up to another."""
        found = self.connection.execute(
            "SELECT target FROM claimed WHERE model = ? AND target > ? AND target <= ?", (label, after, last)
        )
        return {pk for (pk,) in found}

    def forget_comparison(self) -> None:
        """All that comparing it with a target has noted here; what was chosen stays."""
        for name in ("step", "moved", "claimed"):
            self.connection.execute(f"DELETE FROM {name}")  # noqa: S608

    def needed(self, label: str) -> set[int]:
        """Keys of rows that were not chosen, but that chosen ones refer to."""
        found = self.connection.execute("SELECT pk FROM chosen WHERE model = ? AND needed", (label,))
        return {pk for (pk,) in found}


@contextmanager
def staged(repository: Repository, links: list[Generation], *, started: Started = silent) -> Iterator[Staged]:
    """The database as it was at the last of a chain. Raises Damaged, Missing, Hostile: then none of it is usable."""
    newest = links[-1]
    promised = newest.about.get("rows")
    if not isinstance(promised, dict) or not all(isinstance(n, int) for n in promised.values()):
        raise Hostile(f"The backup {newest.id} does not say what it holds.")
    with closing(_scratch()) as connection:
        found = Staged(newest, tables.kept(), connection)
        loading = _Loading(repository, found)
        progress = started(sum(promised.values()), sum(promised.values()))
        for link in links:
            entries = list(chains.entries_of(repository, link, chains.CHUNK_ROLE))
            check_collisions(entries)
            for chunk in in_bulk(entries, loading.read, threads=READING_THREADS):
                loading.add(chunk)
                progress(len(chunk.rows), len(chunk.rows))
        loading.check(promised)
        yield found


def _scratch() -> sqlite3.Connection:
    """A database in a file that has no name any more: it ends with its process, whoever is killed."""
    with tempfile.TemporaryDirectory(prefix="galley-restore-") as folder:
        connection = sqlite3.connect(Path(folder) / "staged.sqlite3", isolation_level=None, check_same_thread=False)
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + TABLES + "BEGIN;")
    return connection


@dataclass
class _Loading:
    """Puts chunks of a chain on top of each other; `strangers` are models that are not kept here."""

    repository: Repository
    staged: Staged
    strangers: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tables = {table.label: table for table in self.staged.tables}
        self.units = {table.label: unit_column(table) for table in self.staged.tables}

    def read(self, entry: Entry) -> chains.Chunk:
        return chains.read_chunk(self.repository, entry)

    def add(self, chunk: chains.Chunk) -> None:
        table = self.tables.get(chunk.model)
        if table is None:
            self.strangers.add(chunk.model)
            return
        rows, unit = [], self.units[table.label]
        for row in chunk.rows:
            pk = row.get(table.pk.name)
            if not chains.is_key(pk):
                raise Hostile(f"A row of {table.label} in the backup has no key.")
            of = row.get(unit) if unit else None
            try:
                content = marshal.dumps(row)
            except ValueError as exc:
                raise Hostile(f"A row of {table.label} in the backup is no row: {exc}.") from exc
            rows.append((table.label, pk, of if chains.is_key(of) else None, content))
        run = self.staged.connection.executemany
        run("DELETE FROM row WHERE model = ? AND pk = ?", [(table.label, pk) for pk in chunk.gone])
        run("INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?)", rows)
        labels = {column.field.name: column.refers for column in table.references}
        for name, keys in chunk.keys.items():
            if label := labels.get(name):
                run(
                    "INSERT OR REPLACE INTO key VALUES (?, ?, ?)",
                    [(label, pk, json.dumps(k)) for pk, k in keys.items()],
                )

    def check(self, promised: dict[str, int]) -> None:
        """Raises Damaged when other numbers of rows have come than the manifest promises."""
        for label, rows in promised.items():
            if label in self.tables and (there := self.staged.count(self.tables[label])) != rows:
                raise Damaged(f"The backup holds {there:,} rows of {label}, and says that there are {rows:,}.")
        self._remark()

    def _remark(self) -> None:
        """On models and columns that this version of the desk does not have, or the backup does not."""
        remarks, ours = self.staged.remarks, MigrationLoader(None).disk_migrations.keys()
        self.staged.is_of_another_version = self.staged.generation.about.get("migrations") != dict(sorted(ours))
        if later := self._later(ours):
            remarks.append(
                f"It was made by a later version of the desk, with {later}: what only that knows is left out."
            )
        remarks += [f"{label} is not kept by this version: its rows are left out." for label in sorted(self.strangers)]
        shapes = self.staged.generation.about["identity"]["shapes"]
        for label, table in self.tables.items():
            then, now = {name for name, _ in shapes.get(label, [])}, {column.name for column in table.columns}
            if label not in shapes:
                remarks.append(f"{label} is not in this backup.")
                continue
            remarks += [f"{label}.{name} is new since this backup: it gets its default." for name in sorted(now - then)]
            why = "not known here" if later else "not there any more"
            remarks += [f"{label}.{name} is {why}: it is left out." for name in sorted(then - now)]

    def _later(self, ours: Set[tuple[str, str]]) -> str:
        """Migrations of the backup that this version of the desk does not have."""
        found = self.staged.generation.about.get("migrations")
        apps = {label.partition(".")[0] for label in self.tables}
        then = {(app, name) for app, name in found.items() if app in apps} if isinstance(found, dict) else set()
        return ", ".join(f"{app} {name}" for app, name in sorted(then - ours))
