"""What waits on the worklist comes back with a lost database: texts, states, approvals, notes, history."""

from __future__ import annotations

from django.contrib.auth.models import User

from articles.models import Article
from backups.database import backup
from backups.repository.repository import Repository
from tests.backups import desks
from tests.backups.conftest import folder as folder
from tests.backups.conftest import sqlite_copies as sqlite_copies
from tests.backups.conftest import sqlite_desk as sqlite_desk
from tests.backups.conftest import sqlite_template as sqlite_template
from tests.backups.conftest import store as store
from tests.backups.database.test_restore import restore
from tests.backups.desks import Copies
from worklist.models import Document, Entry, Note, Reply, Source, State, Version


def test_a_lost_worklist_comes_back_as_it_was(sqlite_desk: str, sqlite_copies: Copies, store: Repository) -> None:
    desks.fill(sqlite_desk, 2)
    ada = User.objects.using(sqlite_desk).get(username="ada")
    for number, script in enumerate(desks.SCRIPTS):
        _document(sqlite_desk, ada, f"{number}", script)
    backup.backup(store, sqlite_desk)
    before = desks.rows(sqlite_desk)
    assert all(before[f"worklist.{name}"] for name in ("Document", "Version", "Entry", "Note", "Reply"))

    with sqlite_copies.desk() as empty:
        restore(store, empty)
        assert desks.rows(empty) == before


def _document(alias: str, by: User, source_id: str, title: str) -> None:
    document = Document.objects.using(alias).create(
        source=Source.FOLDER,
        source_id=source_id,
        title=title,
        state=State.READY,
        text_hash="a" * 64,
        source_hash="a" * 64,
        approved_hash="a" * 64,
        approved_at=desks.START,
        approved_by=by,
        assignee=by,
        article=Article.objects.using(alias).first() if source_id == "0" else None,
    )
    Version.objects.using(alias).create(document=document, sha256="a" * 64, manuscript=title, title=title)
    Entry.objects.using(alias).create(document=document, kind=Entry.Kind.STOPPED, by=by, error={"code": title})
    note = Note.objects.using(alias).create(document=document, quotation=title, said=title, by=by)
    Reply.objects.using(alias).create(note=note, said=title, by=by)
