"""Whatever fails, dies, or runs at the same time: no backup that looks whole is not, and no row is missed."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connections, transaction
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from articles.models import Article, Event, StageRecord
from backups import configured, tasks
from backups.database import backup, baseline, chains, maps, restore, snapshot, sqlite, tables, vendors
from backups.errors import BackupError, Damaged, Doubtful, Forged, Hostile, StorageUnreachable
from backups.health import report, wording
from backups.health.states import LOOK
from backups.repository import packing
from backups.repository.manifests import DATABASE, Entry, Generation
from backups.repository.repository import Repository
from backups.repository.run import begin
from backups.repository.signing import SigningKeys
from tests.backups import desks
from tests.backups.database.test_backup import contents
from tests.backups.desks import Copies
from tests.backups.storage.unreliable import Unreliable


def whole(store: Repository, alias: str) -> bool:
    """Whether the newest backup holds exactly what the database holds."""
    with restore.planned(store, restore.choose(store), alias, mode="mirror") as plan:
        return plan.work == 0 and not plan.total["conflict"]


# What is missed by a clock


def test_a_row_that_is_committed_late_with_an_earlier_time_is_not_missed(
    postgres_copies: Copies, store: Repository
) -> None:
    with postgres_copies.desk() as desk:
        desks.fill(desk, 2)
        other = connections[desk].copy()
        other.connect()
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("UPDATE articles_article SET title = 'late', ended_at = '2001-01-01' WHERE id = 1")
            backup.backup(store, desk)
            cursor.execute("COMMIT")
        other.close()
        backup.backup(store, desk)
        assert contents(store)["articles.Article"][1]["title"] == "late"


def test_a_row_that_is_deleted_and_made_again_is_a_changed_one(desk: str, store: Repository) -> None:
    desks.fill(desk, 2)
    backup.backup(store, desk)
    event = Event.objects.using(desk).first()
    assert event is not None
    pk = event.pk
    event.delete()
    Event.objects.using(desk).create(pk=pk, article=event.article, at=event.at, kind="again", message="m")
    made = backup.backup(store, desk).generation
    assert (made.counts["stored_rows"], made.counts["gone_rows"]) == (1, 0)
    assert contents(store)["articles.Event"][pk]["kind"] == "again"


def test_what_is_written_during_a_run_comes_with_the_next_one(
    desk: str, store: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are changed, deleted and added after the first page was read: the backup is of the instant before."""
    monkeypatch.setattr(snapshot, "PAGE_ROWS", 3)
    desks.fill(desk, 9)
    before = {row["id"]: row["title"] for row in desks.rows(desk)["articles.Article"]}
    store_page, seen = backup._Work._store, threading.Event()
    ada = User.objects.using(desk).get(username="ada")

    def meanwhile(work: Any, job: Any) -> Any:
        if job.table.label == "articles.Article" and not seen.is_set():
            seen.set()
            writer = threading.Thread(target=write)
            writer.start()
            writer.join()
        return store_page(work, job)

    def write() -> None:
        with transaction.atomic(using=desk):
            Article.objects.using(desk).filter(pk__in=[1, 8]).update(title="meanwhile")
            desks.article(desk, 30, ada)
        StageRecord.objects.using(desk).filter(article_id=9).delete()
        connections[desk].close()

    monkeypatch.setattr(backup._Work, "_store", meanwhile)
    backup.backup(store, desk)
    monkeypatch.undo()
    found = contents(store)
    assert {pk: row["title"] for pk, row in found["articles.Article"].items()} == before
    assert sum(row["article_id"] == 9 for row in found["articles.StageRecord"].values()) == 5
    backup.backup(store, desk)
    assert whole(store, desk)


# What a person has to look at


def test_a_database_that_has_lost_most_of_its_rows_is_not_backed_up_unasked(desk: str, store: Repository) -> None:
    desks.fill(desk, 30)
    made = backup.backup(store, desk).generation
    Article.objects.using(desk).filter(pk__gt=10).delete()

    for full in (False, True):
        with pytest.raises(baseline.Suspicious, match=r"Of 30 rows of articles.Article 10 are left"):
            backup.backup(store, desk, full=full)
    assert store.survey().generations == [made]
    assert backup.backup(store, desk, accept_change=True).generation.counts["gone_rows"] == 20 * 11
    assert whole(store, desk)


