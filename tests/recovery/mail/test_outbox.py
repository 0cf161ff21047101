"""People are told of what stopped: each failure, once, through a real mail server, whatever happens to it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from queue import Queue
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from articles.models import Article, Call, Preferences
from articles.pipeline import transitions
from articles.pipeline.sweep import MAX_CRASHES, sweep
from articles.providers.errors import IT, Busy
from recovery import tasks
from recovery.mail import collect as mail_collect
from recovery.mail import letters, outbox, smtp
from recovery.mail.collect import collect_for
from recovery.mail.delivery import send_due
from recovery.models import Mail, Stop
from tests.conftest import HandIn
from tests.doubles.server import Doubles
from tests.journeys.installation import ROOT, Installation
from tests.recovery.conftest import Stops, declined, half_a_minute_ago, later, stop_again
from tests.services import postgres
from tests.services.process import wait_until
from tests.services.smtp import MailServer, Received

PATIENCE = 120  # seconds, for a command on a busy machine
NEVER_SAID = re.compile(r"\b(task|worker|exception|null|none|uuid|stack trace)\b", re.IGNORECASE)


def _wants(user: User, stop_mail: str) -> None:
    Preferences.objects.update_or_create(user=user, defaults={"stop_mail": stop_mail})


def _links(mail: Received) -> list[str]:
    return re.findall(r"^http\S+/recover/\S+$", mail.text, re.MULTILINE)


# One mail


def test_it_waits_half_a_minute_and_counts_all_that_stop_for_one_cause(server: MailServer, stop: Stops) -> None:
    for second in (0, 5, 29):
        with _at(2026, 5, 4, 9, 0, second):
            stop(f"Article {second}", just_now=True)
            outbox.deliver()
    assert server.received == []
    assert not Mail.objects.exists()

    with _at(2026, 5, 4, 9, 0, 30):
        outbox.deliver()
    [mail] = server.received
    assert mail.to == ["ada@example.org"]
    assert mail.subject == "Stopped: 3 articles – Article, the text service: request declined"


def test_what_is_mended_within_the_half_minute_is_told_to_nobody(server: MailServer, stop: Stops, editor: User) -> None:
    with _at(2026, 5, 4, 9, 0, 0):
        mended = stop("Mended", just_now=True)
    with _at(2026, 5, 4, 9, 0, 10):
        outbox.deliver()
        assert transitions.resume(mended, editor)
        stop("Stopped still", just_now=True)
    for second in (30, 40):
        with _at(2026, 5, 4, 9, 0, second):
            outbox.deliver()

    assert server.subjects == ['Stopped: "Stopped still" – The text service declined the article']


def test_a_new_cause_waits_its_own_half_minute(server: MailServer, stop: Stops) -> None:
    with _at(2026, 5, 4, 9, 0, 0):
        stop("One", just_now=True)
    with _at(2026, 5, 4, 9, 0, 20):
        stop("Two", error=declined("too_long"), just_now=True)
    with _at(2026, 5, 4, 9, 0, 49):
        outbox.deliver()
    assert ["One" in subject for subject in server.subjects] == [True]
    with _at(2026, 5, 4, 9, 0, 50):
        outbox.deliver()
    assert len(server.received) == 2


def test_workers_look_for_what_has_just_waited_long_enough(stop: Stops, django_assert_num_queries: Any) -> None:
    assert not outbox.is_due()
    with _at(2026, 5, 4, 9, 0, 0):
        stop(just_now=True)
    due = []
    for minute, second in ((0, 0), (0, 29), (0, 30), (5, 29), (5, 30)):
        with _at(2026, 5, 4, 9, minute, second), django_assert_num_queries(1):
            due.append(outbox.is_due())
    assert due == [False, False, True, True, False]

    with _at(2026, 5, 4, 9, 0, 31):
        outbox.deliver()
        assert not outbox.is_due()


def test_it_says_why_then_what_to_do_then_what_is_safe_then_a_link(server: MailServer, stop: Stops) -> None:
    stop()
    outbox.deliver()

    [mail] = server.received
    lines = mail.text.split("\n")
    assert lines[0] == "The text service declined the article: it does not write about this."
    assert lines[1] == "Next: change the idea."
    assert lines[2] == "Safe: what you handed in."
    assert '"Home batteries" stopped at step 1 of 5' in mail.text
    [link] = _links(mail)
    assert all(len(line) <= 72 for line in lines if not line.startswith("http"))
    for words in (*lines[:3], "See what Recover will do", f'href="{link}"'):
        assert words in mail.html
    assert mail.html.count('class="button"') == 1
    assert not NEVER_SAID.search(f"{mail.subject}\n{mail.text}")


def test_it_loads_nothing_and_fits_a_phone(server: MailServer, stop: Stops) -> None:
    stop()
    outbox.deliver()

    html = server.received[0].html
    assert not re.search(r"\bsrc=|<img|<link|url\(|@import", html)
    assert 'name="viewport"' in html
    assert "color-scheme" in html
    widths = [int(width) for width in re.findall(r"(?<!max-)width: (\d+)px", html)]
    assert all(width <= 320 for width in widths)
    assert server.received[0].message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("idea", "title"),
    [
        ("Home\r\nBcc: ben@example.org", "Home"),
        ("Home\x0b\x1b\x85batteries\u2028Bcc: ben@example.org", "Home batteries Bcc: ben@example.org"),
        ("Größe – 電池 🔋 žluťoučký", "Größe – 電池 🔋 žluťoučký"),
        ("Home \u202eseirettab", "Home seirettab"),
        ("<b>Home</b> & <script>alert(1)</script>", "<b>Home</b> & <script>alert(1)</script>"),
        ("{{ link }} {% now 'Y' %}", "{{ link }} {% now 'Y' %}"),
    ],
)
def test_titles_do_no_harm(server: MailServer, stop: Stops, idea: str, title: str) -> None:
    stop(idea)
    outbox.deliver()

    [mail] = server.received
    assert mail.to == ["ada@example.org"]
    assert mail.message["Bcc"] is None
    assert mail.subject == f'Stopped: "{title}" – The text service declined the article'
    assert f'"{title}" stopped' in " ".join(mail.text.split())
    assert "<script" not in mail.html
    assert "<b>" not in mail.html


def test_a_long_title_is_shortened_in_the_subject_alone(server: MailServer, stop: Stops) -> None:
    article = stop()
    Article.objects.update(title="Batteries " * 30)
    outbox.deliver()

    [mail] = server.received
    assert len(mail.subject) < 120
    assert mail.subject.startswith('Stopped: "Batteries Batteries')
    assert '…"' in mail.subject
    article.refresh_from_db()
    assert article.title.strip() in " ".join(mail.text.split())


def test_an_answer_of_many_lines_stays_on_one(server: MailServer, stop: Stops) -> None:
    stop(error=declined(reason="{it} said:\nNext: pay\r\n\r\nSafe: nothing"))
    outbox.deliver()

    [mail] = server.received
    assert mail.text.count("\nSafe:") == 1
    assert mail.text.count("\nNext:") == 1


# Who is told


def test_nobody_is_told_who_does_not_want_it(server: MailServer, stop: Stops, editor: User) -> None:
    _wants(editor, "never")
    stop()
    outbox.deliver()

    assert server.received == []
    assert not Stop.objects.exists()


@pytest.mark.parametrize("change", [{"email": ""}, {"is_active": False}])
def test_nobody_is_told_who_cannot_be_reached(
    server: MailServer, stop: Stops, editor: User, change: dict[str, Any]
) -> None:
    stop("Before")
    User.objects.filter(pk=editor.pk).update(**change)
    editor.refresh_from_db()
    stop("After", error=declined("other"))
    outbox.deliver()

    assert server.received == []
    assert not Stop.objects.exists()


def test_each_is_told_of_their_own_alone(server: MailServer, stop: Stops, other_editor: User) -> None:
    stop("Mine")
    stop("Theirs", owner=other_editor)
    outbox.deliver()

    told = {mail.to[0]: mail.text for mail in server.received}
    assert "Mine" in told["ada@example.org"]
    assert "Theirs" in told["ben@example.org"]
    assert "Theirs" not in told["ada@example.org"]


def test_one_given_up_by_the_sweep_is_told_too(server: MailServer, hand_in: HandIn) -> None:
    article = hand_in()
    transitions.claim(article.pk)
    Article.objects.update(crashes=MAX_CRASHES + 1, lease_until=timezone.now())
    sweep()
    half_a_minute_ago(article)
    outbox.deliver()

    [mail] = server.received
    assert "died 4 times" in mail.text


def test_what_is_noted_is_as_true_as_the_stop(stop: Stops, hand_in: HandIn) -> None:
    """The note is written in the transaction that stops the article: both are there, or neither."""
    article = hand_in(idea="Home batteries")
    with (
        mock.patch("recovery.models.Stop.objects.bulk_create", side_effect=DatabaseError),
        pytest.raises(DatabaseError),
    ):
        stop_again(article)
    article.refresh_from_db()
    assert article.status == Article.Status.RUNNING
    assert not Stop.objects.exists()


# How often


def test_one_failure_is_one_mail(server: MailServer, stop: Stops) -> None:
    stop()
    for hours in range(4):
        with later(hours=hours):
            outbox.deliver()

    assert len(server.received) == 1


def test_trying_again_by_itself_is_no_failure(server: MailServer, hand_in: HandIn, run: Callable[..., Article]) -> None:
    """An article that waits for a busy service sends no mail, however often it waits; only its end does."""
    article, waits = hand_in(), 0
    with mock.patch("articles.stages.article.run", side_effect=Busy("text", f"{IT} has too much to do")):
        while run(article).status == Article.Status.WAITING:
            waits += 1
            outbox.deliver()
            assert server.received == []
            with later(hours=1):
                sweep()
    half_a_minute_ago(article)
    outbox.deliver()

    assert waits == 6
    assert len(server.received) == 1


def test_a_hundred_failures_of_one_cause_in_an_hour_are_one_mail(server: MailServer, stop: Stops) -> None:
    for number in range(100):
        with later(minutes=number / 2):
            stop(f"Article {number}", just_now=True)
            outbox.deliver()
    for hours in range(1, 30):
        with later(hours=hours):
            tasks.send_mail()

    [mail] = server.received
    assert "Should more stop for this reason within the hour, the link shows that, too" in " ".join(mail.text.split())


def test_those_that_stopped_before_the_mail_is_sent_are_in_it(server: MailServer, stop: Stops) -> None:
    for number in range(12):
        stop(f"Article {number}", error=declined(reason=f"{IT} does not write about number {number}"))
    outbox.deliver()

    [mail] = server.received
    assert mail.subject == "Stopped: 12 articles – Article, the text service: request declined"
    lines = mail.text.split("\n")
    assert lines[0] == "Article: request declined."
    assert lines[1] == "Next: change the idea."
    assert lines[2].startswith("Safe: everything made so far")
    assert [line for line in lines if line.startswith("- ")] == [f"- Article {n}" for n in range(11, 1, -1)]
    assert "and 2 more articles" in lines
    assert mail.html.count("<li") == 11


def test_other_causes_are_other_mails(server: MailServer, stop: Stops) -> None:
    stop("One")
    stop("Two", error=declined("too_long"))
    outbox.deliver()

    assert len(server.received) == 2


def test_a_new_failure_after_the_hour_is_a_new_mail(server: MailServer, stop: Stops) -> None:
    stop("One")
    outbox.deliver()
    with later(hours=2):
        stop("Two")
        outbox.deliver()

    assert ["One" in server.subjects[0], "Two" in server.subjects[1]] == [True, True]


def test_a_failure_within_the_hour_is_told_when_the_first_was_dealt_with(
    server: MailServer, stop: Stops, editor: User
) -> None:
    """Whoever has acted takes it for settled; they would not look at the first mail's link again."""
    first = stop("One")
    outbox.deliver()
    transitions.cancel(first, editor)
    with later(minutes=30):
        stop("Two")
        outbox.deliver()
    assert len(server.received) == 1

    with later(minutes=61):
        outbox.deliver()
    assert "Two" in server.subjects[1]


