"""Everybody reads and types by a clock of their own; the desk keeps its books by its own, and tells programs that."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, CostRecord, Preferences
from config.models import Token
from recovery.mail import letters, outbox
from recovery.mail.collect import collect
from recovery.models import Mail
from tests.conftest import MANUSCRIPT, HandIn
from tests.desk import ADD, START, as_, page_of, stop, text

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
PREFERENCES = "/admin/articles/preferences/"
CALENDAR = "/admin/articles/article/calendar/"
NOON = datetime(2126, 11, 20, 12, 0, tzinfo=NEW_YORK)  # 18:00 in Berlin


@pytest.fixture(autouse=True)
def desk_in_berlin(settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"


@pytest.fixture
def abroad(editor: User) -> Client:
    """The browser of an editor in New York."""
    Preferences.objects.create(user=editor, time_zone="America/New_York")
    return as_(editor)


def test_a_zone_is_chosen_in_the_preferences(editor: User) -> None:
    client = as_(editor)
    form = client.get(f"{PREFERENCES}add/").context["adminform"].form
    sent = {name: form[name].value() or "" for name in form.fields}
    assert [label for value, label in form.fields["time_zone"].choices if not value] == ["The desk's: Europe/Berlin"]

    refused = client.post(f"{PREFERENCES}add/", sent | {"time_zone": "Mars/Olympus"})
    assert "Mars/Olympus is not one of the available choices" in text(refused)
    client.post(f"{PREFERENCES}add/", sent | {"time_zone": "America/New_York"})

    assert Preferences.zone_of(editor.pk) == NEW_YORK


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe"])
def test_a_zone_that_is_not_known_here_is_the_desks(name: str, editor: User) -> None:
    mine = Preferences.objects.create(user=editor, time_zone=name)
    with pytest.raises(ValidationError):
        mine.full_clean()

    assert Preferences.zone_of(editor.pk) is None
    assert as_(editor).get(START).status_code == 200


def test_a_time_is_typed_and_read_in_ones_own_zone(abroad: Client, chief: User) -> None:
    abroad.post(ADD, {"manuscript": MANUSCRIPT, "formatter": "auto", "scheduled_at": "2126-11-20T12:00"})

    article = Article.objects.get()
    assert article.scheduled_at == NOON
    for client, typed, read in ((abroad, "12:00", "12:00 EST"), (as_(chief), "18:00", "18:00")):
        page = client.get(page_of(article))
        assert f'value="2126-11-20T{typed}"' in page.content.decode()
        assert f"begins at 20 Nov 2126, {read} " in text(page)
    assert "In your time zone, America/New York." in text(abroad.get(ADD))
    assert "In the time of the desk, Europe/Berlin." in text(as_(chief).get(ADD))


def test_the_days_of_the_calendar_are_ones_own(hand_in: HandIn, abroad: Client, chief: User) -> None:
    hand_in(scheduled_at=datetime(2126, 12, 1, 3, 0, tzinfo=BERLIN))

    mine = abroad.get(CALENDAR, {"month": "2126-11"})
    assert re.search(r" 30 November 21:00 EST Tariffs", text(mine))
    assert "Times are yours, America/New York." in text(mine)
    theirs = text(as_(chief).get(CALENDAR, {"month": "2126-12"}))
    assert "03:00 Tariffs" in theirs
    assert "Times are those of the desk, CET." in theirs


def test_books_are_kept_by_the_desks_days_whoever_looks(hand_in: HandIn, abroad: Client, editor: User) -> None:
    """It is five in the evening in New York, and an hour before midnight in Berlin."""
    article, now = hand_in(), datetime(2126, 11, 20, 23, 0, tzinfo=BERLIN)
    for moment, cost in ((now, "1.00"), (now + timedelta(hours=2), "2.00")):
        with mock.patch("django.utils.timezone.now", return_value=moment), timezone.override(NEW_YORK):
            CostRecord.objects.create(article=article.uid, key=cost, owner=editor, at=moment, cost=Decimal(cost))
    assert sorted(str(day) for day in CostRecord.objects.values_list("day", flat=True)) == ["2126-11-20", "2126-11-21"]

    for moment, cost in ((now, "$1.00"), (now + timedelta(hours=2), "$2.00")):
        with mock.patch("django.utils.timezone.now", return_value=moment):
            assert f"Cost today {cost}" in text(as_(editor).get(START))


def test_programs_are_told_moments_and_the_desks_words(hand_in: HandIn, abroad: Client, editor: User) -> None:
    article = hand_in(scheduled_at=NOON)
    token = Token(user=editor, name="nightly")
    secret = token.make_secret()
    token.save()

    told = Client().get(f"/api/v1/articles/{article.pk}", headers={"Authorization": f"Bearer {secret}"}).json()
    assert datetime.fromisoformat(told["scheduled_at"]) == NOON
    assert datetime.fromisoformat(told["scheduled_at"]).utcoffset() == timedelta()

    abroad.get(START)
    assert timezone.get_current_timezone_name() == "Europe/Berlin"  # a page leaves nothing behind


def test_mail_is_in_the_zone_of_whoever_gets_it(hand_in: HandIn, editor: User) -> None:
    Preferences.objects.create(user=editor, time_zone="America/New_York")
    article = stop(hand_in())
    Article.objects.filter(pk=article.pk).update(ended_at=datetime(2026, 11, 20, 17, 0, tzinfo=UTC))
    outbox.note_stop(Article.objects.get())
    collect()

    letter = letters.write(Mail.objects.get())

    assert letter is not None
    assert "20 Nov, 12:00 EST" in letter.text
    assert "20 Nov, 12:00 EST" in letter.html
    assert timezone.get_current_timezone_name() == "Europe/Berlin"
