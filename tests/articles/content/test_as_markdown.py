"""What lies on a clipboard, as Markdown that is read as the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content import as_markdown, manuscripts, markup, word_counts
from articles.content.reading import exports

GOOGLE = """<meta charset='utf-8'><b style="font-weight:normal;" id="docs-internal-guid-1"><h1 dir="ltr"><span>Trains
</span></h1><p dir="ltr"><span>They </span><a href="https://example.org/a"><span>run</span></a><span>.</span></p><ul><li
dir="ltr"><p dir="ltr"><span>by day</span></p></li><li dir="ltr"><p dir="ltr"><span>by night</span></p></li></ul></b>"""
WORD = """<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style>p {color: red}</style></head><body>
<!--StartFragment--><h2>Ferries<o:p></o:p></h2><p class=MsoNormal>They <b>cross</b><span style='mso-hide:all'>secret
</span>.</p><!--EndFragment--></body></html>"""
HOSTILE = """<h2>Title</h2><script>alert(1)</script><img src=x onerror=alert(2)><a href="javascript:alert(3)">link</a>
<svg onload=alert(4)><p style="x:expression(alert(5))">words</p></svg>
<iframe srcdoc="<script>alert(6)</script>"></iframe>"""


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (GOOGLE, "# Trains\n\nThey [run](https://example.org/a).\n\n- by day\n\n- by night"),
        (WORD, "## Ferries\n\nThey **cross**."),
        ("<ul><li>a<ul><li>b</li></ul></li></ul><ol start=3><li>c</li></ol>", "- a\n  - b\n\n3. c"),
        ("<ul><li>a</li></ul><ul><li>b</li></ul>", "- a\n\n* b"),
        ("<h2>2 * 3 * 4 [sic]</h2>", "## 2 * 3 * 4 [sic]"),
        ("<h2>2 *3* 4 [sic]</h2>", "## 2 \\*3\\* 4 \\[sic\\]"),
        ("<p>1. no list <b>here</b></p>", "1\\. no list **here**"),
        ("<table><tr><th>a</th></tr><tr><td>b|c</td></tr></table>", "| a |\n| --- |\n| b\\|c |"),
        ("<blockquote><p>one</p><p>two</p></blockquote>", "> one\n>\n> two"),
        ('<p><a href="https://e.org/a(b)">x </a>y</p>', "[x](<https://e.org/a(b)>) y"),
        ("<h2>a</h2><dl><dt>b</dt><dd>c</dd></dl>", "<h2>a</h2><dl><dt>b</dt><dd>c</dd></dl>"),
    ],
)
def test_headings_links_and_lists_are_kept(html: str, text: str) -> None:
    assert as_markdown.from_html(html) == text


@pytest.mark.parametrize("html", ["", "<p>Only words</p>", "<div># not a <i>heading</i></div>", "<script>x</script>"])
def test_what_is_nothing_but_words_stays_bare(html: str) -> None:
    assert as_markdown.from_html(html) == ""


# As much as anybody may send, and more than is worked through while the writer waits.
HUGE = [
    *("<ul><li>a</li></ul>", "<ul><li>", "<blockquote>", "<b>", "<div>", "<span>a</span>", "<tr><td>a</td></tr>"),
    *("<table><tr><td>", "<br>", "<!--", "<code>`</code>", "<p>1. a</p>", "<b>*</b>", "<i>a</i><b>b</b>", "<p>a\n<!--"),
]


@pytest.mark.parametrize("part", HUGE)
def test_what_is_too_much_stays_bare(part: str) -> None:
    html = f"<h2>x</h2>{part * (1_000_000 // len(part))}"
    assert as_markdown.from_html(html) in ("", "## x")


def test_many_lists_in_a_row_stay_apart() -> None:
    lists = 1_200  # more than Python calls within calls
    written = as_markdown.from_html("<ul><li>a</li></ul>" * lists)
    assert written.split() == ["-", "a", "*", "a"] * (lists // 2)


def test_hostile_html_leaves_its_words() -> None:
    text = as_markdown.from_html(HOSTILE)

    assert text.startswith("## Title")
    assert not any(word in text for word in ("alert", "script", "onerror", "<"))


words = st.text(alphabet="ab *_#[]<>&`|\\-+.1~é", min_size=1, max_size=12)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


inline = st.lists(
    st.tuples(st.sampled_from(["b", "em", "a href='https://e.org/x_y'", "code", ""]), words).map(
        lambda said: f"<{said[0]}>{escaped(said[1])}</{said[0].split(' ')[0]}>" if said[0] else escaped(said[1])
    ),
    min_size=1,
    max_size=4,
).map("".join)


def listed(said: tuple[str, list[str]]) -> str:
    tag, items = said
    within = "".join(items if tag == "blockquote" else [f"<li>{item}</li>" for item in items])
    return f"<{tag}>{within}</{tag}>"


lines = st.tuples(st.sampled_from(["h1", "h3", "p", "pre"]), inline)
blocks = st.recursive(
    lines.map(lambda said: f"<{said[0]}>{said[1]}</{said[0]}>"),
    lambda inner: st.tuples(st.sampled_from(["ul", "ol", "blockquote"]), st.lists(inner, min_size=1, max_size=3)).map(
        listed
    ),
    max_leaves=4,
)


@given(st.lists(blocks, min_size=1, max_size=4).map("".join))
def test_what_is_pasted_is_read_as_what_was_copied(html: str) -> None:
    """Its words, headings, links and lists: or it says that bare words must do."""
    text = as_markdown.from_html(html)
    if not text:
        return
    copied, pasted = markup.clean_text(exports.as_seen(html)[0]), manuscripts.body(text)

    def told(html: str) -> list[tuple[str, str]]:
        found = markup.parse(html).iter("h1", "h2", "h3", "li", "blockquote", "a")
        return [(str(element.tag), element.get("href", "")) for element in found]

    assert word_counts.words(pasted) == word_counts.words(copied)
    assert told(pasted) == told(copied)
