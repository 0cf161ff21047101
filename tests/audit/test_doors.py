"""Every door says who comes: a form of the desk, a program with its token, a command, a worker."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django_q.models import Schedule

import manage
from audit.acting import THE_DESK, Actor, Door, acting, actor
from audit.models import Change
from config.models import Token
from publishing.models import Site
from tests.conftest import HandIn
from tests.desk import as_
from tests.publishing.conftest import new_site
from tests.worklist.conftest import InState
from tests.worklist.conftest import document_in as document_in
from worklist import moves
from worklist.models import State

pytestmark = pytest.mark.django_db
SETTINGS = "/api/v1/settings"
PASSWORD = "a-new-p4ssword-9c1e"
APPLICATION_PASSWORD = "abcd efgh ijkl mnop 7f2a"


def told(**which: object) -> list[tuple[str, ...]]:
    rows = Change.objects.filter(**which).order_by("pk")
    return [(each.door, each.who, each.through, each.deed, each.field, each.before, each.after) for each in rows]


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", password="x")


def test_a_form_of_the_desk(root: User, editor: User) -> None:
    """A person, their groups and their password."""
    group = Group.objects.get(name="Chief editors")
    fields = {"username": "ada", "is_active": "on", "is_staff": "on", "first_name": "Ada", "groups": [group.pk]}
    page = f"/admin/auth/user/{editor.pk}/change/"
    when = {"date_joined_0": "2026-01-01", "date_joined_1": "10:00:00", "email": editor.email}
    assert as_(root).post(page, fields | when).status_code == 302

    by = ("person", "root", "")
    assert sorted(told(model="auth.User", who="root", name="ada")) == sorted(
        [
            (*by, "changed", "first_name", "", "Ada"),
            (*by, "removed", "groups", "Editors", ""),
            (*by, "added", "groups", "", "Chief editors"),
        ]
    )

    said = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert as_(root).post(f"/admin/auth/user/{editor.pk}/password/", said).status_code == 302
    assert told(model="auth.User", field="password", who="root") == [(*by, "changed", "password", "", "")]


def test_a_schedule_in_the_desk(root: User) -> None:
    schedule = Schedule.objects.get(name="Galley: sum up what works")
    fields = {"schedule_type": "I", "minutes": "7", "repeats": "-1", "cron": ""}
    when = schedule.next_run
    at = {"next_run_0": f"{when:%Y-%m-%d}", "next_run_1": f"{when:%H:%M:%S}"}
    assert as_(root).post(f"/admin/django_q/schedule/{schedule.pk}/change/", fields | at).status_code == 302
    assert ("person", "root", "", "changed", "minutes", "5", "7") in told(model="django_q.Schedule")


def test_a_program_with_its_token(chief: User) -> None:
    token = Token(user=chief, name="nightly")
    secret = token.make_secret()
    token.save()
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    version = {"If-Match": program.get(SETTINGS).headers["ETag"]}
    limits = {"cost_limits": {"day": "25.00"}}
    answer = program.put(SETTINGS, limits, content_type="application/json", headers=version)
    assert answer.status_code == 200, answer.content
    made = told(model="articles.DeskSettings", field="limit_day")
    assert [(door, who, through) for door, who, through, *_ in made] == [("program", "chief", "nightly")]
    assert secret not in repr(list(Change.objects.values_list()))
    assert token.sha256 not in repr(list(Change.objects.values_list()))


def test_whoever_is_not_known_is_the_desk(client: Client) -> None:
    assert client.get("/admin/login/").status_code == 200
    assert actor() == THE_DESK


def test_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whose user of the system is the one to ask."""
    group = Group.objects.create(name="Guests")

    def run(words: list[str]) -> None:
        assert words == ["manage.py", "site"]
        Group.objects.filter(pk=group.pk).update(name="Visitors")

    monkeypatch.setattr("django.core.management.execute_from_command_line", run)
    monkeypatch.setattr("getpass.getuser", lambda: "operator")
    with acting(lambda: THE_DESK):  # which a command would never leave
        manage.main(["manage.py", "site"])
    by = ("command", "operator", "site")
    assert told(model="auth.Group", field="name") == [(*by, "changed", "name", "Guests", "Visitors")]


def test_a_worker_is_the_desk() -> None:
    from config.supervision import worker

    seen: list[Actor] = []
    with (
        acting(lambda: Actor(Door.COMMAND, "operator", "worker")),
        mock.patch.multiple(worker, stop_when_asked=mock.DEFAULT, cut_computing_short=mock.DEFAULT),
        mock.patch.object(worker, "worker", side_effect=lambda *_: seen.append(actor())),
    ):
        worker.work()
    assert seen == [THE_DESK]


def test_what_a_person_does_with_an_article_and_not_what_its_run_does(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    assert not told(model="articles.Article")
    assert as_(editor).post(f"/admin/articles/article/{article.pk}/cancel/").status_code == 302
    assert told(model="articles.Article") == [
        ("person", "ada", "", "changed", "status", "queued", "cancelled"),
    ]


def test_no_secret_of_a_site_is_ever_kept() -> None:
    site: Site = new_site("https://m.example.org")
    site.secret = site.web_secret = APPLICATION_PASSWORD
    site.save()
    site.delete()
    everything = repr(list(Change.objects.values_list()))
    assert APPLICATION_PASSWORD not in everything
    assert site.encrypted_secret not in everything
    assert ("changed", "encrypted_secret") in [row[3:5] for row in told(model="publishing.Site")]


def test_why_a_document_is_sent_back_and_why_it_is_let_go(document_in: InState, chief: User) -> None:
    document = document_in(State.TO_REVIEW)
    with acting(lambda: Actor(Door.PERSON, "chief")):
        moves.move_on(document.pk, State.TO_REVISE, chief, seen=State.TO_REVIEW, why="The dates are wrong.")
        moves.let_go(document.pk, chief, why="It is old.")
        moves.keep(document.pk, chief)
    rows = Change.objects.filter(model="worklist.Document", who="chief").order_by("pk")
    assert [(each.field, each.before, each.after, each.why) for each in rows if each.field == "state"] == [
        ("state", "to_review", "to_revise", "The dates are wrong.")
    ]
    assert [each.why for each in rows if each.field == "let_go_at"] == ["It is old.", ""]