def test_what_goes_on_before_it_is_told_is_not_told(server: MailServer, stop: Stops, editor: User) -> None:
    cancelled, recovered, deleted = (stop(name) for name in ("Cancelled", "Recovered", "Deleted"))
    transitions.cancel(cancelled, editor)
    transitions.resume(recovered, editor)
    Article.objects.filter(pk=deleted.pk).delete()
    outbox.deliver()

    assert server.received == []
    assert not Stop.objects.exists()


def test_one_that_stops_again_is_told_as_it_is_now(server: MailServer, stop: Stops, editor: User) -> None:
    article = stop()
    transitions.resume(article, editor)
    stop_again(article, declined("too_long", f"{IT} does not fit"))
    outbox.deliver()

    [mail] = server.received
    assert "it does not fit" in mail.text


# Once a day

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def daily(editor: User, settings: Settings) -> Iterator[User]:
    """An editor in Berlin who wants one mail a day."""
    settings.TIME_ZONE = "Europe/Berlin"
    _wants(editor, "daily")
    with timezone.override(BERLIN):
        yield editor


def _at(*moment: int) -> Any:
    """The clocks in Berlin show this."""
    return mock.patch("django.utils.timezone.now", return_value=datetime(*moment, tzinfo=BERLIN))  # type: ignore[arg-type,misc]


