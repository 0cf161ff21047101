"""A writer's picture is kept once, whole and signed, within what a text may ask; and found again as it was kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from articles.content import own_pictures, pictures
from articles.providers.errors import Unreachable
from articles.tree import kept_pictures, names
from articles.tree.kept_pictures import Keeper, load
from backups import configured
from backups.trees.tree import TreeError, Unsigned
from tests.articles.content.reading.pictured import photograph
from tests.recovery.rebuild.loss import edit

pytestmark = pytest.mark.django_db
DAWN = photograph("orange")


def kept(content: bytes) -> str:
    return Keeper().keep(content).removeprefix("picture:")


def test_it_is_kept_as_a_clean_picture_and_once(storage_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = kept(DAWN)
    picture = load(name)
    assert (picture.jpeg[:3], picture.width, picture.height) == (b"\xff\xd8\xff", 400, 300)
    there = sorted(path.name for path in (storage_folder / "pictures" / name).iterdir())
    assert there == ["manifest.json", "picture.jpg"]
    monkeypatch.setattr(pictures, "clean", lambda _: pytest.fail("it is known"))
    assert kept(DAWN) == name


def test_what_was_killed_between_file_and_manifest_is_kept_again(storage_folder: Path) -> None:
    name = kept(DAWN)
    (storage_folder / "pictures" / name / "manifest.json").unlink()
    with pytest.raises(TreeError):
        load(name)
    assert kept(DAWN) == name
    assert load(name).width == 400


@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"<svg onload=alert(1)>", photograph(size=(60, 60)), DAWN[:99]]
)
def test_what_cannot_be_used_is_not_kept(content: bytes, storage_folder: Path) -> None:
    assert kept(content) == ""
    assert not storage_folder.exists()


def test_a_text_may_ask_for_so_much(monkeypatch: pytest.MonkeyPatch, storage_folder: Path) -> None:
    monkeypatch.setattr(kept_pictures, "MOST_PIXELS", 400 * 300 + 1)
    keeper = Keeper()
    first, second = keeper.keep(DAWN), keeper.keep(photograph("teal"))
    assert (bool(first), second) == (True, "")
    assert keeper.keep(DAWN) == first, "the same once more costs nothing"
    monkeypatch.setattr(own_pictures, "MOST", 0)
    assert Keeper().keep(DAWN) == ""
    monkeypatch.setattr(kept_pictures, "LARGEST", 10)
    assert Keeper().keep(DAWN) == ""


def test_what_others_have_put_there_is_none(storage_folder: Path) -> None:
    name = kept(DAWN)
    edit(configured.tree(names.picture(name)), lambda manifest: manifest.update(width=1), signed=False)
    with pytest.raises(Unsigned):
        load(name)
    kept(DAWN)
    (storage_folder / "pictures" / name / "picture.jpg").write_bytes(b"another")
    with pytest.raises(TreeError):
        load(name)


def test_a_storage_that_is_away_says_so(storage_folder: Path) -> None:
    storage_folder.write_text("no folder")
    with pytest.raises(Unreachable):
        kept(DAWN)
