"""What a share among so many tells of the share that there would be among very many."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

USUAL, CAREFUL = 1.96, 2.576  # standard deviations: right in 95 of 100 cases, in 99


class Between(NamedTuple):
    """The true share lies between these, 0 to 1."""

    low: float
    high: float


def between(some: int, of: int, z: float = USUAL) -> Between | None:
    """Wilson's interval, which holds for few and for shares near 0 and 1, too. None: of nothing nothing is known."""
    if not of:
        return None
    share, weight = some / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * sqrt(share * (1 - share) / of + weight / (4 * of))
    return Between(max(middle - reach, 0.0), min(middle + reach, 1.0))