def test_a_change_of_most_rows_is_not_backed_up_unasked(desk: str, store: Repository) -> None:
    desks.fill(desk, 30)
    backup.backup(store, desk)
    Article.objects.using(desk).filter(pk__gt=10).update(title="x")

    with pytest.raises(baseline.Suspicious, match=r"Of 30 rows of articles.Article 20 have changed"):
        backup.backup(store, desk)
    backup.backup(store, desk, accept_change=True)
    assert whole(store, desk)


def test_another_database_is_not_taken_for_the_same(copies: Copies, store: Repository) -> None:
    """Its tokens may say the same of other contents: it is read in full."""
    with copies.desk() as desk, copies.desk() as other:
        desks.fill(desk, 3)
        desks.fill(other, 3)
        Article.objects.using(other).update(title="of the other")
        backup.backup(store, desk)
        made = backup.backup(store, other).generation
        if connections[other].vendor == "postgresql":
            assert (made.about["kind"], made.about["why"]) == (
                "full",
                "The database or its tables are not those of the last backup.",
            )
        assert whole(store, other)


def drifts(store: Repository, alias: str, title: str) -> None:
    """The second article changes, and the map of this machine claims to know it as it is now."""
    Article.objects.using(alias).filter(pk=2).update(title=title)
    file = baseline.map_file(store, backup.SOURCE)
    assert file
    made, known = maps.saved(file)
    block, table = known["articles.Article"][0], tables.table("articles.Article")
    with vendors.snapshot(alias) as seen:
        if isinstance(seen, sqlite.SQLite):
            block.digests = seen.digest(table)[0]
        else:
            [token] = seen.rows(table, [2]).tokens
            block.tokens = block.tokens[: maps.WORD] + token + block.tokens[2 * maps.WORD :]
    maps.save(file, made, known)


def test_drift_is_found_by_the_next_full_backup(desk: str, store: Repository) -> None:
    desks.fill(desk, 3)
    backup.backup(store, desk)
    drifts(store, desk, "unnoticed")
    assert backup.backup(store, desk).generation.counts["stored_rows"] == 0
    assert not whole(store, desk)

    outcome = backup.backup(store, desk, full=True)
    assert whole(store, desk)
    assert outcome.drift == outcome.generation.about["drift"] == {"articles.Article": [2]}
    assert outcome.generation.counts["drifted_rows"] == 1
    assert str(outcome).endswith("1 row had changed without the last backup noticing: articles.Article 2.")