def test_it_comes_at_seven_and_once(server: MailServer, stop: Stops, daily: User) -> None:
    with _at(2026, 5, 4, 22, 0):
        stop()
        outbox.deliver()
    with _at(2026, 5, 5, 6, 59):
        outbox.deliver()
    assert server.received == []

    for minute in (0, 1, 2):
        with _at(2026, 5, 5, 7, minute):
            outbox.deliver()
    assert len(server.received) == 1


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)])
def test_it_comes_at_seven_when_the_clocks_change(server: MailServer, stop: Stops, daily: User, day: datetime) -> None:
    with _at(day.year, day.month, day.day - 1, 12, 0):
        stop()
    with _at(day.year, day.month, day.day, 6, 59):
        outbox.deliver()
    assert server.received == []
    with _at(day.year, day.month, day.day, 7, 0):
        outbox.deliver()
    assert len(server.received) == 1


def test_what_stops_after_seven_waits_for_the_next_day(server: MailServer, stop: Stops, daily: User) -> None:
    with _at(2026, 5, 4, 7, 30):
        stop()
        outbox.deliver()
    with _at(2026, 5, 4, 23, 0):
        outbox.deliver()
    assert server.received == []
    with _at(2026, 5, 5, 9, 0):  # nothing ran at seven
        outbox.deliver()
    assert len(server.received) == 1


