"""What holds for the whole API: errors are JSON and sentences, nobody but the desk is let in, nothing breaks it."""

from __future__ import annotations

import json
import re
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from config.api import api
from tests.config.test_tokens import with_token_of
from tests.conftest import HandIn
from tests.desk import as_
from worklist.models import Document

SWEEP = "/api/v1/recovery/sweep"


def test_every_error_is_json_with_a_sentence(editor: User, hand_in: HandIn, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    client, anybody = as_(editor), Client()
    article = f"/api/v1/articles/{hand_in().pk}/progress"
    answers = {
        400: client.post(SWEEP, "x" * 200, content_type="application/json"),
        401: anybody.get(article),
        403: as_(User.objects.create_user("reader")).get(article),
        404: client.get("/api/v1/nothing"),
        405: client.delete(article),
        422: client.get(f"{article}?limit=many"),
    }

    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer["Content-Type"] == "application/problem+json"
        said = answer.json()
        assert (said["status"], said["type"]) == (status, "about:blank")
        assert said["detail"] == said["message"]
        assert said["message"].endswith((".", "…"))
        assert bool(said["errors"]) == (status == 422)
    assert answers[422].json()["errors"][0]["field"] == "query.limit"
    assert answers[404].json()["title"] == "Not Found"
    for path in ("/api/", "/api/v2/", "/api/v1/articles/x/progress", "/api/v1/docs", f"{SWEEP}/"):
        assert client.get(path).json()["message"] == "There is nothing here, or it belongs to somebody else."
    assert client.get(article, headers={"Host": "elsewhere.example"}).json()["message"].startswith("Galley did not")


def test_a_mistake_of_ours_shows_nothing_of_itself(editor: User, settings: Settings) -> None:
    client = as_(editor)
    client.raise_request_exception = False
    for debug in (False, True):
        settings.DEBUG = debug
        with mock.patch("recovery.api.sweep", side_effect=RuntimeError("password=hunter2")):
            answer = client.post(SWEEP)
        assert answer.status_code == 500
        assert b"hunter2" not in answer.content
        assert answer.json()["message"].startswith("Galley made a mistake")


def test_errors_of_other_pages_stay_pages(client: Client, db: None) -> None:
    assert client.get("/nowhere")["Content-Type"].startswith("text/html")


def test_what_it_can_do_is_described_to_the_desk_alone(editor: User, db: None) -> None:
    path = "/api/v1/openapi.json"
    assert Client().get(path).status_code == 401
    assert Client().get(path, headers=with_token_of(editor)).status_code == 200
    described = as_(editor).get(path).json()

    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    batch, deeds = "/api/v1/batches/{batch_id}", ("start", "pause", "resume", "cancel")
    more = {f"GET {batch}/events": {"406", "503"}} | {f"POST {batch}/{deed}": {"409"} for deed in deeds}
    more |= {f"{method} /api/v1/articles/{{article_id}}/manuscript": {"409"} for method in ("GET", "PUT")}
    articles = "/api/v1/articles"
    more[f"GET {articles}/{{article_id}}/progress"] = {"304"}
    more |= {f"POST {articles}": {"202"}, f"POST {articles}/{{article_id}}/cancel": {"409"}}
    more |= {f"POST {articles}/recover": {"202"}, f"POST {articles}/{{article_id}}/recover": {"202", "409"}}
    more |= {f"GET {articles}/{{article_id}}/files/{{name}}": {"409", "503"}}
    publish = "/api/v1/publish"
    begun = {f"POST {publish}/tasks/{{task_id}}/{deed}" for deed in ("retry", "cancel")}
    more |= {f"POST {publish}/submit/{{article_id}}": {"202", "409"}} | {name: {"202", "409"} for name in begun}
    more["PUT /api/v1/settings"] = {"412", "428"}
    waiting = "/api/v1/worklist"
    more |= {f"POST {waiting}/{{document_id}}/status": {"409"}, f"POST {waiting}/sync": {"409"}}
    more |= {f"POST {waiting}/{{document_id}}/publish": {"202", "409"}}
    assert operations.keys() == {
        f"GET {waiting}",
        f"GET {waiting}/statistics",
        f"GET {waiting}/sync-status",
        f"GET {publish}/tasks",
        "GET /api/v1/analytics/cost-usage",
        "GET /api/v1/analytics/provider-comparison",
        "GET /api/v1/analytics/recommendations",
        "GET /api/v1/analytics/storage-usage",
        "GET /api/v1/monitoring/tasks",
        "GET /api/v1/monitoring/statistics",
        "GET /api/v1/monitoring/tasks/{task_id}/logs",
        f"GET {publish}/tasks/{{task_id}}/status",
        f"GET {articles}",
        f"GET {articles}/{{article_id}}",
        f"GET {articles}/{{article_id}}/files",
        f"GET {articles}/{{article_id}}/progress",
        f"POST {articles}/cancel",
        "GET /api/v1/batches",
        f"GET {batch}/progress",
        "POST /api/v1/recovery/sweep",
        "POST /api/v1/settings/test-connection",
        "GET /api/v1/settings",
        *more,
    }
    usual = {"200", "400", "401", "403", "404", "405", "422", "429", "500"}
    for name, operation in operations.items():
        # Every error that can come is declared, and so are both ways in.
        expected = (usual | more.get(name, set())) - ({"200"} if name in begun else set())
        assert expected == set(map(str, operation["responses"]))
        assert [set(way) for way in operation["security"]] == [{"PersonalToken"}, {"DeskSession"}]
        errors = {tuple(said["content"]) for status, said in operation["responses"].items() if status >= "400"}
        assert errors == {("application/problem+json",)}
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(set(ids)) == len(ids)
    assert not [name for name in ids if "_api_" in name], "a name of its own, which does not move with its module"
    schemas = described["components"]["schemas"]
    assert all(schema.get("additionalProperties") is False for schema in schemas.values() if schema["type"] == "object")


HEADERS = st.dictionaries(
    st.sampled_from(["Authorization", "X-CSRFToken", "Cookie", "Accept", "If-None-Match", "Referer", "Content-Length"]),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40),
    max_size=3,
)
IDS = st.one_of(
    st.integers().map(str), st.text(max_size=12), st.sampled_from(["9" * 5000, "0", "-0", "１", "1e3", "%00"])
)
OPERATIONS: dict[str, Any] = api.get_openapi_schema()["paths"]  # so that a new one is tried by itself
ASKED = {
    parameter["name"]
    for methods in OPERATIONS.values()
    for operation in methods.values()
    for parameter in operation["parameters"]
    if parameter["in"] == "query"
}
FIELDS = {
    name
    for schema in api.get_openapi_schema()["components"]["schemas"].values()
    for name in schema.get("properties", {})
}
TEXTS = st.one_of(st.text(max_size=12), st.sampled_from(["a\0b", "2026-01-01T00:00:00Z", "-1", "9" * 30]))
QUERIES = st.dictionaries(st.one_of(st.sampled_from(sorted(ASKED)), st.text(max_size=8)), TEXTS, max_size=3)
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), TEXTS, st.just("\ud800")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(sorted(FIELDS)), inner, max_size=3)
    ),
    max_leaves=6,
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"{}", b"[[" * 2000, b'{"__proto__": 1}', b"NaN", b"1" * 5000, b'{"gone": ["\\ud800"]}']),
    st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES, max_size=4).map(lambda said: json.dumps(said).encode()),
)
TYPES = st.sampled_from(
    ["application/json", "multipart/form-data", "multipart/form-data; boundary=x", "text/plain", "", "\xff/;=;",
     "application/x-www-form-urlencoded", "application/json; charset=utf-99"]
)  # fmt: skip
PLACES = st.sampled_from([re.sub(r"\{\w+\}", "{}", path) for path in OPERATIONS])
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"])


