"""What models cost, in US dollars: as their makers have published it (`prices.toml`), and as an operator says.

A model is known by its exact name, or as a dated snapshot of one, as its maker names them: `gpt-5-2025-08-07` costs
what `gpt-5` does, and of `gpt-5-pro` that says nothing. A cost that nobody knows is None, never 0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import ROUND_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

MILLION = 1_000_000
CENTS = Decimal("0.000001")  # as finely as costs are kept
MOST_TOKENS = 100 * MILLION  # that an answer can have used; one that says more is no answer to go by
DEAREST_PRICE = 1000  # US dollars for a million tokens, or for a picture: more is a slip of the pen
FRAME = 500  # tokens, at most, that a service adds to what is asked: roles, and what holds the answer to its form
SNAPSHOTS = {"-YYYY-MM-DD": re.compile(r"-\d{4}-\d{2}-\d{2}"), "-YYYYMMDD": re.compile(r"-\d{8}")}


class Bound(NamedTuple):
    """The most that one call may cost, in US dollars; by the dearest price known where its model has none."""

    dollars: Decimal
    is_priced: bool = True


@dataclass(frozen=True)
class Price:
    """What a model costs from a day on, in US dollars: a million tokens of input and of output, or a picture.

    `up_to` is the number of tokens of input up to which that holds.
    """

    since: date
    rates: tuple[Decimal, ...]
    up_to: int = MOST_TOKENS

    @property
    def is_free(self) -> bool:
        return not any(self.rates)

    def of_tokens(self, read: int, written: int) -> Decimal:
        return (self.rates[0] * read + self.rates[1] * written) / MILLION


@dataclass(frozen=True)
class Prices:
    """The prices of models by their names, each with its later ones behind it."""

    tokens: Mapping[str, tuple[Price, ...]]
    pictures: Mapping[str, tuple[Price, ...]]
    snapshots: Mapping[str, str]  # by the model: a key of SNAPSHOTS
    others: frozenset[str] = frozenset()  # snapshots that have a price of their own

    # What a call has cost

    def of_tokens(self, model: str, read: int | None, written: int | None) -> Decimal | None:
        """What an answer has cost that used so many tokens, if it says so; None: nobody knows."""
        price = _today(self._of(model))
        if price and price.is_free:
            return Decimal(0)
        if price and _can_be(read) and _can_be(written) and read <= price.up_to:
            return _up(price.of_tokens(read, written))
        return None

    def at_most(self, read: int | None, written: int | None) -> Decimal | None:
        """The same at the dearest prices known, for a model that has none."""
        return _up(self._dearest().of_tokens(read, written)) if _can_be(read) and _can_be(written) else None

    def knows(self, model: str) -> bool:
        """Whether there is a price for its tokens."""
        return bool(self._of(model))

    def of_picture(self, model: str) -> Decimal | None:
        """`owner/name`, or `owner/name:version`, whose versions cost the same; None: nobody knows."""
        price = _today(self.pictures.get(model.partition(":")[0], ()))
        return price.rates[0] if price else None

    # What one may cost

    def most_of_tokens(self, model: str, asked: Iterable[str | bytes], written: int) -> Bound:
        """The most that asking with these texts may cost, when the answer may have so many tokens.

        A token is a byte of text at least, so what is asked has as many of them as bytes, at most. What the model
        thinks counts as written. An answer costs less, as texts have a token every three or four bytes and few
        answers are as long as they may be; but what is to be kept within a budget is not guessed.
        """
        read = sum(len(text.encode() if isinstance(text, str) else text) for text in asked) + FRAME
        return self.most_of(model, read, written)

    def most_of(self, model: str, read: int, written: int) -> Bound:
        """The most that so many tokens may cost, by the dearest price known where the model has none."""
        price = _today(self._of(model))
        if price is None or read > price.up_to:
            return Bound(_up(self._dearest().of_tokens(read, written)), is_priced=False)
        return Bound(_up(price.of_tokens(read, written)))

    def most_of_picture(self, model: str) -> Bound:
        """A picture has one price, whatever it shows."""
        price = self.of_picture(model)
        dearest = max(price.rates[0] for line in self.pictures.values() for price in line)
        return Bound(_up(dearest if price is None else price), price is not None)

    def _of(self, model: str) -> tuple[Price, ...]:
        if model in self.tokens or model in self.others:
            return self.tokens.get(model, ())
        for form, shape in SNAPSHOTS.items():
            family, date_of_it = model[: -len(form)], model[-len(form) :]
            if self.snapshots.get(family) == form and shape.fullmatch(date_of_it):
                return self.tokens[family]
        return ()

    def _dearest(self) -> Price:
        known = [price.rates for line in self.tokens.values() for price in line]
        return Price(date.min, (max(read for read, _ in known), max(written for _, written in known)))

    def with_own(self, entries: Iterable[str]) -> Prices:
        """With an operator's own: `my-model 0.50 2.00` for a million tokens, `owner/name 0.04` for a picture.

        They go before those of the makers. Raises ValueError, with what is wrong.
        """
        tokens, pictures = dict(self.tokens), dict(self.pictures)
        for number, entry in enumerate(entries, 1):
            name, *rates = entry.split()
            if len(rates) not in (1, 2):
                raise ValueError(f"has no name with one price or two in entry {number}")
            (pictures if len(rates) == 1 else tokens)[name] = (Price(date.min, _rates(rates, number)),)
        return replace(self, tokens=tokens, pictures=pictures)


def _today(line: tuple[Price, ...]) -> Price | None:
    """The price that holds today. Before the first day that is known it is taken to be the first one."""
    today = datetime.now(UTC).date()
    return next((price for price in reversed(line) if price.since <= today), line[0] if line else None)


def _can_be(tokens: int | None) -> TypeGuard[int]:
    return tokens is not None and 0 <= tokens <= MOST_TOKENS


def _up(dollars: Decimal) -> Decimal:
    """As finely as it is kept: so that sums of what is kept are the same wherever they are made."""
    return dollars.quantize(CENTS, ROUND_UP)


def _rates(words: Iterable[str], number: int) -> tuple[Decimal, ...]:
    try:
        rates = tuple(map(Decimal, words))
    except InvalidOperation as exc:
        raise ValueError(f"has something that is no number in entry {number}") from exc
    if not all(rate.is_finite() and 0 <= rate <= DEAREST_PRICE for rate in rates):
        raise ValueError(f"has a price below 0 or above {DEAREST_PRICE:,} in entry {number}")
    return rates


def read(text: str) -> Prices:
    """The table in a TOML file such as `prices.toml`."""
    tokens: dict[str, tuple[Price, ...]] = {}
    pictures: dict[str, tuple[Price, ...]] = {}
    snapshots, others = {}, set()
    for maker in tomllib.loads(text, parse_float=Decimal)["maker"]:
        for row in maker.get("tokens", ()):
            tokens[row["model"]] = _behind(tokens.get(row["model"], ()), row, "input", "output")
            snapshots[row["model"]] = maker["snapshots"]
        for row in maker.get("pictures", ()):
            pictures[row["model"]] = _behind(pictures.get(row["model"], ()), row, "each")
        others |= set(maker.get("others", ()))
    return Prices(tokens, pictures, snapshots, frozenset(others))


def _behind(line: tuple[Price, ...], row: Mapping[str, Any], *rates: str) -> tuple[Price, ...]:
    price = Price(row["since"], tuple(Decimal(row[rate]) for rate in rates), row.get("up_to", MOST_TOKENS))
    return tuple(sorted((*line, price), key=lambda price: price.since))


PUBLISHED = read(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8"))
