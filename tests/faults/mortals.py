"""For a test: processes of an installation that die when they are told to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tests.journeys.installation import ROOT, Installation

Deed = Literal["submit", "work", "sweep", "finish", "look", "enter", "ready", "serve", "carry_on", "published"]


@dataclass(frozen=True)
class Life:
    """How a process ended; what it did to the world outside, last what it was killed before; and what it told, if it
    lived to tell.
    """

    killed: bool
    touches: list[str]
    told: Any


@dataclass(frozen=True)
class Mortals:
    """The warm process that they are forked from."""

    process: subprocess.Popen[str]

    def live(self, deed: Deed, idea: str, moment: int | None = None) -> Life:
        """One process, from its fork to its end; killed before its touch number `moment`, if it comes so far."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"deed": deed, "idea": idea, "moment": moment}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the warm process ended; its log says why"
        return Life(**json.loads(answer))


@contextmanager
def mortals(installation: Installation) -> Iterator[Mortals]:
    environment = {**installation.environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
    with (
        (installation.folder / "mortals.log").open("ab") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults"],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            yield Mortals(process)
        finally:
            process.kill()
