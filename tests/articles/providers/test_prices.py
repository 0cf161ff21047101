"""What models cost: by their exact names, and never by a guess."""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.providers import prices, sdk, text
from articles.providers.prices import PUBLISHED, Bound

MILLION = 1_000_000
TOKENS = st.integers(0, MILLION)
MODELS = [*PUBLISHED.tokens, "gpt-5-2025-08-07", "gpt-6", "our-own"]


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("gpt-5", "11.25"),
        ("gpt-5-mini", "2.25"),
        ("gpt-5-2025-08-07", "11.25"),
        ("gpt-4.1-mini-2025-04-14", "2.00"),
        ("claude-haiku-4-5", "6"),
        ("claude-haiku-4-5-20251001", "6"),
        ("claude-sonnet-5-5", "12"),
    ],
)
def test_a_model_is_known_by_its_name_and_by_its_dated_snapshots(model: str, dollars: str) -> None:
    assert PUBLISHED.of_tokens(model, MILLION, MILLION) == Decimal(dollars)


@pytest.mark.parametrize(
    "model",
    [
        "gpt-5-pro",
        "gpt-5.1",
        "gpt-4.1-nano",
        "gpt-4o-audio-preview",
        "gpt-4o-2024-05-13",  # a snapshot that never cost what the model does
        "gpt-5-20250807",  # no date as this maker writes them
        "claude-sonnet-5-2026-06-30",
        "gpt-5-2025-08-07-preview",
        "gpt-5-pro-2025-10-06",
        "GPT-5",
        "",
    ],
)
def test_a_name_that_only_begins_alike_has_no_price(model: str) -> None:
    assert PUBLISHED.of_tokens(model, MILLION, MILLION) is None


@given(st.sampled_from(sorted(PUBLISHED.tokens)), st.text(min_size=1, max_size=20))
def test_whatever_is_added_to_a_name_but_a_date_makes_another_model(model: str, more: str) -> None:
    name = f"{model}{more}"
    dated = any(shape.fullmatch(more) for shape in prices.SNAPSHOTS.values())

    assert dated or name in PUBLISHED.tokens or not PUBLISHED.knows(name)


def test_a_price_that_holds_for_short_prompts_says_nothing_of_long_ones() -> None:
    model = "claude-haiku-5-5"
    assert PUBLISHED.of_tokens(model, 100_000, 0) == Decimal("0.01")
    assert PUBLISHED.of_tokens(model, 100_001, 0) is None
    assert PUBLISHED.most_of_tokens(model, ["x" * 90_000], 0).is_priced
    assert not PUBLISHED.most_of_tokens(model, ["x" * 100_001], 0).is_priced


def test_pictures_have_a_price_each_whatever_their_version() -> None:
    assert PUBLISHED.of_picture("bytedance/seedream-4") == Decimal("0.03")
    assert PUBLISHED.of_picture("bytedance/seedream-4:abc123") == Decimal("0.03")
    assert PUBLISHED.of_picture("bytedance/seedream-4-turbo") is None


def test_a_new_price_holds_from_its_day_on(monkeypatch: pytest.MonkeyPatch) -> None:
    table = prices.read(
        """
        [[maker]]
        snapshots = "-YYYY-MM-DD"
        tokens = [
            { model = "m", since = 2026-03-01, input = 2.00, output = 0 },
            { model = "m", since = 2026-01-01, input = 1.00, output = 0 },
        ]
        """
    )
    found = {}
    for day in ("2025-12-31", "2026-02-28", "2026-03-01", "2027-01-01"):
        monkeypatch.setattr(prices, "datetime", _clock(day))
        found[day] = table.of_tokens("m", MILLION, 0)

    assert found == {"2025-12-31": 1, "2026-02-28": 1, "2026-03-01": 2, "2027-01-01": 2}


def _clock(day: str) -> type[datetime]:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a clock that stands
            return datetime.fromisoformat(day).replace(tzinfo=tz)

    return Clock


# An operator's own


