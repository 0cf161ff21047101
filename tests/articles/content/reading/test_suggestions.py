"""What is only suggested in a Word document is no text, and no word of what is suggested away is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content import manuscripts, markup
from articles.content.reading import word_files
from articles.content.reading.file_kinds import Unreadable
from tests.articles.content.reading.word_files import NAMESPACES, paragraph, word_file

BY = 'w:id="1" w:author="A reviewer" w:date="2026-11-30T10:00:00Z"'


def run(words: str, looks: str = "", tag: str = "t") -> str:
    return f'<w:r><w:rPr>{looks}</w:rPr><w:{tag} xml:space="preserve">{words}</w:{tag}></w:r>'


def put_in(words: str) -> str:
    return f"<w:ins {BY}>{run(words)}</w:ins>"


def taken_out(words: str) -> str:
    return f"<w:del {BY}>{run(words, tag='delText')}</w:del>"


def table(*rows: list[str], of_row: str = "") -> str:
    cells = ["".join(f"<w:tc>{cell}</w:tc>" for cell in row) for row in rows]
    last = len(cells) - 1
    marks = [f"<w:trPr>{of_row}</w:trPr>" if of_row and n == last else "" for n in range(len(cells))]
    return f"<w:tbl>{''.join(f'<w:tr>{mark}{row}</w:tr>' for mark, row in zip(marks, cells, strict=True))}</w:tbl>"


HEADING_NOW = f'<w:pPr><w:pStyle w:val="berschrift1"/><w:pPrChange {BY}><w:pPr/></w:pPrChange></w:pPr>'
END_PUT_IN = f"<w:pPr><w:rPr><w:ins {BY}/></w:rPr></w:pPr>"
END_TAKEN_OUT = f"<w:pPr><w:rPr><w:del {BY}/></w:rPr></w:pPr>"


@pytest.mark.parametrize(
    ("body", "as_it_is"),
    [
        (f"<w:p>{run('Ships ')}{put_in('never ')}{run('wait.')}</w:p>", "<p>Ships wait.</p>"),
        (f"<w:p>{run('Ships ')}{taken_out('never ')}{run('wait.')}</w:p>", "<p>Ships never wait.</p>"),
        (f"<w:p>{run('Ships')}<w:ins {BY}>{taken_out(' and')}{run(' or')}</w:ins></w:p>", "<p>Ships</p>"),
        (
            f"<w:p><w:moveTo {BY}>{run('Later')}</w:moveTo></w:p><w:p><w:moveFrom {BY}>{run('Later')}</w:moveFrom>"
            f"{run(' on')}</w:p>",
            "<p>Later on</p>",
        ),
        (f"<w:p>{END_PUT_IN}{run('One ')}</w:p><w:p>{run('two')}</w:p>", "<p>One two</p>"),
        (f"<w:p>{END_TAKEN_OUT}{run('One ')}</w:p><w:p>{run('two')}</w:p>", "<p>One </p><p>two</p>"),
        (
            f"<w:p>{run('bold', f'<w:b/><w:rPrChange {BY}><w:rPr><w:i/></w:rPr></w:rPrChange>')}</w:p>",
            "<p><em>bold</em></p>",
        ),
        (f"<w:p>{HEADING_NOW}{run('Ports')}</w:p>", "<p>Ports</p>"),
        (
            table([paragraph("Year")], [paragraph("2027")], of_row=f"<w:ins {BY}/>"),
            "<table><tr><td><p>Year</p></td></tr></table>",
        ),
        (
            table([paragraph("Year")], [paragraph("2027")], of_row=f"<w:del {BY}/>"),
            "<table><tr><td><p>Year</p></td></tr><tr><td><p>2027</p></td></tr></table>",
        ),
    ],
)
def test_what_is_suggested_is_taken_back(body: str, as_it_is: str) -> None:
    assert word_files.read(word_file(body)) == as_it_is


def test_what_is_all_suggested_says_so() -> None:
    content = word_file(f"<w:p>{put_in('Ships wait.')}</w:p>")
    with pytest.raises(Unreadable, match="All its words are suggested"):
        word_files.read(content)
    with pytest.raises(Unreadable, match="is empty"):
        word_files.read(word_file(""))


NOTES = (
    f'<w:footnotes {NAMESPACES}><w:footnote w:id="2"><w:p>{run("By hand")}{put_in(", they say")}</w:p></w:footnote>'
    "</w:footnotes>"
)
COMMENTS = f'<w:comments {NAMESPACES}><w:comment w:id="0">{paragraph("Say that better!")}</w:comment></w:comments>'
LETTER = (
    paragraph("Harbour plans", "Titel")
    + f"<w:p>{run('Ships ')}{put_in('never ')}{run('wait', '<w:b/>')}{taken_out(' often')}"
    + '<w:commentRangeStart w:id="0"/><w:r><w:commentReference w:id="0"/></w:r><w:commentRangeEnd w:id="0"/>'
    + '<w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
    + table([paragraph("Year"), paragraph("Ships")], [paragraph("2026"), f"<w:p>{run('12')}{put_in('0')}</w:p>"])
    + f"<w:p><w:pPr><w:bidi/></w:pPr>{run('السفن تنتظر في الميناء', '<w:rtl/>')}{taken_out(' كل يوم')}</w:p>"
    + f"<w:p><w:pPr><w:bidi/></w:pPr>{run('אניות ממתינות', '<w:rtl/>')} {run(' 12 ')}{run('שעות', '<w:rtl/>')}</w:p>"
)


def test_every_word_of_the_writer_is_there_and_none_of_anybody_else() -> None:
    content = word_file(LETTER, parts={"word/footnotes.xml": NOTES, "word/comments.xml": COMMENTS})
    read = manuscripts.read(word_files.read(content), "plans.docx")
    assert read.title == "Harbour plans"
    words = markup.text_of(read.html).replace("[1]", " ").split()
    wanted = "Ships wait often Year Ships 2026 12 السفن تنتظر في الميناء كل يوم אניות ממתינות 12 שעות By hand"
    assert [word for word in words if word not in ("1.", "1")] == wanted.split()


PIECES = st.lists(st.tuples(st.sampled_from(["kept", "put in", "taken out"]), st.text("abc", min_size=1, max_size=4)))


@given(st.lists(PIECES, min_size=1, max_size=4))
def test_any_suggestions_leave_the_words_of_before(paragraphs: list[list[tuple[str, str]]]) -> None:
    made = {"kept": run, "put in": put_in, "taken out": taken_out}
    body = "".join(f"<w:p>{''.join(made[kind](f'{word} ') for kind, word in pieces)}</w:p>" for pieces in paragraphs)
    words = [word for pieces in paragraphs for kind, word in pieces if kind != "put in"]
    html = word_files.read(word_file(paragraph("First") + body))
    assert markup.text_of(html).split() == ["First", *words]
