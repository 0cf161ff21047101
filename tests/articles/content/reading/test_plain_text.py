"""Lines that were wrapped at a column run on; every other line is what its author made it."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content.reading.plain_text import paragraphs

LONG = (
    "The council met on Tuesday night to speak about the bridge, which has been closed since the flood of last winter."
)
SENTENCE = f"{LONG} Nobody knows when it will open again."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            f"Bridge to stay closed\nBy Ann Lee\n{SENTENCE}\n{SENTENCE}\nWhat comes next\n{SENTENCE}",
            ["Bridge to stay closed", "By Ann Lee", SENTENCE, SENTENCE, "What comes next", SENTENCE],
        ),
        ("Roses are red,\nViolets are blue", ["Roses are red,<br>Violets are blue"]),
        ("narrow columns\nof a newspaper\ngo on like this", ["narrow columns of a newspaper go on like this"]),
        (
            "“The river has risen for the third time this winter,” said the mayor.\n“It has.”\n“And?”",
            ["“The river has risen for the third time this winter,” said the mayor.", "“It has.”", "“And?”"],
        ),
        (
            "• a point that is so long that a column of sixty letters would not hold it\n• two\n• three",
            ["• a point that is so long that a column of sixty letters would not hold it", "• two", "• three"],
        ),
        (
            "「はい」\n彼は静かに言った。それから長い間、港の向こうの灯を見つめていたが、何も言わずに立ち去ってしまった。\n「いいえ」",
            [
                "「はい」",
                "彼は静かに言った。それから長い間、港の向こうの灯を見つめていたが、何も言わずに立ち去ってしまった。",
                "「いいえ」",
            ],
        ),
        (
            "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつか\n"
            "ぬ。何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは\n"
            "記憶している。吾輩はここで始めて人間というものを見た。しかもあ\nとで聞く",
            [
                "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所で"
                "ニャーニャー泣いていた事だけは記憶している。吾輩はここで始めて人間というものを見た。しかもあとで聞く"
            ],
        ),
        ("a < b & c > d", ["a &lt; b &amp; c &gt; d"]),
    ],
)
def test_lines_are_what_their_author_made_them(text: str, found: list[str]) -> None:
    assert paragraphs(text) == found


WORDS = st.sampled_from(["a", "bridge", "that", "rose", "over", "our", "river", "in", "sparkling", "wintertime"])
PROSE = st.lists(WORDS, min_size=30, max_size=50).map(" ".join)


@given(st.lists(PROSE, min_size=1, max_size=4), st.integers(40, 100))
def test_what_a_column_wrapped_is_one_paragraph(prose: list[str], column: int) -> None:
    wrapped = "\n\n".join(textwrap.fill(text, column, break_long_words=False) for text in prose)
    assert paragraphs(wrapped) == prose


ONE_LINE = st.lists(
    st.lists(WORDS, min_size=1, max_size=60).map(lambda words: " ".join(words).capitalize()), min_size=1
)


@given(ONE_LINE)
def test_a_line_a_paragraph_stays_so(lines: list[str]) -> None:
    """As Word, Pages and the editor of Windows give a text: one of the lines is longer than any column."""
    lines = [LONG.ljust(130, "!"), *(f"{line}." for line in lines)]
    assert paragraphs("\n".join(lines)) == lines


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the council has de-\ncided that it will stay", "the council has decided that it will stay"),
        ("a well-known town is a well-\nknown place", "a well-known town is a well-known place"),
        (
            "of two- and three-day tours, of two-\nand three-day tours",
            "of two- and three-day tours, of two- and three-day tours",
        ),
        ("between 1914-\nand later", "between 1914- and later"),
    ],
)
def test_a_word_that_was_broken_is_whole_again(text: str, found: str) -> None:
    assert paragraphs(text) == [found]
