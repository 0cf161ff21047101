"""The menu of the desk: a line for each day, the rest below one word, and nothing that somebody may not look at."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

DAILY = ["Start", "Articles", "Batches", "Publications", "Worklist", "Insights"]


def menu(user: User, address: str = "/admin/") -> tuple[list[str], list[str]]:
    """Its words before *More*, and those below it."""
    client = Client()
    client.force_login(user)
    [shown] = re.findall(r'<nav class="sections".*?</nav>', client.get(address).content.decode(), re.DOTALL)
    daily, _, further = shown.partition("<details")
    return _links(daily), _links(further)


def _links(html: str) -> list[str]:
    return [name.strip().lower() for name in re.findall(r"<a [^>]*>(.*?)</a>", html)]


def test_what_is_there_for_each_day_stands_before_the_rest(chief: User) -> None:
    daily, further = menu(chief)
    assert daily == [name.lower() for name in DAILY]
    assert {"sites", "backups", "changes", "machines", "limits"} <= set(further)
    assert not set(daily) & set(further)


def test_an_editor_sees_what_is_hers(editor: User) -> None:
    daily, further = menu(editor)
    assert daily == [name.lower() for name in DAILY]
    assert not {"backups", "changes", "machines"} & set(further)


@pytest.mark.django_db
def test_who_may_look_at_nothing_has_tokens_alone() -> None:
    assert menu(User.objects.create_user("new", is_staff=True)) == (["start"], ["api tokens"])
