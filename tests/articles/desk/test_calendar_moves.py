"""An article is taken to another day of the calendar: at the same hour, by whoever may, and as it was shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, Preferences
from tests.conftest import HandIn
from tests.desk import as_, move, text

MOVE = "/admin/articles/article/calendar/move/"
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
BEGINS = datetime(2126, 11, 20, 23, 30, tzinfo=BERLIN)


@pytest.fixture
def article(hand_in: HandIn, settings: Settings) -> Article:
    settings.TIME_ZONE = "Europe/Berlin"
    article = hand_in(scheduled_at=BEGINS)
    article.refresh_from_db()
    return article


def asked(article: Article, day: str, pk: str = "") -> dict[str, str]:
    was = article.scheduled_at.isoformat() if article.scheduled_at else ""
    return {"article": pk or str(article.pk), "was": was, "day": day}


def begins(article: Article) -> datetime:
    article.refresh_from_db()
    assert article.scheduled_at
    assert article.scheduled_at == article.next_at
    return article.scheduled_at


def test_it_begins_at_the_same_hour_of_the_other_day(article: Article, editor: User) -> None:
    response = as_(editor).post(MOVE, asked(article, "2126-12-03"), follow=True)

    assert begins(article) == datetime(2126, 12, 3, 23, 30, tzinfo=BERLIN)
    assert response.redirect_chain == [("/admin/articles/article/calendar/?month=2126-12#day-3", 302)]
    assert "begins on 3 December, 23:30 now." in text(response)
    assert "Changed Begin." in text(as_(editor).get(f"/admin/articles/article/{article.pk}/history/"))


def test_the_hour_is_that_of_whoever_moves_it(article: Article, editor: User) -> None:
    Preferences.objects.create(user=editor, time_zone="America/New_York")

    response = as_(editor).post(MOVE, asked(article, "2126-12-03"), follow=True)

    assert begins(article) == datetime(2126, 12, 3, 17, 30, tzinfo=NEW_YORK)
    assert "begins on 3 December, 17:30 EST now." in text(response)


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2020-01-01", "This time is over."),
        ("3000-01-01", "Choose a day before the year 3000."),
        ("soon", "Enter a valid date."),
        ("", "This field is required."),
    ],
)
def test_a_day_that_cannot_be_leaves_it_where_it_is(day: str, said: str, article: Article, editor: User) -> None:
    response = as_(editor).post(MOVE, asked(article, day), follow=True)

    assert begins(article) == BEGINS
    assert f"stays where it is. {said}" in text(response)


def test_a_day_without_its_hour_is_no_place_for_it(article: Article, editor: User) -> None:
    at_night = datetime(2126, 3, 20, 2, 30, tzinfo=BERLIN)
    Article.objects.update(scheduled_at=at_night, next_at=at_night)
    article.refresh_from_db()

    response = as_(editor).post(MOVE, asked(article, "2126-03-31"), follow=True)

    assert begins(article) == at_night
    assert "There is no 02:30 on 31 March 2126" in text(response)


def test_what_was_moved_or_begun_meanwhile_stays_as_it_is(article: Article, editor: User) -> None:
    client, shown = as_(editor), asked(article, "2126-12-03")
    later = BEGINS + timedelta(hours=1)
    Article.objects.update(scheduled_at=later, next_at=later)
    assert "moved by somebody else, meanwhile" in text(client.post(MOVE, shown, follow=True))
    assert begins(article) == later

    move(article)
    assert "It was begun" in text(client.post(MOVE, asked(article, "2126-12-03"), follow=True))
    article.refresh_from_db()
    assert (article.status, article.scheduled_at) == (Article.Status.RUNNING, later)


def test_nobody_moves_what_is_not_theirs(article: Article, other_editor: User) -> None:
    for pk in (str(article.pk), "0", "x", "9" * 30):
        assert as_(other_editor).post(MOVE, asked(article, "2126-12-03", pk)).status_code == 404
    assert begins(article) == BEGINS


def test_only_what_is_still_to_begin_can_be_taken(article: Article, editor: User) -> None:
    november = "/admin/articles/article/calendar/?month=2126-11"
    assert f'data-article="{article.pk}"' in as_(editor).get(november).content.decode()

    Article.objects.update(status=Article.Status.CANCELLED, ended_at=timezone.now())

    assert "data-article=" not in as_(editor).get(november).content.decode()
