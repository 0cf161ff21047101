"""A time that somebody types is the moment that her clock shows, in any zone and around the changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from django import forms
from django.test import override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from backups.clocks import DESK, READER, zone_mark
from backups.moments import MomentField

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
MINUTE, YEAR = timedelta(minutes=1), 365 * 24 * 60  # in minutes
# Berlin, Lord Howe with its half hour, Santiago and Cairo at midnight, Samoa that left out a day.
CHANGES = [
    ("Europe/Berlin", datetime(2027, 3, 28, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2027, 10, 31, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 3, 14, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 11, 7, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 4, 3, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 10, 2, 15, 30, tzinfo=UTC)),
    ("America/Santiago", datetime(2027, 4, 4, 3, tzinfo=UTC)),
    ("America/Santiago", datetime(2027, 9, 5, 4, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
]


class Form(forms.Form):
    at = MomentField(label="At", required=False, help_text="Then.")


def typed(text: str) -> forms.Form:
    return Form({"at": text})


def shown(zone: str, moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def moments_of(zone: str, moment: datetime) -> set[datetime]:
    """All moments at which a clock shows what it shows at this one."""
    local = moment.astimezone(ZoneInfo(zone))
    return {local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}


@given(zone=st.sampled_from(ZONES), minutes=st.integers(5 * YEAR, 1000 * YEAR))
def test_what_a_clock_shows_comes_back_as_the_same_moment(zone: str, minutes: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + minutes * MINUTE
    with timezone.override(zone):
        form = typed(shown(zone, moment))
        assert form.is_valid() == (len(moments_of(zone, moment)) == 1)
        assert not form.is_valid() or form.cleaned_data["at"] == moment


@given(change=st.sampled_from(CHANGES), minutes=st.integers(-200, 200))
def test_around_a_change_of_the_clocks_only_what_is_shown_once_is_a_time(
    change: tuple[str, datetime], minutes: int
) -> None:
    zone, moment = change[0], change[1] + minutes * MINUTE
    with timezone.override(zone):
        form = typed(shown(zone, moment))
        assert form.is_valid() == (len(moments_of(zone, moment)) == 1)
        if form.is_valid():
            assert form.cleaned_data["at"] == moment
        else:
            assert "comes twice on" in form.errors["at"][0]


@given(change=st.sampled_from(CHANGES), minutes=st.integers(-200, 200), seconds=st.integers(0, 59))
def test_a_time_that_is_not_touched_stays_as_it_is(change: tuple[str, datetime], minutes: int, seconds: int) -> None:
    moment = change[1] + minutes * MINUTE + timedelta(seconds=seconds)
    with timezone.override(change[0]):
        form = Form({"at": shown(change[0], moment)}, initial={"at": moment})
        assert form.is_valid(), form.errors
        assert form.cleaned_data["at"] == moment
        assert not form.has_changed()


@pytest.mark.parametrize(
    ("zone", "text", "said"),
    [
        (
            "Europe/Berlin",
            "2027-03-28T02:30",
            "There is no 02:30 on 28 March 2027: the clocks go forward then. "
            "Choose another time, such as 01:30 or 03:30.",
        ),
        (
            "Europe/Berlin",
            "2027-10-31T02:00",
            "02:00 comes twice on 31 October 2027: the clocks go back then. "
            "Choose another time, such as 01:00 or 03:00.",
        ),
        (
            "America/Santiago",
            "2027-09-05T00:15",
            "There is no 00:15 on 5 September 2027: the clocks go forward then. "
            "Choose another time, such as 4 Sep, 23:15 or 01:15.",
        ),
        ("Asia/Tokyo", "3000-01-01T00:00", "Choose a time before the year 3000."),
        ("Asia/Tokyo", "1969-01-01T00:00", "Choose a time after the year 1969."),
    ],
)
def test_what_is_no_time_is_said_with_one_that_is(zone: str, text: str, said: str) -> None:
    with timezone.override(zone):
        assert typed(text).errors == {"at": [said]}


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_the_times_that_are_proposed_instead_are_some(zone: str, change: datetime) -> None:
    clock = ZoneInfo(zone)
    before, after = ((change + minutes * MINUTE).astimezone(clock) for minutes in (-1, 1))
    jump = abs((after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta()))
    at_fault = max(before.replace(tzinfo=None), after.replace(tzinfo=None)) - 2 * MINUTE
    with timezone.override(zone):
        assert not typed(f"{at_fault:%Y-%m-%dT%H:%M}").is_valid()
        assert all(typed(f"{at_fault + by:%Y-%m-%dT%H:%M}").is_valid() for by in (-jump, jump))


@override_settings(TIME_ZONE="Europe/Berlin")
@pytest.mark.parametrize(
    ("zone", "said"),
    [
        (None, "Then. In the time of the desk, Europe/Berlin."),
        ("America/New_York", "Then. In your time zone, America/New York."),
    ],
)
def test_the_field_says_whose_time_it_takes(zone: str | None, said: str) -> None:
    with timezone.override(zone):
        assert Form()["at"].help_text == said


@override_settings(TIME_ZONE="Europe/Berlin")
def test_the_desks_day_is_the_same_for_every_reader() -> None:
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # half past midnight in Berlin
    for zone in ("America/New_York", "Pacific/Auckland", None):
        with timezone.override(zone):
            assert DESK.day(late) == date(2026, 12, 1)
            assert DESK.at(date(2026, 12, 1), time(7)) == datetime(2026, 12, 1, 6, tzinfo=UTC)
    with timezone.override("America/New_York"):
        assert READER.day(late) == date(2026, 11, 30)


@override_settings(TIME_ZONE="Europe/Berlin")
@pytest.mark.parametrize(
    ("zone", "mark"),
    [("Europe/Berlin", ""), ("Europe/Paris", ""), ("America/New_York", "EST"), ("America/Sao_Paulo", "UTC-03")],
)
def test_a_time_names_its_zone_where_the_desks_clock_shows_another(zone: str, mark: str) -> None:
    with timezone.override(zone):
        assert zone_mark(datetime(2026, 11, 30, 12, tzinfo=UTC)) == mark
