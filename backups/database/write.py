"""The steps of a plan, written into the database: what goes, then changes before creations, so that what is unique is
free again.

Foreign keys are checked when the transaction ends, as Django makes them. Values go as the database takes them, past the
fields' own ideas of saving: times come back as they were.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core.management.color import no_style
from django.db import connections, models

from audit.acting import off
from backups import partitions
from backups.database import tables
from backups.database.comparison.misfits import Misfits
from backups.database.comparison.steps import CHANGE, CREATE, DELETE, DatabasePlan, batches
from backups.database.comparison.translate import TableTranslation, TargetKeys
from backups.database.tables import Column, Row, Table

PLAIN = tables.WHOLE_NUMBERS | tables.TEXTS | {"BooleanField", "FloatField"}  # kinds that a database takes as they are


@dataclass
class Writing:
    """Of one plan. Raises DatabaseError for what the database refuses."""

    plan: DatabasePlan

    def all(self) -> None:
        """Every step, in the caller's transaction. It brings the changes that were noted then, and none besides."""
        with off():
            self._write_all()

    def _write_all(self) -> None:
        before = self._highest()
        kept = {table.model for table in self.plan.staged.tables}
        for table in reversed(self.plan.staged.tables):
            for some in batches(self.plan.steps(DELETE, model=table.label)):
                self._delete(table, [step.target for step in some], kept)
        keys = TargetKeys(self.plan.staged, self.plan.alias, Misfits())  # these were told with the plan
        for table in self.plan.staged.tables:
            translation = TableTranslation(keys, table)
            day = partitions.day_column(table.name, self.plan.alias)
            for action in (CHANGE, CREATE):
                for some in batches(self.plan.steps(action, model=table.label)):
                    rows = translation.written(some)
                    if day:
                        partitions.make_room(table.name, {row[day] for row in rows}, self.plan.alias)
                    self._write(table, action, rows)
        self._let_sequences_grow(before)

    def _let_sequences_grow(self, before: dict[tables.Model, int]) -> None:
        """Never back: nothing new shall get the number of what was deleted here."""
        grown = [model for model, highest in self._highest().items() if highest > before[model]]
        connection = connections[self.plan.alias]
        with connection.cursor() as cursor:
            for sql in connection.ops.sequence_reset_sql(no_style(), grown):
                cursor.execute(sql)

    def _highest(self) -> dict[tables.Model, int]:
        found = {}
        for table in self.plan.staged.tables:
            rows = table.rows(self.plan.alias).order_by("-pk")
            found[table.model] = rows.values_list("pk", flat=True).first() or 0
        return found

    def _write(self, table: Table, action: str, rows: list[Row]) -> None:
        """All rows of a backup have the same columns."""
        columns = [column for column in table.columns if column.name in rows[0]]
        if action == CREATE:
            marks = ", ".join("%s" for _ in columns)
            names = ", ".join(map(self._name, columns))
            sql = f"INSERT INTO {self._quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608
        else:
            columns.sort(key=lambda column: column.name == table.pk.name)  # the key comes last
            sets = ", ".join(f"{self._name(column)} = %s" for column in columns[:-1])
            sql = f"UPDATE {self._quote(table.name)} SET {sets} WHERE {self._name(columns[-1])} = %s"  # noqa: S608
        connection = connections[self.plan.alias]
        prepared = [
            (column.name, None if column.kind in PLAIN else column.field.get_db_prep_save) for column in columns
        ]
        values = [
            [prepare(row[name], connection) if prepare else row[name] for name, prepare in prepared] for row in rows
        ]
        with connection.cursor() as cursor:
            cursor.executemany(sql, values)

    def _delete(self, table: Table, pks: list[int], kept: set[tables.Model]) -> None:
        """Also what refers to these rows and is kept in no backup, as if they had been deleted in the desk."""
        for relation in table.model._meta.related_objects:
            if relation.related_model not in kept:
                rows = relation.related_model._base_manager.using(self.plan.alias)
                of_these = rows.filter(**{f"{relation.field.attname}__in": pks})
                if relation.on_delete is models.SET_NULL:
                    of_these.update(**{relation.field.attname: None})
                else:
                    of_these.delete()
        table.rows(self.plan.alias).filter(pk__in=pks)._raw_delete(self.plan.alias)

    def _quote(self, name: str) -> str:
        return str(connections[self.plan.alias].ops.quote_name(name))

    def _name(self, column: Column) -> str:
        return self._quote(str(column.field.column))
