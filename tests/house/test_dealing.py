"""Over the days every test is met, however modules and tests are dealt out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from tests import dealing

CASES = [(None, None), (3, None), (None, 2), (2, 2), (4, 2), (5, 2), (3, 3)]  # days of tests, days of whole modules


@dataclass(eq=False)
class Item:
    nodeid: str
    tests: int | None
    modules: int | None

    def get_closest_marker(self, name: str) -> Any:
        days = {"dealt": self.tests, "dealt_whole": self.modules}[name]
        return days and SimpleNamespace(args=(days,))


def _items() -> list[Any]:
    return [
        Item(nodeid=f"tests/test_{case}{twin}.py::test_{number}", tests=tests, modules=modules)
        for case, (tests, modules) in enumerate(CASES)
        for twin in "ab"
        for number in range(7)
    ]


def _met(day: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv(dealing.DAY, str(day))
    monkeypatch.delenv(dealing.ALL, raising=False)
    hook = SimpleNamespace(pytest_deselected=lambda items: items)
    config: Any = SimpleNamespace(option=SimpleNamespace(keyword=""), args=["tests"], hook=hook)
    items = _items()
    dealing.pytest_collection_modifyitems(config, items)
    return [item.nodeid for item in items]


def test_within_the_days_of_a_deal_each_is_met_once(monkeypatch: pytest.MonkeyPatch) -> None:
    start = 739_950
    for case, (tests, modules) in enumerate(CASES):
        round_of_days = (tests or 1) * (modules or 1)
        met = Counter(
            name
            for day in range(start, start + round_of_days)
            for name in _met(day, monkeypatch)
            if f"_{case}" in name.partition("::")[0]
        )
        wanted = {item.nodeid for item in _items() if f"_{case}" in item.nodeid.partition("::")[0]}
        assert met.keys() == wanted
        assert set(met.values()) == {1}
