"""A Word document becomes the text that its author sees, whatever else lies in the file."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articles.content import manuscripts
from articles.content.reading import file_kinds, word_files
from articles.content.reading.file_kinds import Unreadable
from tests.articles.content.reading.word_files import NAMESPACES, paragraph, word_file


@pytest.mark.parametrize(
    ("body", "html"),
    [
        (paragraph("It left."), "<p>It left.</p>"),
        (paragraph("Ferry", "berschrift1"), "<h1>Ferry</h1>"),
        (paragraph("Ferry", "Titel") + paragraph("Home", "berschrift1"), '<h1 class="title">Ferry</h1><h2>Home</h2>'),
        (paragraph("Said", "Zitat"), "<blockquote><p>Said</p></blockquote>"),
        (paragraph("bold", run="<w:b/>"), "<p><strong>bold</strong></p>"),
        (paragraph("slanted", run="<w:i/>"), "<p><em>slanted</em></p>"),
        (
            f"<w:tbl><w:tr><w:tc>{paragraph('a')}</w:tc><w:tc>{paragraph('b')}</w:tc></w:tr></w:tbl>",
            "<table><tr><td><p>a</p></td><td><p>b</p></td></tr></table>",
        ),
        (
            '<w:p><w:hyperlink r:id="rId9"><w:r><w:t>there</w:t></w:r></w:hyperlink></w:p>',
            '<p><a href="https://example.org/">there</a></p>',
        ),
    ],
)
def test_what_its_styles_say_is_kept(body: str, html: str) -> None:
    assert word_files.read(word_file(body, linked="https://example.org/")) == html


NUMBERING = f"""<w:numbering {NAMESPACES}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0">
<w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>"""


def test_lists_are_lists() -> None:
    item = (
        '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>{}</w:t></w:r></w:p>'
    )
    content = word_file(item.format("one") + item.format("two"), parts={"word/numbering.xml": NUMBERING})

    assert word_files.read(content) == "<ul><li>one</li><li>two</li></ul>"


def test_notes_stand_at_the_end() -> None:
    note = f'<w:footnotes {NAMESPACES}><w:footnote w:id="2">{paragraph("By hand.")}</w:footnote></w:footnotes>'
    body = '<w:p><w:r><w:t>Made</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
    html = word_files.read(word_file(body, parts={"word/footnotes.xml": note}))

    assert "By hand." in html
    assert "↑" not in html


@pytest.mark.parametrize(
    "hidden",
    [
        "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r></w:p>",
        '<w:p><w:r><w:rPr><w:vanish w:val="1"/></w:rPr><w:t>secret</w:t></w:r></w:p>',
        '<w:p><w:ins w:id="1" w:author="A"><w:r><w:t>secret</w:t></w:r></w:ins></w:p>',
        '<w:p><w:moveTo w:id="1"><w:r><w:t>secret</w:t></w:r></w:moveTo></w:p>',
        '<w:p><w:r><w:commentReference w:id="0"/></w:r></w:p>',
        "<w:p><w:r><w:instrText>secret</w:instrText></w:r></w:p>",
    ],
)
def test_what_is_suggested_hidden_or_noted_aside_stays_out(hidden: str) -> None:
    comment = f'<w:comments {NAMESPACES}><w:comment w:id="0">{paragraph("secret")}</w:comment></w:comments>'
    content = word_file(paragraph("It left.") + hidden, parts={"word/comments.xml": comment})

    assert word_files.read(content) == "<p>It left.</p>"


@pytest.mark.parametrize(
    "shown",
    [
        '<w:p><w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>It left.</w:t></w:r></w:p>',
        '<w:p><w:del w:id="1" w:author="A"><w:r><w:delText>It left.</w:delText></w:r></w:del></w:p>',
        '<w:p><w:del w:id="1" w:author="A"><w:r><w:t>It left.</w:t></w:r></w:del></w:p>',
        '<w:p><w:moveFrom w:id="1"><w:r><w:t>It left.</w:t></w:r></w:moveFrom></w:p>',
    ],
)
def test_what_is_only_suggested_away_is_text(shown: str) -> None:
    assert word_files.read(word_file(shown)) == "<p>It left.</p>"


def test_it_is_read_as_an_article() -> None:
    content = word_file(paragraph("The last ferry", "Titel") + paragraph("a &lt; b") + paragraph("Home", "berschrift1"))
    read = manuscripts.read(word_files.read(content), "ferry.docx")

    assert read.title == "The last ferry"
    assert read.html == "<p>a &lt; b</p><h2>Home</h2>"


def test_how_words_look_needs_no_room() -> None:
    looks = '<w:rFonts w:ascii="Georgia"/><w:sz w:val="24"/><w:lang w:val="en-GB"/><w:color w:val="000000"/>' * 10
    content = word_file(paragraph("It left.", run=looks) * 2000)

    assert word_files.read(content) == "<p>It left.</p>" * 2000


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (word_file(paragraph("x"), before=BOMB), "holds a document type"),
        (word_file(paragraph("x"), parts={"word/styles.xml": f"{BOMB}<a/>"}), "holds a document type"),
        (word_file(f"<w:p>{' ' * (word_files.MOST_UNPACKED + 1)}</w:p>"), "larger than 16 MB when unpacked"),
        (word_file(paragraph("x") * 15_000), "too many paragraphs for one article"),
        (word_file(paragraph("x"))[:-60], "is broken"),
        (word_file(paragraph("x"), parts={"word/document.xml": "<w:p>"}), "is broken"),
        (word_file("<w:p>" * 2000 + "</w:p>" * 2000), "is broken"),
        (word_file(""), "is empty"),
    ],
)
def test_what_cannot_be_read_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        word_files.read(content)


def test_pictures_stay_out_and_need_no_room() -> None:
    content = word_file(paragraph("It left."), parts={"word/media/image1.png": "x" * 20_000_000})

    assert word_files.read(content) == "<p>It left.</p>"


GOOD = word_file(paragraph("The last ferry", "Titel") + paragraph("It left."))


@settings(deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=30))
def test_any_damage_gives_a_text_or_a_reason(at: int, damage: bytes) -> None:
    content = GOOD[:at] + damage + GOOD[at + len(damage) :]
    with contextlib.suppress(Unreadable):
        assert word_files.read(content)


def test_only_word_documents_are_taken_for_one() -> None:
    assert file_kinds.is_word(GOOD)
    assert not file_kinds.is_word(b"word/document")
    assert not file_kinds.is_word(b"PK\x03\x04 xl/workbook.xml")
