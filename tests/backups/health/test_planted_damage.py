"""Damage is planted in a storage: who notices it, whether it stays noticed, and what a new machine restores.

Nothing that is damaged is ever called whole, and nothing older is restored in silence.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connections
from pytest_django import DjangoDbBlocker

from backups import catalogue
from backups.database import backup as database_backup
from backups.database import restore as database_restore
from backups.database import tables
from backups.errors import BackupError, Missing
from backups.files import backup, restore
from backups.health import drill, report
from backups.models import Generation
from backups.repository import verify
from backups.repository.encryption import EncryptionKeys
from backups.repository.manifests import DATABASE, FILES, TIERS, Tier
from backups.repository.repository import Repository
from backups.storage.folder import Folder
from backups.storage.port import ObjectStore
from tests.backups import desks
from tests.backups.conftest import KEYS, bucket
from tests.backups.desks import Copies
from tests.backups.files.test_backup import contents, filled, rested  # noqa: F401  a fixture for all
from tests.journeys.installation import migrated
from tests.services import s3

pytestmark = pytest.mark.django_db

KEY = EncryptionKeys(["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="])
NEWEST = {f"{n}.txt": b"page %d as it is now" % n for n in range(6)}
SOURCE, COPY = "ocr", "29990101T000000-copy.json"
RIGHT, STOPS, NAMED = "the newest", "stops", "names what is lost"


@dataclass
class Made:
    """What a machine has backed up, and its own copies; `names` are ids by tier, the oldest first."""

    place: Path
    cache: Path
    names: dict[str, list[str]]


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Copies,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Made:
    folder = tmp_path_factory.mktemp("made")
    store, names = Folder(folder / "place"), {}
    files = Repository(store, FILES, KEYS, cache=folder / "cache" / FILES.name)
    found = []
    for n in range(3):
        filled(folder / "source", NEWEST | {f"{m}.txt": b"page %d as it was %d" % (m, n) for m in range(4) if n < 2})
        found.append(backup.backup(files, folder / "source", name=SOURCE).generation.id)
    names[FILES.name] = found
    rows = Repository(store, DATABASE, KEYS, cache=folder / "cache" / DATABASE.name)
    with django_db_blocker.unblock(), sqlite_template.desk() as alias:
        found = []
        for n in range(3):
            if not n:
                desks.fill(alias, 4)
            User.objects.using(alias).create(username=f"somebody {n}", date_joined=desks.START)  # chunks of one length
            found.append(database_backup.backup(rows, alias).generation.id)
    names[DATABASE.name] = found
    return Made(folder / "place", folder / "cache", names)


@dataclass
class Planted:
    """A storage of one test, with the machine that made it."""

    made: Made
    store: ObjectStore
    cache: Path
    tells_md5: bool
    encryption: EncryptionKeys = field(default_factory=EncryptionKeys)

    def repository(self, tier: Tier, *, new: bool = False) -> Repository:
        return Repository(self.store, tier, KEYS, self.encryption, None if new else self.cache / tier.name)

    def manifest(self, tier: Tier, n: int) -> str:
        return f"{tier.folder}/manifests/{self.made.names[tier.name][n]}.json"

    def key(self, tier: Tier, n: int, pick: Callable[[dict[str, object]], bool]) -> str:
        repository = self.repository(tier, new=True)
        generation = repository.generation(self.made.names[tier.name][n])
        return repository.path(next(e["key"] for e in repository.entries(generation) if pick(dict(e))))

    def page(self) -> str:
        repository = self.repository(FILES, new=True)
        return repository.path(repository.generation(self.made.names["files"][-1]).pages[0]["key"])

    def change(self, key: str, how: Callable[[bytes], bytes]) -> None:
        self.store.put(key, how(self.store.get(key, 10**8)), replace=True)

    def swap(self, one: str, other: str) -> None:
        first, second = self.store.get(one, 10**8), self.store.get(other, 10**8)
        self.store.put(one, second, replace=True)
        self.store.put(other, first, replace=True)


@pytest.fixture(params=["folder", "rclone"])
def planted(request: pytest.FixtureRequest, made: Made, tmp_path: Path) -> Iterator[Planted]:
    shutil.copytree(made.cache, tmp_path / "cache")
    if request.param == "folder":
        shutil.copytree(made.place, tmp_path / "place")
        yield Planted(made, Folder(tmp_path / "place"), tmp_path / "cache", tells_md5=False)
        return
    server: s3.S3 = request.getfixturevalue("rclone")
    store = bucket(server, f"planted/{tmp_path.name}")
    for key, content in contents(made.place).items():
        store.put(key, content)
    yield Planted(made, store, tmp_path / "cache", tells_md5=True)


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _file(planted: Planted, n: int = 0) -> str:
    return planted.key(FILES, -1, lambda entry: entry["path"] == f"{n}.txt")


def _chunk(planted: Planted, n: int = 0, model: str = "auth.User") -> str:
    return planted.key(DATABASE, n, lambda entry: (entry["role"], entry["model"]) == ("chunk", model))


def _map(planted: Planted) -> str:
    return planted.key(DATABASE, -1, lambda entry: entry["role"] == "map")


def _roll_back(planted: Planted) -> None:
    for tier in TIERS.values():
        for n in (-1, -2):
            planted.store.delete(planted.manifest(tier, n))


@dataclass(frozen=True)
class Row:
    """What is planted in a tier, and who notices. `by_md5`: a quick look notices where the storage tells MD5s."""

    tier: Tier
    plant: Callable[[Planted], object]
    quick: bool = True
    by_md5: bool = False
    drill: bool = True
    restore: str = STOPS
    state: str = "damaged"


def _m(tier: Tier, n: int, how: Callable[[bytes], bytes]) -> Callable[[Planted], object]:
    return lambda p: p.change(p.manifest(tier, n), how)


TABLE = {
    "object: bit flip": Row(FILES, lambda p: p.change(_file(p), _flipped), quick=False, by_md5=True, restore=NAMED),
    "object: truncated": Row(FILES, lambda p: p.change(_file(p), lambda c: c[:-3]), restore=NAMED),
    "object: deleted": Row(FILES, lambda p: p.store.delete(_file(p)), restore=NAMED),
    "objects: swapped": Row(FILES, lambda p: p.swap(_file(p), _file(p, 1)), quick=False, by_md5=True, restore=NAMED),
    "page: bit flip": Row(FILES, lambda p: p.change(p.page(), _flipped)),
    "page: deleted": Row(FILES, lambda p: p.store.delete(p.page())),
    "newest manifest: bit flip": Row(FILES, _m(FILES, -1, _flipped)),
    "newest manifest: truncated": Row(FILES, _m(FILES, -1, lambda c: c[:-9])),
    "newest manifest: empty": Row(FILES, _m(FILES, -1, lambda _: b"")),
    "newest manifest: an older one": Row(
        FILES, lambda p: p.change(p.manifest(FILES, -1), lambda _: p.store.get(p.manifest(FILES, -2), 10**8))
    ),
    "newest manifest: deleted": Row(FILES, lambda p: p.store.delete(p.manifest(FILES, -1))),
    "older manifest: under a new name": Row(
        FILES,
        lambda p: p.store.put(f"{FILES.folder}/manifests/{COPY}", p.store.get(p.manifest(FILES, 0), 10**8)),
    ),
    "oldest manifest: deleted": Row(FILES, lambda p: p.store.delete(p.manifest(FILES, 0)), drill=False, restore=RIGHT),
    "foreign object": Row(
        FILES, lambda p: p.store.put(f"{FILES.folder}/objects/odd", b"?"),
        quick=False, drill=False, restore=RIGHT, state="ok",
    ),
    "foreign file among the manifests": Row(
        FILES, lambda p: p.store.put(f"{FILES.folder}/manifests/.DS_Store", b"?"),
        quick=False, drill=False, restore=RIGHT, state="ok",
    ),
    "foreign JSON among the manifests": Row(
        FILES, lambda p: p.store.put(f"{FILES.folder}/manifests/inventory-2026.json", b"[]"),
        quick=False, drill=False, restore=RIGHT, state="ok",
    ),
    "chunk: bit flip": Row(DATABASE, lambda p: p.change(_chunk(p), _flipped), quick=False, by_md5=True),
    "chunk: truncated": Row(DATABASE, lambda p: p.change(_chunk(p), lambda c: c[:-3])),
    "chunk: deleted": Row(DATABASE, lambda p: p.store.delete(_chunk(p))),
    "chunks: swapped": Row(DATABASE, lambda p: p.swap(_chunk(p, 1), _chunk(p, 2)), quick=False, by_md5=True),
    "map: bit flip": Row(
        DATABASE, lambda p: p.change(_map(p), _flipped), quick=False, by_md5=True, drill=False, restore=RIGHT
    ),
    "map: deleted": Row(DATABASE, lambda p: p.store.delete(_map(p)), drill=False, restore=RIGHT),
    "manifest of the full: bit flip": Row(DATABASE, _m(DATABASE, 0, _flipped)),
    "manifest of the full: deleted": Row(DATABASE, lambda p: p.store.delete(p.manifest(DATABASE, 0))),
    "newest of the database: bit flip": Row(DATABASE, _m(DATABASE, -1, _flipped)),
    "newest of the database: deleted": Row(DATABASE, lambda p: p.store.delete(p.manifest(DATABASE, -1))),
    "files rolled back by two": Row(FILES, _roll_back),
    "database rolled back by two": Row(DATABASE, _roll_back),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.dealt(3)
@pytest.mark.usefixtures("sqlite_copies")
def test_what_is_planted_is_noticed_and_stays_noticed(
    planted: Planted, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row, now = TABLE[name], datetime.now(UTC)
    for tier in TIERS.values():
        catalogue.rebuild(planted.repository(tier))
    row.plant(planted)
    repository = planted.repository(row.tier)
    noticed = row.quick or (row.by_md5 and planted.tells_md5)

    listed = verify.quick(repository, known=catalogue.known(row.tier.name))
    assert listed.whole != noticed
    read = verify.deep(repository, None)
    assert read.whole and listed.whole if row.state == "ok" else not (read.whole and listed.whole)
    _record(planted, row.tier, listed, read)
    assert _state(row.tier) == row.state

    _prepared_by_copy(monkeypatch)
    found = drill.drill(planted.repository(DATABASE), planted.repository(FILES), now=now, folder=tmp_path)
    drill.record(found, now)
    assert all(each.passed for each in found if each.tier == row.tier.name) != row.drill

    for _ in range(2):
        doubted = catalogue.doubted(row.tier.name)
        _record(planted, row.tier, verify.quick(repository, known=catalogue.known(row.tier.name), doubted=doubted))
        assert _state(row.tier) == row.state
    assert _restored_on_a_new_machine(planted, row.tier, tmp_path) == row.restore


def _record(planted: Planted, tier: Tier, *verdicts: verify.Verdict) -> None:
    for verdict in verdicts:
        catalogue.record(verdict, planted.repository(tier), datetime.now(UTC))


def _state(tier: Tier) -> str:
    """Damaged or not: nothing is scheduled here."""
    [part] = [part for part in report.known(datetime.now(UTC)).parts if part.name == tier.name]
    damaged = part.state == "damaged" or Generation.objects.filter(tier=tier.name).exclude(damage=[]).exists()
    return "damaged" if damaged else "ok"


def _prepared_by_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scratch databases are copies of a migrated one: to migrate takes longer than all the rest."""

    def prepare(alias: str) -> None:
        connections[alias].close()
        shutil.copyfile(migrated(), connections[alias].settings_dict["NAME"])

    monkeypatch.setattr("backups.health.drill.connections.prepare", prepare)


