"""What the backup of the database holds is what the database held, and it is told by comparing, never by a time."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import zstandard
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.db import connections

from articles.models import Article, Event
from backups.database import backup, chains, digests, restore, sqlite, tables
from backups.database.sqlite import SQLite
from backups.database.vendors import snapshot
from backups.errors import Failed
from backups.repository import verify
from backups.repository.encryption import EncryptionKeys
from backups.repository.manifests import DATABASE, Generation
from backups.repository.order import newest_first
from backups.repository.repository import Repository
from backups.storage.port import ObjectStore
from tests.backups import desks
from tests.backups.conftest import KEYS
from tests.backups.desks import Copies


def contents(repository: Repository, id_: str = "") -> dict[str, dict[int, dict[str, object]]]:
    """The rows that a backup stands for, read from its chunks alone."""
    survey = repository.survey()
    newest = repository.generation(id_) if id_ else survey.generations[0]
    found: dict[str, dict[int, dict[str, object]]] = {}
    for link in chains.chain(survey, newest):
        for entry in chains.entries_of(repository, link, chains.CHUNK_ROLE):
            chunk = chains.read_chunk(repository, entry)
            rows = found.setdefault(chunk.model, {})
            for pk in chunk.gone:
                del rows[pk]
            rows.update({row["id"]: row for row in chunk.rows})
    return found


def test_a_full_backup_is_readable_json(desk: str, store: Repository) -> None:
    desks.fill(desk)
    made = backup.backup(store, desk).generation

    assert made.about["kind"] == "full"
    [first, *_] = [e for e in store.entries(made) if e.get("model") == "articles.Article" and e["role"] == "chunk"]
    assert first["key"].endswith(f"_{made.began:%Y%m%d_%H%M%S}.json.zst")
    unpacked = zstandard.decompress(store.read(first))
    assert unpacked == chains.read_text(store, first)
    body = json.loads(unpacked)
    assert len(body["rows"]) == first["rows"] == 12
    assert body["keys"]["owner"] == {str(pk): [name] for name, pk in _people(desk).items()}
    assert body["keys"]["batch"] == {"1": [["ada"], "summer"]}
    assert [row["title"] for row in body["rows"]][: len(desks.SCRIPTS)] == desks.SCRIPTS


def _people(alias: str) -> dict[str, int]:
    return dict(User.objects.using(alias).values_list("username", "pk"))


def test_nothing_changed_costs_a_manifest_alone(desk: str, store: Repository) -> None:
    desks.fill(desk)
    backup.backup(store, desk)
    again = backup.backup(store, desk).generation

    assert again.about["kind"] == "changes"
    assert (again.counts["chunks"], again.counts["stored_rows"], again.objects) == (0, 0, [])
    assert again.counts["rows"] == sum(map(len, desks.rows(desk).values()))


def test_nothing_builds_on_what_holds_nothing_new(desk: str, store: Repository, tmp_path: Path) -> None:
    """So it may go after a day, and an hourly backup of a desk that rests adds nothing for ever."""
    desks.fill(desk)
    first = backup.backup(store, desk).generation
    same = [backup.backup(store, desk).generation for _ in range(3)]
    User.objects.using(desk).create(username="somebody")
    changed = backup.backup(store, desk).generation

    assert {(each.same_as, each.parent) for each in same} == {(first.id, first.id)}
    assert [each.number for each in (first, *same, changed)] == [1, 2, 3, 4, 5], "else a lost one would not be missed"
    assert (changed.parent, changed.same_as) == (first.id, "")
    ahead = replace(same[-1], made=changed.made + timedelta(days=365), stored_at=None)
    generations = [each for each in store.survey().generations if each.id != ahead.id] + [ahead]
    assert next(newest_first(generations)).id == changed.id, "whatever the clock of one without news said"
    for each in same:
        store.object_store.delete(store.path(f"manifests/{each.id}.json"))
    new = replace(store, cache=tmp_path / "another machine")
    assert set(contents(new)["auth.User"]) == set(_people(desk).values())
    assert backup.backup(new, desk).generation.same_as == changed.id


def test_changes_are_found_whatever_made_them(desk: str, store: Repository) -> None:
    desks.fill(desk)
    backup.backup(store, desk)
    articles = Article.objects.using(desk).order_by("pk")
    first, second, third, *_ = articles
    articles.filter(pk=first.pk).update(title="in bulk")
    second.records.all().delete()
    with connections[desk].cursor() as cursor:
        cursor.execute("UPDATE articles_article SET html = 'by SQL' WHERE id = %s", [third.pk])
    backup.backup(store, desk)

    found = contents(store)["articles.Article"]
    assert (found[first.pk]["title"], found[third.pk]["html"]) == ("in bulk", "by SQL")
    assert {row["article_id"] for row in contents(store)["articles.StageRecord"].values()} == {
        article.pk for article in articles
    } - {second.pk}


SUBTLE = {
    "from one text into the next": "idea = 'a', manuscript = 'bc'",
    "behind a zero": "html = 'x' || char(0) || 'z'",
    "the last digit": "spent = 0.30000000000000004",
    "a space": "components = '[ ]'",
    "a case": "title = 'Title'",
}


@pytest.mark.parametrize("change", SUBTLE.values(), ids=SUBTLE)
def test_the_least_change_is_found(sqlite_desk: str, change: str) -> None:
    desks.fill(sqlite_desk, 3)
    table = tables.table("articles.Article")
    with connections[sqlite_desk].cursor() as cursor:
        cursor.execute(
            "UPDATE articles_article SET idea = 'ab', manuscript = 'c', html = 'x' || char(0) || 'y', spent = 0.3, "
            "components = '[]', title = 'title'"
        )
        with snapshot(sqlite_desk) as seen:
            before = seen.compare(table, {}).digests
        cursor.execute(f"UPDATE articles_article SET {change} WHERE id = 2")  # noqa: S608
        with snapshot(sqlite_desk) as seen:
            assert seen.compare(table, {}).digests != before


def test_bytes_in_a_text_are_no_small_change(sqlite_desk: str, store: Repository) -> None:
    """JSON cannot hold them: the next backup says so, and not only the next full one."""
    desks.fill(sqlite_desk, 3)
    backup.backup(store, sqlite_desk)
    with connections[sqlite_desk].cursor() as cursor:
        cursor.execute("UPDATE articles_article SET html = CAST('x' AS BLOB) WHERE id = 2")
    with pytest.raises(Failed, match="JSON cannot hold BLOB values"):
        backup.backup(store, sqlite_desk)


def test_large_rows_are_divided_among_chunks(desk: str, store: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    desks.fill(desk, 40)
    articles = Article.objects.using(desk)
    articles.update(html="x" * 3000)
    monkeypatch.setattr(backup, "DIVIDED_BYTES", 20_000)
    made = backup.backup(store, desk).generation
    assert (
        len(chunks_of(store, made, "articles.Article")) == 8
    )  # of five rows: forty, halved until they are small enough
    assert sorted(contents(store)["articles.Article"]) == list(range(1, 41))

    articles.filter(pk__gt=3).update(title="changed")
    articles.filter(pk=3).delete()
    changed = backup.backup(store, desk, accept_change=True).generation
    assert len(chunks_of(store, changed, "articles.Article")) == 8
    with restore.planned(store, changed, desk, mode="mirror") as plan:
        assert plan.work == 0


def test_rows_that_sqlite_refuses_to_tell_at_once_are_divided(
    sqlite_desk: str, store: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.fill(sqlite_desk, 40)
    Article.objects.using(sqlite_desk).update(html="x" * 3000)
    limit_answers(monkeypatch, 45_000)  # ten rows, and less than those of one digest
    made = backup.backup(store, sqlite_desk).generation
    assert len(chunks_of(store, made, "articles.Article")) == 4
    assert sorted(contents(store)["articles.Article"]) == list(range(1, 41))

    Article.objects.using(sqlite_desk).update(title="changed")
    made = backup.backup(store, sqlite_desk, accept_change=True).generation
    assert len(chunks_of(store, made, "articles.Article")) == 4
    assert {row["title"] for row in contents(store)["articles.Article"].values()} == {"changed"}


def test_a_row_that_sqlite_refuses_to_tell_is_named(
    sqlite_desk: str, store: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.fill(sqlite_desk, 3)
    Article.objects.using(sqlite_desk).filter(pk=2).update(html='"' * 30_000)  # JSON doubles it
    limit_answers(monkeypatch, 50_000)
    with pytest.raises(Failed, match=r"The database cannot tell articles.Article \[2\]: it is too large"):
        backup.backup(store, sqlite_desk)


def limit_answers(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    def reader(name: str) -> sqlite3.Connection:
        connection = digests.reader(name)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, length)
        return connection

    monkeypatch.setattr(sqlite, "reader", reader)


def chunks_of(store: Repository, made: Generation, label: str) -> set[str]:
    return {entry["key"] for entry in store.entries(made) if (entry["role"], entry["model"]) == ("chunk", label)}


def test_a_large_file_is_read_by_two_processes_that_see_the_same(
    sqlite_desk: str, store: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.fill(sqlite_desk, 30)
    with connections[sqlite_desk].cursor() as cursor:  # far apart, so that both have some
        cursor.execute("UPDATE articles_event SET id = id * 3000")
    with snapshot(sqlite_desk) as alone:
        assert isinstance(alone, SQLite)
        expected = {each.label: alone.compare(each, {}) for each in tables.kept()}
    monkeypatch.setattr(sqlite, "LARGE_BYTES", 0)
    monkeypatch.setattr(sqlite, "SHARED_BLOCKS", 0)
    with snapshot(sqlite_desk) as seen:
        assert isinstance(seen, SQLite)
        assert seen.partner is not None
        Event.objects.using(sqlite_desk).update(message="after the instant")
        assert {each.label: seen.compare(each, {}) for each in tables.kept()} == expected
        digests = {label: found.digests for label, found in expected.items() if found.digests}
        assert seen.digests(tables.kept())() == digests
    assert len(expected["articles.Event"].changed) == len(expected["articles.Event"].digests) == 30

    backup.backup(store, sqlite_desk)
    Event.objects.using(sqlite_desk).filter(pk=9000).update(message="x")
    assert backup.backup(store, sqlite_desk).generation.counts["stored_rows"] == 1


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_from_any_place_everything_comes_back(
    sqlite_desk: str, sqlite_copies: Copies, object_store: ObjectStore, tmp_path: Path, encrypted: bool
) -> None:
    """A full backup and two of changes; then the database is gone, and what this machine knew of the place."""
    encryption_keys = EncryptionKeys([Fernet.generate_key().decode()] if encrypted else [])
    store = Repository(object_store, DATABASE, KEYS, encryption_keys, cache=tmp_path / "cache")
    articles, events = Article.objects.using(sqlite_desk), Event.objects.using(sqlite_desk)
    desks.fill(sqlite_desk, 5)
    backup.backup(store, sqlite_desk)
    articles.filter(pk=2).update(title="changed")
    articles.get(pk=3).delete()
    again = events.get(article_id=4)
    events.all().delete()
    backup.backup(store, sqlite_desk)
    again.save(using=sqlite_desk, force_insert=True)
    desks.article(sqlite_desk, 2, User.objects.using(sqlite_desk).get(username="ben"))  # of the uid of the deleted one
    articles.filter(pk=2).update(title="changed again")
    made = backup.backup(replace(store, cache=None), sqlite_desk).generation
    assert made.about["kind"] == "changes"
    assert all(("sealed" in entry) == encrypted for entry in store.entries(made))

    elsewhere = replace(store, cache=tmp_path / "another machine")
    with sqlite_copies.desk() as empty:
        with restore.planned(elsewhere, restore.choose(elsewhere), empty) as plan:
            restore.restore(elsewhere, plan)
        assert desks.rows(empty) == desks.rows(sqlite_desk)


def test_what_was_found_damaged_is_stored_anew(sqlite_desk: str, store: Repository) -> None:
    desks.fill(sqlite_desk, 3)
    made = backup.backup(store, sqlite_desk).generation
    chunk = next(entry for entry in store.entries(made) if entry["model"] == "articles.Article")
    store.object_store.put(store.path(chunk["key"]), b"x", replace=True)
    assert not verify.quick(store).whole

    again = backup.backup(store, sqlite_desk).generation
    assert again.about["why"] == "What the last one builds on is damaged."
    with restore.planned(store, again, sqlite_desk, mode="mirror") as plan:
        assert plan.work == 0
