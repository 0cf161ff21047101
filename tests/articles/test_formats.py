"""Sums as the desk writes them: what nobody knows is never a sum, and never hidden behind one."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.formats import about, money, of_budget

DOLLARS = st.decimals("0", "99999", places=6)


@pytest.mark.parametrize(
    ("known", "unknown", "said"),
    [
        ("0.42", 0, "$0.42"),
        ("0.42", 2, "at least $0.42"),
        ("0.0042", 1, "at least $0.0042"),
        ("1234.5", 0, "$1,234.50"),
        ("0", 0, "$0.00"),
        ("0", 1, "not known"),
        (None, 0, "not known"),
    ],
)
def test_what_is_not_known_is_said(known: str | None, unknown: int, said: str) -> None:
    assert money(None if known is None else Decimal(known), unknown) == said


@given(DOLLARS, st.integers(0, 3))
def test_a_bare_sum_is_the_whole_sum(known: Decimal, unknown: int) -> None:
    assert (money(known, unknown)[0] == "$") == (unknown == 0)
    assert (about(known, unknown).split()[0] == "about") == (unknown == 0)


@pytest.mark.parametrize(
    ("known", "unknown", "said"),
    [
        ("110.4", 0, "about $110"),
        ("3.2", 0, "about $3.20"),
        ("3.2", 5, "at least $3.20"),
        ("0", 5, "cost not known"),
        ("0", 0, "about $0.00"),
    ],
)
def test_an_estimate_is_no_more_exact_than_it_is(known: str, unknown: int, said: str) -> None:
    assert about(Decimal(known), unknown) == said


def test_a_budget_stands_behind_what_is_spent() -> None:
    assert of_budget(Decimal("61.2"), 0, Decimal(110)) == "$61.20 of $110.00"
    assert of_budget(Decimal("61.2"), 1, Decimal(110)) == "at least $61.20 of $110.00"
    assert of_budget(Decimal(0), 1, Decimal(110)) == "not known of $110.00"
    assert of_budget(Decimal("61.2"), 0, None) == "$61.20"
