"""What comes out of documents of Google's: every word of the writer, and none of anybody else."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content import manuscripts, markup, own_pictures
from articles.content.manuscripts import Unreadable
from tests.worklist.drive.small_drive import ROOT, SHEET, SmallDrive
from worklist.drive import documents, page
from worklist.drive.client import Drive

pytestmark = pytest.mark.django_db  # where the pictures of texts are kept stands in rows

EXPORT = """# **Harbour plans** {#harbour-plans}

Ships *wait* at [the quay](https://harbour.example.org). 1\\. April \\- a Monday.

![The quay at dawn][image1]

* One
  * Two

[image1]: <data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ>
"""
STYLE = "<style>.c1{font-weight:700}.c2{font-style:italic}.c3{font-weight:400}.c4{text-decoration:line-through}</style>"
PAGE = f"""<html><head><meta content="text/html; charset=UTF-8" http-equiv="content-type">{STYLE}</head>
<body class="c9">
<p class="c3 title" id="h.1"><span class="c3">Harbour plans</span></p>
<p class="c5"><span class="c3">Ships that </span><span class="c1">wait</span><span class="c3"> earn </span>
<span class="c2 c1">nothing</span><span class="c4"> at all</span><sup><a href="#cmnt1" id="cmnt_ref1">[a]</a></sup>.</p>
<p><span><a href="https://www.google.com/url?q=https://harbour.example.org/a?b%3D1&amp;sa=D&amp;source=editors&amp;ust=1">
plans</a></span><sup><a href="#ftnt1" id="ftnt_ref1">[1]</a></sup></p>
<table><tr><td><p><span class="c1">Year</span></p></td><td><p><span>Ships</span></p></td></tr></table>
<ul class="c7 lst-kix_ab12-0 start"><li class="c6"><span>Quay</span></li></ul><ul class="c7 lst-kix_ab12-1 start"><li>
<span>North</span></li><li><span>South</span></li></ul><ul class="c7 lst-kix_ab12-0"><li><span>Crane</span></li></ul>
<hr class="c8"><div><p><a href="#ftnt_ref1" id="ftnt1">[1]</a><span> A footnote.</span></p></div>
<div class="c10"><p class="c3"><a href="#cmnt_ref1" id="cmnt1">[a]</a><span class="c3">Say that better!</span></p></div>
</body></html>"""


def words(html: str) -> list[str]:
    return re.findall(r"\w+", markup.text_of(html))


def test_a_document_is_read_as_markdown(small: SmallDrive, drive: Drive) -> None:
    file = drive.file(small.document("Harbour plans", ROOT, EXPORT))
    arrival = documents.read(drive, file, "Desk")
    assert (arrival.title, arrival.writer, arrival.folder) == ("Harbour plans", "Ada", "Desk")
    read = manuscripts.read(arrival.text, arrival.name)
    assert read.title == "Harbour plans"
    assert "base64" not in arrival.text
    assert "{#" not in arrival.text
    wanted = "Ships wait at the quay 1 April a Monday The quay at dawn One Two"
    assert " ".join(words(read.html)) == wanted
    assert small.count("export") == 1


def test_a_document_with_a_table_is_read_as_a_page(small: SmallDrive, drive: Drive) -> None:
    file = drive.file(small.document("Harbour plans", ROOT, "| Year | Ships |\n| :---- | ----- |\n", PAGE))
    arrival = documents.read(drive, file, "Desk")
    read = manuscripts.read(arrival.text, arrival.name)
    html = read.html.replace("\n", " ")
    assert "<strong>wait</strong>" in html
    assert re.search(r"<(em|strong)><(em|strong)>nothing</", html)
    assert "<table>" in html
    assert 'href="https://harbour.example.org/a?b=1"' in html
    assert re.search(r"<li>(<p>)?Quay(</p>)?\s*<ul>\s*<li>\s*(<p>)?North", html)
    assert html.count("<ul") == 2, "the outer list goes on"
    assert "Say that better" not in html
    assert "[a]" not in html
    wanted = "Ships that wait earn nothing at all plans 1 Year Ships Quay North South Crane 1 A footnote"
    assert " ".join(words(html)) == wanted


def test_a_document_too_large_as_markdown_is_read_as_a_page(small: SmallDrive, drive: Drive) -> None:
    file = drive.file(small.document("Harbour plans", ROOT, EXPORT, PAGE))
    small.fail("export", "exportSizeLimitExceeded", match="markdown")
    assert documents.read(drive, file, "").name == "Harbour plans.html"


def test_other_files_are_read_as_everywhere(small: SmallDrive, drive: Drive) -> None:
    file = drive.file(small.blob("ports.md", ROOT, b"# Ports\n\nMany ships."))
    arrival = documents.read(drive, file, "Desk")
    assert (arrival.text, arrival.name, arrival.title) == ("# Ports\n\nMany ships.", "ports.md", "")
    with pytest.raises(Unreadable):
        documents.read(drive, drive.file(small.blob("x.txt", ROOT, b"\x00\x01\x02" * 50)), "")


def test_what_cannot_be_read_says_why(small: SmallDrive, drive: Drive) -> None:
    sheet = drive.file(small.blob("Budget", ROOT, b"", SHEET))
    pdf = drive.file(small.blob("a.pdf", ROOT, b"%PDF", "application/pdf"))
    film = drive.file(small.blob("a.mp4", ROOT, b"film", "video/mp4"))
    large = drive.file(small.blob("a.md", ROOT, b"word " * 1_100_000))
    closed = small.document("Closed", ROOT, "Words.")
    small.forbid(closed)
    reasons = [documents.reason_against(file) for file in (sheet, pdf, film, large, drive.file(closed))]
    assert [reason.partition(".")[0].partition(",")[0] for reason in reasons] == [
        "It is a spreadsheet",
        "It is a PDF",
        "This is no text that can be an article",
        "This file is larger than 5 MB",
        "Its owner does not let anybody take a copy of it",
    ]
    assert documents.reason_against(drive.file(small.document("Open", ROOT, "Words."))) == ""


def test_what_is_no_zip_or_too_much_of_one_is_refused() -> None:
    bomb = BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.html", b" " * (page.LARGEST_PAGE + 1))
    for packed in (b"", b"PK", bomb.getvalue()):
        with pytest.raises(Unreadable):
            page.unpacked(packed, own_pictures.leave_out)


PIECES = st.sampled_from(
    ["<span class='c1'>ab</span>", "<span class='c2 c1'>cd</span>", "ef", "<br>", "<b>gh</b>", "<a href='#x'>ij</a>"]
)
BLOCKS = st.sampled_from(
    [
        "<p>{}</p>",
        "<h2 class='c1'>{}</h2>",
        "<ul class='lst-kix_a-0'><li>{}</li></ul>",
        "<ol class='lst-kix_a-1'><li>{}</li></ol>",
        "<ul class='lst-kix_a-2'><li>{}</li></ul>",
        "<ul class='lst-kix_b-1'><li>{}</li></ul>",
        "<ul class='lst-kix_a-0'></ul>",
        "<div>{}</div>",
        "<table><tr><td>{}</td></tr></table>",
    ]
)


@given(st.lists(st.tuples(BLOCKS, st.lists(PIECES, min_size=1, max_size=4)), min_size=1, max_size=8))
def test_no_word_is_lost_or_moved(blocks: list[tuple[str, list[str]]]) -> None:
    body = "".join(block.format(" ".join(pieces)) for block, pieces in blocks)
    html = f"<html><head>{STYLE}</head><body>{body}</body></html>"
    before = re.sub(r"<[^>]*>", " ", body).split()
    assert re.sub(r"<[^>]*>", " ", page.meant(html)).split() == before


@pytest.mark.parametrize(
    "html", ["", "<", "<p>" * 5000 + "word", "<style>.c1{", "<div>" * 400 + "word" + "</div>" * 400]
)
def test_odd_pages_keep_their_words(html: str) -> None:
    assert ("word" in page.meant(html)) == ("word" in html)
