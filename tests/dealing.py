"""What is slow and rare is dealt out by day: a run meets the share of its day, and after a few days all are met.

`@pytest.mark.dealt(3)` on tests of a module: each of three days has every third of them. `@pytest.mark.dealt_whole(2)`
on modules that are costly to set up: each of two days has every second of these, and deals out their tests by the days
on which it has them. GALLEY_EVERY_MOMENT=1 runs all, and so does who asks for tests by their names. GALLEY_DAY=N
repeats the deal of a day. Loaded by `-p tests.dealing` in pyproject.toml.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime

import pytest

ALL = "GALLEY_EVERY_MOMENT"
DAY = "GALLEY_DAY"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "dealt(days): of those of its module every so many-th is run in one day")
    config.addinivalue_line("markers", "dealt_whole(days): of the modules with it every so many-th is run in one day")
    os.environ.setdefault(DAY, str(datetime.now(UTC).toordinal()))  # the same for all processes, also at midnight


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    by_name = config.option.keyword or any("::" in argument for argument in config.args)
    if by_name or os.environ.get(ALL):
        return
    today, met, modules = int(os.environ[DAY]), Counter[str](), list[str]()
    mine, others = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        module, day, has_it = item.nodeid.partition("::")[0], today, True
        if whole := item.get_closest_marker("dealt_whole"):
            if module not in modules:
                modules.append(module)
            (days,) = whole.args
            has_it = (modules.index(module) - today) % days == 0
            day = today // days
        if dealt := item.get_closest_marker("dealt"):
            (days,) = dealt.args
            has_it &= (met[module] - day) % days == 0
            met[module] += 1
        (mine if has_it else others).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = mine


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not os.environ.get(ALL):
        day = os.environ[DAY]
        terminalreporter.write_line(f"Slow tests are dealt out by day; this was {DAY}={day}. All: {ALL}=1.")