def test_drift_is_told_to_everybody(
    django_db_reset_sequences: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To who runs the command, to the log of the schedule, and to who asks how the backups do."""
    settings.VAR_DIR = tmp_path / "var"
    store = configured.repository(DATABASE)
    Group.objects.get_or_create(name="Editors")
    desks.fill("default", 3)
    call_command("backup_database", "--json", stdout=StringIO())
    drifts(store, "default", "unnoticed")
    with pytest.raises(SystemExit, match="2"):
        call_command("backup_database", "--json", "--full", stdout=StringIO())

    drifts(store, "default", "unnoticed again")
    monkeypatch.setattr(baseline, "FULL_EVERY", timedelta(0))
    with capture_logs() as logged:
        tasks.backup_database()
    assert {"event": "rows had changed without a backup noticing", "rows": 1, "log_level": "error"} in logged
    [part] = [part for part in report.known(timezone.now()).parts if part.name == "database"]
    assert part.state == LOOK
    assert part.facts.drifted == 1
    assert "1 row had changed without a backup noticing, until the last full one." in wording.sentences(part)


def test_a_full_one_follows_after_a_week(desk: str, store: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    desks.fill(desk, 1)
    backup.backup(store, desk)
    assert backup.backup(store, desk).generation.about["kind"] == "changes"
    monkeypatch.setattr(baseline, "FULL_EVERY", timedelta(0))
    assert backup.backup(store, desk).generation.about["why"] == "The last full one is a week old."


def test_without_its_cache_a_machine_goes_on_from_the_storage(desk: str, store: Repository) -> None:
    desks.fill(desk)
    backup.backup(store, desk)
    Article.objects.using(desk).filter(pk=3).update(title="x")
    StageRecord.objects.using(desk).filter(article_id=4).delete()
    backup.backup(replace(store, cache=None), desk)
    Article.objects.using(desk).filter(pk=5).update(title="y")
    StageRecord.objects.using(desk).filter(article_id=6).delete()
    made = backup.backup(replace(store, cache=None), desk).generation

    assert (made.counts["stored_rows"], made.counts["gone_rows"]) == (1, 5)
    assert whole(store, desk)
    file = baseline.map_file(store, backup.SOURCE)
    assert file is not None
    *good, last = file.read_bytes()
    file.write_bytes(bytes([*good, last ^ 1]))  # a damaged cache is none
    assert backup.backup(store, desk).generation.counts["stored_rows"] == 0


# What goes on where another run has ended


@pytest.fixture
def few(settings: Settings, sqlite_desk: str) -> str:
    """A desk of which two models are kept, so that a backup is a few calls."""
    settings.BACKUP_MODELS = ["publishing.Site", "articles.Article"]
    desks.fill(sqlite_desk, 2)
    return sqlite_desk


def _forget(store: Repository) -> None:
    for listed in list(store.object_store.list("database_backups")):
        store.object_store.delete(listed.key)
    if store.cache:
        shutil.rmtree(store.cache, ignore_errors=True)


def test_what_an_interrupted_run_has_stored_is_not_stored_again(
    desk: str, store: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows have come and gone in between: the other chunks are used all the same."""
    monkeypatch.setattr(snapshot, "PAGE_ROWS", 5)
    monkeypatch.setattr("backups.repository.run.CHECKPOINT_ENTRIES", 1)
    monkeypatch.setattr(backup, "STORING_THREADS", 1)
    desks.fill(desk, 20)
    calls = Unreliable(store.object_store)
    backup.backup(replace(store, object_store=calls, cache=None), desk)
    all_of_it = [call for call in calls.calls if "chunks/" in call]
    _forget(store)
    last = max(n for n, call in enumerate(calls.calls) if "chunk_" in call)
    with pytest.raises(StorageUnreachable):
        backup.backup(replace(store, object_store=Unreliable(store.object_store, last), cache=None), desk)
    Article.objects.using(desk).filter(pk=3).delete()
    desks.article(desk, 99, User.objects.using(desk).get(username="ada"))
    calls = Unreliable(store.object_store)
    made = backup.backup(replace(store, object_store=calls, cache=None), desk).generation

    again = [call for call in calls.calls if call.startswith("put") and "chunk_" in call]
    assert 0 < len(again) < len(all_of_it) / 3
    assert made.about["kind"] == "full"
    assert whole(store, desk)


def test_two_runs_at_once_are_both_whole(desk: str, store: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    desks.fill(desk, 5)
    backup.backup(store, desk)
    Article.objects.using(desk).filter(pk=2).update(title="x")
    real, outcomes = backup._Work._commit, []

    def commit(*args: Any) -> backup.Outcome:
        """The other run begins and ends before this one commits."""
        monkeypatch.setattr(backup._Work, "_commit", real)
        outcomes.append(backup.backup(store, desk))
        return real(*args)

    monkeypatch.setattr(backup._Work, "_commit", commit)
    outcomes.append(backup.backup(store, desk))
    assert [outcome.generation.counts["stored_rows"] for outcome in outcomes] == [1, 1]
    assert whole(store, desk)
    assert backup.backup(store, desk).generation.counts["stored_rows"] == 0
    assert whole(store, desk)


# Damaged and hostile repositories


def _chunks(store: Repository) -> list[Entry]:
    return list(chains.entries_of(store, store.survey().generations[0], chains.CHUNK_ROLE))


def test_a_missing_or_damaged_chunk_is_refused_and_mended_by_a_full_backup(sqlite_desk: str, store: Repository) -> None:
    desks.fill(sqlite_desk, 3)
    backup.backup(store, sqlite_desk)
    before = desks.rows(sqlite_desk)
    chunk = next(entry for entry in _chunks(store) if entry["model"] == "articles.Article")
    content = store.read(chunk)
    Article.objects.using(sqlite_desk).all().delete()
    object_store, path = store.object_store, store.path(chunk["key"])
    for damage in (
        lambda: object_store.delete(path),
        lambda: object_store.put(path, content[:-1] + bytes([content[-1] ^ 1]), replace=True),
    ):
        damage()
        with pytest.raises(BackupError, match="chunk_"):
            whole(store, sqlite_desk)
    assert desks.rows(sqlite_desk)["auth.User"] == before["auth.User"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda body: body | {"model": "articles.Event"}, "does not hold what its manifest claims"),
        (lambda body: body | {"rows": body["rows"][:-1]}, "does not hold what its manifest claims"),
        (lambda body: body | {"rows": [1, 2, 3]}, "no chunk"),
        (lambda body: body | {"gone": ["x"]}, "does not hold|no chunk"),
        (lambda body: body | {"keys": {"owner": {"x": []}}}, "no chunk"),
        (lambda body: body | {"rows": [row | {"id": "1"} for row in body["rows"]]}, "has no key"),
        (lambda body: body | {"rows": [row | {"id": True} for row in body["rows"]]}, "has no key"),
        (lambda body: body | {"rows": [body["rows"][0]] * 3}, "holds 1 rows"),
        (lambda _: [], "no chunk"),
    ],
)
def test_a_hostile_chunk_with_a_good_signature_is_refused(
    sqlite_desk: str, store: Repository, change: Callable[[Any], Any], sentence: str
) -> None:
    desks.fill(sqlite_desk, 3)
    made = backup.backup(store, sqlite_desk).generation
    _forge(store, made, change)
    with pytest.raises((Hostile, Damaged), match=sentence):
        whole(store, sqlite_desk)


