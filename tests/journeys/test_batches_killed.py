"""Sixty styles, or forty, with twenty-four sections each, killed twenty times.

It takes minutes, so each of the two stacks is met on one day of four.
"""

from __future__ import annotations

import os
import time

import pytest

from tests.faults import batches
from tests.journeys.stacks import missing_for

pytestmark = pytest.mark.dealt_whole(3)

SEED = int(os.environ.get("GALLEY_SEED") or time.time())
STACKS = [("sqlite", 60), ("postgresql, redis", 40)]


@pytest.mark.dealt(4)
@pytest.mark.parametrize(("stack", "styles"), STACKS)
def test_whatever_is_killed_every_section_is_there_once(stack: str, styles: int) -> None:
    if reason := missing_for(stack, site=False):
        pytest.skip(reason)
    report = batches.run(stack, styles=styles, sections=24, images=0, kills=20, seed=SEED)

    print("\n".join(report.lines()))  # noqa: T201  shown with a failure: the seed repeats the deaths
    assert report.findings == []
    assert report.kills.total() == 20
