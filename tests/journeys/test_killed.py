"""Death by kill -9 at every instant of a run: a real process, real servers, and a fresh process that finishes.

Between two touches of the world outside (tests.faults.reaper) every instant is alike, so each of these gaps is one
moment: just before and just after every write, every commit, every file, every message and every call. A seed deals
them out among the stacks, and lets two of three rest until another day, as a death takes a second or two; with
GALLEY_EVERY_MOMENT=1 every stack meets all of them. GALLEY_SEED repeats a deal; a failure tells it.

What is promised is asserted from outside: by the services' own logs, WordPress's tables and media folder, and the
hashes of the tree.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.doubles import Request
from tests.faults import verdict
from tests.faults.mortals import Deed, Mortals, mortals
from tests.journeys.stacks import Stack

pytestmark = pytest.mark.dealt_whole(3)

STACKS = ["sqlite", "postgresql", "postgresql, redis"]
DEAL = (
    0,
    None,
    None,
    0,
    None,
    None,
    1,
    None,
    None,
    2,
    None,
    None,
)  # which stack meets a moment: more where a death is cheap
PARTS = 2  # of each stack, to run side by side
EVERYWHERE = bool(os.environ.get("GALLEY_EVERY_MOMENT"))
SEED = int(os.environ.get("GALLEY_SEED") or time.strftime("%j"))  # a new deal every day


@dataclass(frozen=True)
class Death:
    """A process that dies before its touch number `moment`, which is called `touch`.

    A sweep finds an article whose worker had died at the moment `earlier`.
    """

    deed: Deed
    moment: int
    touch: str
    earlier: int = 0

    def __str__(self) -> str:
        return f"{self.deed} killed at {self.moment}, before “{self.touch}”"


@dataclass
class Fate:
    """What became of the article that met a death."""

    death: Death
    requests: list[Request]
    told: dict[str, Any]
    findings: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def processes(running: Stack) -> Iterator[Mortals]:
    running.services.configure(image_width=512)
    with mortals(running.galley) as made:
        yield made


@pytest.fixture(scope="module")
def deaths(processes: Mortals) -> list[Death]:
    """Every moment of a run in which nobody dies, and of a sweep after a worker had died in its first call."""
    untouched, interrupted = "an article that meets no death", "an article whose worker dies"
    found = [Death("submit", *each) for each in enumerate(processes.live("submit", untouched).touches)]
    work = processes.live("work", untouched).touches
    found += [Death("work", *each) for each in enumerate(work)]
    earlier = work.index("sent POST /openai/v1/responses")
    processes.live("submit", interrupted)
    processes.live("work", interrupted, earlier)
    found += [Death("sweep", *each, earlier) for each in enumerate(processes.live("sweep", interrupted).touches)]
    processes.live("finish", interrupted)
    assert [processes.live("look", idea).told["status"] for idea in (untouched, interrupted)] == ["done", "done"]
    return found


@pytest.mark.dealt(5)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("running", STACKS, indirect=True)
def test_whatever_dies_when(
    request: pytest.FixtureRequest, running: Stack, processes: Mortals, deaths: list[Death], part: int
) -> None:
    stack = STACKS.index(request.node.callspec.params["running"])
    running.wordpress.reset()
    assert len(deaths) > 150, "a run has that many moments, or the reaper saw nothing"
    dealt = [death for n, death in enumerate(deaths) if EVERYWHERE or DEAL[(n + SEED) % len(DEAL)] == stack]

    fates = [_met(death, running, processes) for death in dealt[part::PARTS]]

    _judge(fates, running)
    findings = [f"{fate.death}: {finding}" for fate in fates for finding in fate.findings]
    assert findings == [], f"GALLEY_SEED={SEED}"
    posts, media = running.wordpress.posts(), running.wordpress.media()
    assert (len(posts), len(media)) == (len(fates), verdict.PICTURES * len(fates)), "nothing but the articles"
    assert verdict.orphans(running.wordpress) == set()


def _met(death: Death, running: Stack, processes: Mortals) -> Fate:
    """One article from its submission to its end, with one death on the way."""
    idea = f"an article that meets the death of {death.deed} {death.moment}"
    before = len(running.services.requests())
    killed = processes.live("submit", idea, death.moment if death.deed == "submit" else None).killed
    if death.deed == "submit" and processes.live("look", idea).told is None:
        processes.live("submit", idea)  # nothing exists; the form is sent again
    if death.deed == "sweep":
        processes.live("work", idea, death.earlier)
    if death.deed != "submit":
        killed = processes.live(death.deed, idea, death.moment).killed
    assert killed, death
    processes.live("finish", idea)
    return Fate(death, running.services.requests()[before:], processes.live("look", idea).told)


def _judge(fates: list[Fate], running: Stack) -> None:
    for fate in fates:
        told = fate.told
        if told["status"] != "done" or told["calls"] != ["done"]:
            fate.findings.append(f"the article is {told['status']}, its calls {told['calls']}: {told['error']}")
        lost = sum(times for key, times in told["lost"].items() if not key.startswith(("media:", "post")))
        if lost > 1 or told["repeated"] != lost:
            fate.findings.append(f"flagged {told['lost']}, told {told['repeated']} times")
        fate.findings += verdict.on_calls(fate.requests, 1, told["lost"])
        fate.findings += verdict.on_tree(running.galley, told["tree"])
    site = verdict.on_site(running.wordpress, [fate.told["uid"] for fate in fates])
    for fate in fates:
        fate.findings += site[fate.told["uid"]]
