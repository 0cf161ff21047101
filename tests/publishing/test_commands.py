"""`manage.py publish` and `publish_tasks`."""

from __future__ import annotations

import json
import time
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from articles.models import Article
from articles.providers.errors import Refused
from publishing.models import PublishTask, Site
from tests.publishing.conftest import Drive, Ready
from tests.publishing.memory_site import MemorySite

pytestmark = pytest.mark.django_db


def said(*words: Any, **options: Any) -> str:
    out = StringIO()
    call_command(*map(str, words), stdout=out, **options)
    return out.getvalue()


def test_it_is_asked_for_and_listed(memory: MemorySite, magazine: Site, ready: Ready, run: Drive) -> None:
    article = run(ready(magazine))
    asked = json.loads(said("publish", article.pk, "--now", "--tags", "A, B", "--json"))
    assert (asked["status"], asked["site"], asked["error"]) == ("pending", "Magazine", None)
    task = PublishTask.objects.get(pk=asked["task"])
    assert (task.asked.publish_immediately, task.asked.tags, task.asked_by) == (True, ("A", "B"), None)
    listed = [json.loads(line) for line in said("publish_tasks", "--json").splitlines()]
    assert [line["task"] for line in listed] == [task.pk, task.pk - 1]
    assert "completed, 100 %" in said("publish_tasks", "--status", "completed")


@pytest.mark.parametrize("fails", [False, True])
def test_it_waits_to_the_end(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    article = ready(magazine)
    if fails:
        memory.fails["rest", "check"] = Refused(magazine.provider, "it may not be done", code="rights")
    monkeypatch.setattr(time, "sleep", lambda _: run(article))
    if fails:
        out = StringIO()
        with pytest.raises(SystemExit) as caught:
            call_command("publish", str(article.pk), "--wait", stdout=out)
        assert caught.value.code == 1
        assert "it may not be done" in out.getvalue()
    else:
        assert "completed. https://site/?p=1" in said("publish", article.pk, "--wait")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["999999"], "There is no article"),
        (["{article}", "--site", "Nowhere"], "There is no site"),
        (["{article}", "--at", "soon"], "is no time"),
        (["{article}", "--by", "rest"], "for no site"),
    ],
)
def test_what_cannot_be_is_said(ready: Ready, words: list[str], why: str) -> None:
    article = ready()
    with pytest.raises(CommandError, match=why):
        said("publish", *(word.format(article=article.pk) for word in words))
    assert not Article.objects.get(pk=article.pk).publish_tasks.exists()
