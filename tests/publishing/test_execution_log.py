"""The log of a task: a line for whatever happens to it, with its facts, and a sentence made of them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from articles.models import Article
from articles.pipeline import transitions
from articles.providers.errors import Rejected
from publishing import execution_log, publish_tasks
from publishing.models import ExecutionLog, PublishTask, Site
from publishing.options import Options
from tests.conftest import HandIn
from tests.publishing.conftest import Drive, Ready
from tests.publishing.memory_site import MemorySite

BEFORE = [("articles", "0019_published_again"), ("publishing", "0008_film")]


def said(article: Article) -> list[tuple[str, str, str, str]]:
    lines = ExecutionLog.objects.filter(task__article=article)
    return [(line.level, line.step, line.code, execution_log.sentence(line)) for line in lines]


@pytest.mark.django_db
def test_each_step_has_a_line(memory: MemorySite, magazine: Site, ready: Ready, run: Drive) -> None:
    article = run(ready(magazine))

    lines = said(article)
    assert lines[0] == ("info", "initializing", "began", "A worker has begun")
    assert ("info", "logging_in", "step", "Signing in") in lines
    assert lines[-1] == ("info", "completed", "completed", "It is completed")
    assert len({line.day for line in ExecutionLog.objects.all()}) <= 2


@pytest.mark.django_db
def test_a_stop_is_said_in_words_and_what_people_do_about_it(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    memory.fails["rest", "create_draft"] = Rejected(magazine.provider, "declined the post", code="413")
    article = run(ready(magazine))
    task = article.publish_tasks.get()
    publish_tasks.retry(task, editor)
    publish_tasks.cancel(PublishTask.objects.get(), editor)

    codes = [(level, code) for level, _, code, _ in said(article)]
    assert codes[-4:] == [("warning", "waits"), ("error", "stopped"), ("info", "resumed"), ("warning", "cancelled")]
    [stopped] = [sentence for _, _, code, sentence in said(article) if code == "stopped"]
    assert "declined the post" in stopped


@pytest.mark.django_db
def test_every_line_has_a_sentence(hand_in: HandIn) -> None:
    values = {"turned": {"to": "xmlrpc", "reason": "REST is closed"}, "asked": {"by": "ada"}, "step": {"at": "hero"}}
    for code in ExecutionLog.Code:
        line = ExecutionLog(code=code, step="publishing", values=values.get(code, {}))
        assert execution_log.sentence(line), code
    assert execution_log.sentence(ExecutionLog(code="step", step="idle", values={"at": "x"})).endswith(": x")


@pytest.mark.django_db
def test_a_task_ends_with_the_line_that_says_how(memory: MemorySite, magazine: Site, ready: Ready, run: Drive) -> None:
    memory.fails["rest", "create_draft"] = Rejected(magazine.provider, "no", code="413")

    for article in (run(ready(magazine)), run(ready())):
        task = article.publish_tasks.get()
        assert [line.step for line in task.log.all()][-1] == task.status


@pytest.mark.django_db(transaction=True)
def test_tasks_of_before_have_the_lines_that_their_rows_tell() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    apps = executor.loader.project_state(BEFORE).apps
    owner = apps.get_model("auth.User").objects.create(username="ada")
    article = apps.get_model("articles.Article").objects.create(owner=owner, uid="b" * 32, tree_prefix="t", idea="i")
    now = timezone.now()
    turn = {"from": "rest", "to": "xmlrpc", "code": "c", "reason": "r", "at": now.isoformat(timespec="seconds")}
    failed = {"kind": "Rejected", "provider": "wordpress:1", "reason": "no", "code": "413"}
    for fields in (
        {"status": "completed", "completed_at": now, "started_at": now, "turns": [turn, turn]},
        {"status": "failed", "completed_at": now, "cancelled": True},
        {"status": "failed", "completed_at": now, "error": failed},
        {"status": "pending"},
    ):
        apps.get_model("publishing.PublishTask").objects.create(article=article, publisher="rest", **fields)

    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    lines = [[line.code for line in task.log.all()] for task in PublishTask.objects.order_by("pk")]
    assert lines == [
        ["asked", "began", "turned", "turned", "completed"],
        ["asked", "cancelled"],
        ["asked", "stopped"],
        ["asked"],
    ]
    keys = list(ExecutionLog.objects.values_list("task", "at", "code", "step"))
    assert len(set(keys)) == len(keys), "each is told apart by these in a backup"


@pytest.mark.django_db
def test_the_log_of_many_is_one_statement(magazine: Site, ready: Ready, editor: User) -> None:
    articles = [ready(magazine) for _ in range(3)]
    for article in articles:
        publish_tasks._submit(article, magazine, editor, "rest", Options(), had_one=False)

    transitions.cancelled.send(None, articles=[article.pk for article in articles])

    assert ExecutionLog.objects.filter(code="cancelled").count() == 3
