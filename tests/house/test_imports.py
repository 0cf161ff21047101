"""Which floor imports which. A direction is held by this and not by good intentions."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import deque

import pytest

from tests.house.breaches import held
from tests.house.plan import HOUSE, ROOMS, Floor
from tests.house.reading import imports, modules, our_apps, room

READS = re.compile(r"os\.environ|getenv")
PLAIN = ("articles.providers.", "backups.redaction.")


def _height(floors: list[Floor]) -> dict[str, int]:
    return {name: at for at, floor in enumerate(floors) for name in floor.rooms}


def _floor_of(name: str, height: dict[str, int]) -> str:
    """The room of a module, or the module itself where it has a floor of its own; "" for one without."""
    alone = name.partition(".")[2]
    return alone if alone in height else room(name) if room(name) in height else ""


def _rooms(app: str) -> set[str]:
    return {room(name) for name in modules() if name.startswith(f"{app}.")} - {"migrations"}


def test_every_app_has_a_floor() -> None:
    for app in our_apps():
        assert app in _height(HOUSE), f"Give “{app}” a floor in HOUSE (tests/house/plan.py), above all that it imports."


@pytest.mark.parametrize("app", ROOMS)
def test_every_room_has_a_floor(app: str) -> None:
    placed = _height(ROOMS[app])
    for name in _rooms(app) - placed.keys():
        pytest.fail(f"Give “{name}” a floor in ROOMS[“{app}”] (tests/house/plan.py), above all that it imports.")
    known = _rooms(app) | {name.partition(".")[2] for name in modules() if name.startswith(f"{app}.")}
    assert placed.keys() - known == set(), "These rooms are gone: take them out of tests/house/plan.py."


def test_imports_go_down_only() -> None:
    height = _height(HOUSE)
    held(
        "apps import down",
        [
            f"{name} imports {found}"
            for name, file in modules().items()
            for found in imports(file)
            if (above := found.partition(".")[0]) in height and above != (app := name.partition(".")[0])
            if height[above] >= height[app]
        ],
    )


@pytest.mark.parametrize("app", ROOMS)
def test_rooms_import_down_only(app: str) -> None:
    height = _height(ROOMS[app])
    inside = {name: file for name, file in modules().items() if name.startswith(f"{app}.")}
    held(
        f"rooms of {app} import down",
        [
            f"{name} imports {found}"
            for name, file in inside.items()
            for found in imports(file) & inside.keys()
            if (below := _floor_of(found, height)) and (here := _floor_of(name, height))
            if below != here and height[below] >= height[here]
        ],
    )


def test_no_imports_go_round() -> None:
    """Imports within functions and for types count, too: what needs each other cannot be understood apart."""
    ours = {name: imports(file) & (modules().keys() - {name}) for name, file in modules().items()}
    held("no circles", {" > ".join(_from_the_first(way)) for name in ours if (way := _way_back(name, ours))})


def _way_back(start: str, edges: dict[str, frozenset[str]]) -> list[str]:
    """The shortest way from a module to one that imports it; empty where none of those is reached."""
    ways, seen = deque([[start]]), {start}
    while ways:
        way = ways.popleft()
        if start in edges[way[-1]]:
            return way
        onward = sorted(edges[way[-1]] - seen)
        seen.update(onward)
        ways.extend([*way, there] for there in onward)
    return []


def _from_the_first(way: list[str]) -> list[str]:
    """One circle, however it was entered, is told once."""
    first = way.index(min(way))
    return way[first:] + way[:first]


def test_providers_are_plain_python() -> None:
    """No models, no settings: they could be taken out of the house, with what blacks out their keys."""
    held(
        "providers are plain",
        [
            f"{name} imports {found}"
            for name, file in modules().items()
            if f"{name}.".startswith(PLAIN)
            for found in imports(file)
            if found.startswith("django") or _is_outside(found)
        ],
    )


def _is_outside(found: str) -> bool:
    return found.partition(".")[0] in our_apps() and not f"{found}.".startswith(PLAIN)


def test_nobody_but_the_settings_reads_the_environment() -> None:
    allowed = {"config.env", "config.bootstrap", "config.asgi", "config.wsgi"}
    readers = {name for name, file in modules().items() if READS.search(file.read_text())}
    assert readers <= allowed


HEAVY = ("anthropic", "boto3", "openai", "playwright")  # seconds and 150 MB, for those that ask services alone
LOADED = """
import django, sys
django.setup()
from config import api, urls
from django.core.management import get_commands, load_command_class
for name, app in get_commands().items():
    app == "django_q" or app.startswith("django.") or load_command_class(app, name)
print(*sys.modules)
"""


def test_a_start_loads_no_sdk() -> None:
    """Every command, every page and every test that starts a process waits for what it loads."""
    started = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True)
    assert set(HEAVY) & set(started.stdout.split()) == set()
