"""Inputs that programs like this one got wrong: each with its right value, and tried at the door by which it comes.

    samples(door)       the inputs of a folder in `samples`, as parameters that bear the names of their files
    pytest.mark.reported(name)
                        a test that plays a situation which takes more than a file: `samples/steps/NAME.md` tells it

A sample is `NAME.json` with its own right value, or a file with a `FILE.note.json` beside it. `right` says in a
sentence what is right; `must`, `must_not`, `title`, `names`, `raises` and others say it for the test of the door.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parent / "samples"
NOTE = ".note.json"


@dataclass(frozen=True)
class Sample:
    """An input and its right value."""

    name: str
    content: bytes
    note: dict[str, Any]

    def words(self, key: str) -> list[str]:
        """What the note demands or forbids under this key."""
        found: list[str] = self.note.get(key, [])
        return found


def samples(door: str) -> list[Any]:
    """Of one door, ordered by their names."""
    files = sorted(file for file in (SAMPLES / door).iterdir() if not file.name.endswith(NOTE))
    return [pytest.param(_sample(file), id=file.name) for file in files]


def _sample(file: Path) -> Sample:
    note = file.with_name(file.name + NOTE)
    return Sample(file.name, file.read_bytes(), json.loads((note if note.exists() else file).read_text()))
