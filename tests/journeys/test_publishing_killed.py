"""Death by kill -9 at every instant of a publication, by each way and at the change of it: real workers, a real site.

Between two touches of the world outside (tests.faults.reaper, browser_touches) every instant is alike. A worker dies at
one of these moments, alone or with its browser's driver, and a fresh one goes on. A day meets a few moments of one way,
and after some months all are met. GALLEY_EVERY_MOMENT=1 meets all; GALLEY_DAY, which a failure tells, those of a day.

What is promised is asserted from outside: one post, one picture each, each repetition flagged; no process, no file, no
lease and no slot of a browser is left.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from publishing.browser.chromium import missing
from tests.dealing import DAY
from tests.doubles import Request
from tests.faults import verdict
from tests.faults.mortals import Life, Mortals, mortals
from tests.faults.publications import OPTIONS
from tests.journeys.stacks import Stack
from tests.publishing.agent import pilots
from tests.publishing.nearly_done import ALT
from tests.services.process import processes_with, wait_until
from tests.services.wordpress import WordPress

EVERYWHERE = bool(os.environ.get("GALLEY_EVERY_MOMENT"))
PATIENCE = 120  # seconds until what has lost its worker has ended


@dataclass(frozen=True)
class Scene:
    """A way onto a site, and what the site is like. Of its moments a few are met at a time."""

    name: str
    ways: str
    moments: int  # a few more than there are: where none is left to die at, one lives
    deaths: int  # at a time
    arrange: Callable[[WordPress], object] = lambda _: None
    turns: tuple[str, ...] = ()  # codes by which another way is begun where nobody dies

    def __str__(self) -> str:
        return self.name


def without_rest(wordpress: WordPress) -> None:
    wordpress.switch_on("rest-off")


def closing(wordpress: WordPress) -> None:
    """REST takes pictures and post, and is closed from then on; XML-RPC always was."""
    wordpress.turn_away("wp-json|rest_route", after_a_post=True)
    wordpress.switch_xmlrpc_off()


SCENES = [
    Scene("REST", "rest", 72, 6),
    Scene("XML-RPC", "xmlrpc", 90, 6),
    Scene("browser", "playwright", 99, 3),
    Scene("forms", "playwright", 165, 3, without_rest),
    Scene("agent", "computer_use", 246, 3),
    Scene("hybrid", "rest, xmlrpc, playwright", 156, 3, closing, ("403", "xmlrpc_off")),
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where these processes put what is for the moment; with a short path, as a browser's socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="galley-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def processes(running: Stack, folder: Path) -> Iterator[Mortals]:
    if reason := missing():
        pytest.skip(reason)
    running.services.steer(pilots.able)
    running.galley.settings["TMPDIR"] = str(folder)
    with mortals(running.galley) as made:
        made.live("enter", running.wordpress.desk.password)
        yield made


@dataclass
class Publications:
    """Articles that are published one after the other, each on a site that is as new."""

    running: Stack
    processes: Mortals
    scene: Scene
    folder: Path

    def __post_init__(self) -> None:
        self._numbers = count()
        self.running.write(f"UPDATE publishing_site SET publisher = 'hybrid', ways = '{self.scene.ways}'")  # noqa: S608

    def meets(self, moment: int | None) -> tuple[Life, list[str]]:
        """A worker that dies before this touch, if it comes so far; and what does not hold in the end."""
        title = f"{self.scene} {self.running.wordpress.url[-5:]} {moment} {next(self._numbers)}"
        self.running.wordpress.reset()
        self.scene.arrange(self.running.wordpress)
        before = len(self.running.services.requests())
        self.processes.live("ready", title)
        life, found = self.processes.live("serve", title, moment), []
        if life.killed:
            found = self._left_behind()
            self.processes.live("carry_on", title)
        told = self.processes.live("published", title).told
        if not life.killed:
            found += [f"its turns were {told['turns']}"] * (told["turns"] != list(self.scene.turns))
            found += [f"it had {len(life.touches)} moments"] * (not 50 < len(life.touches) <= self.scene.moments)
        found += _on_records(told, self.scene, self.running.services.requests()[before:])
        return life, found + _on_site(self.running.wordpress, told) + self._left_behind() + self._files()

    def _left_behind(self) -> list[str]:
        """Processes; the warm one is the only one that may be there."""
        try:
            wait_until(lambda: not self._processes(), PATIENCE)
        except TimeoutError:
            return [f"processes are left: {self._processes()}"]
        return []

    def _processes(self) -> list[int]:
        found = {*processes_with(self.running.galley.folder), *processes_with(self.folder)}
        return sorted(found - {self.processes.process.pid})

    def _files(self) -> list[str]:
        left = sorted(str(file) for file in self.folder.iterdir())
        return [f"files are left: {left}"] * bool(left)


@pytest.mark.xdist_group("browser")
@pytest.mark.dealt(len(SCENES))
@pytest.mark.parametrize("running", ["sqlite"], indirect=True)
@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_whatever_dies_when(running: Stack, processes: Mortals, folder: Path, scene: Scene) -> None:
    publications, findings = Publications(running, processes, scene, folder), []
    for moment in dealt(scene):
        life, found = publications.meets(moment)
        last = f"killed at {moment}, before “{life.touches[-1]}”" if life.killed else "whom nobody has killed"
        findings += [f"{scene}, {last}: {finding}" for finding in found]
        if EVERYWHERE and not life.killed:
            break
    assert findings == [], f"{DAY}={os.environ[DAY]}"


def dealt(scene: Scene) -> Sequence[int]:
    """Those of the day, far from each other; each day that this scene is dealt the next ones."""
    if EVERYWHERE:
        return range(scene.moments + 1)
    time, apart = int(os.environ[DAY]) // len(SCENES), scene.moments // scene.deaths
    return [time % apart + number * apart for number in range(scene.deaths)]


def _on_records(told: dict[str, Any], scene: Scene, requests: list[Request]) -> list[str]:
    found = [f"the article is {told['status']}: {told['error']}"] * (told["status"] != "done")
    found += [f"the task is {told['task']}"] * (told["task"] != ["completed", 100])
    # What one way was refused, another one asks anew; a turn in flight is given up where what it is about is there.
    ended = {"done", "closed"} if scene.turns or scene.name == "agent" else {"done"}
    found += [f"its calls are {told['states']}"] * (not {"done"} <= set(told["states"]) <= ended)
    found += [f"its way was {told['way']}"] * (told["way"] not in scene.ways)
    found += [f"sent again, and not flagged: {told['unflagged']}"] * bool(told["unflagged"])
    found += [f"still held: {told['owner']} {told['slots']}"] * bool(told["owner"] or told["slots"])
    paid = sum(times for key, times in told["lost"].items() if not key.startswith(("media:", "post")))
    made = sum(told["lost"].values()) - paid  # an agent's turn is in flight beside what it makes
    found += [f"lost more than was in flight: {told['lost']}"] * (max(paid, made) > 1)
    found += [f"told {told['repeated']} times of {told['lost']}"] * (told["repeated"] != paid)
    again = len(verdict.repeats(requests))
    return found + [f"{again} paid calls were repeated, {paid} flagged"] * (again > paid)


def _on_site(wordpress: WordPress, told: dict[str, Any]) -> list[str]:
    posts, media = wordpress.posts(), wordpress.media()
    if len(posts) != 1 or len(media) != len(ALT):
        return [f"posts {[post.slug for post in posts]}, pictures {[item.file for item in media]}"]
    [post] = posts
    wanted = {"category": list(OPTIONS.categories), "post_tag": list(OPTIONS.tags)}
    found = [f"the post is {post.status}, {post.terms}"] * ((post.status, post.terms) != ("publish", wanted))
    found += ["another text"] * (told["uid"] not in post.content or "Lorries" not in post.content)
    found += ["no featured image"] * (post.featured not in {item.id for item in media})
    found += ["no alternative text"] * (told["way"] != "xmlrpc" and not all(item.alt for item in media))
    missing_files = sorted(verdict.missing(wordpress))
    found += [f"missing in the media folder: {missing_files}"] * bool(missing_files)
    return found + [f"orphans {orphans}" for orphans in [verdict.orphans(wordpress)] if orphans]
