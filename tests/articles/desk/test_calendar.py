"""Articles that begin at a time of their own, and the calendar that shows them."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from articles.desk.calendar import Month
from articles.models import Article, Attempt, Stage
from articles.pipeline import transitions
from articles.pipeline.sweep import sweep
from articles.pipeline.worker_health import queued_since
from publishing.models import Site
from tests.conftest import MANUSCRIPT, HandIn
from tests.desk import ADD, START, as_, deed, page_of, stop, text

Work = Callable[[Article], Article]
CALENDAR = "/admin/articles/article/calendar/"
RECOVER = "/admin/articles/article/recover/"


@pytest.fixture
def scheduled(hand_in: HandIn) -> Article:
    return hand_in(scheduled_at=timezone.now() + timedelta(hours=2))


def local(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%dT%H:%M}"


def test_it_waits_for_its_time_and_goes_the_usual_way(scheduled: Article, run: Work) -> None:
    assert run(scheduled).status == Article.Status.WAITING
    assert sweep().articles_found == 0

    Article.objects.update(next_at=timezone.now())

    assert sweep().tasks_restarted == 1
    assert run(scheduled).status == Article.Status.DONE
    assert list(scheduled.attempts.values_list("why", "outcome")) == [("submitted", "done")]


def test_a_time_that_is_over_begins_at_once(hand_in: HandIn) -> None:
    assert hand_in(scheduled_at=timezone.now() - timedelta(minutes=1)).status == Article.Status.QUEUED


def test_the_form_takes_a_time_of_the_desk(editor: User, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    timezone.deactivate()
    tomorrow = timezone.localtime() + timedelta(days=1)

    as_(editor).post(ADD, {"manuscript": MANUSCRIPT, "formatter": "auto", "scheduled_at": f"{tomorrow:%Y-%m-%d}T09:30"})

    article = Article.objects.get()
    assert article.scheduled_at
    begins = article.scheduled_at.astimezone(ZoneInfo("Europe/Berlin"))
    assert (begins.date(), begins.hour, begins.minute) == (tomorrow.date(), 9, 30)
    assert article.is_scheduled


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2020-01-01T09:00", "This time is over."),
        ("soon", "Enter a valid date/time."),
        ("9999-12-31T23:59", "Choose a time before the year 3000."),
    ],
)
def test_a_time_that_cannot_be_is_refused_and_the_text_stays(
    moment: str, said: str, editor: User, settings: Settings
) -> None:
    settings.TIME_ZONE = "America/New_York"  # there the last night of all years ends beyond them
    timezone.deactivate()
    answer = as_(editor).post(ADD, {"manuscript": MANUSCRIPT, "formatter": "auto", "scheduled_at": moment})

    assert said in text(answer)
    assert "Freight rates fell" in text(answer)
    assert not Article.objects.exists()


def test_it_can_be_moved_until_it_begins(scheduled: Article, editor: User) -> None:
    client, later = as_(editor), timezone.now() + timedelta(days=3)

    colours = {"brand_primary": "#123456", "brand_accent": "#654321"}
    form = {"formatter": "template", "design": "essay", "scheduled_at": local(later), **colours}
    assert "Saved. It begins by itself." in text(client.post(page_of(scheduled), form, follow=True))

    scheduled.refresh_from_db()
    assert (scheduled.formatter, scheduled.design) == ("template", "essay")
    assert scheduled.next_at
    assert abs(scheduled.next_at - later) < timedelta(minutes=1)
    Article.objects.update(next_at=timezone.now())
    sweep()
    said = client.post(page_of(scheduled), {"formatter": "claude", "scheduled_at": local(later)}, follow=True)
    assert "Nothing was changed." in text(said)


def test_it_can_begin_now(scheduled: Article, editor: User, run: Work) -> None:
    client = as_(editor)
    page = text(client.get(page_of(scheduled)))
    assert "Scheduled: begins" in page
    assert "Begin now" in page

    client.post(RECOVER, deed(scheduled))

    assert run(scheduled).status == Article.Status.DONE
    assert Attempt.objects.filter(outcome="done").count() == 1


def test_among_stopped_ones_it_is_said_that_it_begins_now(scheduled: Article, hand_in: HandIn, editor: User) -> None:
    stopped = stop(hand_in())

    asked = text(as_(editor).get(RECOVER, {"ids": f"{stopped.pk},{scheduled.pk}"}))

    assert "1 article was to begin later; it begins now." in asked
    assert "to begin later" not in text(as_(editor).get(RECOVER, {"ids": stopped.pk}))


@pytest.mark.parametrize("cancelled", [False, True])
def test_begun_early_it_is_in_the_queue_from_now_on(scheduled: Article, editor: User, cancelled: bool) -> None:
    """Else nobody would notice, until its time, that nobody takes it."""
    if cancelled:
        transitions.cancel(scheduled, editor)

    as_(editor).post(RECOVER, deed(scheduled))

    since = queued_since()
    assert since
    assert since <= timezone.now()


def test_it_can_be_cancelled(scheduled: Article, editor: User) -> None:
    assert transitions.cancel(scheduled, editor)
    Article.objects.update(next_at=None)
    assert sweep().articles_found == 0


def test_the_shell_schedules_too(editor: User, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("text") / "a.md"
    file.write_text(MANUSCRIPT)
    said = StringIO()

    call_command("submit", "--owner", "ada", "--manuscript", str(file), "--at", "2999-01-01T09:00", stdout=said)

    assert Article.objects.get().is_scheduled
    with pytest.raises(CommandError, match="This time is over"):
        call_command("submit", "--owner", "ada", "--manuscript", str(file), "--at", "2001-01-01T09:00", stdout=said)


def test_the_calendar_shows_mine_by_day(scheduled: Article, editor: User, other_editor: User) -> None:
    assert scheduled.scheduled_at
    month = f"{timezone.localtime(scheduled.scheduled_at):%Y-%m}"
    at = f"{timezone.localtime(scheduled.scheduled_at):%H:%M}"

    assert f"{at} Tariffs and AI" in text(as_(editor).get(CALENDAR, {"month": month}))
    assert "Tariffs" not in text(as_(other_editor).get(CALENDAR, {"month": month}))
    assert "Scheduled 1 article" in text(as_(editor).get(START))


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize("month", ["", "2026-13", "99999-01", "<script>", "0000-01", "²026-01"])
def test_any_other_month_is_this_one(month: str) -> None:
    assert Month.read(month).first == timezone.localdate().replace(day=1)


def test_months_follow_one_another() -> None:
    january = Month.read("2027-01")
    assert (str(january.before), str(january.after)) == ("2026-12", "2027-02")


def test_a_full_month_costs_no_more_queries(
    hand_in: HandIn, editor: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, soon = as_(editor), timezone.now() + timedelta(minutes=1)
    hand_in(scheduled_at=soon)
    client.get(CALENDAR)
    with CaptureQueriesContext(connection) as one:
        client.get(CALENDAR)
    for _ in range(30):
        hand_in(scheduled_at=soon)

    with django_assert_num_queries(len(one)):
        client.get(CALENDAR)


def test_a_scheduled_article_has_not_waited_for_a_worker_before_its_time(scheduled: Article) -> None:
    due = timezone.now() - timedelta(seconds=5)
    Attempt.objects.update(asked_at=timezone.now() - timedelta(days=3))
    Article.objects.update(next_at=due, scheduled_at=due)
    sweep()

    assert queued_since() == due


@pytest.mark.parametrize(
    ("status", "is_shown"), [("publish", True), ("private", True), ("future", True), ("draft", False), ("", False)]
)
def test_what_was_published_stands_on_its_day(status: str, is_shown: bool, hand_in: HandIn, editor: User) -> None:
    site = Site.objects.create(name="Magazine", url="https://magazine.example.org", user="desk")
    article = hand_in(site=site)
    details = {"status": status} if status else {}
    article.records.filter(stage=Stage.UPLOAD).update(state="done", details=details)
    ended = datetime(2026, 3, 12, 23, 30, tzinfo=timezone.get_current_timezone())
    Article.objects.filter(pk=article.pk).update(status="done", title="Night trains", ended_at=ended)

    found = [day for week in Month.read("2026-03").weeks(Article.objects.all()) for day in week if day.published]

    assert [day.date.isoformat() for day in found] == (["2026-03-12"] if is_shown else [])
    assert ("Night trains" in text(as_(editor).get(CALENDAR, {"month": "2026-03"}))) is is_shown


def test_today_has_write_without_a_time_and_days_that_are_over_have_none(editor: User) -> None:
    html = as_(editor).get(CALENDAR).content.decode()
    today = timezone.localdate()

    assert f'href="{ADD}" aria-label="Write an article for {today:%-d %B}"' in html
    assert html.count('class="add"') == calendar.monthrange(today.year, today.month)[1] - today.day + 1