@pytest.mark.parametrize(
    "row",
    [
        {"created_at": "soon"},
        {"created_at": None},
        {"word_count": "many"},
        {"word_count": 2**80},
        {"owner_id": 999},
        {"is_long": 7},
        {"spent": "NaN"},
        {"title": ["x"]},
        {"title": "\ud800"},
    ],
)
def test_a_value_that_cannot_be_is_a_conflict(sqlite_desk: str, store: Repository, row: dict[str, Any]) -> None:
    desks.fill(sqlite_desk, 3)
    made = backup.backup(store, sqlite_desk).generation
    _forge(store, made, lambda body: body | {"rows": [each | row for each in body["rows"]]})
    Article.objects.using(sqlite_desk).all().delete()
    with restore.planned(store, store.survey().generations[0], sqlite_desk) as plan:
        assert plan.counts["articles.Article"]["conflict"] == 3
        with pytest.raises(restore.Conflicting, match="nothing is"):
            restore.restore(store, plan)


@pytest.mark.parametrize("key", [[], ["a", "b"], [["x"]], [None], [{"a": 1}], [7]])
def test_a_hostile_natural_key_finds_nobody(few: str, store: Repository, key: list[Any]) -> None:
    made = backup.backup(store, few).generation
    _forge(store, made, lambda body: body | {"keys": {"owner": {str(row["owner_id"]): key for row in body["rows"]}}})
    Article.objects.using(few).all().delete()
    with restore.planned(store, store.survey().generations[0], few) as plan:
        assert plan.counts["articles.Article"] == {"conflict": 2}


def test_a_claim_of_a_billion_rows_is_refused(sqlite_desk: str, store: Repository) -> None:
    desks.fill(sqlite_desk, 3)
    made = backup.backup(store, sqlite_desk).generation
    run = begin(store, {"forged": 1})
    for promised in ({"articles.Article": 10**9}, {"articles.Article": "x"}, None):
        about = made.about | {"rows": promised}
        run = begin(store, {"forged": str(promised)})
        run.commit(parent=None, counts=made.counts, about=about, objects=made.objects)
        with pytest.raises((Damaged, Hostile)):
            whole(store, sqlite_desk)


@pytest.mark.parametrize(
    "about",
    [
        {"kind": "other"},
        {"kind": None},
        {"identity": None},
        {"identity": {}},
        {"identity": {"shapes": {"articles.Article": 1}}},
        {"identity": {"shapes": {"articles.Article": ["id"]}}},
        {"identity": {"shapes": {"articles.Article": [["id", 1]]}}},
        {"identity": {"shapes": {}, "xid": "1"}},
    ],
)
def test_a_manifest_that_does_not_say_what_it_is_of_is_refused(
    few: str, store: Repository, about: dict[str, Any]
) -> None:
    made = backup.backup(store, few).generation
    forged = begin(store, {"forged": 1}).commit(
        parent=made, counts=made.counts, about=made.about | about, objects=made.objects
    )
    with pytest.raises(Hostile, match="does not say what it was made of"):
        whole(store, few)
    why = f"The last one cannot be built on: The backup {forged.id} does not say what it was made of."
    assert backup.backup(store, few).generation.about["why"] == why
    assert whole(store, few)


