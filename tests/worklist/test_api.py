"""The worklist in the API: the same rights, the same refusals, and answers that a program can go on with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from articles.models import Article
from tests.conftest import MANUSCRIPT
from tests.desk import as_
from tests.worklist.conftest import InState, arrive
from worklist import moves
from worklist.models import Document, Source, State

pytestmark = pytest.mark.django_db
AT = "/api/v1/worklist"


def post(user: User, path: str, body: dict[str, Any], status: int = 200) -> Any:
    client = Client(enforce_csrf_checks=False)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(f"{AT}/{path}", body, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def get(user: User, path: str = "", **asked: Any) -> Any:
    answer = as_(user).get(f"{AT}{path}", asked)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_pages_hold_each_document_once(editor: User, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(7):
        arrive(source_id=str(number), title=f"Title {number}")
    client = as_(editor)
    query = {"limit": "3"}
    seen: list[str] = []
    while True:
        with django_assert_max_num_queries(7):
            page = client.get(AT, query).json()
        seen += [document["title"] for document in page["documents"]]
        if page["after"] is None:
            break
        query["after"] = page["after"]
    assert seen == [f"Title {number}" for number in range(7)]
    assert page["count"] == 7


def test_filters(document_in: InState, editor: User) -> None:
    one, two = document_in(source_id="1"), document_in(State.TO_REVIEW, source_id="2")
    moves.assign(two.pk, editor, editor, None)
    Document.objects.filter(pk=one.pk).update(folder="Ports", title="Old", since=timezone.now() - timedelta(days=9))
    asked: list[tuple[dict[str, Any], int]] = [
        ({"status": "to_review"}, two.pk),
        ({"assignee": "ada"}, two.pk),
        ({"folder": "Ports"}, one.pk),
        ({"search": "old"}, one.pk),
        ({"days": 7}, one.pk),
    ]
    for filters, pk in asked:
        assert [found["id"] for found in get(editor, **filters)["documents"]] == [str(pk)], filters


def test_statistics_count_what_waits(document_in: InState, editor: User) -> None:
    document_in(source_id="1")
    late = document_in(State.TO_REVIEW, source_id="2")
    document_in(State.PUBLISHED, source_id="3")
    moves.assign(late.pk, editor, editor, timezone.localdate() - timedelta(days=1))
    Document.objects.filter(pk=late.pk).update(since=timezone.now() - timedelta(days=8))
    found = get(editor, "/statistics")
    assert {each["name"]: each["count"] for each in found["by_status"] if each["count"]} == {
        "to_evaluate": 1, "to_review": 1, "published": 1,
    }  # fmt: skip
    assert {each["name"]: each["count"] for each in found["by_age"]} == {
        "days_0": 2, "days_3": 1, "days_7": 1, "days_30": 0,
    }  # fmt: skip
    assert {each["name"]: each["count"] for each in found["by_person"]} == {"": 1, "ada": 1}
    assert found["overdue"] == 1


def test_a_program_hands_in_and_again_is_once(editor: User, other_editor: User) -> None:
    given = {"id": "cms-7", "text": MANUSCRIPT, "writer": "Ada"}
    wanted = {"documents": [given, {"id": "empty", "text": " "}]}
    assert post(editor, "sync", wanted) | {"skipped": 0} == {"new": 1, "known": 0, "gone": 0, "skipped": 0, "drive": 0}
    again = post(editor, "sync", wanted)
    assert (again["new"], again["known"], list(again["skipped"])) == (0, 1, ["empty"])
    assert post(other_editor, "sync", {"gone": ["cms-7"]})["gone"] == 0, "theirs is another one"
    assert post(editor, "sync", {"gone": ["cms-7"]})["gone"] == 1
    assert post(editor, "sync", {}) == {"new": 0, "known": 0, "gone": 0, "skipped": {}, "drive": 0}
    [source] = [each for each in get(editor, "/sync-status")["sources"] if each["documents"]]
    assert (source["source"], source["documents"], source["gone"]) == ("api", 1, 1)
    assert Document.objects.get(source=Source.API).text.manuscript == MANUSCRIPT


def test_moved_from_the_status_that_was_seen(document_in: InState, editor: User, chief: User) -> None:
    document = document_in(State.TO_REVIEW)
    at = f"{document.pk}/status"
    back = {"status": "to_revise", "from_status": "to_review"}
    assert "Say why" in post(editor, at, back, 422)["message"]
    post(editor, at, {**back, "status": "nowhere"}, 422)
    approve = {"status": "ready_to_publish", "from_status": "to_review", "text_hash": document.text_hash}
    post(editor, at, approve, 403)
    post(chief, at, {**approve, "text_hash": "x"}, 409)
    answer = post(chief, at, approve)
    assert (answer["status"], answer["approved_hash"]) == ("ready_to_publish", document.text_hash)
    assert answer["actions"] == ["to_revise", "publish"]
    assert "has changed since you looked" in post(editor, at, {**back, "why": "So"}, 409)["message"]


def test_published_once(document_in: InState, editor: User) -> None:
    document = document_in(State.READY)
    at, wanted = f"{document.pk}/publish", {"text_hash": document.text_hash, "options": {"tags": ["Ships"]}}
    post(editor, at, {"text_hash": "0" * 64}, 409)
    post(editor, at, {**wanted, "site_id": "999"}, 422)
    first = post(editor, at, wanted, 202)
    assert first["actions"] == []
    assert post(editor, at, wanted)["task_id"] == first["task_id"]
    assert Article.objects.get().pk == int(first["article_id"])
    document.refresh_from_db()
    assert document.task
    assert document.task.asked.tags == ("Ships",)


def test_only_what_is_approved(document_in: InState, chief: User) -> None:
    document = document_in(State.TO_REVIEW)
    said = post(chief, f"{document.pk}/publish", {"text_hash": document.text_hash}, 409)
    assert "ready to publish" in said["message"]


def test_who_has_no_right_to_look_is_refused(document_in: InState, editor: User) -> None:
    document = document_in(State.READY)
    editor.groups.clear()
    for path in ("", "/statistics", "/sync-status"):
        assert as_(editor).get(f"{AT}{path}").status_code == 403
    post(editor, "sync", {"documents": [{"id": "1", "text": MANUSCRIPT}]}, 403)
    post(editor, f"{document.pk}/publish", {"text_hash": document.text_hash}, 403)
    post(editor, f"{document.pk}/status", {"status": "to_revise", "from_status": "ready_to_publish"}, 403)
    assert Document.objects.count() == 1