def test_what_stopped_comes_first_by_reason_what_ran_well_last(
    server: MailServer, stop: Stops, hand_in: HandIn, run: Callable[..., Article], daily: User
) -> None:
    with _at(2026, 5, 4, 9, 10):
        stop("Too long", error=declined("too_long", f"{IT} does not fit"))
    for hour in (10, 11, 12):
        with _at(2026, 5, 4, hour, 15):
            stop(f"Declined at {hour}")
    with _at(2026, 5, 4, 14, 0):
        done = run(hand_in())
        Call.objects.create(article=done, key="text", provider="text", cost=Decimal("4.10"))
    with _at(2026, 5, 5, 7, 0):
        outbox.deliver()

    [mail] = server.received
    assert mail.subject == "Stopped: 4 articles – 2 reasons"
    text = mail.text
    expected = [
        "Article: the text service does not write about this.",
        "Next: change the idea.",
        "3 articles since 4 May, 10:15:",
        "- Declined at 12",
        "- Declined at 11",
        "- Declined at 10",
        "Article: the text service does not fit.",
        "1 article since 4 May, 09:10:",
        "- Too long",
        "Safe: everything made so far",
        _links(mail)[0],
    ]
    places = [text.index(words) for words in expected]
    assert places == sorted(places)
    assert text.rstrip().endswith("1 article was finished since yesterday, $4.10.")
    assert "1 article was finished since yesterday, $4.10." in mail.html
    assert mail.html.count('class="button"') == 1
    assert not NEVER_SAID.search(text)


def test_a_digest_says_what_nobody_knows_of_its_costs(
    server: MailServer, stop: Stops, hand_in: HandIn, run: Callable[..., Article], daily: User
) -> None:
    with _at(2026, 5, 4, 14, 0):
        stop("Declined")
        done = run(hand_in())
        known = {"article": done, "provider": "text", "state": Call.State.DONE, "answer": {}}
        Call.objects.create(**known, key="text", cost=Decimal("4.10"))
        Call.objects.create(**known, key="prompts", reserved=Decimal("0.06"))
    with _at(2026, 5, 5, 7, 0):
        outbox.deliver()

    [mail] = server.received
    assert "1 article was finished since yesterday, at least $4.10." in mail.text
    assert "1 article was finished since yesterday, at least $4.10." in mail.html


def test_no_digest_on_a_day_with_nothing_new(server: MailServer, stop: Stops, daily: User) -> None:
    with _at(2026, 5, 4, 12, 0):
        stop()
    for day in range(5, 9):
        with _at(2026, 5, day, 8, 0):
            outbox.deliver()

    assert len(server.received) == 1


def test_no_digest_when_all_goes_on(server: MailServer, stop: Stops, daily: User) -> None:
    with _at(2026, 5, 4, 12, 0):
        transitions.cancel(stop(), daily)
    with _at(2026, 5, 5, 8, 0):
        outbox.deliver()

    assert server.received == []


def test_who_changes_to_once_a_day_gets_what_waits_in_the_digest(server: MailServer, stop: Stops, daily: User) -> None:
    _wants(daily, "at_once")
    with _at(2026, 5, 4, 12, 0):
        stop()
        _wants(daily, "daily")
        outbox.deliver()
    assert server.received == []
    with _at(2026, 5, 5, 7, 0):
        outbox.deliver()
    assert len(server.received) == 1


