"""`/api/v1/publish`: submitted, watched, listed, tried again, stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from articles.models import Article
from articles.providers.errors import Refused
from config.housekeeping import remove_what_ended
from publishing import publish_tasks
from publishing.models import PublishTask, Site, SubmitKey
from tests.config.test_tokens import with_token_of as headers_of
from tests.desk import as_
from tests.publishing.conftest import Drive, Ready
from tests.publishing.memory_site import MemorySite

pytestmark = pytest.mark.django_db
PUBLISH = "/api/v1/publish"


def with_token_of(user: User) -> Client:
    """A program that sends this person's token."""
    return Client(headers=headers_of(user))


def submit(who: Client, article: Article, key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return who.post(
        f"{PUBLISH}/submit/{article.pk}", json.dumps(body), content_type="application/json", headers=headers
    )


def status(who: Client, task: str) -> dict[str, Any]:
    answer = who.get(f"{PUBLISH}/tasks/{task}/status")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_finished_article_is_submitted_watched_and_done(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    article = run(ready(magazine))
    program = with_token_of(editor)
    answer = submit(program, article, provider="rest", options={"publish_immediately": True, "tags": ["Freight"]})
    assert answer.status_code == 202, answer.content
    said = json.loads(answer.content)
    assert answer["Location"] == f"{PUBLISH}/tasks/{said['task_id']}/status"
    before = status(program, said["task_id"])
    assert (before["status"], before["progress"], before["actions"]) == ("pending", 0, ["cancel"])
    run(article)
    after = status(program, said["task_id"])
    assert (after["status"], after["progress"], after["way"], after["provider"]) == ("completed", 100, "rest", "rest")
    assert after["link"] == "https://site/?p=1"
    assert after["duration"] is not None
    assert {(each["field"], each["state"]) for each in after["kept"]} >= {("tags", "kept"), ("status", "kept")}


def test_asking_twice_is_asking_once(magazine: Site, ready: Ready, editor: User) -> None:
    article, program = ready(magazine), with_token_of(editor)
    first = submit(program, article, "k-1", provider="rest")
    assert submit(program, article, "k-1", provider="rest").status_code == 200
    assert submit(program, article, provider="rest").status_code == 200, "one is open"
    assert article.publish_tasks.count() == 1
    other = submit(program, article, "k-1", provider="xmlrpc")
    assert other.status_code == 422
    assert "new key" in json.loads(other.content)["message"]
    assert json.loads(first.content)["task_id"] == str(article.publish_tasks.get().pk)


def test_a_key_counts_for_a_day_and_for_one_person(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User, chief: User
) -> None:
    article = ready(magazine)
    submit(with_token_of(editor), article, "k-1", provider="rest")
    run(article)
    assert submit(with_token_of(editor), article, "k-1", provider="rest").status_code == 200
    assert submit(with_token_of(chief), article, "k-1", provider="rest").status_code == 202, "hers is another key"
    run(article)
    SubmitKey.objects.update(at=timezone.now() - timedelta(days=1, minutes=1))
    assert submit(with_token_of(editor), article, "k-1", provider="rest").status_code == 202
    SubmitKey.objects.update(at=timezone.now() - timedelta(days=1, minutes=1))
    remove_what_ended(timezone.now())
    assert not SubmitKey.objects.exists()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"provider": "pigeon"}, "provider"),
        ({"options": {"publish": True}}, "publish"),
        ({"options": {"tags": [""]}}, "tags"),
        ({"options": {"tags": ["x"] * 21}}, "tags"),
        ({"options": {"slug": "No Slug"}}, "slug"),
        ({"options": {"publish_at": "soon"}}, "publish_at"),
        ({"options": {"publish_at": "2027-01-01T10:00:00"}}, "publish_at"),
        ({"options": {"publish_immediately": "yes"}}, "publish_immediately"),
        ({"site_id": "999999"}, "no such site"),
        ({"site_id": "x"}, "site_id"),
    ],
)
def test_what_makes_no_sense_is_refused(
    magazine: Site, ready: Ready, editor: User, body: dict[str, Any], named: str
) -> None:
    article = ready(magazine)
    answer = submit(with_token_of(editor), article, **body)
    assert answer.status_code == 422, answer.content
    assert named in json.loads(answer.content)["message"]
    assert not article.publish_tasks.exists()


def test_an_article_for_no_site_must_be_told_one(magazine: Site, ready: Ready, editor: User) -> None:
    article = ready()
    assert submit(with_token_of(editor), article, provider="rest").status_code == 422
    assert submit(with_token_of(editor), article, provider="rest", site_id=str(magazine.pk)).status_code == 202
    article.refresh_from_db()
    assert article.site == magazine


# The list


