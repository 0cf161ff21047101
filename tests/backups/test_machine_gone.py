"""Machine, database and var/ are gone; there are keys and a bucket. The same desk comes back, into either engine.

Row by row and file by file: from SQLite into PostgreSQL, from there into SQLite again, and as at an earlier time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections
from pytest_django import Settings

from articles.models import Article, Preferences
from articles.pipeline import sweep, worker
from articles.tree.due import write_due
from backups import configured
from backups.database.connections import connected
from backups.storage import backup_storage
from backups.trees.tree import MANIFEST, Tree
from config.env import Environment
from config.roles import EDITORS
from publishing.models import Site
from recovery.rebuild.content import trees
from tests.backups.desks import Copies, rows
from tests.conftest import HandIn
from tests.doubles.server import Doubles
from tests.services import s3

pytestmark = [pytest.mark.dealt_whole(3), pytest.mark.django_db(transaction=True)]
Rows = dict[str, list[dict[str, Any]]]
BESIDE = {"audit.Change", "auth.Group", "auth.Group_permissions", "auth.User_groups"}


@dataclass
class Lost:
    """A desk in a bucket. `early` and `rows` are what its two backups hold."""

    early: Rows
    rows: Rows
    files: dict[str, bytes]
    backup: str  # the earlier one


@pytest.fixture
def lost(hand_in: HandIn, editor: User, settings: Settings, tmp_path: Path, rclone: s3.S3, services: Doubles) -> Lost:
    services.configure(image_width=480, image_bytes=4000)
    address = rclone.galley_url(f"gone/{tmp_path.name}")
    entry = Environment({"GALLEY_STORAGE_URL": address}).storage("GALLEY_STORAGE_URL", "file:///none")
    entry["OPTIONS"] |= {"access_key": rclone.access_key, "secret_key": rclone.secret_key}
    settings.STORAGES = settings.STORAGES | {"backups": entry}
    settings.VAR_DIR = tmp_path / "first machine"
    editor.groups.add(Group.objects.get(name=EDITORS))
    Preferences.objects.create(user=editor, instructions="Calm, ë 中 😀, please.")
    site = Site(name="Magazine", url="https://magazine.example.org", user="desk")
    site.secret = "a password"
    site.save()
    worker.run_article(hand_in().pk)
    made = _backed_up()
    early = rows(DEFAULT_DB_ALIAS)
    worker.run_article(hand_in(idea="Tides", style="dry").pk)
    _backed_up()
    return Lost(early, rows(DEFAULT_DB_ALIAS), _files(), made)


@contextmanager
def _machine(url: str, folder: Path, settings: Settings) -> Iterator[None]:
    """Another one, which has nothing but a database that was just migrated."""
    settings.VAR_DIR = folder
    with connected(url) as alias:
        mine = connections[DEFAULT_DB_ALIAS]
        connections[DEFAULT_DB_ALIAS] = connections[alias]
        ContentType.objects.clear_cache()
        try:
            yield
        finally:
            connections[DEFAULT_DB_ALIAS] = mine
            ContentType.objects.clear_cache()


def _backed_up() -> str:
    write_due()
    out = StringIO()
    call_command("backup_database", "--json", stdout=out)
    return str(json.loads(out.getvalue())["generation"])


def _back(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command("restore_desk", "--apply", "--json", *words, stdout=out, stderr=StringIO())
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def _files() -> dict[str, bytes]:
    """Each file of each tree, and the manifests."""
    return {
        tree.path(name): content
        for tree in map(configured.tree, trees())
        for name, content in ({MANIFEST: tree.manifest_bytes()} | _contents(tree)).items()
    }


def _contents(tree: Tree) -> dict[str, bytes]:
    return {name: tree.read(file) for name, file in tree.files().items()}


def _differing(before: Rows, after: Rows) -> list[str]:
    """Models whose rows are others; but for what the restore itself notes, and for the numbers of groups, which go by
    their names.
    """
    return [label for label in before.keys() - BESIDE if before[label] != after[label]]


@pytest.mark.dealt(2)
def test_the_same_desk_on_another_machine_and_in_another_engine(
    lost: Lost,
    sqlite_copies: Copies,
    postgres_copies: Copies,
    settings: Settings,
    tmp_path: Path,
    services: Doubles,
) -> None:
    asked = len(services.requests())
    with _machine(postgres_copies.url(), tmp_path / "second machine", settings):
        assert connection.vendor == "postgresql"
        back = _back()
        assert (back["further"], back["rebuilt"], back["rested"]) == ([], 0, 0)
        assert _differing(lost.rows, rows(DEFAULT_DB_ALIAS)) == []
        assert Site.objects.get().secret == "a password"
        assert [group.name for group in User.objects.get().groups.all()] == [EDITORS]
        _backed_up()
        there = rows(DEFAULT_DB_ALIAS)
    with _machine(sqlite_copies.url(), tmp_path / "third machine", settings):
        _back()
        assert _differing(there, rows(DEFAULT_DB_ALIAS)) == []
        assert _differing(lost.rows, rows(DEFAULT_DB_ALIAS)) == []
        sweep.sweep()
        for article in Article.objects.all():
            worker.run_article(article.pk)
    assert _files() == lost.files
    assert len(services.requests()) == asked


@pytest.mark.dealt(2)
def test_as_it_was_at_an_earlier_time(lost: Lost, postgres_copies: Copies, settings: Settings, tmp_path: Path) -> None:
    """Rows are those of then; what was handed in since comes from its tree, with its pictures."""
    with _machine(postgres_copies.url(), tmp_path / "second machine", settings):
        back = _back("--backup", lost.backup)
        assert back["rebuilt"] == 1
        first, later = Article.objects.order_by("pk")
        assert (first.uid, later.idea, later.status) == (lost.early["articles.Article"][0]["uid"], "Tides", "done")
        assert later.images.count() == len(
            [name for name in lost.files if later.tree_prefix in name and ".jpg" in name]
        )
        Article.objects.filter(pk=later.pk).delete()
        articles = {label for label in lost.early if label.startswith("articles.")}
        paid = {"articles.CostRecord"}  # which outlive their article
        assert (articles - paid).isdisjoint(_differing(lost.early, rows(DEFAULT_DB_ALIAS)))
    for name, content in lost.files.items():
        if not name.endswith(MANIFEST):
            with backup_storage().open(name, "rb") as file:
                assert file.read() == content
