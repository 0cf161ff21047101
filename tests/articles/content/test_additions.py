"""A page says what its article says; captions and short labels are its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content import additions

ARTICLE = "<h2>Ports</h2><p>The larger ports now <strong>lose 12 % less time</strong> at anchor than a year ago.</p>"
TITLE = "Tariffs and AI"


@pytest.mark.parametrize(
    ("before", "added"),
    [
        ("", []),
        ("<h2>Key figures</h2>", []),  # a label
        ("<figcaption>Ships that wait outside a port for a berth</figcaption>", []),
        (f"<h1>{TITLE}</h1>", []),
        ("<blockquote>lose 12 % less time at anchor</blockquote>", []),
        ("<p>Here is the magazine page you asked for:</p>", ["Here is the magazine page you asked for:"]),
        ("<div><p>Let me know if you want changes!</p></div>", ["Let me know if you want changes!"]),
    ],
)
def test_what_is_added(before: str, added: list[str]) -> None:
    assert additions.added_lines(before + ARTICLE, [ARTICLE, TITLE]) == added


def test_labels_are_few() -> None:
    page = "".join(f"<p>Label number {n}</p>" for n in range(additions.LABELS + 2)) + ARTICLE
    assert len(additions.added_lines(page, [ARTICLE])) == 2


def test_other_scripts() -> None:
    article = "<p>静かな港に朝が来た。船はまだ動かない。</p>"
    assert additions.added_lines(article, [article]) == []
    assert additions.added_lines(f"<p>ご依頼のページはこちらです</p>{article}", [article]) == [
        "ご依頼のページはこちらです"
    ]


WORDS = ["ships", "ports", "roads", "rails", "wait", "at", "the", "sea"]


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1), min_size=1))
def test_whatever_is_in_the_article_is_no_addition(paragraphs: list[list[str]]) -> None:
    article = "".join(f"<p>{' '.join(words)}.</p>" for words in paragraphs)
    page = "".join(f"<section><p>{' '.join(words)}.</p></section>" for words in paragraphs)
    assert additions.added_lines(page, [article]) == []
