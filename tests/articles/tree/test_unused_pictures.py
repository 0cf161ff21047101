"""Writers' pictures stay as long as a text, or a backup of the database, may name them; then they go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, ImageFile, KeptPicture
from articles.tree import names, unused_pictures
from articles.tree.kept_pictures import Keeper, load
from backups.models import Generation
from backups.storage.django_folder import LocalStorage
from backups.trees.tree import TreeError
from tests.articles.content.reading.pictured import photograph
from worklist import intake
from worklist.models import Source

pytestmark = pytest.mark.django_db
DAWN = photograph("orange")
NOW = timezone.now()


def kept(content: bytes = DAWN) -> str:
    return Keeper().keep(content).removeprefix("picture:")


def unused() -> datetime | None:
    return KeptPicture.objects.get().unused_since


def _text(name: str) -> str:
    return f"# Tides\n\nThe sea comes in.\n\n![The sea](picture:{name})\n\nAnd goes out."


def _as_manuscript(editor: User, name: str) -> None:
    Article.objects.create(owner=editor, manuscript=_text(name))


def _as_earlier_manuscript(editor: User, name: str) -> None:
    Article.objects.create(owner=editor, idea="Tides", earlier_manuscripts=[{"manuscript": _text(name)}])


def _as_row(editor: User, name: str) -> None:
    article = Article.objects.create(owner=editor, idea="Tides")
    ImageFile.objects.create(article=article, role="own_1", aspect="", own=name)


def _as_document(_: User, name: str) -> None:
    intake.arrive(Source.UPLOAD, "1", intake.Arrival(_text(name), "tides.md"))


def _as_earlier_version(_: User, name: str) -> None:
    _as_document(_, name)
    intake.arrive(Source.UPLOAD, "1", intake.Arrival("# Tides\n\nAll is dry.", "tides.md"))


@pytest.mark.parametrize(
    "names_it", [_as_manuscript, _as_earlier_manuscript, _as_row, _as_document, _as_earlier_version]
)
def test_whatever_names_it_keeps_it(editor: User, names_it: Callable[[User, str], None]) -> None:
    name = kept()
    unused_pictures.look(NOW)
    assert unused() == NOW
    names_it(editor, name)
    unused_pictures.look(NOW)
    assert unused() is None
    assert name in unused_pictures.named()
    assert unused_pictures.newest_named("default", 30) == [name]


def test_it_goes_when_nothing_has_named_it_for_as_long_as_backups_are_kept(
    storage_folder: Path, settings: Settings
) -> None:
    name = kept()
    unused_pictures.look(NOW)
    assert not unused_pictures.going(NOW + timedelta(days=89))
    [picture] = unused_pictures.going(NOW + timedelta(days=91))
    settings.GALLEY_BACKUP_KEEP_DAYS = 1
    assert not unused_pictures.going(NOW + timedelta(days=29)), "a form may be open for long"
    assert unused_pictures.take_away(picture) == 2
    assert not KeptPicture.objects.exists()
    unused_pictures.look(NOW)
    assert not KeptPicture.objects.exists(), "no folder is left that looks like one"
    with pytest.raises(TreeError):
        load(name)


def test_it_stays_while_a_backup_may_name_it() -> None:
    """One that is pinned, or the last of a month."""
    kept()
    unused_pictures.look(NOW)
    late = NOW + timedelta(days=400)
    backup = Generation(tier="database", name="a", began=NOW - timedelta(days=1), made=NOW - timedelta(days=1))
    backup.save()
    assert not unused_pictures.going(late)
    Generation.objects.update(began=NOW + timedelta(days=1))
    assert unused_pictures.going(late)


def test_a_text_that_brings_it_again_begins_anew() -> None:
    name = kept()
    unused_pictures.look(NOW)
    [picture] = unused_pictures.going(NOW + timedelta(days=91))
    kept()
    assert unused_pictures.take_away(picture) is None
    assert load(name).width == 400


def test_what_lies_there_without_a_row_gets_one(storage_folder: Path) -> None:
    """As from before there were rows, on a desk that came back, or after a kill."""
    size = KeptPicture.objects.get(name=kept()).bytes
    KeptPicture.objects.all().delete()
    (storage_folder / "pictures" / ("0" * 64)).mkdir()
    (storage_folder / "pictures" / "no name").mkdir()
    unused_pictures.look(NOW)
    found = dict(KeptPicture.objects.values_list("name", "bytes"))
    assert found == {kept(): size, "0" * 64: 0}


def test_an_empty_listing_takes_no_row_away(storage_folder: Path) -> None:
    kept()
    storage_folder.rename(storage_folder.with_name("away"))
    unused_pictures.look(NOW)
    assert KeptPicture.objects.count() == 1


@pytest.mark.parametrize("died_after", [0, 1, 2])
def test_a_removal_may_be_killed_anywhere(died_after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    name, left = kept(), died_after
    unused_pictures.look(NOW)
    [picture] = unused_pictures.going(NOW + timedelta(days=91))
    delete = LocalStorage.delete

    def dies(storage: LocalStorage, path: str) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        delete(storage, path)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "delete", dies)
        if died_after == 2:
            patch.setattr(unused_pictures, "note_removed", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            unused_pictures.take_away(picture)
    assert KeptPicture.objects.filter(unused_since=NOW).exists()
    if died_after == 1:
        assert kept() == name, "a text brings it in between"
        assert load(name).width == 400
        return
    assert unused_pictures.take_away(picture) is not None
    assert not KeptPicture.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_text_that_brings_it_while_it_is_removed_has_it_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    name = kept()
    unused_pictures.look(NOW)
    [picture] = unused_pictures.going(NOW + timedelta(days=91))
    delete, said = LocalStorage.delete, list[str]()

    def bring() -> None:
        said.append(kept())
        connection.close()

    text = threading.Thread(target=bring)

    def slowly(storage: LocalStorage, path: str) -> None:
        if not text.ident:
            text.start()
            text.join(0.3)  # it waits for the row
        delete(storage, path)

    monkeypatch.setattr(LocalStorage, "delete", slowly)
    assert unused_pictures.take_away(picture) == 2
    text.join()
    assert said == [name]
    assert load(name).width == 400
    assert KeptPicture.objects.get().unused_since is None
    assert picture.tree.prefix == names.picture(name)
