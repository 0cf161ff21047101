"""A writer's picture is kept once, whole and signed, within what a text may ask; and found again as it was kept."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from articles.content import manuscripts, own_pictures, pictures
from articles.providers.errors import Unreachable
from articles.tree import kept_pictures, names
from articles.tree.kept_pictures import Keeper, load
from backups import configured
from backups.trees.tree import TreeError, Unsigned
from tests.articles.content.reading.pictured import photograph
from tests.house.reading import ROOT
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
    ("content", "why"),
    [
        (b"", "empty"),
        (b"no picture", "kind"),
        (b"<svg onload=alert(1)>", "kind"),
        (photograph(size=(60, 60)), "small"),
        (DAWN[:99], "damaged"),
    ],
)
def test_what_cannot_be_used_is_not_kept_and_says_why(content: bytes, why: str, storage_folder: Path) -> None:
    assert kept(content) == f"unusable-{why}"
    assert not storage_folder.exists()


def test_a_text_may_ask_for_so_much(monkeypatch: pytest.MonkeyPatch, storage_folder: Path) -> None:
    monkeypatch.setattr(kept_pictures, "MOST_PIXELS", 400 * 300 + 1)
    keeper = Keeper()
    first, second = keeper.keep(DAWN), keeper.keep(photograph("teal"))
    assert (own_pictures.name_in(first) != "", second) == (True, "picture:unusable-costly")
    assert keeper.keep(DAWN) == first, "the same once more costs nothing"
    monkeypatch.setattr(own_pictures, "MOST", 0)
    assert Keeper().keep(DAWN) == "picture:unusable-many"
    monkeypatch.setattr(kept_pictures, "LARGEST", 10)
    assert Keeper().keep(DAWN) == "picture:unusable-large"


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


def test_every_reason_has_words() -> None:
    source = (ROOT / "articles/content/pictures.py").read_text() + (ROOT / "articles/tree/kept_pictures.py").read_text()
    raised = re.findall(r'BadPicture\((?s:[^)]*?)"([a-z]+)"\s*\)', source) + re.findall(r'return "([a-z]+)"', source)
    assert set(raised) == set(own_pictures.WHY_UNUSABLE)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("# Tides\n\nThe sea.\n\n![At dawn]({})\n\nIt comes in.\n\n![]({})", "tides.md"),
        ("<h1>Tides</h1><p>The sea.</p><p><img src='{}' alt='At dawn'></p><p>It comes in.<img src='{}'></p>", "a.html"),
    ],
)
def test_a_text_tells_which_pictures_it_goes_without_and_why(text: str, name: str) -> None:
    small = "data:image/png;base64," + base64.b64encode(photograph(size=(60, 60))).decode()
    named = own_pictures.named(text.format(small, "data:image/png;base64,AAAA"), Keeper().keep)
    read = manuscripts.read(named, name)
    assert read.unusable == (
        "The picture “At dawn” cannot be used: it is smaller than 200 pixels.",
        f"A picture cannot be used: {own_pictures.WHY_UNUSABLE['kind']}.",
    )
    assert (read.pictures, "picture:" in read.html, "At dawn" in read.html) == ((), False, True)
