"""The reference of the API in the desk: whole, for people of the desk, and its examples are what they say."""

from __future__ import annotations

import ast
import json
import shlex
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from config.api import api
from config.desk.reference import Operation, reference
from tests.desk import as_

PAGE = "/admin/reference/"
DESCRIBED: dict[str, Any] = api.get_openapi_schema()


def operations() -> list[Operation]:
    return [each for operations in reference(DESCRIBED).values() for each in operations]


def test_each_operation_stands_on_it_with_its_fields(editor: User) -> None:
    said = as_(editor).get(PAGE).content.decode()
    names = {said["operationId"] for methods in DESCRIBED["paths"].values() for said in methods.values()}
    assert {each.name for each in operations()} == names
    for each in operations():
        assert f'<section id="{each.name}"' in said
        assert all(f"<code>{field.name}</code>" in said for field in each.fields)
    submit = next(each for each in operations() if each.name == "article_submit")
    fields = {field.name: field for field in submit.fields}
    assert {"Idempotency-Key", "idea", "manuscript", "file", "file.name", "file.encoding"} <= fields.keys()
    assert fields["file.name"].needed
    assert fields["formatter"].kind == "auto, claude, template"
    assert "without line breaks" in fields["file.content"].words


def test_it_loads_nothing_from_elsewhere_and_is_for_the_desk(editor: User) -> None:
    answer = as_(editor).get(PAGE)
    said = answer.content.decode()
    assert 'src="http' not in said
    assert 'rel="stylesheet" href="http' not in said
    assert Client().get(PAGE).status_code == 302
    outsider = User.objects.create_user("outsider")
    assert as_(outsider).get(PAGE).status_code == 302


def test_its_examples_are_whole() -> None:
    """The words of curl as a shell takes them apart, and Python that can be read."""
    for each in operations():
        words = shlex.split(each.curl)
        assert words[-1].endswith(each.path)
        method = words[words.index("--request") + 1] if "--request" in words else "POST" if "--json" in words else "GET"
        assert method == each.method
        if "--json" in words:
            body = json.loads(words[words.index("--json") + 1])
            needed = {field.name for field in each.fields if field.place == "body" and field.needed}
            assert {name for name in needed if "." not in name} <= body.keys()
        ast.parse(each.python)