def test_the_list_goes_on_where_a_page_ended(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    tasks = [run(ready(magazine, title=f"Number {n}")).publish_tasks.get() for n in range(5)]
    program = with_token_of(editor)
    first = program.get(f"{PUBLISH}/tasks?limit=2").json()
    assert [task["id"] for task in first["tasks"]] == [str(tasks[4].pk), str(tasks[3].pk)]
    assert (first["count"], first["more"]) == (5, False)
    ready_now = PublishTask.objects.create(article=tasks[0].article, site=None, publisher="preview")
    second = program.get(f"{PUBLISH}/tasks?limit=2&after={first['after']}").json()
    assert [task["id"] for task in second["tasks"]] == [str(tasks[2].pk), str(tasks[1].pk)]
    third = program.get(f"{PUBLISH}/tasks?limit=2&after={second['after']}").json()
    assert ([task["id"] for task in third["tasks"]], third["after"]) == ([str(tasks[0].pk)], None)
    found = program.get(f"{PUBLISH}/tasks?status=idle&provider=preview").json()
    assert [task["id"] for task in found["tasks"]] == [str(ready_now.pk)]


def test_a_longer_list_needs_no_more_queries(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    who, counts = as_(editor), []
    for _ in range(2):
        run(ready(magazine))
        Article.objects.update(title="")  # it is called by the first words of its manuscript then
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert who.get(f"{PUBLISH}/tasks").status_code == 200
        counts.append(len(queries))
        run(ready(magazine))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=-1", "offset=-1", "after=0", "after=x", "what=1"])
def test_a_question_out_of_bounds_is_refused(editor: User, query: str) -> None:
    assert as_(editor).get(f"{PUBLISH}/tasks?{query}").status_code == 422


# Tried again, and stopped


def test_a_failed_one_is_tried_again(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    memory.fails["rest", "check"] = Refused(magazine.provider, "it may not", code="rights")
    article, program = run(ready(magazine)), with_token_of(editor)
    task = article.publish_tasks.get()
    said = status(program, str(task.pk))
    assert (said["status"], said["actions"]) == ("failed", ["retry"])
    assert "it may not" in said["error_message"]
    memory.fails.clear()
    answer = program.post(f"{PUBLISH}/tasks/{task.pk}/retry")
    assert answer.status_code == 202, answer.content
    assert (answer.json()["status"], answer.json()["retry_count"]) == ("pending", 1)
    assert program.post(f"{PUBLISH}/tasks/{task.pk}/retry").status_code == 409
    run(article)
    assert status(program, str(task.pk))["status"] == "completed"
    assert program.post(f"{PUBLISH}/tasks/{task.pk}/cancel").status_code == 409


def test_one_is_cancelled(memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User) -> None:
    article, program = run(ready(magazine)), with_token_of(editor)
    task = json.loads(submit(program, article, provider="rest").content)["task_id"]
    answer = program.post(f"{PUBLISH}/tasks/{task}/cancel")
    assert (answer.status_code, answer.json()["status"], answer.json()["actions"]) == (202, "failed", [])
    article.refresh_from_db()
    assert article.status == Article.Status.DONE


# Who


def test_another_persons_tasks_are_as_if_they_did_not_exist(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, other_editor: User, chief: User
) -> None:
    article = run(ready(magazine))
    task = article.publish_tasks.get()
    stranger = with_token_of(other_editor)
    assert submit(stranger, article, provider="rest").status_code == 404
    assert stranger.get(f"{PUBLISH}/tasks").json()["tasks"] == []
    for method, path in (("get", "status"), ("post", "retry"), ("post", "cancel")):
        assert getattr(stranger, method)(f"{PUBLISH}/tasks/{task.pk}/{path}").status_code == 404
    assert len(with_token_of(chief).get(f"{PUBLISH}/tasks").json()["tasks"]) == 1


@pytest.mark.parametrize("right", ["add_publishtask", "change_publishtask", "view_publishtask"])
def test_each_right_is_needed(magazine: Site, ready: Ready, editor: User, right: str) -> None:
    article = ready(magazine)
    task, _ = publish_tasks.submit(article, magazine, editor)
    for group in editor.groups.all():
        group.permissions.remove(Permission.objects.get(codename=right))
    program = with_token_of(editor)
    answers: dict[str, Callable[[], Any]] = {
        "add_publishtask": lambda: submit(program, article, provider="rest"),
        "change_publishtask": lambda: program.post(f"{PUBLISH}/tasks/{task.pk}/cancel"),
        "view_publishtask": lambda: program.get(f"{PUBLISH}/tasks"),
    }
    expected = 200 if right == "view_publishtask" else 403  # whoever may change them may see them
    assert answers[right]().status_code == expected
