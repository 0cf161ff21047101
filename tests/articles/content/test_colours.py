"""Any two colours can be told apart, as a browser would read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content import colours

HEX = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@given(HEX, HEX)
def test_a_readable_colour_is_readable(colour: str, background: str) -> None:
    shade = colours.rgb(colours.readable(colour, background))
    behind = colours.rgb(background)
    assert shade is not None
    assert behind is not None
    assert colours.contrast(shade, behind) >= colours.READABLE


@given(HEX)
def test_text_can_be_read_on_any_colour(background: str) -> None:
    text, behind = colours.rgb(colours.text_on(background)), colours.rgb(background)
    assert text is not None
    assert behind is not None
    assert colours.contrast(text, behind) >= colours.READABLE


@given(HEX)
def test_large_letters_can_be_read_on_a_ground_that_nobody_knows(colour: str) -> None:
    shade = colours.rgb(colours.seen_anywhere(colour))
    assert shade is not None
    assert min(colours.contrast(shade, (255, 255, 255)), colours.contrast(shade, (0, 0, 0))) >= colours.LARGE


def test_a_readable_colour_stays() -> None:
    assert colours.readable("#1A4D8F") == "#1a4d8f"


@pytest.mark.parametrize(
    ("text", "rgb"),
    [
        ("#abc", (170, 187, 204)),
        ("RebeccaPurple", (102, 51, 153)),
        ("rgb(1 2 3)", (1, 2, 3)),
        ("rgba(1, 2, 3, 1)", (1, 2, 3)),
        ("rgb(300, 0, 0)", (255, 0, 0)),
        ("rgba(1, 2, 3, .5)", None),
        ("rgb(1 2 3 / 50%)", None),
        ("#abcd", None),
        ("transparent", None),
        ("inherit", None),
        ("", None),
    ],
)
def test_colours_are_read(text: str, rgb: tuple[int, int, int] | None) -> None:
    assert colours.rgb(text) == rgb


def test_a_tint_is_pale_and_a_blend_lies_between() -> None:
    assert colours.tint("#000000") == "#ebebeb"
    assert colours.blend((0, 0, 0), (100, 200, 50), 0.5) == (50, 100, 25)
