"""What a migration does that the release before it could not live with.

That one still runs while hosts are brought over one by one. Judged is what is done to tables that were there before:
one that is new is nobody else's yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import migrations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field, ManyToManyField

TAKEN_AWAY = (
    migrations.RemoveField,
    migrations.RenameField,
    migrations.DeleteModel,
    migrations.RenameModel,
    migrations.AlterModelTable,
)
NARROWED = (migrations.AddConstraint, migrations.AlterUniqueTogether)
UNREAD = (migrations.RunSQL,)


def hindrances(before: ProjectState, migration: migrations.Migration) -> list[str]:
    """A sentence each; `before` is what the migration finds."""
    return [said for done in migration.operations for said in _judged(before, migration.app_label, done)]


def _judged(before: ProjectState, app: str, done: Operation) -> Iterator[str]:
    if isinstance(done, migrations.SeparateDatabaseAndState):
        for inner in done.database_operations:
            yield from _judged(before, app, inner)
        for inner in done.state_operations:
            yield from _forgotten(before, app, inner)
        return
    model = str(getattr(done, "model_name", "") or getattr(done, "name", "")).lower()
    if isinstance(done, UNREAD):
        yield "runs SQL, which nobody reads here"
    elif (app, model) not in before.models:
        return
    elif isinstance(done, TAKEN_AWAY):
        yield f"takes away what the last release uses: {done.describe()}"
    elif isinstance(done, NARROWED):
        yield f"forbids what the last release may write: {done.describe()}"
    elif isinstance(done, migrations.AddField) and not _fills_itself(done.field):
        yield f"{model}.{done.name} is needed, and the last release does not write it: give it a db_default"
    elif isinstance(done, migrations.AlterField):
        yield from (
            f"{model}.{done.name} {narrower}"
            for narrower in _narrower(before.models[app, model].fields[done.name], done.field)
        )


def _forgotten(before: ProjectState, app: str, done: Operation) -> Iterator[str]:
    """A column that the program uses no more, and which stays: whoever writes a row leaves it out."""
    if not isinstance(done, migrations.RemoveField):
        return
    if not _fills_itself(before.models[app, done.model_name.lower()].fields[done.name]):
        yield f"{done.model_name}.{done.name} is needed, and nobody writes it any more: give it a db_default first"


def _fills_itself(field: Field[Any, Any]) -> bool:
    return field.null or field.has_db_default() or isinstance(field, ManyToManyField)


def _narrower(old: Field[Any, Any], new: Field[Any, Any]) -> Iterator[str]:
    if old.null and not new.null:
        yield "may be empty for the last release"
    if new.unique and not old.unique:
        yield "must be unique, and the last release does not know"
    if old.get_internal_type() != new.get_internal_type():
        yield f"is a {new.get_internal_type()} now, and was a {old.get_internal_type()}"
    longest = getattr(new, "max_length", None)
    if longest and longest < (getattr(old, "max_length", None) or longest):
        yield "is shorter than what the last release writes"
