"""Two releases live side by side while hosts are brought over one by one: each migration leaves room for the last one.

`tests/journeys/test_two_releases.py` lets its workers do so.
"""

from __future__ import annotations

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from tests.house.breaches import held
from tests.house.living_with import hindrances
from tests.house.reading import our_apps

# The last migration of each app that was made before this rule: nothing had been released.
EARLIER = {
    "articles": "0026",
    "audit": "0001",
    "backups": "0015",
    "config": "0004",
    "insights": "0001",
    "publishing": "0013",
    "recovery": "0008",
    "webhooks": "0001",
    "worklist": "0004",
}


def found() -> list[str]:
    """What all migrations of ours do that a release before could not live with."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    state, said = ProjectState(), []
    plan = dict.fromkeys(key for leaf in loader.graph.leaf_nodes() for key in loader.graph.forwards_plan(leaf))
    for app, name in plan:
        migration = loader.disk_migrations[app, name]
        if app in our_apps() and name[:4] > EARLIER.get(app, ""):
            said += [f"{app} {name}: {sentence}" for sentence in hindrances(state, migration)]
        for done in migration.operations:
            done.state_forwards(app, state)
    return said


def test_the_last_release_can_live_with_each_migration() -> None:
    held("the last release lives on while its hosts are brought over", found())


def test_each_app_with_tables_is_judged_from_a_migration_that_is_there() -> None:
    names = {(app, name[:4]) for app, name in MigrationLoader(None).disk_migrations}
    assert set(EARLIER.items()) <= names
    assert set(EARLIER) <= set(our_apps())


TEXT = models.CharField(max_length=20)


def judged(done: Operation) -> list[str]:
    before = ProjectState()
    before.add_model(ModelState("desk", "Story", [("id", models.BigAutoField(primary_key=True)), ("title", TEXT)]))
    migration = type("Migration", (migrations.Migration,), {"operations": [done]})("0002_next", "desk")
    return hindrances(before, migration)


HARMLESS: dict[str, Operation] = {
    "a table": migrations.CreateModel("Page", [("id", models.BigAutoField(primary_key=True))]),
    "a column that may be empty": migrations.AddField("Story", "byline", models.CharField(max_length=9, null=True)),
    "a column with a default of the database": migrations.AddField(
        "Story", "byline", models.CharField(max_length=9, db_default="")
    ),
    "a relation of many to many": migrations.AddField("Story", "others", models.ManyToManyField("desk.Story")),
    "an index": migrations.AddIndex("Story", models.Index(fields=["title"], name="titles")),
    "a longer column": migrations.AlterField("Story", "title", models.CharField(max_length=40)),
    "rows": migrations.RunPython(migrations.RunPython.noop),
}
HINDERING: dict[str, Operation] = {
    "a column that must be written": migrations.AddField("Story", "byline", models.CharField(max_length=9)),
    "a default of the program alone": migrations.AddField(
        "Story", "byline", models.CharField(max_length=9, default="")
    ),
    "a column gone": migrations.RemoveField("Story", "title"),
    "a column of another name": migrations.RenameField("Story", "title", "head"),
    "a table gone": migrations.DeleteModel("Story"),
    "a table of another name": migrations.RenameModel("Story", "Piece"),
    "a constraint": migrations.AddConstraint("Story", models.UniqueConstraint(fields=["title"], name="one_each")),
    "a shorter column": migrations.AlterField("Story", "title", models.CharField(max_length=10)),
    "a column that must be unique": migrations.AlterField(
        "Story", "title", models.CharField(max_length=20, unique=True)
    ),
    "another type": migrations.AlterField("Story", "title", models.IntegerField()),
    "unread SQL": migrations.RunSQL("SELECT 1"),
    "a column that is left unwritten": migrations.SeparateDatabaseAndState(
        state_operations=[migrations.RemoveField("Story", "title")]
    ),
    "done to the database alone": migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RemoveField("Story", "title")]
    ),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_room_is_left_by(what: str) -> None:
    assert judged(HARMLESS[what]) == []


@pytest.mark.parametrize("what", HINDERING)
def test_no_room_is_left_by(what: str) -> None:
    assert len(judged(HINDERING[what])) == 1
