"""The list of publications and the page of one: how far it is, what failed, what the site has kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from articles.models import Article, Stage
from articles.pipeline import transitions
from articles.pipeline.run import Run
from articles.providers.errors import Refused
from config.housekeeping import remove_what_ended
from publishing import execution_log, publish_tasks
from publishing.desk.task_page import task_page
from publishing.execution_log import Code
from publishing.models import PublishTask, Shot, Site
from publishing.options import Options
from tests.desk import as_
from tests.publishing.conftest import Drive, Ready, new_site
from tests.publishing.memory_site import MemorySite

pytestmark = pytest.mark.django_db
LIST = reverse("admin:publishing_publishtask_changelist")
Status = PublishTask.Status


def page(user: User, task: PublishTask) -> str:
    answer = as_(user).get(task.get_absolute_url())
    assert answer.status_code == 200
    return answer.content.decode()


def act(user: User, task: PublishTask, what: str) -> str:
    address = reverse(f"admin:publishing_publishtask_{what}", args=[task.pk])
    assert as_(user).get(address).status_code == 302
    return as_(user).post(address, follow=True).content.decode()


def test_a_completed_one_says_what_the_site_kept(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    article = run(ready(magazine))
    options = Options(publish_immediately=True, tags=("Freight",), focus_keyword="tariffs")
    publish_tasks.submit(article, magazine, editor, options=options)
    run(article)
    task = article.publish_tasks.first()
    assert task
    said = page(editor, task)
    assert "Completed" in said
    assert "https://site/?p=1" in said
    assert "tags" in said
    assert "focus keyword “tariffs” (no plugin there keeps it)" in said
    assert [step.kind for step in task_page(task).steps] == ["done"] * 5


def test_a_stopped_one_says_why_and_goes_on(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    memory.fails["rest", "check"] = Refused(
        magazine.provider, "the site has locked the user out", mend="wait a while", code="locked_out"
    )
    article = run(ready(magazine))
    task = article.publish_tasks.get()
    said = page(editor, task)
    assert "the site has locked the user out" in said
    assert "wait a while" in said
    assert "press Recover" in said
    assert ">Recover</button>" in said, "the advice names the button that is there"
    assert [step.kind for step in task_page(task).steps] == ["failed", "todo", "todo"]
    memory.fails.clear()
    assert "goes on." in act(editor, task, "retry")
    article = run(article)
    assert article.status == Article.Status.DONE
    assert "has not stopped" in act(editor, task, "retry")


def test_one_is_cancelled(memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User) -> None:
    article = run(ready(magazine))
    task, _ = publish_tasks.submit(article, magazine, editor)
    assert "what is on the site stays" in act(editor, task, "cancel")
    assert "Cancelled" in page(editor, task)
    assert "has ended already" in act(editor, task, "cancel") or "by now" in act(editor, task, "cancel")


def test_one_that_stopped_may_be_left_as_it_was(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    """Where the article was finished before it was to go to another site, too."""
    article = run(ready(magazine))
    other = new_site("https://other.example.org", name="Other")
    memory.fails["rest", "check"] = Refused(other.provider, "it may not", code="rights")
    task, _ = publish_tasks.submit(article, other, editor)
    run(article)
    task.refresh_from_db()
    assert "Leave it as it was" in page(editor, task)
    act(editor, task, "cancel")
    article.refresh_from_db()
    assert (article.status, article.site) == (Article.Status.DONE, magazine)
    task.refresh_from_db()
    assert publish_tasks.actions(task) == []


def test_why_another_way_was_begun(memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User) -> None:
    memory.fails["rest", "check"] = Refused(magazine.provider, "a firewall turned us away", code="firewall")
    task = run(ready(magazine)).publish_tasks.get()
    assert "By XML-RPC, because REST API: a firewall turned us away" in page(editor, task)


STEPS: list[tuple[dict[str, Any], list[str]]] = [
    ({"status": Status.IDLE}, ["todo", "todo", "todo"]),
    ({"status": Status.LOGGING_IN, "total_steps": 5}, ["running", "todo", "todo"]),
    ({"status": Status.UPLOADING_IMAGES, "total_steps": 5, "completed_steps": 2}, ["done", "running", "todo"]),
    ({"status": Status.CREATING_POST, "total_steps": 5, "completed_steps": 3}, ["done", "done", "running"]),
    ({"status": Status.COMPLETED, "total_steps": 5, "completed_steps": 5}, ["done", "done", "done"]),
]


@pytest.mark.parametrize(("fields", "kinds"), STEPS)
def test_steps_say_how_far_it_is(magazine: Site, ready: Ready, fields: dict[str, Any], kinds: list[str]) -> None:
    task = PublishTask(article=ready(magazine), site=magazine, publisher="rest", **fields)
    steps = task_page(task).steps
    assert [step.kind for step in steps] == kinds
    if task.completed_steps == 2:
        assert steps[1].number == "1 of 2"


def test_the_moving_parts_alone(memory: MemorySite, magazine: Site, ready: Ready, editor: User) -> None:
    task, _ = publish_tasks.submit(ready(magazine), magazine, editor)
    address = reverse("admin:publishing_publishtask_progress", args=[task.pk])
    said = as_(editor).get(address).content.decode()
    assert 'data-moving="yes"' in said
    assert "<html" not in said


def test_the_list_is_filtered_searched_and_costs_the_same(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    counts = []
    for number in range(2):
        run(ready(magazine, title=f"Harbour {number}"))
        with CaptureQueriesContext(connection) as queries:
            said = as_(editor).get(LIST).content.decode()
        counts.append(len(queries))
        assert f"Harbour {number}" in said
    assert counts[0] == counts[1]
    assert "Harbour" in as_(editor).get(f"{LIST}?state=completed&q=harbour").content.decode()
    assert "Harbour" not in as_(editor).get(f"{LIST}?state=open").content.decode()
    assert "Harbour" in as_(editor).get(f"{LIST}?q={editor.username}").content.decode()
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    assert "Harbour" in as_(editor).get(LIST, {"created_at__gte": yesterday}).content.decode()
    assert "Harbour" not in as_(editor).get(LIST, {"created_at__lt": yesterday}).content.decode()
    newest = Article.objects.get(title="Harbour 1")
    of_article = f"{LIST}?article={newest.pk}"
    assert of_article in as_(editor).get(newest.get_absolute_url()).content.decode()
    said = as_(editor).get(of_article).content.decode()
    assert "Harbour 1" in said
    assert "Harbour 0" not in said


def test_another_persons_is_as_if_it_did_not_exist(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, other_editor: User, chief: User
) -> None:
    task = run(ready(magazine)).publish_tasks.get()
    assert as_(other_editor).get(task.get_absolute_url()).status_code == 404
    assert as_(other_editor).post(reverse("admin:publishing_publishtask_retry", args=[task.pk])).status_code == 404
    assert "Tariffs" not in as_(other_editor).get(LIST).content.decode()
    assert "Tariffs" in as_(chief).get(LIST).content.decode()
    assert [as_(chief).get(f"{LIST}{wrong}/change/").status_code for wrong in ("abc", "9" * 30)] == [404, 400]


def test_a_record_goes_with_its_article_and_not_alone(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, chief: User
) -> None:
    article = run(ready(magazine))
    task = article.publish_tasks.get()
    alone = as_(chief).post(reverse("admin:publishing_publishtask_delete", args=[task.pk]), {"post": "yes"})
    assert alone.status_code == 403
    as_(chief).post(reverse("admin:articles_article_delete", args=[article.pk]), {"post": "yes"})
    assert not PublishTask.objects.exists()
    assert not Article.objects.exists()


# The film


def filmed(article: Article, site: Site) -> PublishTask:
    """A task of which a browser has shown two steps."""
    claimed = transitions.claim(article.pk)
    assert claimed
    working = Run(claimed)
    working.lease.stage = Stage.UPLOAD
    task = publish_tasks.begin(working)
    for step in ("signed_in", "failed"):
        publish_tasks.film(working, task, step, b"\xff\xd8" + step.encode())
    publish_tasks.film(working, task, "draft", b"x" * (Shot.MOST_BYTES + 1))
    return task


def test_the_film_shows_where_it_stopped_first(magazine: Site, ready: Ready, editor: User) -> None:
    task = filmed(ready(magazine), magazine)
    said = page(editor, task)
    assert said.index("Where it stopped") < said.index("Signed in, ")
    answer = as_(editor).get(reverse("admin:publishing_publishtask_shot", args=[task.pk, task.film.earliest("pk").pk]))
    assert (answer["Content-Type"], answer.content) == ("image/jpeg", b"\xff\xd8signed_in")


def test_the_log_says_what_happened_the_newest_first(magazine: Site, ready: Ready, editor: User) -> None:
    task = filmed(ready(magazine), magazine)
    execution_log.write([task.pk], Code.TURNED, task.status, {"to": "xmlrpc", "reason": "<it> is closed"})
    said = page(editor, task)
    newest = said.index("Goes on by XML-RPC, because &lt;it&gt; is closed</strong>")
    assert newest < said.index("A worker has begun")


def test_the_film_has_the_rights_of_the_article(magazine: Site, ready: Ready, other_editor: User, chief: User) -> None:
    task = filmed(ready(magazine), magazine)
    address = reverse("admin:publishing_publishtask_shot", args=[task.pk, task.film.earliest("pk").pk])
    assert as_(other_editor).get(address).status_code == 404
    assert as_(chief).get(address).status_code == 200
    assert as_(chief).get(reverse("admin:publishing_publishtask_shot", args=[task.pk, 999_999])).status_code == 404


@pytest.mark.parametrize(("status", "days"), [(Status.COMPLETED, 14), (Status.FAILED, 60)])
def test_the_film_goes_after_some_days(magazine: Site, ready: Ready, status: str, days: int) -> None:
    task = filmed(ready(magazine), magazine)
    PublishTask.objects.filter(pk=task.pk).update(status=status, cancelled=True)
    now = timezone.now()
    Shot.objects.update(at=now - timedelta(days=days, minutes=-1))
    remove_what_ended(now)
    assert task.film.count() == 2
    Shot.objects.update(at=now - timedelta(days=days, minutes=1))
    remove_what_ended(now)
    assert task.film.count() == 0
