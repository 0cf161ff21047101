"""The short form of `make cluster`: two web hosts, two of workers, one clock for all, all troubles in three days.

libfaketime refuses a sleep that has ended before it began: one of 0 seconds, or any, on a machine that is busy enough.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.cluster import trial
from tests.cluster.cluster import Size, missing
from tests.cluster.troubles import KINDS

SEED = int(os.environ.get("GALLEY_SEED") or time.time()) % 10_000


# One of each that costs hosts a start, beside what costs nothing.
SHARES = [("failover", "loss"), ("vanished", "no storage"), ("restart", "cut", "emptied")]


@pytest.mark.dealt(3)
@pytest.mark.parametrize("kinds", SHARES, ids="+".join)
def test_whatever_happens_between_machines_all_articles_are_done_once(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    if reason := missing():
        pytest.skip(reason)
    report = trial.run(tmp_path, Size(2, 2), articles=2, troubles=len(kinds), seed=SEED, say=print, among=kinds)

    print("\n".join(report.lines()))  # noqa: T201  shown with a failure: the seed repeats the troubles
    assert report.findings == []
    assert {met.kind for _, met in report.met} == set(kinds)


def test_the_shares_are_all_kinds() -> None:
    assert sorted(kind for share in SHARES for kind in share) == sorted(KINDS)
