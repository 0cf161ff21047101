"""The machine is gone; there are keys and a storage. The same desk comes back, and nothing that is paid for is lost."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, Batch, Call, Event, KeptPicture, Preferences
from articles.pipeline import sweep, worker
from articles.tree import kept_pictures, unused_pictures
from articles.tree.due import write_due
from articles.tree.kept_pictures import Keeper
from backups import tasks
from backups.database import backup
from backups.database.tables import Column
from backups.health import report
from backups.models import Generation, Restore
from backups.trees.tree import MANIFEST
from config.roles import EDITORS, create_groups
from publishing import publish_tasks
from publishing.models import PublishTask, Site
from recovery.rebuild import desk
from tests.articles.content.reading.pictured import photograph
from tests.conftest import HandIn
from tests.doubles.server import Doubles
from tests.publishing.conftest import new_site
from tests.recovery.rebuild.loss import differences, everything, lose_everything, settled, state
from tests.worklist.conftest import WAYS, arrive, lead
from worklist import publication
from worklist.models import Document, State

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, services: Doubles) -> None:
    services.configure(image_width=480, image_bytes=4000)
    monkeypatch.setattr("articles.stages.images.POLL_SECONDS", (0.001,))


def _back(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command("restore_desk", *words, "--json", stdout=out, stderr=StringIO())
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


@pytest.fixture
def second(settings: Settings, tmp_path: Path) -> Path:
    """A second storage, and where it lies."""
    where = tmp_path / "second"
    settings.STORAGES = settings.STORAGES | {
        "second": {"BACKEND": "backups.storage.django_folder.LocalStorage", "OPTIONS": {"location": str(where)}}
    }
    return where


@pytest.fixture
def lost(hand_in: HandIn, settings: Settings, tmp_path: Path, editor: User) -> dict[str, Any]:
    """What a desk held when its machine was lost, some work after its last backup; copied, where there is a second."""
    settings.VAR_DIR = tmp_path / "var"
    editor.groups.add(Group.objects.get(name=EDITORS))
    editor.set_password("a long password")
    editor.save()
    Preferences.objects.create(user=editor, instructions="Calm, please.")
    site = Site(name="Magazine", url="https://magazine.example.org", user="desk")
    site.secret = "a password"
    site.save()
    done, going = hand_in(), hand_in(idea="Home batteries")
    hand_in(idea="Heat pumps", style="dry")  # stays in line
    worker.run_article(done.pk)
    call_command("backup_database", stdout=StringIO())

    worker.run_article(going.pk)
    later = hand_in(idea="Tides")
    worker.run_article(later.pk)
    hand_in(idea="Wind")
    write_due()
    tasks.copy()
    spent = sum((call.cost or 0) for call in Call.objects.filter(article=going))
    before = {"state": state(), "rows": everything(), "going": going.uid, "spent": spent}
    lose_everything()
    settings.VAR_DIR = tmp_path / "another machine"
    return before


def test_the_whole_desk_comes_back(lost: dict[str, Any], services: Doubles) -> None:
    asked = len(services.requests())
    dry = _back()
    assert (dry["rebuilt"], User.objects.exists(), Article.objects.exists()) == (2, False, False)

    back = _back("--apply")

    assert back["further"] == [lost["going"]]
    assert (back["rebuilt"], back["rested"]) == (2, 1)
    assert differences(settled(lost["state"]), state()) == []
    kept = everything()
    for label in ("auth.User", "auth.User_groups", "publishing.Site", "articles.Preferences"):
        assert kept[label] == lost["rows"][label]
    assert User.objects.get().check_password("a long password")
    assert Site.objects.get().secret == "a password"
    assert sum((call.cost or 0) for call in Call.objects.filter(article__uid=lost["going"])) == lost["spent"]
    connection.check_constraints()

    # Nothing begins by itself, and what is done is not made again.
    sweep.sweep()
    for article in Article.objects.all():
        worker.run_article(article.pk)
    assert len(services.requests()) == asked
    assert Generation.objects.filter(tier="database", damage=[]).exists()


def test_what_waited_for_an_article_hears_that_it_is_done(
    editor: User, chief: User, settings: Settings, tmp_path: Path
) -> None:
    """Else its publish task would be open for ever, and nothing could be published there any more."""
    settings.VAR_DIR = tmp_path / "var"
    document = lead(arrive(), chief, *WAYS[State.READY])
    article = publication.publish(document.pk, editor, None, seen_text=document.text_hash)[0].article
    assert article
    other, _ = publish_tasks.submit(article, new_site("https://other.example.org"), editor)
    call_command("backup_database", stdout=StringIO())
    PublishTask.objects.filter(pk=other.pk).delete()  # so that it ends at the desk, as it had begun
    Article.objects.filter(pk=article.pk).update(site=None)
    worker.run_article(article.pk)
    write_due()
    lose_everything()
    settings.VAR_DIR = tmp_path / "another machine"

    back = _back("--apply")

    assert back["further"] == [article.uid]
    article = Article.objects.get()
    assert article.publish_tasks.get(site=None).status == PublishTask.Status.COMPLETED
    assert Document.objects.get().state == State.PUBLISHED
    assert article.status not in desk.MOVING, "what is to follow elsewhere waits for a person"
    sweep.sweep()
    assert Article.objects.get().status == article.status


def test_a_restore_that_was_cut_off_goes_on(lost: dict[str, Any]) -> None:
    """Before the rows are there: nothing is. After: they are reconciled, and the rest follows."""
    with mock.patch.object(desk, "put_to_rest", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        _back("--apply")
    assert not Article.objects.exists()
    assert not Restore.objects.exists()
    with mock.patch.object(desk, "rebuild", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        _back("--apply")
    assert Article.objects.count() == 3
    assert not Article.objects.filter(status__in=desk.MOVING).exists()

    assert _back("--apply")["rebuilt"] == 2
    assert differences(settled(lost["state"]), state()) == []
    assert _back("--apply")["rebuilt"] == 0
    assert Event.objects.filter(kind="rebuilt", article__uid=lost["going"]).count() == 1


def _before(app: str) -> Any:
    """A backup as of a version before this app was there, nor what needs it."""
    graph = MigrationLoader(None).graph
    known = backup.migrations("default").items()
    then = {n: last for n, last in known if not any(first == app for first, _ in graph.forwards_plan((n, last)))}
    return mock.patch.object(backup, "migrations", return_value=then)


@pytest.mark.usefixtures("storage_folder")
def test_from_a_backup_of_an_earlier_version(settings: Settings, tmp_path: Path) -> None:
    """It knows nothing of rights on what is new, so its groups lack them; what somebody took away stays away."""
    settings.VAR_DIR = tmp_path / "var"
    group = Group.objects.get(name=EDITORS)
    rights = sorted(group.permissions.values_list("codename", flat=True))
    group.permissions.remove(*group.permissions.filter(content_type__app_label="worklist"))
    group.permissions.remove(Permission.objects.get(codename="view_site"))
    ada = User.objects.create_user("ada")
    ada.groups.add(group)
    Article.objects.create(owner=ada, idea="Tides")
    Article.objects.update(status="frozen")
    with _before("worklist"):
        call_command("backup_database", stdout=StringIO())
    lose_everything()
    Group.objects.all().delete()
    create_groups("default")
    settings.VAR_DIR = tmp_path / "another machine"
    frozen = "articles.Article.status has a value that is not known here (frozen) in 1 row: draft takes its place."
    assert frozen in _back()["not_back"]

    back = _back("--apply")

    assert (Article.objects.get().status, back["not_back"].count(frozen)) == ("draft", 1)
    rights.remove("view_site")
    kept = User.objects.get().groups.get().permissions.values_list("codename", flat=True)
    assert sorted(kept) == rights
    said = [sentence for sentence in back["not_back"] if sentence.startswith(f"{EDITORS} has rights that are new")]
    assert "worklist.change_document" in said[0]
    assert "view_site" not in said[0]


@pytest.mark.usefixtures("storage_folder")
def test_a_row_that_cannot_come_back_is_said_before(editor: User, settings: Settings, tmp_path: Path) -> None:
    """Not only when it is too late to look for another backup."""
    settings.VAR_DIR = tmp_path / "var"
    Article.objects.create(owner=editor, idea="Tides")
    call_command("backup_database", stdout=StringIO())
    lose_everything()
    settings.VAR_DIR = tmp_path / "another machine"
    with (
        mock.patch.object(Column, "value", side_effect=ValueError("that cannot be")),
        pytest.raises(CommandError, match=r"cannot be restored, and so nothing is.*that cannot be") as caught,
    ):
        _back()
    assert caught.value.returncode == 3


def test_pictures_of_texts_come_from_the_second_storage(
    second: Path, editor: User, storage_folder: Path, settings: Settings, tmp_path: Path
) -> None:
    """Two pictures: one whole, one that was cut off between its file and its manifest; and a name that nobody has."""
    settings.VAR_DIR = tmp_path / "var"
    names = [Keeper().keep(photograph(colour)).removeprefix("picture:") for colour in ("red", "navy")]
    gone = "f" * 64
    pictures = "".join(f"\n\n![The sea](picture:{name})" for name in (*names, gone))
    arrive(f"# Tides\n\nThe sea comes in.{pictures}\n")
    call_command("backup_database", stdout=StringIO())
    tasks.copy()
    (second / f"pictures/{gone}").mkdir()  # of a copy that was killed
    lose_everything()
    KeptPicture.objects.all().delete()
    shutil.rmtree(storage_folder)
    settings.VAR_DIR = tmp_path / "another machine"

    assert _back("--storage", "second")["pictures_from_second"] == 2
    assert not (storage_folder / "pictures").exists()
    with mock.patch.object(unused_pictures, "named", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        _back("--storage", "second", "--apply")
    (storage_folder / f"pictures/{names[0]}" / MANIFEST).unlink()
    back = _back("--storage", "second", "--apply")

    assert back["pictures_from_second"] == 1
    assert "Pictures that texts name, and that no storage has: 1." in back["not_back"]
    for name in names:
        assert kept_pictures.load(name)
        assert (storage_folder / f"pictures/{name}/picture.jpg").exists()
    assert _back("--storage", "second", "--apply")["pictures_from_second"] == 0


@pytest.mark.usefixtures("storage_folder")
def test_a_desk_that_is_in_use_is_left_alone(editor: User, settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"
    call_command("backup_database", stdout=StringIO())
    with pytest.raises(CommandError, match="not empty: it has users"):
        call_command("restore_desk", "--apply")
    assert User.objects.get() == editor
    assert not Batch.objects.exists()


def _files(root: Path) -> dict[str, bytes]:
    """Those of articles' trees."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.glob("user_*/*/*")}


