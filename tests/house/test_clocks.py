"""Whose clock: that of the desk, or that of whoever reads. Nothing asks for a local time without saying which."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.breaches import held
from tests.house.reading import production, shown, tree

CLOCKS = "backups.clocks"
PLACE = {"localdate": 1, "localtime": 1, "make_aware": 1, "now": 0, "fromtimestamp": 1}  # of the zone, in a call
OF_DATETIME = {"now", "fromtimestamp"}
NEVER = {"today", "utcnow", "utcfromtimestamp"}  # of datetime and date: there is no zone to give


def _bare(code: ast.Module) -> Iterator[str]:
    """Calls that go by whatever zone is in force, and Django's names for that zone."""
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute | ast.Name) and _name(node) == "get_current_timezone_name":
            yield "get_current_timezone_name"
        if not isinstance(node, ast.Call):
            continue
        name, of = _name(node.func), _name(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if name in PLACE and (name not in OF_DATETIME or of == "datetime"):
            if len(node.args) <= PLACE[name] and not {word.arg for word in node.keywords} & {"timezone", "tz"}:
                yield name
        elif name in NEVER and of in ("datetime", "date"):
            yield f"{of}.{name}"


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_nothing_asks_for_a_local_time_without_saying_whose() -> None:
    others = {file: tree(file) for name, file in production().items() if name != CLOCKS}
    held("whose clock is said", [f"{shown(file)}: {said}" for file, code in others.items() for said in _bare(code)])


@pytest.mark.parametrize(
    ("code", "is_bare"),
    [
        ("timezone.localdate()", True),
        ("timezone.localtime(moment)", True),
        ("make_aware(moment)", True),
        ("datetime.now()", True),
        ("date.today()", True),
        ("timezone.get_current_timezone_name()", True),
        ("timezone.localdate(timezone=zone)", False),
        ("timezone.localtime(moment, zone)", False),
        ("make_aware(moment, UTC)", False),
        ("datetime.now(UTC)", False),
        ("timezone.now()", False),
        ("DESK.today()", False),
    ],
)
def test_it_knows_what_is_bare(code: str, is_bare: bool) -> None:
    assert bool(list(_bare(ast.parse(code)))) == is_bare
