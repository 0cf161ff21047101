"""A client that a program generates from the API's description: whole, with names and types for everything."""

from __future__ import annotations

import importlib
import json
import re
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


@pytest.fixture(scope="module")
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


def test_no_operation_is_left_out_and_names_are_those_of_the_description(generated: Generated) -> None:
    made = {path.stem: path.parent.name for path in generated.folder.glob("api/*/[a-z]*.py")}
    assert made == generated.operations()
    models = {path.stem for path in generated.folder.glob("models/[a-z]*.py")}
    assert [name for name in models if re.search(r"_(type|item|response|body|value)(_|\d|$)", name)] == []
    assert models >= {"article_in", "whole_article_out", "submit_in", "settings_in", "cell_state", "problem"}
    assert not models & {"wanted_articles", "which", "listed"}, "what stands behind a question mark is no shape"
    sources = "\n".join(path.read_text() for path in generated.folder.rglob("*.py"))
    assert re.findall(r"^    VALUE_\d+ = .*", sources, re.MULTILINE) == [], "each word of a list has a name"


def test_everything_has_a_type(generated: Generated) -> None:
    """But what a trial of a site found, of which each kind has values of its own."""
    untyped = [
        f"{path.stem}: {line.strip()}"
        for path in generated.folder.glob("models/[a-z]*.py")
        for line in re.findall(r"^    \w+: .*\bAny\b.*$", path.read_text(), re.MULTILINE)
    ]
    assert untyped == [
        "finding_out_values: additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)"
    ]
    for name, tag in generated.operations().items():
        answer = generated.module(f"api.{tag}.{name}").sync.__annotations__["return"]
        assert "Any" not in str(answer).replace("typing.", "") or name == "article_progress", answer  # 304 says nothing
