"""Bars as SVG, without a script and without a style of its own: the desk's style sheet gives them their colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT = 600.0, 120.0  # of the drawing; the page scales it
GAP = 0.25  # of a bar's place
LEAST = 1.5  # units that are seen of what is more than nothing


@dataclass(frozen=True)
class Bar:
    """Where one stands, and what it says when somebody points at it."""

    x: float
    y: float
    width: float
    height: float
    label: str


def bars(values: Sequence[tuple[str, Decimal | int, str]]) -> list[Bar]:
    """A bar for each (label, value, value in words), from left to right; what is not above 0 has no height."""
    if not values:
        return []
    highest = max((value for _, value, _ in values), default=0)
    place = WIDTH / len(values)
    found = []
    for number, (label, value, words) in enumerate(values):
        height = max(LEAST, float(value / highest) * HEIGHT) if value > 0 else 0.0
        x, width = place * (number + GAP / 2), place * (1 - GAP)
        found.append(
            Bar(round(x, 2), round(HEIGHT - height, 2), round(width, 2), round(height, 2), f"{label}: {words}")
        )
    return found
