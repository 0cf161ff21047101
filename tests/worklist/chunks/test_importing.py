"""Chunk files of old scripts: what they hold comes to the worklist, and what does not come is said."""

from __future__ import annotations

import base64
import gzip
import json
import os
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from articles.models import Article
from tests.articles.content.reading.pictured import photograph
from worklist import intake
from worklist.changing import Kind
from worklist.chunks import files
from worklist.chunks.importing import FileReport, Import, Report
from worklist.models import Document, State, Version

pytestmark = pytest.mark.django_db
WORDS = "The harbour is old. Ships come in at night, and nobody counts them."


def write(folder: Path, number: int, data: Any, rest: str = "20250527_000750.json") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"chunk_{number:06}_{rest}"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def news(number: int, **fields: Any) -> dict[str, Any]:
    """A record as Django's dumpdata has it."""
    return {"model": "news.article", "pk": number, "fields": {"headline": f"Ports {number}", "body": WORDS, **fields}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "old desk"


@pytest.fixture
def bring(folder: Path, editor: User) -> Any:
    def bring(*, apply: bool = True, desk: str = "") -> Report:
        return Import(folder, editor, desk, apply=apply).run()

    return bring


def counts(report: Report) -> tuple[int, int, int]:
    return tuple(sum(getattr(each, name) for each in report.files) for name in ("new", "changed", "known"))


def test_what_is_there_comes_and_comes_once(folder: Path, bring: Any, editor: User) -> None:
    write(folder, 1, [news(1, author="Ada"), news(2)])
    write(
        folder, 2, {"exported": "2025-05-27", "articles": [{"id": 2, "title": "Roads", "content": f"<p>{WORDS}</p>"}]}
    )
    assert counts(bring(apply=False)) == (3, 0, 0)
    assert not Document.objects.exists()

    assert counts(bring()) == (3, 0, 0)
    one, two, three = Document.objects.order_by("pk")
    assert (one.title, one.writer, one.folder, one.state) == ("Ports 1", "Ada", "old desk", State.TO_EVALUATE)
    assert (two.title, three.title, three.text.manuscript) == ("Ports 2", "Roads", f"<p>{WORDS}</p>")
    assert one.entries.get().kind == Kind.ARRIVED
    assert one.entries.get().by == editor
    assert not Article.objects.exists()

    assert counts(bring(apply=False)) == counts(bring()) == (0, 0, 3)
    assert Version.objects.count() == 3


@pytest.mark.parametrize(
    ("data", "title", "words"),
    [
        ([{"title": "Ports", "content": WORDS}], "Ports", WORDS),
        ({"id": 1, "headline": "Ports", "text": WORDS}, "Ports", WORDS),
        ({"rows": [{"title": "Ports", "html": f"<h2>Then</h2><p>{WORDS}</p>"}], "gone": [7]}, "Ports", "Then"),
        ([{"title": "Ports", "sections": [{"heading": "Then", "text": WORDS}, "And now."]}], "Ports", "And now."),
        ([{"title": " Po\x00rts\ud800\n", "body": f"{WORDS}\x00\ud800"}], "Ports", WORDS),
        (f'{json.dumps(news(1))}\n\n{json.dumps(news(2))}\n', "Ports 1", WORDS),
        ("\ufeff" + json.dumps([news(1)]), "Ports 1", WORDS),
        ([{"article_body": WORDS, "body": WORDS}], WORDS, WORDS),
    ],
)  # fmt: skip
def test_shapes(folder: Path, bring: Any, data: Any, title: str, words: str) -> None:
    write(folder, 1, data)
    report = bring()
    assert report.is_whole
    document = Document.objects.order_by("pk")[0]
    assert (document.title, words in document.text.manuscript) == (title, True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("[{", "it is not valid JSON: Expecting"),
        (json.dumps([news(1)])[:-9], "it is not valid JSON"),
        ("7", "it holds neither a list nor an object."),
        ({"count": 7}, "it holds no list of records, and is none itself."),
        ({"ids": [1, 2]}, "it holds no list of records"),
        ({"a": [{}], "b": [{}]}, "it holds several lists, and which one has the records nobody can tell: a, b."),
        ("[" * 100_000, "it is nested too deeply."),
        (f"{json.dumps(news(1))}\n{json.dumps(news(2))}\n{{", "Line 3 is not valid JSON."),
        (f"[{'9' * 5000}]", "it is not valid JSON"),
    ],
)
def test_what_cannot_be_read_is_said(folder: Path, bring: Any, data: Any, why: str) -> None:
    """And the files beside it come."""
    write(folder, 1, data)
    write(folder, 2, [{"id": "other", "text": WORDS}])
    report = bring()
    [flaw] = report.files[0].flaws
    assert why in flaw
    assert report.files[1] == FileReport("chunk_000002_20250527_000750.json", records=1, new=1)
    assert not report.is_whole


