"""A folder of this machine as a source: what it has is here, and what it has no more is not deleted."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from tests.conftest import MANUSCRIPT
from worklist import folders
from worklist.models import Document

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Desk"
    (folder / "Harbour").mkdir(parents=True)
    (folder / "Harbour" / "ports.md").write_text(MANUSCRIPT)
    return folder


def test_what_is_there_is_here(folder: Path) -> None:
    (folder / "list.xlsx").write_bytes(b"PK")
    (folder / "empty.txt").write_bytes(b"")
    (folder / ".hidden.md").write_text(MANUSCRIPT)
    report = folders.look(folder)
    assert (report.new, report.known, set(report.skipped)) == (1, 0, {"list.xlsx", "empty.txt"})
    assert folders.look(folder).known == 1
    document = Document.objects.get()
    assert (document.title, document.folder) == ("Tariffs and AI", "Desk/Harbour")


def test_what_is_missing_is_gone_and_comes_back(folder: Path) -> None:
    (folder / "other.md").write_text(f"{MANUSCRIPT}\nMore.\n")
    folders.look(folder)
    (folder / "other.md").rename(folder.parent / "away.md")
    assert folders.look(folder).gone == 1
    assert Document.objects.exclude(gone_at=None).get().text.manuscript.endswith("More.\n")
    (folder.parent / "away.md").rename(folder / "other.md")
    assert folders.look(folder).known == 2
    assert not Document.objects.exclude(gone_at=None).exists()


def test_an_empty_folder_says_nothing_about_what_it_held(folder: Path) -> None:
    folders.look(folder)
    (folder / "Harbour" / "ports.md").unlink()
    assert folders.look(folder).gone == 0
    with pytest.raises(folders.NotAFolder):
        folders.look(folder / "nowhere")
    assert Document.objects.get().gone_at is None


def test_many_at_once_are_asked_about(folder: Path) -> None:
    for number in range(12):
        (folder / f"{number}.md").write_text(f"# Text {number}\n\nWith words enough to be one.\n")
    folders.look(folder)
    for number in range(11):
        (folder / f"{number}.md").unlink()
    report = folders.look(folder)
    assert (report.gone, report.held) == (0, 11)
    assert folders.look(folder, believe_missing=True).gone == 11


def test_a_folder_in_it_that_cannot_be_read_says_nothing_about_what_it_held(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.look(folder)
    (folder / "other.md").write_text(f"{MANUSCRIPT}\nMore.\n")
    scandir = os.scandir

    def refused(path: Path) -> Any:
        if str(path).rstrip("/").endswith("Harbour"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refused)
    report = folders.look(folder)

    assert (report.new, report.gone) == (1, 0)
    assert report.skipped == {"Harbour/": "This folder cannot be read: Permission denied."}
    assert not Document.objects.exclude(gone_at=None).exists()


def test_what_is_odd_is_left_out_and_the_rest_is_here(folder: Path, tmp_path: Path, settings: Settings) -> None:
    settings.MANUSCRIPT_BYTES = 1024 * 1024
    (tmp_path / "secret.md").write_text(MANUSCRIPT)
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    os.mkfifo(folder / "pipe.md")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.md")).write_text(MANUSCRIPT)
    (folder / "large.md").write_text("word " * 250_000)
    deep = folder.joinpath(*["a folder with quite a long name, as some are"] * 12)
    deep.mkdir(parents=True)
    (deep / "deep.md").write_text(MANUSCRIPT)

    report = folders.look(folder)

    assert report.new == 1, "nothing of it keeps the others away"
    assert {name.rpartition("/")[2]: why.partition(",")[0] for name, why in report.skipped.items()} == {
        "link.md": "It is no file of its own.",
        "pipe.md": "It is no file of its own.",
        "\\xff.md": "Its name is in an encoding that nobody knows. Rename it.",
        "large.md": "This file is larger than 1 MB. Split it into several articles.",
        "deep.md": "Its name",
    }


def test_from_the_shell(folder: Path) -> None:
    said = StringIO()
    call_command("worklist", str(folder), json=True, stdout=said)
    assert json.loads(said.getvalue()) == {"new": 1, "known": 0, "gone": 0, "held": 0, "skipped": {}}
    (folder / "table.csv").write_text("a,b")
    call_command("worklist", str(folder), stdout=said)
    assert "0 new documents, 1 known, 0 gone." in said.getvalue()
    assert "Left out: table.csv. This is no text" in said.getvalue()
    with pytest.raises(CommandError, match="is not a folder, or is not mounted"):
        call_command("worklist", str(folder / "nowhere"))
