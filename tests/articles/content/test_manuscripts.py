"""Whatever an editor hands in becomes an article with all of its words, or a plain sentence about why not."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articles.content import manuscripts, markup
from articles.content.manuscripts import Unreadable
from articles.content.reading import decoding


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_named(content: bytes) -> None:
    with contextlib.suppress(Unreadable):
        read = manuscripts.read(decoding.decode(content))
        assert read.title
        assert "\n" not in read.title


@pytest.mark.parametrize(
    ("text", "title", "words"),
    [
        ("---\ntitle: A title\ntags: [a, b]\n---\nThe text.", "A title", 2),
        ("---\ntitle: 'Tea &amp; *toast*'\n---\nThe text.", "Tea & toast", 2),
        ('+++\ntitle = "A title"\n+++\nThe text.', "A title", 2),
        ("---\ntitle: broken: yaml: [\n---\nThe text.", "broken: yaml: [", 2),
        ("---\na: &a [x]\nb: [*a, *a]\ntitle: Aliases\n---\nThe text.", "Aliases", 2),
        ("---\na: " + "[" * 15_000 + "\n---\n# Deep\n\nThe text.", "Deep", 2),
        ("---\n---\n# Empty\n\nThe text.", "Empty", 2),
        ("---\nSaid Ann to Ben: hello\n---\nThe text.", "Said Ann to Ben: hello", 2),  # two rules, no front matter
        ("# One\n\n# Two\n\nText.", "One", 2),
        ("<title>Page &amp; co</title><p>Text.", "Page & co", 1),
        ("<title>Site</title><h1>Tall<br>man</h1><p>Text.", "Tall man", 1),
        ("% A title\n% A. Writer\n% 2 May\n\nThe text.", "A title", 2),
        ("% A title\n  on two lines\n\nThe text.", "A title on two lines", 2),
        ("Title: A title\nAuthor: A. Writer\n  and another\n\nThe text.", "A title", 2),
        ("Author: A\n\nThe text.", "Author: A", 2),
        ("---\ntitle: [broken\nx: 'A title\n---\nThe text.", "[broken", 2),
        ("A summary of the river year\n\nThe text.", "A summary of the river year", 2),
        ("Case study: the old mill\n\nThe text.", "Case study: the old mill", 2),
        ("Summary:\n\nThe old mill\n\nThe text.", "The old mill", 3),
        ("<p class=MsoTitle>A title</p><h1>One</h1><p>Text.", "A title", 2),
        ("---\n\nThe first line\n\nThe text goes on.", "The first line", 4),
        ("A line\n\n" + "words " * 200, "A line", 200),
        ("word " * 500, ("word " * 31).strip(), 500),
        (
            "* * *\n\n12\n\nA chapter begins here and goes on. Then it ends.",
            "A chapter begins here and goes on. Then it ends.",
            11,
        ),
    ],
)
def test_the_title_is_found(text: str, title: str, words: int) -> None:
    read = manuscripts.read(text)
    assert read.title.removesuffix("…") == title
    assert read.word_count == words


def test_a_specked_page_is_called_by_its_file() -> None:
    assert manuscripts.read(". , -\n\n5 aa\n\n|\n\nthe text", "constitution_1922.txt").title == "constitution 1922"


@pytest.mark.parametrize(
    ("text", "name", "html"),
    [
        (
            "A paragraph that was wrapped at the usual column of\nsome seventy letters, as in a mail of old.\n\nB",
            "a.txt",
            "of some",
        ),
        ("Roses are red,\nViolets are blue", "a.txt", "Roses are red,<br>Violets"),
        ("narrow columns\nof a newspaper\ngo on like this", "a.txt", "columns of a newspaper go"),
        ("a < b and <p>c</p>", "a.txt", "&lt;p&gt;c"),
        ("1. one\n\n* two\n\n> three", "ocr.txt", "<p>* two</p>"),
        ("**Bold** and\n\n> quoted", "", "<blockquote>"),
        ("one<p>two</p>", "", "<p>two</p>"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a.md", "<td>1</td>"),
        ("Text[^1].\n\n[^1]: The note.", "a.md", "The note."),
    ],
)
def test_each_kind_is_read_as_what_it_is(text: str, name: str, html: str) -> None:
    assert html in manuscripts.read(text, name).html


LINES = st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs", "P"]), max_size=40), min_size=1)


@settings(deadline=None)
@given(LINES.map("\n".join))
def test_no_word_of_a_text_is_lost(text: str) -> None:
    text = decoding.decode(f"Words\n{text}".encode())
    read = manuscripts.read(text, "a.txt")
    kept = f"{read.title} {markup.text_of(read.html)}"
    assert all(word in kept for word in re.findall(r"\w+", text))  # perhaps whole again, or with no space in between


MARKDOWN = st.lists(
    st.sampled_from(
        ["# head", "word", "*emph*", "- item", "  - inner", "> quote", "1. one", "`code`", "\n", "|a|b|", "|-|-|"]
    )
)


@settings(deadline=None)
@given(MARKDOWN.map("\n".join))
def test_no_word_of_markdown_is_lost(text: str) -> None:
    read = manuscripts.read(f"Begin\n\n{text}", "a.md")
    kept = f"{read.title} {markup.text_of(read.html)}"
    assert not set(re.findall(r"[a-z]+", text)) - set(re.findall(r"[a-z]+", kept))


@pytest.mark.dealt(3)
@pytest.mark.parametrize(
    "part",
    [
        "word ",
        "*a **b ",
        "[",
        "[a](",
        "![",
        ">",
        "> a\n\n",
        "|a|b|\n|-|-|\n",
        "a\n---\n",
        "^[",
        "`",
        "<a ",
        "\t",
        "- x\n  ",
        "[a](b ",
        "[a](<b",
        "{{<",
        "<A b={",
        "<Aa>",
        "title:",
        "de-\n",
    ],
)
def test_no_markdown_takes_long(part: str) -> None:
    began = time.process_time()
    assert "end" in manuscripts.read(f"{part * (1_000_000 // len(part))}\n\nend", "a.md").html
    assert time.process_time() - began < 60  # of processor time; quadratic ones take many minutes


def test_deep_lists_keep_their_words() -> None:
    text = "\n".join("  " * depth + f"- item{depth}" for depth in range(400))
    assert "item399" in manuscripts.read(text, "a.md").html


def test_components_are_found() -> None:
    text = (
        "## Executive summary\n\nShort.\n\n> A quote\n\n**12 % less**\n\n## Case study: Delft\n\n|a|b|\n|-|-|\n|1|2|\n"
    )
    found = [component["type"] for component in manuscripts.read(text, "a.md").components]
    assert found == ["executive_summary", "pull_quote", "stat_highlight", "case_study", "table"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\ntitle: x\n---\n", "below its front matter"),
        ("<script>x</script>", "no text"),
        ("<h1>The last ferry</h1>", "below its title"),
    ],
)
def test_a_manuscript_without_words_is_named(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        manuscripts.read(text, "a.html")


PLAIN = st.text("cefgh", min_size=1, max_size=9)  # no element is called so
WRITTEN = {  # what people write in each kind of file; what they hide holds the word "hidden"
    "a.txt": ["{}", "<{}>", "List<{}>", "• {}\n", " **{}** ", "{}\n", "{}\n\n", "[{}]", "<!-- {} -->", "{{< {} >}}"],
    "a.md": ["{}", "<{}> ", " **{}** ", "- {}\n", "{}\n\n", "`<{}>` ", "[{}](https://a.b) ", "<b>{}</b> ", "a<b {}>d "],
    "a.html": [
        "{} ",
        "<p>{}</p>",
        "<b>{}</b> ",
        "<li>{} ",
        "<button>{}</button>",
        "<x-y>{}</x-y> ",
        "<table><td>{}<td>{}</table>",
    ],
    "": ["{}", "<{}> ", "## {}\n\n", "{}\n", "* {}\n", "{} (<{}>)\n\n"],
}
HIDDEN = {
    "a.txt": [],
    "a.md": ["<!-- hidden -->\n\n", "{{< hidden >}}", "{% hidden %}", "<Hidden hidden={1}/>"],
    "a.html": [
        "<!-- hidden -->",
        "<p hidden>hidden</p>",
        "<script>hidden</script>",
        "<i style='display:none'>hidden</i>",
    ],
    "": [],
}


def written(name: str) -> st.SearchStrategy[list[str]]:
    shown = st.tuples(st.sampled_from(WRITTEN[name]), PLAIN).map(lambda pair: pair[0].replace("{}", pair[1]))
    return st.lists(st.one_of(shown, st.sampled_from(HIDDEN[name])) if HIDDEN[name] else shown, max_size=12)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(list(WRITTEN)).flatmap(lambda name: st.tuples(st.just(name), written(name))))
def test_no_word_is_lost_and_none_is_added(given: tuple[str, list[str]]) -> None:
    name, parts = given
    opening = {"a.html": "<h1>Begin</h1><p>now</p>", "a.md": "# Begin\n\nnow\n\n"}.get(name, "Begin\n\nnow\n\n")
    read = manuscripts.read(opening + "".join(parts), name)
    signs = r"https://a\.b|</?(?:p|b|li|button|x-y|table|td)>" if name != "a.txt" else r"\0"
    seen = "".join(" " if "idden" in part else part for part in parts)
    if name == "a.md":
        seen = re.sub(r"\[(\w+)\]\(https://a\.b\)", r"\1", seen)  # a link stands where its words stand
    shown = re.sub(signs, lambda tag: "" if tag[0].strip("</>") in ("b", "x-y") else " ", seen)
    assert re.findall(r"\w+", markup.text_of(read.html)) == ["now", *re.findall(r"\w+", shown)]
