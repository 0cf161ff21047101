"""What must be kept elsewhere is printed, remembered by marks alone, and tried by a process that knows nothing else."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from backups import kit
from backups.database import backup
from backups.errors import Failed
from backups.files import backup as files_backup
from backups.health import report, wording
from backups.health.kit_drill import drill_with
from backups.models import Drill, Generation, Kit
from backups.repository.copying import copy
from backups.repository.encryption import EncryptionKeys
from backups.repository.manifests import DATABASE, FILES
from backups.repository.repository import Repository
from backups.repository.signing import SigningKeys
from backups.storage.folder import Folder
from backups.storage.port import SECOND
from publishing.models import Site
from publishing.sites import with_closed_passwords
from tests.backups import desks

pytestmark = pytest.mark.dealt_whole(3)

SIGNS, EARLIER = "a key that signs the backups of this desk", "the key that signed them all of last year"
OPENS = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "the secret of the bucket",
    "GALLEY_BACKUP_KEYS": f"{SIGNS},{EARLIER}",
    "GALLEY_BACKUP_ENCRYPTION_KEYS": OPENS,
    "GALLEY_ENCRYPTION_KEYS": "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
    "GALLEY_SECRET_KEY": 'it\'s "quoted" with \\ and $HOME and #, fifty characters of it',
    "GALLEY_SECRET_KEY_FALLBACKS": "",
}
KEPT = {"GALLEY_STORAGE_URL": "s3://bucket/desk?endpoint_url=https%3A%2F%2Fs3.example.org", **SECRETS}


@pytest.fixture(autouse=True)
def kept(settings: Settings) -> None:
    settings.RECOVERY_KIT = {name: value for name, value in KEPT.items() if value}
    settings.GIVEN_SETTINGS = {"EMAIL_URL", "GALLEY_SECRET_KEY"}


def _printed(*words: str) -> str:
    out = StringIO()
    call_command("recovery_kit", *words, stdout=out)
    return out.getvalue()


def _sentences() -> list[str]:
    [part] = [part for part in report.remembered(timezone.now()).parts if part.name == "kit"]
    return wording.sentences(part)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_whatever_a_setting_is_the_file_gives_it_back(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    file = tmp_path_factory.getbasetemp() / "one.env"
    try:
        file.write_text(f"GALLEY_SECRET_KEY={kit._quoted(value)}\n", encoding="utf-8", newline="")
    except Failed:
        assert value.splitlines() != [value]
    else:
        assert kit.read(file)["GALLEY_SECRET_KEY"] == value


@pytest.mark.django_db
def test_without_secrets_their_names_are_printed_and_none_of_them() -> None:
    text = _printed()

    assert not any(word in text for value in SECRETS.values() if value for word in value.split(","))
    assert KEPT["GALLEY_STORAGE_URL"] in text
    assert ", ".join(SigningKeys([SIGNS, EARLIER]).names) in text
    assert EncryptionKeys([OPENS]).name in text
    assert "manage.py restore_desk --apply" in text
    assert "in no backup: EMAIL_URL." in text
    assert not Kit.objects.exists(), "what has no secrets is no kit"


@pytest.mark.django_db
def test_the_kit_is_a_file_of_settings_for_its_owner_alone(tmp_path: Path) -> None:
    now = datetime(2026, 5, 27, tzinfo=UTC)
    Generation.objects.create(tier=FILES.name, name="one", began=now, made=now, about={"source": "/srv/old scans"})
    file = tmp_path / "kit"
    _printed("--with-secrets", "--file", str(file))

    assert kit.read(file) == {name: value for name, value in KEPT.items() if value}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "restore_files FOLDER --source '/srv/old scans' --apply" in file.read_text()
    with pytest.raises(CommandError, match="exists"):
        _printed("--with-secrets", "--file", str(file))


@pytest.mark.django_db
def test_the_desk_reminds_of_a_kit_that_is_not_true_any_more(settings: Settings, tmp_path: Path) -> None:
    assert _sentences()[0].startswith("No recovery kit was printed")
    _printed("--with-secrets", "--file", str(tmp_path / "kit"))
    assert _sentences()[0].startswith("No restore was tried with nothing but")
    assert not any(value in json.dumps(Kit.objects.get().marks) for value in SECRETS.values() if value)

    kit.tried(kit.read(tmp_path / "kit") | {"GALLEY_BACKUP_KEYS": EARLIER}, timezone.now())
    assert _sentences(), "that was another kit"
    kit.tried(kit.read(tmp_path / "kit"), timezone.now())
    assert _sentences() == []

    settings.RECOVERY_KIT = settings.RECOVERY_KIT | {"GALLEY_BACKUP_KEYS": f"a new one, {SIGNS}"}
    [said] = _sentences()
    assert "GALLEY_BACKUP_KEYS has changed since. Print it again" in said


@pytest.mark.parametrize("content", [b"", b"EMAIL_URL=x\n", b"\xff\xfe"])
def test_what_is_no_kit_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kit").write_bytes(content)
    with pytest.raises(Failed, match="kit"):
        kit.read(tmp_path / "kit")


# A process that knows nothing else


@pytest.fixture
def backed_up(sqlite_desk: str, tmp_path: Path, settings: Settings) -> None:
    """A storage with an encrypted database, with a site in it."""
    repository = Repository(Folder(tmp_path / "place"), DATABASE, SigningKeys([SIGNS]), EncryptionKeys([OPENS]))
    desks.fill(sqlite_desk, 2)
    settings.GALLEY_ENCRYPTION_KEYS = [KEPT["GALLEY_ENCRYPTION_KEYS"]]
    site = Site(name="Journal", url="https://journal.example.org", user="desk")
    site.secret = "a password"
    site.save(using=sqlite_desk)
    backup.backup(repository, sqlite_desk)
    settings.RECOVERY_KIT = settings.RECOVERY_KIT | {"GALLEY_STORAGE_URL": f"file://{tmp_path / 'place'}"}


@pytest.mark.django_db
@pytest.mark.usefixtures("backed_up")
def test_a_drill_with_the_kit_alone_passes_and_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "kit"
    _printed("--with-secrets", "--file", str(file))
    call_command("backup_drill", "--kit", str(file), "--folder", str(tmp_path), stdout=StringIO())

    assert Drill.objects.get().differences == []
    assert Kit.objects.get().tried_at
    assert sorted(each.name for each in tmp_path.iterdir() if "galley-" in each.name) == [], "no key stays behind"


@pytest.mark.django_db
def test_the_second_storage_alone_is_enough(tmp_path: Path, settings: Settings) -> None:
    where, keys = Folder(tmp_path / "second"), (SigningKeys([SIGNS]), EncryptionKeys([OPENS]))
    first, second = (Repository(each, FILES, *keys) for each in (Folder(tmp_path / "place"), where))
    (tmp_path / "ocr").mkdir()
    (tmp_path / "ocr" / "page.txt").write_text("What was read.")
    files_backup.backup(first, tmp_path / "ocr")
    copy(first, replace(second, storage=SECOND), lambda here, _: here.generations[::-1])
    (tmp_path / "place").rename(tmp_path / "lost")
    places = {"GALLEY_STORAGE_URL": f"file://{tmp_path / 'place'}", "GALLEY_SECOND_STORAGE_URL": f"file://{where}"}
    settings.RECOVERY_KIT = settings.RECOVERY_KIT | places

    assert "put the address of the second into GALLEY_STORAGE_URL" in " ".join(_printed().replace("#", "").split())
    [found] = drill_with(settings.RECOVERY_KIT, storage=SECOND)
    assert (found.passed, found.things, found.storage) == (True, 1, SECOND)


@pytest.mark.django_db
@pytest.mark.usefixtures("backed_up")
def test_a_kit_that_lacks_a_key_is_told(settings: Settings) -> None:
    found = drill_with(settings.RECOVERY_KIT | {"GALLEY_BACKUP_KEYS": EARLIER})

    assert ["signed with a key that is not among ours" in each.differences[0] for each in found] == [True]
    assert not found[0].passed


@pytest.mark.django_db
@pytest.mark.usefixtures("backed_up")
def test_passwords_that_came_back_and_stay_closed_are_told(sqlite_desk: str, settings: Settings) -> None:
    assert with_closed_passwords(alias=sqlite_desk) == []
    settings.GALLEY_ENCRYPTION_KEYS = []
    assert with_closed_passwords(alias=sqlite_desk) == [
        "The password of the site Journal came back, and the present keys do not open it."
    ]


def test_a_kit_that_leads_nowhere_is_told_without_its_secrets(settings: Settings) -> None:
    with pytest.raises(Failed, match="GALLEY_STORAGE_URL") as told:
        drill_with(settings.RECOVERY_KIT | {"GALLEY_STORAGE_URL": "ftp://nowhere"})
    assert not any(value in str(told.value) for value in SECRETS.values() if value)