# A mail server that fails


def test_a_mail_server_that_is_down_loses_none(server: MailServer, stop: Stops) -> None:
    server.stop()
    for code in ("one", "two", "three"):
        stop(code, error=declined(code))
        assert outbox.deliver().trouble == "the mail server cannot be reached"
    for hours in range(1, 9):
        with later(hours=hours):
            tasks.send_mail()
    assert server.received == []

    server.start()
    for minutes in (0, 11, 22):
        with later(hours=9, minutes=minutes):
            tasks.send_mail()
    assert len(server.received) == len(set(server.subjects)) == 3
    assert {mail.state for mail in Mail.objects.all()} == {Mail.State.SENT}


def test_while_it_is_down_one_mail_is_tried_at_a_time_and_less_and_less_often(server: MailServer, stop: Stops) -> None:
    for number in range(5):
        stop(f"Article {number}", error=declined(f"code_{number}"))
    server.stop()
    tries = []
    for minute in range(60):
        with later(minutes=minute, seconds=5):
            outbox.deliver()
            tries.append(sum(Mail.objects.values_list("tries", flat=True)))

    assert tries[0] == 1
    assert tries[-1] < 20


def test_what_stops_while_it_is_down_comes_in_one_mail(server: MailServer, stop: Stops) -> None:
    server.stop()
    for number in range(3):
        with later(hours=number):
            stop(f"Article {number}")
            outbox.deliver()
    server.start()
    for hours in range(3, 9):
        with later(hours=hours):
            outbox.deliver()

    assert server.subjects == ["Stopped: 3 articles – Article, the text service: request declined"]


def test_what_goes_on_while_it_is_down_is_not_told(server: MailServer, stop: Stops, editor: User) -> None:
    server.stop()
    article = stop()
    outbox.deliver()
    transitions.cancel(article, editor)
    server.start()
    with later(hours=1):
        outbox.deliver()

    assert server.received == []
    assert not Mail.objects.exists()


@pytest.mark.parametrize("answer", ["451 greylisted", "452 no space", "554 no"])
def test_a_mail_that_is_not_taken_now_is_sent_later_and_stops_no_other(
    server: MailServer, stop: Stops, other_editor: User, answer: str
) -> None:
    server.refuse["ada@example.org"] = answer if answer.startswith("4") else "450 later"
    server.answer = "250 OK"
    stop("Mine")
    stop("Theirs", owner=other_editor)
    delivery = outbox.deliver()
    assert [mail.to for mail in server.received] == [["ben@example.org"]]
    assert (delivery.sent, delivery.put_off) == (1, 1)
    server.refuse.clear()
    outbox.deliver()
    assert len(server.received) == 1, "not before its time"

    with later(minutes=2):
        outbox.deliver()
    assert [mail.to for mail in server.received] == [["ben@example.org"], ["ada@example.org"]]


@pytest.mark.parametrize("answer", ["451 try later", "552 full", "554 looks like spam"])
def test_a_mail_whose_text_is_not_taken_is_tried_for_ever(server: MailServer, stop: Stops, answer: str) -> None:
    server.answer = answer
    stop()
    for days in range(3):
        with later(days=days):
            assert outbox.deliver().put_off == 1
    server.answer = "250 OK"
    with later(days=3):
        outbox.deliver()

    assert len(server.received) == 1


@pytest.mark.parametrize("answer", ["550 no such user", "550 5.1.1 unknown", "553 not allowed", "501 5.1.3 bad"])
def test_an_address_that_is_refused_for_good_is_given_up(
    server: MailServer, stop: Stops, other_editor: User, answer: str
) -> None:
    server.refuse["ada@example.org"] = answer
    stop("Mine")
    stop("Theirs", owner=other_editor)
    delivery = outbox.deliver()

    assert (delivery.sent, delivery.given_up) == (1, 1)
    given_up = Mail.objects.get(state=Mail.State.GIVEN_UP)
    assert given_up.error == f"the mail server refuses this address ({answer[:3]})"
    assert f"ada@example.org: {given_up.error}\n" in _command()
    with later(days=1):
        outbox.deliver()
    assert len(server.received) == 1


@pytest.mark.parametrize("answer", ["554 5.7.1 Relay access denied", "530 Authentication required", "421 closing"])
def test_a_server_that_does_not_serve_us_loses_none(server: MailServer, stop: Stops, answer: str) -> None:
    server.refuse["ada@example.org"] = answer
    stop()
    assert outbox.deliver().put_off == 1
    server.refuse.clear()
    with later(minutes=2):
        outbox.deliver()

    assert len(server.received) == 1