def test_the_first_storage_is_gone_as_well(
    second: Path, lost: dict[str, Any], storage_folder: Path, services: Doubles
) -> None:
    """All of it comes from the second, and lies in the first again: rows, manifests and pictures."""
    asked, whole = len(services.requests()), _files(storage_folder)
    assert whole == _files(second)
    shutil.rmtree(storage_folder)

    with pytest.raises(CommandError, match="--storage second takes it"):
        call_command("restore_desk", "--apply")
    dry = _back("--storage", "second")
    assert (dry["rebuilt"], dry["from_second"], Article.objects.exists()) == (2, 5, False)
    back = _back("--storage", "second", "--apply")

    assert (back["further"], back["rebuilt"], back["rested"]) == ([lost["going"]], 2, 1)
    assert not [sentence for sentence in back["not_back"] if sentence.startswith("Article ") or "user_" in sentence]
    assert differences(settled(lost["state"]), state()) == []
    after = _files(storage_folder)
    assert {name for name in whole if after.get(name) != whole[name] and not name.endswith(MANIFEST)} == set()
    sweep.sweep()
    for article in Article.objects.all():
        worker.run_article(article.pk)
    assert len(services.requests()) == asked

    # The desk goes on: new backups in the first storage, and copies of them.
    tasks.backup_database()
    assert not report.known(timezone.now()).needs_somebody
