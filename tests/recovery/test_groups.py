"""Stopped articles by reason: whether it grows, whether it came again, and who has put it aside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from articles.models import Article, Attempt, Preferences
from articles.pipeline import transitions
from articles.providers.errors import IT, ProviderError, Refused
from recovery.groups import snoozes
from recovery.groups.group import groups
from recovery.mail import outbox
from recovery.models import Snooze
from tests.desk import START, as_, text
from tests.recovery.conftest import Stops, declined, later
from tests.services.smtp import MailServer

STOPPED = "/admin/articles/article/stopped/"
ASIDE, BACK = f"{STOPPED}aside/", f"{STOPPED}back/"
CAUSE = "text|article|401|"
NOTE = "The key is <b>changed</b> tomorrow"


def refused() -> ProviderError:
    return Refused("text", f"{IT} did not accept our key", mend="check the key", code="401", thing="the article")


@pytest.fixture
def refuse(stop: Stops) -> Callable[..., Article]:
    return lambda idea="Home batteries", **fields: stop(idea, refused(), **fields)


def aside(client: Client, how_long: str = "hour", until: str = "", cause: str = CAUSE) -> str:
    said = {"cause": cause, "how_long": how_long, "until": until, "note": NOTE}
    return text(client.post(ASIDE, said, follow=True))


def mend(article: Article, by: User) -> None:
    """Recovered, and run to its end."""
    assert transitions.resume(article, by)
    Article.objects.filter(pk=article.pk).update(status=Article.Status.DONE, ended_at=timezone.now())


# Is it getting worse?


@pytest.mark.parametrize(
    ("before", "day", "said"),
    [
        (1, 2, "More than the day before: 2 articles in the last 24 hours, 1 in the 24 before."),
        (2, 1, "Fewer than the day before: 1 article in the last 24 hours, 2 in the 24 before."),
        (1, 1, "As many as the day before: 1 article in the last 24 hours, 1 in the 24 before."),
        (1, 0, "Fewer than the day before: 0 articles in the last 24 hours, 1 in the 24 before."),
        (0, 2, ""),
    ],
)
def test_it_says_whether_more_stopped_than_the_day_before(
    refuse: Callable[..., Article], editor: User, before: int, day: int, said: str
) -> None:
    for number in range(before + day):
        article = refuse(f"Article {number}")
        hours = 30 if number < before else 2
        Attempt.objects.filter(article=article).update(ended_at=timezone.now() - timedelta(hours=hours))

    [group] = groups(editor)
    assert group.trend == said
    assert said in text(as_(editor).get(STOPPED))


def test_what_was_recovered_counts_and_one_that_stops_twice_is_one(
    refuse: Callable[..., Article], editor: User
) -> None:
    yesterday, again = refuse("Yesterday"), refuse("Again")
    Attempt.objects.filter(article=yesterday).update(ended_at=timezone.now() - timedelta(hours=30))
    transitions.cancel(yesterday, editor)
    Attempt.objects.create(article=again, why="retried", number=0, cause=CAUSE, ended_at=timezone.now())

    assert "As many as the day before: 1 article" in groups(editor)[0].trend


def test_each_counts_their_own(refuse: Callable[..., Article], editor: User, other_editor: User, chief: User) -> None:
    refuse("Mine")
    theirs = refuse("Theirs", owner=other_editor)
    Attempt.objects.filter(article=theirs).update(ended_at=timezone.now() - timedelta(hours=30))

    assert groups(editor)[0].trend == ""
    assert groups(chief)[0].trend.startswith("As many as")


# Was it mended already?


def test_it_says_that_it_came_again_after_it_was_mended(refuse: Callable[..., Article], editor: User) -> None:
    mended = refuse("Mended")
    mend(mended, editor)
    assert groups(editor) == []

    with later(minutes=5):
        refuse("Another")
        [group] = groups(editor)
        page = text(as_(editor).get(STOPPED))

    assert group.came_again is not None
    assert (group.came_again.by, group.came_again.address) == (editor.username, mended.get_absolute_url())
    assert "Seen again after it was mended:" in page
    assert f"had stopped for this; {editor.username} recovered it, and it was finished" in page


def test_what_was_mended_after_all_others_had_stopped_has_not_come_again(
    refuse: Callable[..., Article], editor: User
) -> None:
    mended, _ = refuse("Mended"), refuse("Stopped still")
    with later(minutes=5):
        mend(mended, editor)
        [group] = groups(editor)

    assert group.came_again is None


def test_a_text_that_was_mended_says_nothing_of_the_next(stop: Stops, editor: User) -> None:
    mended = stop("Mended")
    mend(mended, editor)
    with later(minutes=5):
        stop("Another", error=declined())
        [group] = groups(editor)

    assert group.came_again is None


@pytest.mark.parametrize("number", [1, 3])
def test_however_much_is_stopped_it_takes_five_queries(
    stop: Stops, editor: User, django_assert_num_queries: Any, number: int
) -> None:
    for place in range(number):
        stop(f"Article {place}", error=Refused("text", f"{IT} did not accept it", code=f"code_{place}"))
    user = User.objects.get(pk=editor.pk)
    user.has_perm("articles.change_article")  # its rights are read once for all

    with django_assert_num_queries(5):
        assert len(groups(user)) == number


def test_attempts_of_before_get_what_stopped_them(refuse: Callable[..., Article], editor: User) -> None:
    standing, over = refuse("Standing"), refuse("Over")
    transitions.cancel(over, editor)
    Attempt.objects.update(cause=None)

    migration = import_module("articles.migrations.0030_causes_of_attempts")
    migration.note_causes(apps, SimpleNamespace(connection=connection))

    assert dict(Attempt.objects.values_list("article", "cause")) == {standing.pk: CAUSE, over.pk: None}


# Put aside


def test_what_is_put_aside_leaves_needs_you_and_stays_in_the_list(refuse: Callable[..., Article], editor: User) -> None:
    refuse()
    client = as_(editor)
    assert "Put aside …" in text(client.get(START))

    page = aside(client)

    assert "It is put aside until" in page
    said = f"Put aside by {editor.username} until"
    assert f"{said}" in page
    assert "&lt;b&gt;changed&lt;/b&gt; tomorrow" in page
    assert "1 article stopped at Article" in page
    start = text(client.get(START))
    assert "1 article stopped at" not in start
    assert "1 problem put aside , the first until" in start
    assert "No article is stopped" not in start
    assert "Home batteries" in text(client.get("/admin/articles/article/?state=stopped"))


def test_it_comes_back_by_itself_at_its_time(refuse: Callable[..., Article], editor: User) -> None:
    refuse()
    snoozes.put_aside(CAUSE, editor, timezone.now() + timedelta(hours=1), NOTE)
    with later(minutes=59):
        assert groups(editor)[0].snooze
    with later(minutes=61):
        [group] = groups(editor)
        assert (group.snooze, group.woken) == (None, None)


def test_it_comes_back_as_soon_as_one_more_stops_and_says_why(refuse: Callable[..., Article], editor: User) -> None:
    refuse()
    snoozes.put_aside(CAUSE, editor, timezone.now() + timedelta(hours=1), NOTE)
    refuse("Another")

    page = text(as_(editor).get(START))
    assert "2 articles stopped at Article" in page
    assert f"Back , because one more stopped just now : {editor.username} had put it aside until" in page

    aside(as_(editor))  # and may be put aside anew
    assert groups(editor)[0].snooze


def test_another_reason_wakes_it_not(refuse: Callable[..., Article], stop: Stops, editor: User) -> None:
    refuse()
    snoozes.put_aside(CAUSE, editor, timezone.now() + timedelta(hours=1), NOTE)
    stop("Another", error=declined())

    assert {group.problem.cause: bool(group.snooze) for group in groups(editor)} == {
        CAUSE: True,
        "text|article|declined|": False,
    }


def test_who_may_work_on_everything_puts_it_aside_for_all_and_others_for_themselves(
    refuse: Callable[..., Article], editor: User, other_editor: User, chief: User
) -> None:
    refuse("Mine")
    refuse("Theirs", owner=other_editor)
    aside(as_(editor))
    assert [bool(groups(user)[0].snooze) for user in (editor, other_editor, chief)] == [True, False, False]
    assert f"{editor.username} has put aside their own articles of these until" in text(as_(chief).get(START))
    assert "put aside" not in text(as_(other_editor).get(START)).lower().replace("put aside …", "")

    aside(as_(chief))
    assert [bool(groups(user)[0].snooze) for user in (editor, other_editor, chief)] == [True, True, True]
    assert f"Put aside by {chief.get_short_name() or chief.username} until" in text(as_(other_editor).get(STOPPED))

    as_(other_editor).post(BACK, {"cause": CAUSE})  # not theirs
    assert Snooze.objects.count() == 2
    as_(chief).post(BACK, {"cause": CAUSE})
    assert not Snooze.objects.exists()


def test_one_of_others_wakes_only_what_it_concerns(
    refuse: Callable[..., Article], editor: User, other_editor: User
) -> None:
    refuse("Mine")
    snoozes.put_aside(CAUSE, editor, timezone.now() + timedelta(hours=1), "")
    refuse("Theirs", owner=other_editor)

    assert groups(editor)[0].snooze


def test_the_doors_ask_who_it_is(refuse: Callable[..., Article], editor: User, other_editor: User) -> None:
    refuse()
    reader = User.objects.create_user("reader", is_staff=True)
    for address in (ASIDE, BACK):
        assert as_(reader).post(address, {"cause": CAUSE, "how_long": "hour"}).status_code == 403
        assert Client().post(address, {"cause": CAUSE})["Location"].startswith("/admin/login/")
    assert "Nothing is stopped for this reason any more." in aside(as_(other_editor))
    as_(editor).get(ASIDE)
    assert not Snooze.objects.exists()


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("", "Say until when."),
        ("2020-01-01T10:00", "Choose a time to come, within 31 days."),
        ("2999-01-01T10:00", "Choose a time to come, within 31 days."),
        ("soon", "Enter a valid date/time."),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(
    refuse: Callable[..., Article], editor: User, until: str, said: str
) -> None:
    refuse()

    page = aside(as_(editor), "until", until)

    assert said in page
    assert not Snooze.objects.exists()


def test_tomorrow_is_by_the_clock_of_whoever_says_it(refuse: Callable[..., Article], editor: User) -> None:
    zone = ZoneInfo("Pacific/Auckland")
    Preferences.objects.update_or_create(user=editor, defaults={"time_zone": zone.key})
    refuse()
    aside(as_(editor), "morning")

    tomorrow = timezone.localtime(timezone.now(), zone).date() + timedelta(days=1)
    assert Snooze.objects.get().until == datetime(tomorrow.year, tomorrow.month, tomorrow.day, 8, tzinfo=zone)

    typed = timezone.localtime(timezone.now(), zone) + timedelta(days=3)
    aside(as_(editor), "until", f"{typed:%Y-%m-%dT%H:%M}")
    assert Snooze.objects.get().until == typed.replace(second=0, microsecond=0)


def test_what_is_over_for_long_is_forgotten(refuse: Callable[..., Article], editor: User) -> None:
    refuse()
    snoozes.put_aside(CAUSE, editor, timezone.now() + timedelta(hours=1), NOTE)
    with later(days=31):
        snoozes.forget()
        assert Snooze.objects.exists()
    with later(days=32):
        snoozes.forget()
    assert not Snooze.objects.exists()


# And mail


def test_the_daily_mail_does_not_repeat_what_is_put_aside_and_tells_what_is_new(
    server: MailServer, refuse: Callable[..., Article], stop: Stops, editor: User
) -> None:
    Preferences.objects.update_or_create(user=editor, defaults={"stop_mail": "daily"})
    refuse("Known")
    snoozes.put_aside(CAUSE, editor, timezone.now() + timedelta(days=3), NOTE)
    with later(days=1, hours=1):
        outbox.deliver()  # it had not been told yet
        stop("New", error=declined())
    with later(days=2, hours=2):
        outbox.deliver()

    first, second = server.received
    assert "Known" in first.text
    assert "Known" not in second.text
    assert "- New" in second.text
    assert second.subject.startswith("Stopped: 1 article")
    for words in (second.text, second.html):
        assert "1 more reason is put aside for now: the desk shows until when." in words
    assert "put aside" not in first.text
