"""`manage.py submit`: what the form does, with sentences for everything that cannot be."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from articles.models import Article
from publishing.models import Site
from tests.articles.content.reading.word_files import paragraph, word_file


@pytest.fixture
def manuscript(tmp_path: Path) -> str:
    file = tmp_path / "night-trains.txt"
    file.write_bytes("Nachtzüge\n\nSie fahren wieder.".encode("cp1252"))
    return str(file)


def _submit(*words: str) -> str:
    out = StringIO()
    call_command("submit", *words, stdout=out)
    return out.getvalue()


def test_a_manuscript_with_all_that_can_be_said(editor: User, manuscript: str) -> None:
    site = Site.objects.create(name="Magazine", url="https://m.example.org", user="desk", encrypted_secret="")
    words = ["--style", "dry", "--site", "Magazine", "--formatter", "template", "--json"]
    told = json.loads(_submit("--owner", "ada", "--manuscript", manuscript, *words))

    article = Article.objects.get(pk=told["id"])
    assert (article.owner, article.site, article.style, article.formatter) == (editor, site, "dry", "template")
    assert (article.status, article.manuscript_name) == ("queued", "night-trains.txt")
    assert article.manuscript.startswith("Nachtzüge")
    assert told["backup"] == article.tree_prefix


def test_what_cannot_be_is_said(editor: User, manuscript: str, tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_text("  \n")
    (tmp_path / "letter.odt").write_bytes(b"PK\x03\x04")
    (tmp_path / "title.md").write_text("# The last ferry\n")
    (tmp_path / "letter.docx").write_bytes(b"PK\x03\x04")
    for words, sentence in (
        (["--owner", "nobody", "--manuscript", manuscript], 'There is no user "nobody"'),
        (["--owner", "ada", "--manuscript", manuscript, "--site", "Nope"], 'There is no site "Nope"'),
        (["--owner", "ada", "--manuscript", str(tmp_path / "none.md")], "cannot be read: No such file"),
        (["--owner", "ada", "--manuscript", str(tmp_path / "empty.md")], "The manuscript is empty"),
        (
            ["--owner", "ada", "--manuscript", str(tmp_path / "letter.odt")],
            r"Choose a \.docx, \.txt, \.md or \.html file",
        ),
        (["--owner", "ada", "--manuscript", str(tmp_path / "letter.docx")], "This is a packed file. Unpack it"),
        (["--owner", "ada", "--manuscript", manuscript, "--encoding", "klingon"], 'There is no encoding "klingon"'),
        (["--owner", "ada", "--manuscript", str(tmp_path / "title.md")], "has no text below its title"),
        (["--owner", "ada", "--idea", "night trains"], "No text service is set up here"),
        (["--owner", "ada", "--idea", "x", "--manuscript", manuscript], "not allowed with argument"),
    ):
        with pytest.raises(CommandError, match=sentence):
            _submit(*words)
    assert not Article.objects.exists()


def test_an_idea_may_be_a_long_article(editor: User, settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"

    _submit("--owner", "ada", "--idea", "Night trains", "--long")

    assert Article.objects.get().is_long


def test_an_encoding_is_asked_for_and_named(editor: User, tmp_path: Path) -> None:
    file = tmp_path / "ferry.txt"
    file.write_bytes("Ærø\n\nTil øen.".encode("cp850"))
    with pytest.raises(CommandError, match=r"--encoding cp850: Ærø / Til øen\."):
        _submit("--owner", "ada", "--manuscript", str(file))

    _submit("--owner", "ada", "--manuscript", str(file), "--encoding", "IBM850")

    article = Article.objects.get()
    assert article.manuscript == "Ærø\n\nTil øen."
    assert article.events.filter(message="The file was read as Western European (DOS, 850)").exists()


def test_a_word_document_is_handed_in(editor: User, tmp_path: Path) -> None:
    (tmp_path / "ferry.docx").write_bytes(word_file(paragraph("It left.")))
    _submit("--owner", "ada", "--manuscript", str(tmp_path / "ferry.docx"))

    assert Article.objects.get().manuscript == "<p>It left.</p>"
