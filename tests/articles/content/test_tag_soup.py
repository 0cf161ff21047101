"""Only what a parser would really leave open counts as open."""

from __future__ import annotations

import pytest

from articles.content import manuscripts, markup, tag_soup


@pytest.mark.parametrize(
    "part",
    [
        "<svg><path d='M0'/><circle/></svg>",
        "<InfoGrid items={1} />",
        "<custom-icon/>",
        "<a name=x>",
        "<svg><path d='M0'><line></svg>",
        "<span class=icon />",
        "<p>one<br/>",
        "<li>",
        "<svg><title>icon</title><path d='M0'></path></svg>",
    ],
)
def test_icons_do_not_flatten_a_page(part: str) -> None:
    read = manuscripts.read(f"<h1>Title</h1>{part * 1000}<h2>Head</h2><ul><li>item</ul>", "a.html")
    assert "<h2>Head</h2>" in read.html
    assert not read.is_flattened


def test_what_is_flattened_is_told() -> None:
    read = manuscripts.read("<h1>The title</h1>" + "<div>" * 300 + "<p>words", "a.html")
    assert read.is_flattened
    assert read.html == "<p>words</p>"


@pytest.mark.parametrize(
    ("tag", "closes"),
    [
        ("<a/>", True),
        ("<a b />", True),
        ("<a b='c'/>", True),
        ("<a b={c}/>", True),
        ("<a href=https://b.c/>", False),
        ("<a>", False),
    ],
)
def test_a_slash_may_be_the_end_of_an_address(tag: str, closes: bool) -> None:
    match = tag_soup.TAG.match(tag)
    assert match
    assert tag_soup.closes_itself(match) == closes


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 5000])
def test_runs_of_ampersands_are_divided_and_kept(count: int) -> None:
    bounded, _ = tag_soup.bounded("x" + "&y" * count)
    assert bounded.replace("<!---->", "") == "x" + "&y" * count
    assert max(part.count("&") for part in bounded.split("<!---->")) <= tag_soup.MOST_AMPERSANDS


@pytest.mark.parametrize(
    "name", ["text", "desc", "set", "view", "g", "metadata", "mi", "mtext", "mglyph", "title-page", "q1"]
)
def test_words_in_elements_of_other_languages_stay(name: str) -> None:
    """Where no drawing and no formula is around them; a parser of HTML takes them for an attack."""
    html = f"<p>One</p><{name} a='b'>two <b>three</b></{name.upper()}> four"
    for cleaned in (manuscripts.read(f"<h1>T</h1>{html}", "a.html").html, markup.clean_page(html, ())):
        assert markup.text_of(cleaned).split() == ["One", "two", "three", "four"]


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ("<svg><text>drawn</text><desc>said</desc></svg>seen", "seen"),
        ("<![CDATA[<text>]]&gt;</text>seen", "]]>seen"),
        ("<style><text></style>seen", "seen"),
        ("<style><path id='</style>seen'>", "seen'>"),
        ("a <\x01b> c", "a <b> c"),
        ("a <b> c", "a  c"),
    ],
)
def test_only_what_is_a_tag_is_taken_for_one(html: str, left: str) -> None:
    assert markup.text_of(markup.clean_page(html, ())) == left
