"""The client that the tests here share."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from tests.config.operations import SCHEMA

PACKAGE = "galley_client"


class Generated(NamedTuple):
    """A client's package, and the description that it was made of."""

    folder: Path
    described: dict[str, Any]

    def module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.{name}")

    def operations(self) -> dict[str, str]:
        """The tags of the operations, by their ids."""
        said = [each for methods in self.described["paths"].values() for each in methods.values()]
        return {each["operationId"]: each["tags"][0] for each in said}


@pytest.fixture(scope="package")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generated]:
    folder = tmp_path_factory.mktemp("client")
    described = json.loads(json.dumps(SCHEMA, default=str))
    (folder / "openapi.json").write_text(json.dumps(described))
    (folder / "config.json").write_text(json.dumps({"post_hooks": []}))
    words = ["generate", "--path", "openapi.json", "--config", "config.json", "--meta", "none", "--fail-on-warning"]
    said = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *words, "--output-path", PACKAGE],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (said.returncode, said.stderr) == (0, ""), said.stdout + said.stderr
    sys.path.insert(0, str(folder))
    yield Generated(folder / PACKAGE, described)
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