def test_a_sender_that_is_refused_loses_none(server: MailServer, stop: Stops) -> None:
    server.sender_answer = "550 5.7.1 not you"
    stop()
    assert outbox.deliver().trouble == "the mail server did not accept the sender (550)"
    server.sender_answer = "250 OK"
    with later(minutes=2):
        outbox.deliver()

    assert len(server.received) == 1


def test_an_address_that_is_none_is_given_up(server: MailServer, stop: Stops, editor: User) -> None:
    User.objects.filter(pk=editor.pk).update(email="ada@example.org\nben@example.org")
    stop(owner=User.objects.get(pk=editor.pk))

    assert outbox.deliver().given_up == 1
    assert server.received == []


def test_a_connection_that_breaks_before_the_mail_is_taken(server: MailServer, stop: Stops) -> None:
    server.drop = "before"
    stop()
    assert outbox.deliver().trouble == "the connection to the mail server broke off"
    server.drop = ""
    with later(minutes=2):
        outbox.deliver()

    assert len(server.received) == 1


def test_a_mail_that_may_have_arrived_is_sent_again_word_for_word(server: MailServer, stop: Stops) -> None:
    server.drop = "after"
    stop("One")
    outbox.deliver()
    server.drop = ""
    stop("Two")  # must not get into a mail that may have been read
    with later(minutes=2):
        outbox.deliver()

    first, second = server.received
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.text == second.text
    assert first.html == second.html


def test_mails_have_different_ids(server: MailServer, stop: Stops) -> None:
    stop("One")
    stop("Two", error=declined("two"))
    outbox.deliver()

    assert len({mail.message["Message-ID"] for mail in server.received}) == 2


def test_all_go_over_one_connection(server: MailServer, stop: Stops) -> None:
    for number in range(5):
        stop(f"Article {number}", error=declined(f"code_{number}"))
    outbox.deliver()

    assert (len(server.received), server.connections) == (5, 1)


# Many senders, and their deaths


MAKE_STOPS = """
from django.contrib.auth.models import User
from django.utils import timezone
from articles.models import Article
from articles.pipeline import transitions
from recovery.models import Mail, Stop
ada = User.objects.get()
ada.email = "ada@example.org"
ada.save()
error = {"stage": "article", "kind": "Rejected", "provider": "text", "thing": "it", "detail": "", "code": "declined",
         "reason": "{it} does not write about this", "mend": "change the idea", "then": "nothing"}
for number in range(%d):
    article = Article(owner=ada, idea=f"Article {number}")
    transitions.submit(article)
    cause = f"cause {number}"
    Article.objects.filter(pk=article.pk).update(status="failed", error=error, cause=cause, ended_at=timezone.now())
    ago = timezone.now() - timezone.timedelta(minutes=1)
    Stop.objects.create(article=article, attempt=0, recipient=ada, cause=cause, stopped_at=ago)
"""


def _install(folder: Path, server: MailServer, database: str, stops: int) -> Installation:
    """A Galley of its own, in which articles have stopped, each for a reason of its own."""
    settings = {"EMAIL_URL": f"smtp://127.0.0.1:{server.port}", "DATABASE_URL": database}
    made = Installation(folder / "galley", settings)
    made.folder.mkdir()
    made.prepare()
    made.manage("shell", "--verbosity", "0", "-c", MAKE_STOPS % stops)
    return made


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    if why_not := postgres.available():
        pytest.skip(why_not)
    with postgres.postgres(tmp_path) as url:
        yield url


def _notify(installation: Installation) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "notify", "--json"],
        cwd=ROOT, env=installation.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.dealt(2)
def test_many_senders_at_once_send_each_mail_once(tmp_path: Path, server: MailServer, database: str) -> None:
    installation = _install(tmp_path, server, database, stops=12)
    senders = [_notify(installation) for _ in range(4)]
    ended = [sender.communicate(timeout=PATIENCE) for sender in senders]

    assert [sender.returncode for sender in senders] == [0] * 4, ended
    assert sum(json.loads(out)["sent"] for out, _ in ended) == 12
    assert len(server.received) == len({mail.message["Message-ID"] for mail in server.received}) == 12
    assert sorted(server.subjects) == sorted(
        f'Stopped: "Article {number}" – The text service declined it' for number in range(12)
    )


