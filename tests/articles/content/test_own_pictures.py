"""A writer's own pictures stand where they were put, no word of the text is lost, and nothing else becomes one."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content import manuscripts, markup, own_pictures, passages
from articles.content.own_pictures import OwnPicture, reference
from articles.content.reading import word_files
from tests.articles.content.reading.pictured import photograph, shown, with_pictures
from tests.articles.content.reading.word_files import STYLES, paragraph

A, B, C = (letter * 64 for letter in "abc")
DAWN, QUAY = photograph("orange"), photograph("teal")


def kept(content: bytes) -> str:
    """As if it were kept."""
    return reference(hashlib.sha256(content).hexdigest()) if content else ""


def places(text: str, name: str = "a.html") -> list[tuple[str, str, str]]:
    return [(found.name[0], found.alt_text, found.after) for found in manuscripts.read(text, name).pictures]


def image(name: str, alt: str = "") -> str:
    return f'<img src="{reference(name)}" alt="{alt}">'


@pytest.mark.parametrize(
    ("html", "found"),
    [
        (f"<p>{image(A, 'Dawn')}</p><p>One.</p>", [("a", "Dawn", "")]),
        (f"<p>{image(A)} One.</p><p>Two.</p>", [("a", "", "")]),
        (f"<p>One.</p><p>Two {image(A)} three.</p><p>Four.</p>", [("a", "", "Two three.")]),
        (f"<p>One.</p><p>{image(A)}{image(B)}</p><p>Two.</p>", [("a", "", "One."), ("b", "", "One.")]),
        (f"<p>One {image(A)}{image(B)}</p><p>Two.</p>", [("a", "", "One"), ("b", "", "One")]),
        (f"<ul><li>One {image(A)}</li><li>Two</li></ul><p>Three.</p>", [("a", "", "One Two")]),
        (f"<p>One.</p><figure>{image(A)}<figcaption>The quay</figcaption></figure>", [("a", "The quay", "The quay")]),
        (f"<p>One.</p><p>{image(A, 'Dawn')}</p><p class='caption'>The quay</p>", [("a", "Dawn", "The quay")]),
        (f"<p>One.</p><p>{image(A)}</p><p>{image(A)}</p>", [("a", "", "One.")]),
        (f"<h1>Dawn</h1><p>{image(A)}</p><p>One.</p>", [("a", "", "")]),
    ],
)
def test_where_a_picture_stands(html: str, found: list[tuple[str, str, str]]) -> None:
    assert places(f"<title>Ports</title>{html}<p>End.</p>") == found
    read = manuscripts.read(f"<title>Ports</title>{html}", "a.html")
    assert "img" not in read.html
    assert "picture:" not in read.html


def test_of_markdown_as_google_writes_it() -> None:
    letters = base64.b64encode(DAWN).decode()
    text = f"# Ports\n\nShips wait.\n\n![The quay][image1]\n\n* One\n\n[image1]: <data:image/png;base64,{letters}>\n"
    named = own_pictures.named(text, kept)
    assert letters not in named
    [picture] = manuscripts.read(named, "a.md").pictures
    assert (reference(picture.name), picture.alt_text, picture.after) == (kept(DAWN), "The quay", "Ships wait.")


@pytest.mark.parametrize("address", [f"picture:{A[:-1]}", f"picture:{A}0", "picture:../../etc/passwd", "PICTURE:x"])
def test_no_other_address_is_a_picture(address: str) -> None:
    html = f'<title>T</title><p>One.</p><p><img src="{address}" alt="Said"></p><a href="{address}">Two</a>'
    read = manuscripts.read(html, "a.html")
    assert read.pictures == ()
    assert "picture" not in read.html.lower()
    assert markup.text_of(read.html).split() == ["One.", "Said", "Two"]


def test_links_and_texts_of_others_name_none() -> None:
    html = f'<p><a href="{reference(A)}">One</a> {image(A)}</p>'
    assert "picture:" not in markup.clean_text(html)
    assert "href" not in markup.clean_text(html, with_pictures=True)
    assert "picture:" not in markup.clean_page(html, [])


def test_what_is_too_much_leaves_its_words() -> None:
    many = "".join(f"<p>{image(f'{n:064x}', f'said{n}')}</p>" for n in range(own_pictures.MOST + 2))
    read = manuscripts.read(f"<title>T</title><p>One.</p>{many}", "a.html")
    assert len(read.pictures) == own_pictures.MOST
    assert re.findall(r"said\d+", read.html) == [f"said{own_pictures.MOST}", f"said{own_pictures.MOST + 1}"]


def test_a_word_document_brings_its_pictures() -> None:
    STYLES.setdefault("Beschriftung", "caption")
    body = (
        paragraph("Harbour plans", "Titel")
        + paragraph("Ships wait.")
        + f"<w:p>{shown(0, 'The quay at dawn')}</w:p>"
        + paragraph("Figure 1: dawn", "Beschriftung")
        + f"<w:p><w:r><w:t>Cranes. </w:t></w:r>{shown(1)}</w:p>"
        + paragraph("Table 1: cranes", "Beschriftung")
        + f"<w:p>{shown(2, 'elsewhere', how='link')}</w:p>"
    )
    content = with_pictures(body, DAWN, QUAY, linked="file:///etc/hostname")
    read = manuscripts.read(word_files.read(content, kept), "plans.docx")
    assert [(reference(each.name), each.alt_text, each.after) for each in read.pictures] == [
        (kept(DAWN), "The quay at dawn", "Figure 1: dawn"),
        (kept(QUAY), "", "Cranes."),
    ]
    words = "Ships wait. Figure 1: dawn Cranes. Table 1: cranes elsewhere"
    assert " ".join(markup.text_of(read.html).split()) == words
    assert "<figure><figcaption>Figure 1: dawn</figcaption></figure>" in read.html
    alone = manuscripts.read(word_files.read(content), "plans.docx")
    assert alone.pictures == ()
    assert "The quay at dawn" in alone.html


# On a page


def put_back(html: str, pictures: tuple[OwnPicture, ...]) -> tuple[str, int]:
    root = passages.prepared(html)
    figures = []
    for picture in pictures:
        figure = markup.parse(f'<figure><img src="{picture.name[0]}"></figure>')[0]
        figures.append((picture.after, figure))
    left = own_pictures.put_back(root, figures)
    return markup.serialize(root), len(left)


def test_it_stands_there_again() -> None:
    html = (
        "<p>One.</p><p>Same.</p><p>Two.</p><p>Same.</p>" + f"<p>{image(A)}</p><p>{image(B)}</p>"
        f"<blockquote><p>Said {image(C)}</p></blockquote><p>End.</p>"
    )
    read = manuscripts.read(f"<title>T</title>{html}", "a.html")
    page, left = put_back(read.html, read.pictures)
    assert left == 0
    assert re.findall(r"<img src=\"(\w)|>(\w+)", page.replace(" ", ""))[:2] == [("", "One"), ("", "Same")]
    assert re.sub(r"<(?!img)[^>]*>", " ", page).split() == [
        *("One.", "Same.", "<img", 'src="a">', "<img", 'src="b">', "Two.", "Same.", "Said", "<img", 'src="c">', "End."),
    ]  # behind the first that says the same: words are all that a page has in common with the text


def test_what_a_page_says_no_more_has_no_place() -> None:
    page, left = put_back("<p>One.</p>", (OwnPicture(A, "", "Two.", opens=False),))
    assert (page, left) == ("<p>One.</p>", 1)


WORDS = st.lists(st.text("abc ", min_size=1, max_size=9).filter(str.strip), min_size=1, max_size=3)
BLOCKS = st.sampled_from(["<p>{}</p>", "<h2>{}</h2>", "<ul><li>{}</li></ul>", "<blockquote><p>{}</p></blockquote>"])
PIECES = st.one_of(WORDS.map(" ".join), st.integers(0, 5).map(lambda n: image(f"{n:064x}", "")))


@given(st.lists(st.tuples(BLOCKS, st.lists(PIECES, min_size=1, max_size=4)), min_size=1, max_size=6))
def test_no_word_and_no_picture_is_lost(blocks: list[tuple[str, list[str]]]) -> None:
    html = "<p>First here.</p>" + "".join(block.format(" ".join(pieces)) for block, pieces in blocks)
    clean = own_pictures.stand_alone(markup.clean_text(html, with_pictures=True))
    without, found = own_pictures.taken_out(clean)
    assert "".join(re.sub(r"<[^>]*>", "", without).split()) == "".join(re.sub(r"<[^>]*>", "", html).split())
    assert {each.name for each in found} == set(re.findall(r"picture:(\w+)", html))
    page, left = put_back(without, found)
    assert left == 0
    assert page.count("<img") == len(found)
