"""A second storage is copied to, verified, tried and restored from; either may be down, and the other goes on."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from backups import catalogue, configured, models, tasks
from backups.database import backup
from backups.errors import BackupError
from backups.health import report, wording
from backups.repository.manifests import DATABASE, FILES
from backups.storage.port import FIRST, SECOND
from recovery.mail import backup_wording

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def places(settings: Settings, tmp_path: Path) -> dict[str, Path]:
    """Two folders, and a machine of its own."""
    found = {name: tmp_path / name for name in ("backups", "second")}
    settings.VAR_DIR = tmp_path / "var"
    settings.STORAGES = settings.STORAGES | {
        name: {"BACKEND": "backups.storage.django_folder.LocalStorage", "OPTIONS": {"location": str(path)}}
        for name, path in found.items()
    }
    return found


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies loses nothing that the disk has not yet."""
    monkeypatch.setattr("os.fsync", lambda _: None)


def _part() -> report.Part:
    return next(part for part in report.known(timezone.now()).parts if part.name == SECOND)


def _command(*words: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def _backed_up() -> models.Generation:
    User.objects.create(username=f"person{User.objects.count()}")
    return catalogue.remember(backup.backup(configured.repository(DATABASE)).generation)


def _flip(storage: Path, where: str = "database_backups/chunks") -> Path:
    """A bit of the largest object."""
    objects = [path for path in (storage / where).rglob("*") if path.is_file()]
    chunk = max(objects, key=lambda path: path.stat().st_size)
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    return chunk


def test_without_a_second_storage_nothing_is_different(settings: Settings) -> None:
    settings.STORAGES = {name: value for name, value in settings.STORAGES.items() if name != "second"}

    tasks.copy()
    assert SECOND not in {part.name for part in report.known(timezone.now()).parts}
    with pytest.raises(CommandError, match="There is no second storage"):
        _command("copy_backups")
    with pytest.raises((CommandError, BackupError), match="There is no second storage"):
        _command("restore_database", "--storage", "second")


def test_each_backup_is_copied(tmp_path: Path) -> None:
    assert [type(each).__name__ for each in _part().findings] == ["NeverCopied"]
    tasks.backup_database()
    (tmp_path / "ocr").mkdir()
    (tmp_path / "ocr" / "page.txt").write_text("x")
    tasks.backup_files(str(tmp_path / "ocr"))

    for tier in (DATABASE, FILES):
        first, second = configured.repository(tier).survey(), configured.repository(tier, SECOND).survey()
        assert [each.id for each in first.generations] == [each.id for each in second.generations] != []
    assert (_part().state, _part().facts.behind) == ("ok", 0)
    assert {row.storage for row in models.Generation.objects.all()} == {FIRST, SECOND}


def test_how_far_it_is_behind_is_told() -> None:
    made = _backed_up()
    _command("copy_backups")
    later = _backed_up()
    assert (_part().state, _part().facts.behind) == ("ok", 1)

    old = timezone.now() - timedelta(days=2)
    models.Generation.objects.filter(pk=made.pk).update(made=old, placed=old)
    models.Generation.objects.filter(name=made.name, storage=SECOND).update(made=old, placed=old)
    models.Generation.objects.filter(pk=later.pk).update(made=old + timedelta(hours=1), placed=old + timedelta(hours=1))
    [finding] = _part().findings
    assert _part().state == "alarm"
    assert wording.words(finding).sentence.startswith("The second storage lacks a backup of the database, since ")
    assert wording.words(finding).command == "copy_backups --tier database"
    assert (_part().facts.behind_seconds or 0) > 24 * 3600


def test_the_second_is_down_and_the_first_goes_on(places: dict[str, Path]) -> None:
    _backed_up()
    _command("copy_backups")
    places["second"].rename(places["second"].with_name("away"))
    places["second"].write_text("no folder")

    tasks.backup_database()
    assert models.Generation.objects.filter(tier="database", storage=FIRST).count() == 2
    [said] = {each.sentence for each in map(wording.words, _part().findings) if "database" in each.sentence}
    assert said.startswith("The last copy of the database to the second storage ended early. The second storage: ")
    assert _part().state == "alarm"
    models.Look.objects.create(at=timezone.now())
    news = backup_wording.news(report.remembered(timezone.now()))
    assert news.headline == "the files could not be copied to the second storage"
    with pytest.raises(CommandError, match="The second storage: "):
        _command("copy_backups", "--tier", "database")
    with pytest.raises(CommandError, match="second storage"):
        _command("verify_backups", "--tier", "database")
    listed = models.Verification.objects.filter(tier="database").values_list("storage", flat=True)
    assert list(listed) == [FIRST]
    out, err = _command("restore_database")
    assert "There is nothing to restore" in out
    assert "The second storage could not be asked" in err

    places["second"].unlink()
    places["second"].with_name("away").rename(places["second"])
    tasks.copy()
    assert _part().state == "ok"


def test_the_first_is_down_and_the_second_gives(places: dict[str, Path]) -> None:
    made = _backed_up()
    _command("copy_backups")
    User.objects.all().delete()
    shutil.rmtree(places["backups"])

    with pytest.raises(CommandError, match=rf"The second storage has {made.name} of .*: --storage second takes it"):
        _command("restore_database", "--apply")
    out, _ = _command("restore_database", "--storage", "second", "--apply")
    assert "Restored from" in out
    assert User.objects.filter(username="person0").exists()


def test_a_newer_one_in_the_second_is_never_passed_over(places: dict[str, Path]) -> None:
    _backed_up()
    kept = shutil.copytree(places["backups"], places["backups"].with_name("yesterday"))
    newer = _backed_up()
    _command("copy_backups")
    shutil.rmtree(places["backups"])
    kept.rename(places["backups"])
    shutil.rmtree(places["backups"].with_name("var") / "backup-cache")  # a new machine

    with pytest.raises(CommandError, match=r"is missing from the storage|has a newer backup") as refused:
        _command("restore_database")
    assert newer.name in str(refused.value)
    assert f"From {newer.name}" in _command("restore_database", "--storage", "second")[0]
    shutil.rmtree(places["second"] / "database_backups" / "newest-first")
    with pytest.raises(CommandError, match=f"The second storage has a newer backup, {newer.name} of"):
        _command("restore_database")
    assert newer.name not in _command("restore_database", "--storage", "first")[0]


def test_the_second_tells_that_it_is_behind(places: dict[str, Path]) -> None:
    _backed_up()
    _command("copy_backups")
    newer = _backed_up()
    configured.repository(DATABASE).witness.note_elsewhere(configured.repository(DATABASE).trusted()[0])
    shutil.rmtree(places["backups"])

    _, err = _command("restore_database", "--storage", "second")
    assert err == f"The first storage had a newer backup of desk, {newer.name}, which was not copied.\n"


def test_damage_is_told_of_each_storage_and_mended_from_the_other(places: dict[str, Path]) -> None:
    _backed_up()
    _command("copy_backups")
    for name, healthy in (("second", "backups"), ("backups", "second")):
        whole = (places[healthy] / _flip(places[name]).relative_to(places[name])).read_bytes()
        out, err = StringIO(), StringIO()
        with pytest.raises(SystemExit) as code:
            call_command("verify_backups", "--tier", "database", "--all", stdout=out, stderr=err)
        assert code.value.code == 2
        assert ("(second storage)" in err.getvalue()) == (name == "second")
        assert (_part().state == "damaged") == (name == "second")

        said = _command("copy_backups", "--tier", "database", *(["--mend"] if name == "backups" else []))[0]
        assert "1 of them anew" in said
        assert _flipped_back(places, name, healthy, whole)
        _command("verify_backups", "--tier", "database", "--all")
        assert _part().state == "ok"


def _flipped_back(places: dict[str, Path], name: str, healthy: str, whole: bytes) -> bool:
    chunks = (places[healthy] / "database_backups/chunks").rglob("*")
    files = {path.relative_to(places[healthy]) for path in chunks if path.is_file()}
    return whole in [(places[name] / file).read_bytes() for file in files] and all(
        (places[name] / file).read_bytes() == (places[healthy] / file).read_bytes() for file in files
    )


def test_what_is_damaged_in_the_first_is_not_copied(places: dict[str, Path]) -> None:
    _backed_up()
    _flip(places["backups"])

    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as code:
        call_command("copy_backups", "--tier", "database", "--json", stdout=out, stderr=err)

    assert code.value.code == 2
    assert json.loads(out.getvalue())["backups"] == []
    assert not list((places["second"] / "database_backups").glob("manifests/*"))
    assert {type(each).__name__ for each in _part().findings} == {"NotCopied"}
    assert next(part for part in report.known(timezone.now()).parts if part.name == "database").state == "damaged"
    tasks.backup_database()  # which mends it by a full one
    assert _command("restore_database", "--storage", "second")


def test_pins_and_retention_hold_in_both(places: dict[str, Path], settings: Settings) -> None:
    settings.GALLEY_BACKUP_KEEP_DAYS, settings.GALLEY_BACKUP_KEEP_MONTHS = 0, 0
    made = [_backed_up() for _ in range(4)]
    call_command("prune_backups", "--tier", "database", "--pin", made[0].name)
    _command("copy_backups")
    assert (places["second"] / "database_backups" / "pins" / made[0].name).exists()

    shutil.rmtree(places["second"] / "database_backups" / "pins")
    _command("copy_backups")
    assert (places["second"] / "database_backups" / "pins" / made[0].name).exists()
    out, _ = _command("prune_backups", "--tier", "database")
    assert "In the second storage:" in out
    assert "1 stay: it is pinned" in out.partition("In the second storage:")[2]

    for manifest in (places["second"] / "database_backups" / "manifests").glob(f"{made[3].name}*"):
        manifest.unlink()
    with pytest.raises(CommandError, match=r"lacks 1 that are known: .* \(second storage\)"):
        _command("prune_backups", "--tier", "database", "--apply")


def test_the_daily_tasks_look_at_both(places: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "ocr").mkdir()
    (tmp_path / "ocr" / "page.txt").write_text("What was read.")
    tasks.backup_files(str(tmp_path / "ocr"))
    tasks.verify()
    tasks.try_restore()
    assert set(models.Verification.objects.filter(tier="files").values_list("storage", flat=True)) == {FIRST, SECOND}
    assert [drill.storage for drill in models.Drill.objects.order_by("storage")] == [FIRST, SECOND]
    assert not [each for drill in models.Drill.objects.all() for each in drill.differences]

    _flip(places["second"], "source_files/objects")
    tasks.try_restore()
    parts = {part.name: part for part in report.known(timezone.now()).parts}
    assert parts["drill"].state == "ok"
    assert parts["files"].state != "damaged"
    assert {type(each).__name__ for each in parts[SECOND].findings} == {"SecondDrillFailed", "SecondDamaged"}
    assert all("second storage" in wording.words(each).sentence for each in parts[SECOND].findings)


def test_the_page_shows_it(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)
    _backed_up()
    _command("copy_backups")
    page = client.get(reverse("admin:backups_generation_changelist")).content.decode()
    assert "Second storage" in page
    assert "nothing is missing there" in page
    assert page.count(f">{models.Generation.objects.filter(storage=FIRST).get().name}<") == 1