def test_a_sender_that_is_killed_before_it_notes_what_it_sent(tmp_path: Path, server: MailServer) -> None:
    """Nobody can know that the mail arrived. It is sent once more, as the very same mail."""
    installation = _install(tmp_path, server, "", stops=1)
    senders: Queue[subprocess.Popen[str]] = Queue()
    server.on_mail = lambda _: senders.get(timeout=PATIENCE).kill()
    killed = _notify(installation)
    senders.put(killed)
    killed.communicate(timeout=PATIENCE)
    assert killed.returncode == -signal.SIGKILL
    assert len(server.received) == 1

    server.on_mail = lambda _: None
    assert json.loads(installation.manage("notify", "--json").stdout) == {
        "sent": 0, "put_off": 0, "given_up": 0, "trouble": "", "waiting": 1, "refused": {},
    }, "as long as it may be at it still"  # fmt: skip
    lease_over = (
        "from recovery.models import *; from django.utils import timezone; Mail.objects.update(next_at=timezone.now())"
    )
    installation.manage("shell", "--verbosity", "0", "-c", lease_over)
    assert json.loads(installation.manage("notify", "--json").stdout)["sent"] == 1

    first, second = server.received
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert (first.subject, first.text, first.html) == (second.subject, second.text, second.html)


def test_a_worker_tells_of_what_stops(tmp_path: Path, server: MailServer, services: Doubles) -> None:
    """A real worker, a real mail server, and a text service that does not accept its key."""
    services.fail("openai", "responses", "unauthorized", times=None)
    installation = Installation(tmp_path / "galley", {"EMAIL_URL": f"smtp://127.0.0.1:{server.port}"})
    installation.with_services(services)
    installation.folder.mkdir()
    installation.prepare()
    user = "__import__('django.contrib.auth.models', fromlist=['User']).User.objects"
    installation.ask(f"{user}.update(email='ada@example.org')")
    with installation.workers():
        installation.manage("submit", "--owner", "ada", "--idea", "Home batteries", "--json")
        wait_until(lambda: server.received, PATIENCE)

    assert server.subjects[0].startswith('Stopped: "Home batteries" – ')


def test_a_slow_sender_whose_claim_is_over_changes_nothing(server: MailServer, stop: Stops) -> None:
    """Another has taken the mail meanwhile: what becomes of it is for the other to say."""
    stop()
    mail_collect.collect()
    original = smtp.try_to_send

    def slow(*args: Any) -> Any:
        Mail.objects.update(tries=F("tries") + 1)
        return original(*args)

    with mock.patch("recovery.mail.smtp.try_to_send", slow):
        send_due()

    assert Mail.objects.get().state == Mail.State.SENDING


def test_a_sender_that_died_before_it_wrote_the_mail(server: MailServer, stop: Stops) -> None:
    stop()
    mail_collect.collect()
    with later(minutes=-6), mock.patch("recovery.mail.delivery._send", side_effect=KeyboardInterrupt):
        Mail.objects.update(next_at=timezone.now())
        with pytest.raises(KeyboardInterrupt):
            send_due()
    assert Mail.objects.get().state == Mail.State.SENDING
    outbox.deliver()

    assert server.subjects == ['Stopped: "Home batteries" – The text service declined the article']


def test_one_that_cannot_be_written_holds_up_no_other(
    server: MailServer, stop: Stops, other_editor: User, editor: User
) -> None:
    stop("Mine")
    stop("Theirs", owner=other_editor)
    write = letters.write

    def fails_for_ada(mail: Mail) -> Any:
        return write(mail) if mail.recipient == other_editor else 1 / 0

    with mock.patch("recovery.mail.letters.write", fails_for_ada):
        assert outbox.deliver().trouble == "a mistake in Galley; the log has it"
    assert [mail.to for mail in server.received] == [["ben@example.org"]]
    with later(minutes=2):
        outbox.deliver()
    assert [mail.to for mail in server.received] == [["ben@example.org"], ["ada@example.org"]]


def test_one_person_whose_stops_cannot_be_collected_holds_up_no_other(
    server: MailServer, stop: Stops, other_editor: User, editor: User
) -> None:
    stop("Mine")
    stop("Theirs", owner=other_editor)
    collect = collect_for

    def fails_for_ada(user: User, loose: Any) -> None:
        if user == editor:
            raise ZeroDivisionError
        collect(user, loose)

    with mock.patch("recovery.mail.collect.collect_for", fails_for_ada):
        outbox.deliver()
    assert [mail.to for mail in server.received] == [["ben@example.org"]]
    outbox.deliver()
    assert len(server.received) == 2


def test_a_mail_server_that_never_answers_is_waited_for_so_long_only(
    server: MailServer, stop: Stops, settings: Settings
) -> None:
    assert settings.EMAIL_TIMEOUT == 20
    settings.EMAIL_TIMEOUT = 0.2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_PORT = silent.getsockname()[1]
        stop()
        assert outbox.deliver().trouble == "the mail server cannot be reached"


