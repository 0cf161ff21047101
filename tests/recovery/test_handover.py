"""A stopped article given to a colleague: who may have it, where it waits, what is mailed, when it is over."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from articles.models import Article, Preferences
from articles.pipeline import transitions
from recovery.handover.deeds import colleagues, given_to
from recovery.mail.outbox import deliver
from recovery.models import Handover, Mail, Stop
from tests.conftest import HandIn
from tests.desk import START, as_, move, page_of, stop, text
from tests.services.smtp import MailServer

Work = Callable[[Article], Article]
NOTE = 'The site refuses us. <b>Its password</b> is new, "I think".'


@pytest.fixture
def stopped(hand_in: HandIn, editor: User, chief: User) -> Article:
    for user in (editor, chief):
        user.email = f"{user.username}@example.org"
        user.save()
    return stop(hand_in())


def give(client: Client, article: Article, to: User, note: str = NOTE) -> str:
    return text(client.post(page_of(article, "give"), {"to": to.pk, "note": note}, follow=True))


def test_it_waits_for_the_colleague_with_the_note_and_is_on_the_timeline(
    stopped: Article, editor: User, chief: User
) -> None:
    client = as_(editor)
    assert "Give to a colleague" in text(client.get(page_of(stopped)))

    page = give(client, stopped, chief)

    assert "Chief has it now, and sees it on the start page." in page
    assert f"Given to {chief.username}" in page
    assert f"{editor.username} gave it to {chief.username}" in page
    waits = as_(chief).get(START)
    assert f"{editor.username} gave you Home batteries" in text(waits)
    assert "“ The site refuses us. &lt;b&gt;Its password&lt;/b&gt; is new" in text(waits)
    assert "gave you" not in text(client.get(START))


def test_only_those_who_may_work_on_it_are_offered_and_taken(
    stopped: Article, editor: User, other_editor: User, chief: User
) -> None:
    chief.groups.add(Group.objects.get(name="Editors"))
    away = User.objects.create_user("away", is_active=False, is_staff=True, is_superuser=True)
    reader = User.objects.create_user("reader", is_staff=True)

    assert colleagues(stopped, editor) == [chief]
    assert colleagues(stopped, chief) == [editor]
    for user in (other_editor, away, reader, editor):
        give(as_(editor), stopped, user)
    assert not Handover.objects.exists()


def test_the_doors_ask_who_it_is(stopped: Article, editor: User, other_editor: User, chief: User) -> None:
    client = as_(other_editor)
    assert client.post(page_of(stopped, "give"), {"to": chief.pk}).status_code == 404
    give(as_(editor), stopped, chief)
    assert client.post(page_of(stopped, "take_back")).status_code == 404
    assert Client().post(page_of(stopped, "take_back"))["Location"].startswith("/admin/login/")
    assert Handover.objects.get().to == chief


def test_it_is_given_on_given_back_and_taken_back(
    stopped: Article, editor: User, chief: User, admin_user: User
) -> None:
    give(as_(editor), stopped, chief)
    give(as_(chief), stopped, admin_user, "")
    assert not given_to(chief)
    assert [handover.giver for handover in given_to(admin_user)] == [chief]

    as_(admin_user).post(page_of(stopped, "take_back"))
    assert not Handover.objects.exists()
    give(as_(editor), stopped, chief)
    assert "It is taken back." in text(as_(editor).post(page_of(stopped, "take_back"), follow=True))
    assert "Nobody has it." in text(as_(editor).post(page_of(stopped, "take_back"), follow=True))
    said = [event.message for event in stopped.events.filter(kind="given").order_by("pk")]
    assert [line.split(" ")[1] for line in said] == ["gave", "gave", "took", "gave", "took"]


def test_what_is_not_stopped_is_not_given(stopped: Article, editor: User, chief: User) -> None:
    move(stopped)

    assert "It is not stopped any more." in give(as_(editor), stopped, chief)
    assert not Handover.objects.exists()


def test_it_is_over_when_it_is_finished(hand_in: HandIn, editor: User, chief: User, run: Work) -> None:
    article = hand_in()
    Handover.objects.create(article=article, to=chief, giver=editor, at=timezone.now())

    assert run(article).status == Article.Status.DONE

    assert not Handover.objects.exists()


def test_it_is_over_when_it_is_cancelled(stopped: Article, editor: User, chief: User) -> None:
    give(as_(editor), stopped, chief)

    transitions.cancel(stopped, editor)

    assert not Handover.objects.exists()


def test_it_waits_for_nobody_while_it_goes_on_or_who_may_touch_it_no_more(
    stopped: Article, editor: User, chief: User
) -> None:
    give(as_(editor), stopped, chief)
    chief.groups.clear()
    assert not given_to(User.objects.get(pk=chief.pk))
    chief.groups.add(Group.objects.get(name="Chief editors"))
    assert given_to(User.objects.get(pk=chief.pk))
    move(stopped)
    assert not given_to(User.objects.get(pk=chief.pk))


# Mail


def test_the_colleague_gets_a_mail_with_the_note(
    server: MailServer, stopped: Article, editor: User, chief: User
) -> None:
    give(as_(editor), stopped, chief)

    deliver()

    [letter] = server.received
    assert letter.subject == f'{editor.username} gave you "Home batteries" – WordPress refused the login'
    assert "Its password" in letter.text
    assert "&lt;b&gt;Its password&lt;/b&gt;" in letter.html
    assert "brings no mail of its own" not in letter.text
    [link] = re.findall(r"^https?://[^/]+(/recover/\S+)$", letter.text, re.MULTILINE)
    assert f"ids={stopped.pk}" in as_(chief).get(link)["Location"]


@pytest.mark.parametrize("wish", ["daily", "never"])
def test_the_wish_of_the_colleague_counts(
    wish: str, server: MailServer, stopped: Article, editor: User, chief: User
) -> None:
    Preferences.objects.create(user=chief, stop_mail=wish)
    give(as_(editor), stopped, chief)

    deliver()

    assert len(server.received) == (1 if wish == "daily" else 0)


def test_what_was_taken_back_before_it_was_sent_is_not_mailed(
    server: MailServer, stopped: Article, editor: User, chief: User
) -> None:
    give(as_(editor), stopped, chief)
    as_(editor).post(page_of(stopped, "take_back"))

    deliver()

    assert not server.received
    assert not Mail.objects.filter(state="open").exists()


@pytest.mark.parametrize("taken", [{"is_active": False}, {"is_staff": False}, {}])
def test_who_may_touch_it_no_more_is_mailed_nothing(
    taken: dict[str, bool], server: MailServer, stopped: Article, editor: User, chief: User
) -> None:
    give(as_(editor), stopped, chief)
    User.objects.filter(pk=chief.pk).update(**taken) if taken else chief.groups.clear()

    deliver()

    assert not server.received
    assert not Mail.objects.filter(state="open").exists()


def test_the_mail_about_the_stop_itself_comes_besides(
    server: MailServer, stopped: Article, editor: User, chief: User
) -> None:
    a_minute_ago = timezone.now() - timedelta(minutes=1)
    when = {"attempt": stopped.attempt, "cause": stopped.cause, "stopped_at": a_minute_ago}
    Stop.objects.create(article=stopped, recipient=editor, **when)
    give(as_(editor), stopped, chief)
    give(as_(chief), stopped, editor)

    deliver()

    assert sorted(letter.subject.split(" ")[0] for letter in server.received) == ["Stopped:", chief.username]
