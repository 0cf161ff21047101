"""Everything is killed at random while articles are made; the long form of this runs in the bench."""

from __future__ import annotations

import os
import time

import pytest

from tests.benchmarks import chaos
from tests.journeys.stacks import missing_for

pytestmark = pytest.mark.dealt_whole(3)

SEED = int(os.environ.get("GALLEY_SEED") or time.time())


def test_whatever_is_killed_all_articles_are_done_once() -> None:
    if reason := missing_for(chaos.STACK):
        pytest.skip(reason)
    report = chaos.run(articles=12, kills=10, seed=SEED, hurry=True)

    print("\n".join(report.lines()))  # noqa: T201  shown with a failure: the seed repeats the deaths
    assert report.findings == []
    assert set(report.kills) == {"worker", "supervisor", "all", "php", "database"}