# What it costs


@pytest.mark.parametrize("wish", ["at_once", "daily"])
def test_a_thousand_stops_take_no_more_queries_than_two(
    server: MailServer, stop: Stops, editor: User, wish: str
) -> None:
    _wants(editor, wish)

    def queries(number: int) -> int:
        Article.objects.all().delete()
        Mail.objects.all().delete()
        first = stop()
        uids = [f"{wish}-{place}" for place in range(number)]
        copied = {name: getattr(first, name) for name in ("idea", "error", "cause", "status", "attempt")}
        same = copied | {"owner": editor, "ended_at": timezone.now()}
        made = Article.objects.bulk_create(Article(uid=uid, tree_prefix=uid, **same) for uid in uids)
        stops = [
            Stop(article=article, attempt=1, recipient=editor, cause=first.cause, stopped_at=timezone.now())
            for article in made
        ]
        Stop.objects.bulk_create(stops)
        with later(days=2), CaptureQueriesContext(connection) as captured:
            outbox.deliver()
        rows = [query for query in captured.captured_queries if "manuscript" in query["sql"]]
        assert all("LIMIT" in query["sql"] or re.search(r"<= (5|10)\b", query["sql"]) for query in rows)
        return len(captured)

    few, many = queries(1), queries(1000)

    assert "Stopped: 1,001 articles" in server.subjects[-1]
    assert many == few


# By itself, and by command


def test_it_runs_every_minute(db: None) -> None:
    schedule = Schedule.objects.get(name="Galley: send mail")

    assert (schedule.func, schedule.schedule_type, schedule.minutes) == ("recovery.tasks.send_mail", "I", 1)


def test_the_minute_raises_nothing(stop: Stops) -> None:
    stop()
    with mock.patch("recovery.mail.outbox.deliver", side_effect=DatabaseError):
        tasks.send_mail()


def test_old_mails_are_forgotten_and_not_sent_again(server: MailServer, stop: Stops) -> None:
    stop()
    tasks.send_mail()
    with later(days=31):
        tasks.send_mail()
        tasks.send_mail()

    assert len(server.received) == 1
    assert not Mail.objects.exists()


def _command(*words: str) -> str:
    out = StringIO()
    call_command("notify", *words, stdout=out)
    return out.getvalue()


def test_the_command_sends_what_waits(server: MailServer, stop: Stops) -> None:
    server.stop()
    stop()
    with pytest.raises(CommandError, match=r"^The mail server cannot be reached\.$"):
        _command()
    server.start()

    assert _command() == "Mails sent: 1. Given up: 0. Waiting: 0.\n"
    assert len(server.received) == 1


def test_the_command_says_what_it_would_send(server: MailServer, stop: Stops) -> None:
    stop()

    subject = 'Stopped: "Home batteries" – The text service declined the article'
    assert _command("--dry-run") == f"ada@example.org  {subject}\nMails that would be sent: 1.\n"
    assert json.loads(_command("--dry-run", "--json")) == {
        "would_send": [{"to": "ada@example.org", "subject": subject}]
    }
    assert server.received == []
    assert not Mail.objects.exists()


def test_the_command_tries_the_mail_server(server: MailServer, stop: Stops) -> None:
    stop()
    assert _command("--test", "operator@example.org") == "The mail server took the mail to operator@example.org.\n"

    [mail] = server.received
    assert mail.to == ["operator@example.org"]
    assert mail.subject == "Galley can send mail"
    assert "http://127.0.0.1:8000" in mail.text
    server.refuse["operator@example.org"] = "550 no such user"
    with pytest.raises(CommandError, match=r"refuses this address \(550\)"):
        _command("--test", "operator@example.org")
    server.stop()
    with pytest.raises(CommandError, match="cannot be reached"):
        _command("--test", "operator@example.org")
    with pytest.raises(CommandError, match="nobody is not an address"):
        _command("--test", "nobody")


@pytest.mark.django_db(transaction=True)
def test_no_stop_waits_for_a_mail_server(hand_in: HandIn, settings: Settings) -> None:
    """Those that the sweep gives up stop one after another, and a person may wait for it."""
    transitions.claim(hand_in().pk)
    Article.objects.update(lease_until=timezone.now(), lease_owner="elsewhere|1|1", crashes=MAX_CRASHES + 1)

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mock.patch("smtplib.SMTP", side_effect=TimeoutError) as connect:
        sweep()

    assert connect.call_count == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with later(minutes=2):
        assert outbox.deliver().sent == 1