@pytest.mark.parametrize(
    "name", ["../outside", "/outside", "chunks/../../outside", "chunks//x", "pages/x", "chunks/a\\b", "chunks/x\n"]
)
def test_a_manifest_that_names_something_elsewhere_is_none(few: str, store: Repository, name: str) -> None:
    """With a good signature, of a chunk or of a page."""
    made = backup.backup(store, few).generation
    for part, change in (("objects", {"key": name}), ("pages", {"key": name.replace("chunks", "pages"), "entries": 1})):
        entry = made.objects[0] | change
        if part == "pages" and name == "pages/x":
            continue
        body = made.body() | {"id": f"forged-{part}", part: [entry]}
        store.object_store.put(store.path(f"manifests/forged-{part}.json"), store.signing_keys.sign(body))
    survey = store.survey()
    assert survey.generations == [made]
    assert survey.unusable.keys() == ({"forged-objects"} if name == "pages/x" else {"forged-objects", "forged-pages"})
    assert all("would lie elsewhere" in why for why in survey.unusable.values())
    with pytest.raises(Doubtful, match="would lie elsewhere"):
        restore.choose(store)
    assert restore.choose(store, name=made.id) == made


def test_chunks_of_one_name_are_refused(few: str, store: Repository) -> None:
    made = backup.backup(store, few).generation
    chunks = [entry for entry in made.objects if entry["role"] == "chunk"]
    for key in (chunks[0]["key"], chunks[0]["key"].replace("chunk_", "CHUNK_")):
        same = [chunks[0], chunks[1] | {"key": key}]
        begin(store, {"forged": key}).commit(parent=None, counts={}, about=made.about, objects=same)
        with pytest.raises(Hostile, match="some storages take for one"):
            whole(store, few)


def test_a_manifest_that_somebody_else_signed_is_none(few: str, store: Repository) -> None:
    made = backup.backup(store, few).generation
    theirs = replace(store, signing_keys=SigningKeys(["a key that somebody else has made up, as long"]), cache=None)
    forged = begin(theirs, {}).commit(parent=None, counts=made.counts, about=made.about, objects=made.objects)
    assert store.survey().unusable.keys() == {forged.id}
    with pytest.raises(Doubtful, match="signed with a key that is not among ours"):
        restore.choose(store)
    assert restore.choose(store, name=made.id).id == made.id
    with pytest.raises(Forged):
        restore.choose(store, name=forged.id)
    with pytest.raises(Forged, match="None of the 2 manifests"):
        restore.choose(
            replace(store, signing_keys=SigningKeys(["a third key, which nobody has signed with"]), cache=None)
        )


@pytest.mark.parametrize(("after", "last"), [(0, 0), (5, 1), (0, "x"), ([], 1), (0, 2**70 // 2**10)])
def test_a_checkpoint_that_leads_nowhere_is_not_followed(few: str, store: Repository, after: Any, last: Any) -> None:
    run = begin(store, {"source": backup.SOURCE, "kind": "full"})
    content: Entry = {**run.put(f"{run.id}/x", b"x"), "role": "chunk", "model": "articles.Article", "number": 1}
    other: Entry = {**run.put(f"{run.id}/y", b"y"), "role": "chunk", "model": "articles.Article", "number": 2}
    run.note({**content, "after": None, "last": 0}, {**other, "after": after, "last": last})
    run.save()
    backup.backup(store, few)
    assert whole(store, few)


def test_a_hostile_map_is_refused() -> None:
    entry: Entry = {"key": "chunks/x", "bytes": 28, "sha256": "", "rows": 1}
    row = (5).to_bytes(8, "big")
    good = maps._HEAD.pack(0, 1) + row + b"t" * 8 + b"h" * 8
    assert maps.size(maps.read_part(good, entry)) == 1
    for bad in (good[:-1], good + good, maps._HEAD.pack(7, 1) + good[12:], maps._HEAD.pack(0, 2**31) + good[12:], b"x"):
        with pytest.raises(Hostile):
            maps.read_part(bad, entry)


def _forge(store: Repository, made: Generation, change: Callable[[Any], Any]) -> None:
    """A backup with another chunk of articles, signed by our own key."""
    run = begin(store, {"forged": 1})
    objects = []
    for entry in made.objects:
        if entry.get("model") == "articles.Article" and entry["role"] == "chunk":
            content = json.dumps(change(json.loads(chains.read_text(store, entry)))).encode()
            entry = entry | packing.packed_entry(run.put(f"{run.id}/chunk.json.zst", packing.pack(content)), content)
        objects.append(entry)
    run.commit(parent=None, counts=made.counts, about=made.about, objects=objects)
