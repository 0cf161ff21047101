"""`manage.py person`: people with a role, whose passwords are never printed."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from config.management.commands.person import ROLES

pytestmark = pytest.mark.django_db
PASSWORD = "gooseberry-kettle-41"


@pytest.fixture(autouse=True)
def given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))


def person(*words: str) -> str:
    said = io.StringIO()
    call_command("person", *words, stdout=said)
    return said.getvalue()


@pytest.mark.parametrize("role", ROLES)
def test_a_person_is_added_and_may_log_in(role: str) -> None:
    said = person("add", "ada", "--role", role, "--email", "ada@example.org")
    assert said == "ada may log in.\n"
    ada = authenticate(RequestFactory().post("/admin/login/"), username="ada", password=PASSWORD)
    assert isinstance(ada, User)
    assert (ada.is_staff, ada.is_superuser, ada.email) == (True, False, "ada@example.org")
    assert [group.name for group in ada.groups.all()] == [ROLES[role]]
    assert person("list") == f"ada: {ROLES[role]}\n"


def test_a_superuser_needs_no_group() -> None:
    person("add", "root", "--role", "superuser")
    assert User.objects.get().is_superuser
    assert person("list") == "root: superuser\n"


def test_who_is_there_is_not_added_again() -> None:
    User.objects.create_user("ada")
    with pytest.raises(CommandError, match="already exists"):
        person("add", "ada", "--role", "editor")
    assert person("list") == "ada: no role, may not log in at the desk\n"


def test_a_password_that_anybody_guesses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("password\n"))
    with pytest.raises(CommandError, match="too common"):
        person("add", "ada", "--role", "editor")
    assert not User.objects.exists()


def test_a_role_whose_group_somebody_has_removed_is_said() -> None:
    Group.objects.all().delete()
    with pytest.raises(CommandError, match="no group “Editors”"):
        person("add", "ada", "--role", "editor")
    assert not User.objects.exists()
