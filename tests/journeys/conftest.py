from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.desk import Desk, running_desk
from tests.journeys.stacks import Stack, missing_for, stack


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack that the test's parameter names."""
    if reason := missing_for(request.param):
        pytest.skip(reason)
    with stack(request.param, tmp_path_factory.mktemp("stack")) as made:
        yield made


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One for all journeys of a file, which are of one xdist group. While it is there, Django's database is out of
    reach for other tests of the process: the browser's loop runs in their thread."""
    pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    with running_desk(tmp_path_factory.mktemp("desk")) as made:
        yield made