def _restored_on_a_new_machine(planted: Planted, tier: Tier, folder: Path) -> str:
    repository = planted.repository(tier, new=True)
    try:
        if tier == DATABASE:
            try:
                chosen = database_restore.choose(repository)
            except Missing:
                return "there is none"
            with database_restore.planned(repository, chosen, mode="missing") as plan:
                names = {row["username"] for some in plan.staged.rows(_people(), chosen=False) for _, row in some}
            return RIGHT if "somebody 2" in names else "an older one"
        planned = restore.plan(repository, restore.choose(repository, source=SOURCE), folder / "new")
        done = restore.restore(repository, planned, now=datetime.now(UTC))
    except BackupError:
        return STOPS
    if done.failures:
        return NAMED
    return RIGHT if contents(folder / "new") == NEWEST else "an older one"


def _people() -> tables.Table:
    return tables.table("auth.User")


def test_a_lost_encryption_key_is_told_by_every_look(tmp_path: Path) -> None:
    locked = Repository(Folder(tmp_path / "place"), FILES, KEYS, KEY, tmp_path / "cache")
    source = filled(tmp_path / "source", NEWEST)
    backup.backup(locked, source, name=SOURCE)
    keyless = replace(locked, encryption_keys=EncryptionKeys())
    for verdict in (verify.quick(keyless), verify.deep(keyless, None)):
        assert not verdict.whole
        assert KEY.name in verdict.sentences[0]
        catalogue.record(verdict, keyless, datetime.now(UTC))
        assert _state(FILES) == "damaged"

    made = backup.backup(keyless, source, name=SOURCE).generation
    assert not [entry for entry in keyless.entries(made) if entry.get("sealed")]
    catalogue.record(verify.quick(locked), locked, datetime.now(UTC))
    assert _state(FILES) == "ok"
