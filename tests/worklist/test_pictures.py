"""Documents bring their own pictures, wherever they come from: kept with them, shown in them, a part of changes."""

from __future__ import annotations

import base64
import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from articles.models import Article
from tests.articles.content.reading.pictured import photograph, shown, with_pictures
from tests.articles.content.reading.word_files import paragraph
from tests.desk import as_
from tests.publishing.conftest import Drive as Run
from tests.worklist.conftest import TO_READY, arrive, lead
from tests.worklist.drive.conftest import drive as drive
from tests.worklist.drive.conftest import google as google
from tests.worklist.drive.conftest import small as small
from tests.worklist.drive.small_drive import ROOT, SmallDrive
from worklist import folders, intake, publication, texts
from worklist.drive import documents, page
from worklist.drive.client import Drive
from worklist.drive.errors import Later
from worklist.intake import Arrival
from worklist.models import Document, Source

pytestmark = pytest.mark.django_db
DAWN, QUAY = photograph("orange"), photograph("teal")


def markdown(picture: bytes = DAWN) -> str:
    letters = base64.b64encode(picture).decode()
    return (
        f"# Ports\n\nShips wait.\n\n![The quay][image1]\n\nThey leave.\n\n[image1]: <data:image/png;base64,{letters}>\n"
    )


def word(picture: bytes = DAWN) -> bytes:
    body = paragraph("Ports", "Titel") + paragraph("Ships wait.") + f"<w:p>{shown(0, 'The quay')}</w:p>"
    return with_pictures(body + paragraph("They leave."), picture)


def packed(html: str, **pictures: bytes) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Ports.html", html)
        for name, content in pictures.items():
            archive.writestr(f"images/{name}.png", content)
    return made.getvalue()


def said_of(arrival: Arrival) -> list[tuple[str, str]]:
    return [(picture.alt_text, picture.after) for picture in texts.read(arrival.text, arrival.name).pictures]


def test_of_a_document_of_google(small: SmallDrive, drive: Drive) -> None:
    file = drive.file(small.document("Ports", ROOT, markdown()))
    arrival = documents.read(drive, file, "")
    assert said_of(arrival) == [("The quay", "Ships wait.")]
    assert "base64" not in arrival.text
    again = documents.read(drive, file, "")
    assert again.text == arrival.text, "an export that is made once more is the same text"


def test_of_a_page_with_its_pictures_in_a_zip() -> None:
    html = (
        '<body><p>Ships wait.</p><p><img alt="" src="images/image1.png"></p><p><img src="images/gone.png" alt="x"></p>'
    )
    kept: list[bytes] = []

    def keep(content: bytes) -> str:
        kept.append(content)
        return f"picture:{'a' * 64}"

    found = page.unpacked(packed(html, image1=DAWN, unused=QUAY), keep)
    assert kept == [DAWN]
    assert re.findall('src="([^"]*)"', found) == [f"picture:{'a' * 64}", ""]


def test_a_bomb_among_its_pictures_is_left_in_its_zip() -> None:
    bomb = packed(
        '<p>One.</p><img src="images/a.png"><img src="images/b.png">', a=b"\0" * (page.MOST_PICTURES + 1), b=DAWN
    )
    kept: list[bytes] = []
    page.unpacked(bomb, lambda content: kept.append(content) or "")  # type: ignore[func-returns-value]
    assert kept == [DAWN]


def test_a_storage_that_is_away_makes_it_wait(small: SmallDrive, drive: Drive, storage_folder: Path) -> None:
    file = drive.file(small.document("Ports", ROOT, markdown()))
    storage_folder.write_text("no folder")
    with pytest.raises(Later, match="does not take its pictures"):
        documents.read(drive, file, "")


def test_of_a_word_document_in_a_folder(tmp_path: Path, storage_folder: Path) -> None:
    folder = tmp_path / "Desk"
    folder.mkdir()
    (folder / "ports.docx").write_bytes(word())
    storage_folder.write_text("no folder")
    assert list(folders.look(folder).skipped.values()) == [texts.NOT_KEPT]
    storage_folder.unlink()
    assert folders.look(folder).new == 1
    now = Document.objects.get().text
    assert said_of(Arrival(now.manuscript, now.name)) == [("The quay", "Ships wait.")]


def test_they_are_shown_in_the_text_and_in_what_has_changed(editor: User, storage_folder: Path) -> None:
    document = arrive(texts.of_file("ports.docx", word()), name="ports.docx")
    address = f"/admin/worklist/document/{document.pk}/text/"
    answer = as_(editor).get(address)
    assert "img-src data:" in answer["Content-Security-Policy"]
    seen = answer.content.decode()
    assert re.search(
        r"Ships wait\..*<img src=\"data:image/jpeg;base64,[^\"]+\" alt=\"The quay\">.*They leave", seen, re.S
    )

    intake.arrive(Source.FOLDER, "ports.md", Arrival(texts.of_file("ports.docx", word(QUAY)), "ports.docx"))
    document.refresh_from_db()
    first, last = document.versions.order_by("pk")
    pieces = [(piece.kind, piece.words) for line in texts.difference(first, last) for piece in line]
    changed = [words for kind, words in pieces if kind != "same"]
    assert len(changed) == 2
    assert {kind for kind, _ in pieces} == {"same", "added", "removed"}
    for folder in (storage_folder / "pictures").iterdir():
        (folder / "picture.jpg").unlink()
    assert "Picture: The quay" in as_(editor).get(address).content.decode()


def test_those_that_cannot_be_used_are_told_beside_the_text(editor: User) -> None:
    document = arrive(texts.of_file("ports.docx", word(photograph(size=(60, 60)))), name="ports.docx")
    page = as_(editor).get(document.get_absolute_url()).content.decode()
    assert "The picture “The quay” cannot be used: it is smaller than 200 pixels." in page


def test_its_article_brings_them(editor: User, chief: User, run: Run) -> None:
    document = lead(arrive(texts.of_file("ports.docx", word()), name="ports.docx"), chief, *TO_READY)
    document, _ = publication.publish(document.pk, editor, None, seen_text=document.text_hash)
    assert document.article
    article = run(document.article)
    assert article.status == Article.Status.DONE, article.error
    own = article.images.get(own__gt="")
    assert (own.alt_text, own.after) == ("The quay", "Ships wait.")
    assert article.calls.count() == 0