@pytest.fixture
def token(chief: User) -> dict[str, str]:
    return with_token_of(chief)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    has_token=st.booleans(), method=METHODS, id_=IDS, query=QUERIES, headers=HEADERS, body=BODIES, content_type=TYPES,
    place=PLACES,
)  # fmt: skip
def test_nothing_that_is_sent_breaks_it(
    editor: User,
    token: dict[str, str],
    has_token: bool,
    method: str,
    id_: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    content_type: str,
    place: str,
) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(editor, backend="django.contrib.auth.backends.ModelBackend")
    if has_token:  # which gets past the CSRF check, and may do all that there is
        headers, content_type = {**headers, **token}, "application/json"
    environ: dict[str, Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}

    answer = client.generic(method, place.replace("{}", id_), body, content_type, query_params=query, **environ)

    assert answer.status_code < 500
    if method != "HEAD":
        said = answer.json()
        assert answer.status_code in (200, 202) or said["status"] == answer.status_code


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_that_no_database_can_hold_is_refused(token: dict[str, str], text: str) -> None:
    """By PostgreSQL alone, or by none; wherever it stands, and before anything is done."""
    body = json.dumps({"documents": [{"id": "1", "text": "# Title\n\nWords."}], "gone": [text]})
    answers = [Client().post("/api/v1/worklist/sync", body, content_type="application/json", headers=token)]
    if "\0" in text:
        answers.append(Client().get("/api/v1/monitoring/tasks", {"text": text}, headers=token))
    for answer in answers:
        assert answer.status_code == 422
        assert "stands in no text" in answer.json()["message"]
    assert not Document.objects.exists()


@pytest.mark.parametrize("status", [404, 500])
def test_no_page_is_made_for_a_program_that_errs(
    client: Client, editor: User, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """A page needs templates and static files, which may be what is wrong."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no page")

    monkeypatch.setattr("django.views.defaults.page_not_found", broken)
    monkeypatch.setattr("django.views.defaults.server_error", broken)
    client.raise_request_exception = False
    if status == 500:
        monkeypatch.setattr("articles.api.progress.who_may_look", broken)
        client.force_login(editor)
    answer = client.get("/api/v1/nothing/here" if status == 404 else "/api/v1/articles/1/progress")
    assert (answer.status_code, answer.json()["status"]) == (status, status)
