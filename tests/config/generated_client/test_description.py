"""A client that a program generates from the API's description: whole, with names and types for everything."""

from __future__ import annotations

import re

import pytest

from tests.config.generated_client.conftest import Generated

pytestmark = pytest.mark.xdist_group("generated client")  # which is made once


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