def test_too_much_is_refused(folder: Path, bring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    monkeypatch.setattr(files, "MOST_RECORDS", 3)
    write(folder, 1, [{"text": WORDS * 20}])
    (folder / "chunk_000002.json.gz").write_bytes(gzip.compress(b"[" + b" " * 100_000 + b"]"))
    (folder / "chunk_000003.json.gz").write_bytes(gzip.compress(b"[]")[:-3])
    write(folder, 4, [1, 2, 3, 4])
    os.mkfifo(folder / "chunk_000005.json")
    (folder / "chunk_000006.json").symlink_to("/dev/zero")
    said = {each.name[:12]: each.flaws[0] for each in bring().files}
    assert [said[f"chunk_{number:06}"].split(" ")[-2:] for number in range(1, 7)] == [
        ["0", "MB."], ["MB,", "unpacked."], ["was", "reached."], ["not", "read."], ["its", "own."], ["its", "own."],
    ]  # fmt: skip
    assert not Document.objects.exists()


def test_records_that_are_no_article_are_counted(folder: Path, bring: Any) -> None:
    people = [{"model": "auth.user", "pk": n, "fields": {"username": "ada"}} for n in range(3)]
    write(folder, 1, [*people, news(1), 7, {"text": "<p> </p>"}, {"title": "x"}, {"sections": [{}]}])
    [said] = bring().files
    assert (said.records, said.new) == (8, 1)
    assert said.none == {
        "it is of auth.user, and has no text": (3, 1),
        "it is no object": (1, 5),
        "it has no text": (1, 7),
        "a part of its text is neither words nor has any": (1, 8),
        "The manuscript has no text. Hand in one that has.": (1, 6),
    }


def test_a_later_export_changes_what_an_earlier_one_brought(folder: Path, bring: Any) -> None:
    """By the time in the names, whatever the numbers; each text stays as a version."""
    write(folder, 1, [news(1, body=f"{WORDS} And later, more.")], "20250601_000000.json")
    write(folder, 9, [news(1)], "20250527_000000.json")
    dry = bring(apply=False)
    assert [each.name[-20:-5] for each in dry.files] == ["20250527_000000", "20250601_000000"]
    assert counts(dry) == counts(bring()) == (1, 1, 0)
    document = Document.objects.get()
    assert document.text.manuscript.endswith("more.")
    assert document.versions.count() == 2

    write(folder, 1, [news(1, headline="Other", body=f"{WORDS} And later, more.")], "20250602_000000.json")
    assert counts(bring()) == (0, 3, 0)
    assert Document.objects.get().title == "Other"


def test_another_old_desk_has_numbers_of_its_own(folder: Path, bring: Any) -> None:
    write(folder, 1, [news(1)])
    bring()
    write(folder, 1, [news(1, body=f"Quite another article. {WORDS}")])
    assert counts(bring(desk="Archive")) == (1, 0, 0)
    assert set(Document.objects.values_list("folder", flat=True)) == {"old desk", "Archive"}


def test_pictures_within_a_text_come_along(folder: Path, bring: Any, storage_folder: Path) -> None:
    """Those that stand beside it as addresses stay behind, as whatever else does."""
    picture = base64.b64encode(photograph()).decode()
    html = f'<p>{WORDS}</p><p><img src="data:image/png;base64,{picture}" alt="Quay"></p>'
    write(folder, 1, [{"id": 1, "html": html, "images": ["https://example.org/1.jpg"], "created": "2019", "tags": []}])
    assert not bring(apply=False).files[0].none
    assert not (storage_folder / "pictures").exists()
    report = bring()
    assert "picture:" in Document.objects.get().text.manuscript
    assert len(list((storage_folder / "pictures").iterdir())) == 1
    assert report.left == {"images": 1, "created": 1}
    assert counts(bring()) == (0, 0, 1)


def test_killed_it_goes_on(folder: Path, bring: Any) -> None:
    write(folder, 1, [news(n) for n in range(1, 5)])
    arrive = intake.arrive
    calls = iter([arrive, arrive])
    with (
        mock.patch.object(intake, "arrive", side_effect=lambda *given: next(calls)(*given)),
        pytest.raises(StopIteration),
    ):
        bring()
    assert counts(bring()) == (2, 0, 2)
    assert Document.objects.count() == 4


def test_the_command(folder: Path, editor: User) -> None:
    write(folder, 1, [news(1), {"model": "auth.user", "pk": 1, "fields": {"username": "ada"}}])
    write(folder, 4, [news(2, slug="ports-2")])
    (folder / "manifest.json").write_text("{}")
    out = StringIO()
    with pytest.raises(CommandError, match="named above") as caught:
        call_command("import_chunks", str(folder), "--owner", editor.username, stdout=out)
    assert caught.value.returncode == 2
    assert out.getvalue().splitlines() == [
        "chunk_000001_20250527_000750.json: 2 records, 1 new, 0 changed, 0 known.",
        "  Not taken: 1 record, first number 2: it is of auth.user, and has no text.",
        "chunk_000004_20250527_000750.json: 1 record, 1 new, 0 changed, 0 known.",
        "No file has the number 2 to 3.",
        "1 file of another name: left alone.",
        "Stays behind, with its number of records: slug (1).",
        "2 new documents, 0 changed, 0 known.",
        "Nothing was changed. With --apply it is.",
    ]
    assert not Document.objects.exists()
    write(folder, 2, [])
    write(folder, 3, {"articles": []})
    out = StringIO()
    call_command("import_chunks", str(folder), "--owner", editor.username, "--apply", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert (said["gaps"], [each["new"] for each in said["files"]]) == ([], [1, 0, 0, 1])
    assert Document.objects.count() == 2


def test_who_may_not_bring_documents_brings_none(folder: Path, editor: User) -> None:
    write(folder, 1, [news(1)])
    stranger = User.objects.create_user("stranger")
    for name, why in (("nobody", "There is no user"), (stranger.username, "may not bring documents")):
        with pytest.raises(CommandError, match=why):
            call_command("import_chunks", str(folder), "--owner", name, "--apply", stdout=StringIO())
    for where, why in ((folder / "nowhere", "not a folder"), (folder.parent, "")):
        if where == folder.parent:
            (folder / "chunk_000001_20250527_000750.json").unlink()
            where, why = folder, "holds no file that is called as a chunk is"
        with pytest.raises(CommandError, match=why):
            call_command("import_chunks", str(where), "--owner", editor.username, stdout=StringIO())
    assert not Document.objects.exists()


def test_gaps_are_told_from_the_first_number() -> None:
    assert files.gaps([2, 5, 5, 6, 8]) == ["1", "3 to 4", "7"]
    assert files.gaps([]) == []
    names = {"chunk_7.json": 7, "chunk_7_x.JSON.gz": 7, "chunk_x.json": None, "chunk_1.json.zst": None, "a.json": None}
    assert {name: files.number(name) for name in names} == names
