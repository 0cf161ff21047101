"""The two lists of a batch: what is read, and what is told about lines that cannot be used."""

from __future__ import annotations

import pytest

from articles import bounds
from articles.batches import lists


def _names(text: str) -> list[str]:
    return [row.name for row in lists.read(text, "style").rows]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("\n \n\n", []),
        ("Art Deco\nBauhaus", ["Art Deco", "Bauhaus"]),
        ("\ufeffArt Deco\r\nBauhaus\r", ["Art Deco", "Bauhaus"]),
        ("  Art   Deco \n\n\nBauhaus\n", ["Art Deco", "Bauhaus"]),
        ("Red, white and blue\nBauhaus, early", ["Red, white and blue", "Bauhaus, early"]),
        ("style\nArt Deco", ["Art Deco"]),
        ("Styles\nArt Deco", ["Art Deco"]),
        ("style,period\nArt Deco,1925", ["Art Deco"]),
        ("style;period\nArt Deco;1925", ["Art Deco"]),
        ("Name\tPeriod\nArt Deco\t1925", ["Art Deco"]),
        ('style,period\n"Red, white\nand blue",1900\nBauhaus,1919', ["Red, white and blue", "Bauhaus"]),
        ("ثقافة\n日本\n🏛", ["ثقافة", "日本", "🏛"]),
        ("a\x00b\x07c", ["ab c"]),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    assert _names(text) == names


def test_further_columns_are_fields_by_their_names() -> None:
    listed = lists.read("style, Period ,Palette\nArt Deco,1925,gold\nBauhaus,1919", "style")

    assert listed.columns == ("style", "period", "palette")
    assert [dict(row.fields) for row in listed.rows] == [
        {"style": "Art Deco", "period": "1925", "palette": "gold"},
        {"style": "Bauhaus", "period": "1919", "palette": ""},
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("Art Deco\nBauhaus\nART  DECO", 3, "stands in line 1 already"),
        ("ﬁne\nfine", 2, "stands in line 1 already"),
        ("style,period\n,1925", 2, "The style is missing"),
        ("style,period\na,1925,more", 2, "There are 3 columns, and 2 names"),
        ("a" * 201, 1, "has 201 characters"),
        ("style,period\na," + "b" * 1001, 2, "more than 1,000 characters"),
        ("style,period,period\na,1,2", 1, "Two columns are called “period”"),
        ("style,<b>\na,1", 1, "cannot be the name of a column"),
        ('style,period\na,"never closed' + "x" * 140_000, 2, "quotation mark is never closed"),
    ],
)
def test_a_line_that_cannot_be_used_is_told_with_its_number(text: str, line: int, reason: str) -> None:
    (bad,) = lists.read(text, "style").bad

    assert bad.line == line
    assert reason in bad.reason
    assert len(bad.text) <= 80


def test_bad_lines_leave_the_others_good() -> None:
    listed = lists.read("Art Deco\nart deco\nBauhaus", "style")

    assert [row.line for row in listed.rows] == [1, 3]
    assert [row.line for row in listed.bad] == [2]


def test_a_list_has_an_end() -> None:
    listed = lists.read("\n".join(f"Style {n}" for n in range(bounds.MOST_LINES + 5)), "style")

    assert len(listed.rows) == bounds.MOST_LINES
    assert [row.line for row in listed.bad] == [bounds.MOST_LINES + 1]


def test_a_brief_is_filled_with_words_and_nothing_else() -> None:
    fields = {"style": "Art {section} Deco", "section": "Kitchen"}

    said = lists.filled("The { Section } of {style}, {style.__class__}, {other}, {}", fields)

    assert said == "The Kitchen of Art {section} Deco, {style.__class__}, {other}, {}"


def test_unknown_placeholders_are_told_once() -> None:
    assert lists.unknown_placeholders("{style} {room} {room} { Period }", {"style", "period"}) == ["{room}"]
