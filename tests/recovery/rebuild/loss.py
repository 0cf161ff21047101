"""The database is lost: what it held before, and what of that need not come back, each with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.db.models import ForeignKey, Model
from django.db.models.fields.files import FieldFile

from articles.models import Article, Batch, ImageFile, Section, StageRecord
from audit.acting import off
from backups.database import tables
from backups.models import Generation, Restore
from backups.trees.tree import MANIFEST, Tree
from publishing.models import PublishTask, Site
from recovery.rebuild.batch import LOOK_THROUGH

NUMBER = "a number of one database; others know the row by names"
REASONS: dict[type[Model], dict[str, str]] = {
    Article: {
        "id": NUMBER,
        "attempt": "counts claims, and no worker of the lost database writes here",
        "crashes": "counted since something was saved",
        "retries": "counted since something was saved",
        "lease_owner": "nobody works on it",
        "lease_until": "nobody works on it",
        "queued_at": "it is not in the queue",
        "tree_expired_at": "what has expired cannot be rebuilt",
        "manifest_due": "about the storage, which is right",
        "alone": "nothing begins by itself because it was rebuilt",
    },
    Batch: {
        "id": NUMBER,
        "starting": "the next start makes what lacks of its rows",
        "starting_by": "the next start makes what lacks of its rows",
        "revision": "counts changes for those who watched it",
        "cause": "Recover asks each of its articles",
        "manifest_due": "about the storage, which is right",
    },
    Section: {"id": NUMBER, "revision": "counts changes for those who watched it"},
    ImageFile: {
        "id": NUMBER,
        "source_url": "an address that lives for an hour",
        "source_expires_at": "an address that lives for an hour",
    },
    StageRecord: {"id": NUMBER},
    PublishTask: {
        "id": NUMBER,
        **dict.fromkeys(
            ("way", "turns", "current_step", "completed_steps", "total_steps", "progress", "started_at", "error"),
            "it begins anew, with what is on the site",
        ),
        **dict.fromkeys(("kept", "post_id", "link", "completed_at", "cancelled"), "of what has ended"),
        "retry_count": "counts what a person had tried again",
        "cost": "the ledger is gone; the article has its sum",
    },
}
KEYS: dict[type[Model], tuple[str, ...]] = {
    Article: ("uid",),
    Batch: ("uid",),
    Section: ("article", "index"),
    ImageFile: ("article", "role"),
    StageRecord: ("article", "stage"),
    PublishTask: ("article", "created_at"),
}
Rows = dict[tuple[Any, ...], dict[str, Any]]
State = dict[type[Model], Rows]


def state() -> State:
    """All that must come back: by kind and key, each row with its fields. References stand as names."""
    return {model: {_key(row): _fields(row) for row in model._default_manager.all()} for model in REASONS}


def _key(row: Model) -> tuple[Any, ...]:
    return tuple(_value(row, name) for name in KEYS[type(row)])


def _fields(row: Model) -> dict[str, Any]:
    kept = [field.name for field in row._meta.concrete_fields if field.name not in REASONS[type(row)]]
    return {name: _value(row, name) for name in kept}


def _value(row: Model, name: str) -> Any:
    value = getattr(row, name)
    if not isinstance(row._meta.get_field(name), ForeignKey):
        return value.name if isinstance(value, FieldFile) else value
    match value:
        case Site():
            return value.name
        case User():
            return value.get_username()
        case Article() | Batch():
            return value.uid
    return value


def differences(before: State, after: State) -> list[str]:
    """A line for each field that is another one: `Article.title: 'Tariffs' is ''`."""
    return sorted(
        f"{model.__name__}.{name} of {key}: {_short(was)} is {_short(after[model].get(key, {}).get(name, 'nothing'))}"
        for model, rows in before.items()
        for key, fields in rows.items()
        for name, was in fields.items()
        if after[model].get(key, {}).get(name, "nothing") != was
    )


def _short(value: Any) -> str:
    return repr(value)[:200]


def lose_the_database(*kept: type[Model]) -> None:
    """Every row, but those of the kinds that are `kept`."""
    for model in (Article, Batch, Site, User):
        if model not in kept:
            model._default_manager.all().delete()


def edit(tree: Tree, change: Callable[[dict[str, Any]], object], *, signed: bool = True) -> None:
    """Change a manifest as a mistake of ours would, or whoever has the keys; not `signed`: as anybody else can."""
    manifest = tree.manifest()
    change(manifest)
    said = tree.signed(manifest) if signed else manifest
    tree.storage.save(tree.path(MANIFEST), ContentFile(json.dumps(said).encode()))


def rebuild_all() -> None:
    call_command("rebuild_articles", stdout=StringIO(), stderr=StringIO())


# Nothing begins by itself because it was rebuilt


def settled(before: State) -> State:
    """As it must come back. Left out is what a stop by the loss itself says, and when a done article was done to the
    second: its last stage says that.
    """
    return {
        Article: {key: _settled_article(fields) for key, fields in before[Article].items()},
        Batch: {key: _settled_batch(fields) for key, fields in before[Batch].items()},
        Section: {key: _settled_section(fields) for key, fields in before[Section].items()},
        ImageFile: before[ImageFile],
        StageRecord: before[StageRecord],
        PublishTask: {key: _settled_task(fields) for key, fields in before[PublishTask].items() if _is_open(fields)},
    }


def _is_open(task: dict[str, Any]) -> bool:
    return task["status"] not in PublishTask.ENDED


def _settled_task(fields: dict[str, Any]) -> dict[str, Any]:
    waits = fields["status"] == PublishTask.Status.IDLE
    return fields | {"status": PublishTask.Status.IDLE if waits else PublishTask.Status.PENDING}


def _settled_article(fields: dict[str, Any]) -> dict[str, Any]:
    status, scheduled = fields["status"], fields["scheduled_at"]
    if status == Article.Status.DONE:
        return _without(fields, "ended_at")
    rests = status in (Article.Status.FAILED, Article.Status.CANCELLED, Article.Status.DRAFT)
    if rests or (scheduled and fields["next_at"] == scheduled):
        return fields
    if fields["batch"]:
        return fields | {"status": Article.Status.DRAFT, "error": None, "next_at": None}
    return _without(fields, "error", "cause", "ended_at", "next_at") | {"status": Article.Status.FAILED}


def _settled_batch(fields: dict[str, Any]) -> dict[str, Any]:
    works = fields["state"] in (Batch.State.RUNNING, Batch.State.PAUSED)
    return fields | ({"state": Batch.State.PAUSED, "reason": LOOK_THROUGH} if works else {})


def _settled_section(fields: dict[str, Any]) -> dict[str, Any]:
    if fields["state"] == Section.State.DONE:
        return fields
    return fields | {"state": Section.State.PENDING, "error": None, "finished_at": None}


def _without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def everything() -> dict[str, list[dict[str, Any]]]:
    """All rows of what backups of the database keep, by model."""
    return {table.label: list(table.rows("default").order_by("pk").values()) for table in tables.kept()}


def lose_everything() -> None:
    """As a database that was just migrated: what backups keep, but for the groups of the migrations, and their rows."""
    with off(), connection.constraint_checks_disabled():
        for table in reversed(tables.kept()):
            if table.model is not Group:
                table.model._base_manager.all().delete()
    for model in (Generation, Restore):
        model.objects.all().delete()