def test_an_operators_own_prices_go_before_those_of_the_makers() -> None:
    own = PUBLISHED.with_own(["llama 0.5 1.50", "gpt-5 1 1", "our/pictures 0.04", "gpt-4o-2024-05-13 5 15"])

    assert own.of_tokens("llama", MILLION, MILLION) == 2
    assert own.of_tokens("gpt-5", MILLION, MILLION) == 2
    assert own.of_tokens("gpt-4o-2024-05-13", MILLION, MILLION) == 20
    assert own.of_picture("our/pictures") == Decimal("0.04")
    assert own.of_tokens("llama-3-2026-01-01", MILLION, MILLION) is None, "only the exact name"
    assert not PUBLISHED.knows("llama"), "the table stays as it is"


@pytest.mark.parametrize("entry", ["llama", "llama 1 2 3", "llama much 2", "llama -1 2", "llama NaN 1", "llama 9999 1"])
def test_an_entry_that_is_no_price_is_told_by_its_number(entry: str) -> None:
    with pytest.raises(ValueError, match="in entry 2"):
        PUBLISHED.with_own(["fine 1 2", entry])


def test_what_costs_nothing_costs_nothing_whatever_it_does_not_say() -> None:
    own = PUBLISHED.with_own(["llama 0 0"])

    assert own.of_tokens("llama", None, None) == 0
    assert own.most_of_tokens("llama", ["x" * 1000], 32_000) == Bound(Decimal(0))


# Bounds


@given(st.sampled_from(MODELS), st.text(max_size=300), TOKENS, st.data())
def test_no_answer_costs_more_than_its_bound(model: str, asked: str, most: int, data: st.DataObject) -> None:
    """As long as it keeps to the tokens that it was allowed, and a token is a byte of text at least."""
    bound = PUBLISHED.most_of_tokens(model, [asked], most)
    read = data.draw(st.integers(0, len(asked.encode()) + prices.FRAME))
    written = data.draw(st.integers(0, most))

    cost = PUBLISHED.of_tokens(model, read, written)
    at_most = PUBLISHED.at_most(read, written)

    assert bound.is_priced == (cost is not None)
    assert cost is None or cost <= bound.dollars
    assert at_most is not None
    assert (cost or 0) <= at_most
    assert bound.is_priced or at_most <= bound.dollars


def test_a_picture_without_a_price_is_bound_by_the_dearest() -> None:
    assert PUBLISHED.most_of_picture("black-forest-labs/flux-schnell") == Bound(Decimal("0.003"))
    assert PUBLISHED.most_of_picture("somebody/else") == Bound(Decimal("0.03"), is_priced=False)


def test_a_bound_is_not_absurd() -> None:
    """A section asked of the model that the settings name: some cents, where it costs half a cent."""
    client = text.TextClient("http://x", "k", "gpt-5-mini", allow_private=True, timeout=1)

    bound = client.most("Write well. " * 100, "A kitchen in the style Art Deco", schema={"type": "object"})

    assert Decimal("0.064") < bound.dollars < Decimal("0.066")


# Answers


@pytest.mark.parametrize(
    "used", [(None, None), (None, 9), (9, None), ("9", "9"), (0, 0), (0, 9), (-1, 9), (9, 2**40), (2**40, 9)]
)
def test_an_answer_that_does_not_say_what_it_used_costs_nobody_knows_what(used: tuple[object, object]) -> None:
    answer = sdk.answer({"model": "gpt-5-mini"}, "gpt-5-mini", *used, prices=PUBLISHED)

    assert (answer.cost, answer.at_most) == (None, None)


def test_an_answer_of_a_model_without_a_price_has_a_bound_by_what_it_used() -> None:
    answer = sdk.answer({"model": "gpt-6"}, "gpt-6", 1000, 2000, prices=PUBLISHED)

    assert (answer.cost, answer.at_most) == (None, Decimal("0.11"))


def test_what_answered_is_what_is_charged() -> None:
    """An alias that leads to another model costs what that one does."""
    answer = sdk.answer({"model": "gpt-5-pro"}, "gpt-5", 1000, 2000, prices=PUBLISHED)

    assert answer.cost is None
