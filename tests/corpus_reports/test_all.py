"""No input lies here untried: each is a parameter of a test, or named by the mark of one."""

from __future__ import annotations

import re
from pathlib import Path

from tests.corpus_reports import NOTE, SAMPLES, samples

TESTS = Path(__file__).parent.parent
STEPS = "steps"  # situations that take more than a file


def _written(pattern: str) -> set[str]:
    return {found for file in TESTS.rglob("test_*.py") for found in re.findall(pattern, file.read_text())}


def test_every_input_has_a_test_that_bears_its_name() -> None:
    doors = _written(r'\bsamples\("(\w+)"\)')
    named = _written(r'mark\.reported\("([^"]+)"\)')
    covered = {f"{door}/{found.id}" for door in doors for found in samples(door)} | {
        f"{STEPS}/{name}" for name in named
    }

    there = {str(file.relative_to(SAMPLES)) for file in SAMPLES.rglob("*") if file.is_file()}

    assert covered == {name for name in there if not name.endswith(NOTE)}


def test_every_note_is_about_a_file() -> None:
    notes = {file.with_name(file.name.removesuffix(NOTE)) for file in SAMPLES.rglob(f"*{NOTE}")}
    assert [file.name for file in notes if not file.exists()] == []
