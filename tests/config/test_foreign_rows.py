"""Another person's rows never appear, by no operation and for no role; made from the description of the API itself.

A new operation is in it by itself. What stands in its path needs a maker in `MAKERS`: without one the test fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client

from articles.models import Article
from tests.config.operations import MAKERS, MARK, OPERATIONS, SCHEMA, Operation, Rows
from tests.config.test_tokens import with_token_of

GONE = "999999999"
SHARED = {"document_id": "the list is shared: whoever may look at documents sees all of them"}
FOR_ALL = {
    "recovery_sweep": "what the workers do each minute by themselves, with the articles of all; it tells numbers"
}
# By which somebody would look for what is Ada's.
FILTERS: dict[str, Callable[[Rows], str]] = {
    "batch": lambda rows: str(rows.batch.pk),
    "owner": lambda rows: rows.article.owner.username,
    "text": lambda _: MARK,
}
# What a body says of these fields; the others that are needed are made from their description.
SAID: dict[str, Callable[[Rows], Any]] = {
    "from_status": lambda rows: rows.document.state,
    "ids": lambda rows: [rows.article.pk, rows.stopped.pk],
    "manuscript": lambda _: "Words.",
    "provider": lambda _: "preview",
    "status": lambda _: "to_confirm",
    "text_hash": lambda rows: rows.document.text_hash,
}
# Whoever may do all gets something else than a refusal, so the requests are as they should be; but for these:
REFUSED_ALL_THE_SAME = {
    "article_file": "no picture is made of an article of this test",
    "settings_test_connection": "there is no site",
}


@pytest.fixture
def people(other_editor: User) -> dict[str, dict[str, str]]:
    """The tokens of those who have nothing to do with Ada's rows, by what they are."""
    looks_only = User.objects.create_user("looks", is_staff=True)
    looks_only.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    may_nothing = User.objects.create_user("nothing", is_staff=True)
    has_left = User.objects.create_user("left", is_staff=False)
    has_left.groups.set(other_editor.groups.all())
    who = {"editor": other_editor, "looks only": looks_only, "may nothing": may_nothing, "has left": has_left}
    return {name: with_token_of(user) for name, user in who.items()}


def made(operation: Operation, rows: Rows, *, gone: bool = False) -> str:
    missing = [name for name in operation.in_path if name not in MAKERS]
    assert not missing, f"{operation.name}: say in MAKERS whose row stands for {missing} in {operation.path}"
    values = {name: MAKERS[name](rows) for name in operation.in_path}
    if gone:
        values |= {name: GONE for name in values if name.endswith("_id")}
    return operation.path.format(**values)


def body_of(operation: Operation, rows: Rows) -> Any:
    content = operation.described.get("requestBody", {}).get("content", {}).get("application/json")
    return _example(content["schema"], rows) if content else None


def _example(schema: dict[str, Any], rows: Rows) -> Any:
    """The least that fits: what must be there, and whatever SAID knows."""
    if "$ref" in schema:
        return _example(SCHEMA["components"]["schemas"][schema["$ref"].rpartition("/")[2]], rows)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], rows)
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        wanted = {*schema.get("required", ()), *(SAID.keys() & schema.get("properties", {}).keys())}
        return {
            name: SAID[name](rows) if name in SAID else _example(schema["properties"][name], rows)
            for name in sorted(wanted)
        }
    if schema["type"] == "string":
        return "1" if "[0-9]" in schema.get("pattern", "") else "x" * schema.get("minLength", 0)
    return {"array": [], "boolean": False, "integer": schema.get("minimum", 1)}[schema["type"]]


def ask(operation: Operation, path: str, rows: Rows, headers: dict[str, str], **query: str) -> Any:
    body = body_of(operation, rows)
    sent = "" if body is None else json.dumps(body)
    return Client().generic(operation.method, path, sent, "application/json", headers=headers, query_params=query)


@pytest.mark.django_db
@pytest.mark.parametrize("said", [None, "Bearer galley_unknown", "Bearer "])
def test_nobody_is_let_in_without_a_token(said: str | None) -> None:
    headers = {"Authorization": said} if said else {}
    for operation in OPERATIONS:
        path = re.sub(r"\{\w+\}", "1", operation.path)
        answer = Client().generic(operation.method, path, "{}", "application/json", headers=headers)
        assert answer.status_code == 401, operation.name


def test_what_is_asked_here_makes_sense(rows: Callable[[], Rows], chief: User) -> None:
    """Else a refusal of others would show nothing."""
    found, headers = rows(), with_token_of(chief)
    chief.user_permissions.set(Permission.objects.all())
    for operation in OPERATIONS:
        with transaction.atomic():
            answer = ask(operation, made(operation, found), found, headers)
            transaction.set_rollback(True)
        refused = answer.status_code in (400, 401, 403, 404, 405, 422)
        assert refused == (operation.name in REFUSED_ALL_THE_SAME), (operation.name, answer.content)


def test_a_row_of_somebody_else_is_as_if_it_were_not_there(
    rows: Callable[[], Rows], people: dict[str, dict[str, str]]
) -> None:
    found = rows()
    before = found.all()
    asked = [each for each in OPERATIONS if each.in_path]
    assert asked
    for role, headers in people.items():
        for operation in asked:
            answer = ask(operation, made(operation, found), found, headers)
            if SHARED.keys() & set(operation.in_path) and role in ("editor", "looks only"):
                assert role == "editor" or operation.method == "GET" or answer.status_code >= 400, operation.name
                continue
            assert answer.status_code in ((404,) if role == "editor" else (403, 404)), (role, operation.name)
            nowhere = ask(operation, made(operation, found, gone=True), found, headers)
            assert (answer.status_code, answer.content) == (nowhere.status_code, nowhere.content), operation.name
    assert found.all() == before


def test_no_list_and_no_sum_tells_of_them(
    rows: Callable[[], Rows], people: dict[str, dict[str, str]], stopped_clock: datetime
) -> None:
    """Each answer is the same to the byte with these rows and without them, whatever it is filtered by."""
    asked = [each for each in OPERATIONS if not each.in_path and each.method == "GET"]
    assert asked
    with transaction.atomic():
        found = rows()
        after = _answers(asked, found, people)
        transaction.set_rollback(True)
    assert not Article.objects.exists()
    before = _answers(asked, found, people)
    for key, answer in after.items():
        assert answer == before[key], key


def _answers(asked: list[Operation], rows: Rows, people: dict[str, dict[str, str]]) -> dict[tuple[str, ...], Any]:
    answers = {}
    for role, headers in people.items():
        for operation in asked:
            filters = {name: FILTERS[name](rows) for name in operation.in_query if name in FILTERS}
            for query in ({}, *({name: value} for name, value in filters.items())):
                answer = ask(operation, operation.path, rows, headers, **query)
                answers[role, operation.name, *query] = (answer.status_code, answer.content)
    return answers


def test_nothing_is_done_to_them(rows: Callable[[], Rows], people: dict[str, dict[str, str]]) -> None:
    """By operations that name them in what they are sent, or act on all there is."""
    found = rows()
    before = found.all()
    for role, headers in people.items():
        for operation in OPERATIONS:
            if not operation.in_path and operation.method != "GET":
                answer = ask(operation, operation.path, found, headers)
                assert MARK not in answer.content.decode(), (role, operation.name)
                if operation.name in FOR_ALL:
                    before = found.all()
                assert found.all() == before, (role, operation.name)
