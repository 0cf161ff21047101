"""The two lists of a batch: what is read, and what is told about lines that cannot be used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles import bounds
from articles.batches import lists, tables


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
        ("sep=;\r\nstyle;country\r\nArt Deco;France\r\nBauhaus;Germany\r\n", ["Art Deco", "Bauhaus"]),
        ("sep=;\nArt Deco\nBauhaus", ["Art Deco", "Bauhaus"]),
        ("id;Style;country\n1;Art Deco;France\n2;Bauhaus;Germany", ["Art Deco", "Bauhaus"]),
        ("Made in May\n\nstyle;country\nArt Deco;France\nBauhaus;Germany", ["Art Deco", "Bauhaus"]),
        ("style,country,,,\nArt Deco,France,,,\n,,,,\nBauhaus,Germany,,,", ["Art Deco", "Bauhaus"]),
        ("\ufeffStil;Land\r\nArt Deco;Frankreich\r\nBauhaus;Deutschland", []),
        ("Art Deco\tFrance\nBauhaus\tGermany", []),
        ("style\nArt; Deco\nBau; Haus", ["Art; Deco", "Bau; Haus"]),
        ("Art Deco; early\nBauhaus", ["Art Deco; early", "Bauhaus"]),
        ("Bau\u00adhaus\n\u200bArt Deco", ["Bauhaus", "Art Deco"]),
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
        ("style\nBauhaus\n\u200bBauhaus", 3, "stands in line 2 already"),
        ("Bauhaus\nBau\u00adhaus", 2, "stands in line 1 already"),
        ("Bauhaus\n\u200eBauhaus", 2, "stands in line 1 already"),
        ("Café\nCafe\u0301", 2, "stands in line 1 already"),
        ("Made in May\nstyle;country\na;b\nc;d", 1, "stands above the names of the columns"),
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


def test_a_table_whose_columns_nobody_names_is_not_planned() -> None:
    listed = lists.read("Stil;Land\nArt Deco;Frankreich\nBauhaus;Deutschland", "style")

    assert "has a semicolon in it, as in a table" in listed.problem
    assert "a first line that begins with style" in listed.problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id;style\n1;Art Deco\n2;Bauhaus", "stand in column 2, “style”"),
        ("Red, white\nBlue, green", "is taken as one style"),
        ("May\nstyle;country\nArt Deco;France", "Line 2 names the columns"),
        ("style;country\nArt Deco;France", ""),
        ("Art Deco\nBauhaus", ""),
    ],
)
def test_what_is_assumed_is_said(text: str, said: str) -> None:
    assumed = lists.read(text, "style").assumed

    assert said in assumed
    assert bool(said) == bool(assumed)


@pytest.mark.parametrize("end", ["", ",4", '"', '",4', '",4\nDada,5'])
def test_an_open_quotation_mark_swallows_nothing(end: str) -> None:
    listed = lists.read(f'style,size\n"Deco,10\nBauhaus,3\n"Cubism{end}', "style")

    assert (3, "Bauhaus") in [(row.line, row.name) for row in listed.rows]
    assert (2, "A quotation mark is never closed. Close it, or take it away.") in [
        (bad.line, bad.reason) for bad in listed.bad
    ]


LINES = st.lists(st.text(st.sampled_from('ab ,;\t"\u200b\r=|') | st.characters(exclude_categories=["Cs"]), max_size=12))


@given(st.sampled_from(["", "sep=;", "style,size", "id;style", "style", "\ufeffname\tb"]), LINES)
def test_every_line_is_a_row_or_told(first: str, below: list[str]) -> None:
    text = "\n".join([first, *below])
    listed = lists.read(text, "style")
    if listed.problem:
        return

    spans = [(row.line, row.lines) for row in listed.rows] + [(bad.line, bad.lines) for bad in listed.bad]
    told = [at for line, number in spans for at in range(line, line + number)]
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").split("\n")
    left = [line for at, line in enumerate(lines, 1) if at not in told]

    assert len(told) == len(set(told)) or listed.bad
    assert sum(1 for line in left if tables.clean(line).strip(' ,;\t"|')) <= 2  # sep=; and the names of the columns


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
