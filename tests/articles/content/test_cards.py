"""Cards are drawn for every title, bear no words, and are told apart."""

from __future__ import annotations

from typing import cast

import pytest

from articles.content import cards, pictures
from tests.articles.content.test_pictures import decoded

TITLES = [
    "Tariffs and AI",
    "Été à Paris",
    "ñandú",
    "Ωκεανός",
    "Жизнь",
    "坊っちゃん",
    "تعليم اللغات",
    "💣",
    "",
    "1984",
    "ßa",
]


@pytest.fixture(autouse=True)
def real_cards(small_cards: dict[str, tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "SIZES", small_cards)


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("aspect", pictures.SIZES)
def test_a_card_is_drawn_for_every_title(title: str, aspect: str) -> None:
    card = cards.draw(title, aspect, "#1a4d8f", "#b3541e", "seed")
    assert (card.width, card.height) == pictures.SIZES[aspect]
    decoded(card)
    assert card == cards.draw(title, aspect, "#1a4d8f", "#b3541e", "seed")
    assert card != cards.draw(title, aspect, "#1a4d8f", "#b3541e", "another")


@pytest.mark.parametrize(
    ("title", "letter"),
    [
        ("Tariffs", "T"),
        ("  “éclair”", "É"),
        ("ñandú", "Ñ"),
        ("Ωκεανός", "Ω"),
        ("жизнь", "Ж"),
        ("Żółw", "Ż"),
        ("ßa", "ß"),
        ("€ 5", "5"),
        ("坊っちゃん", None),
        ("تعليم", None),
        ("한국", None),
        ("…", None),
        ("", None),
    ],
)
def test_the_letter_of_a_card_is_the_first_of_its_title(title: str, letter: str | None) -> None:
    found = cards.initial(title)
    assert (found and found[0]) == letter


def test_cards_of_an_article_differ_in_their_shapes() -> None:
    drawn = [decoded(cards.draw("", "21:9", "#1a4d8f", "#b3541e", "seed", turn)) for turn in range(4)]
    assert len({image.tobytes() for image in drawn}) == 4


def test_a_title_beyond_its_first_letter_changes_nothing() -> None:
    """The words of a card would stand beside themselves on the page."""
    first, second = (
        cards.draw(title, "16:9", "#1a4d8f", "#b3541e", "s") for title in ("Ports", "Pilots and their ships")
    )
    assert first == second


@pytest.mark.parametrize("primary", ["#ffffff", "#000000", "#767676", "#808080", "#ffd400", "#2e7d32", "#ff0000"])
def test_the_letter_can_be_told_from_its_card(primary: str) -> None:
    bare, lettered = (decoded(cards.draw(title, "16:9", primary, primary, "seed")) for title in ("", "T"))
    pixels = (cast("tuple[tuple[int, ...], ...]", card.reduce(8).get_flattened_data()) for card in (bare, lettered))
    changed = [(sum(a), sum(b)) for a, b in zip(*pixels, strict=True) if a != b]
    assert sum(abs(a - b) > 150 for a, b in changed) > len(changed) // 2
