"""What is large is sent at a pace, and within hours: by a fake clock, and by the clocks of places that change them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.storage.folder import Folder
from backups.storage.pace import Hours, Pace, Paced

BERLIN = ZoneInfo("Europe/Berlin")
MINUTES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


@dataclass
class Clock:
    """Goes on by whoever sleeps."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@given(sizes=st.lists(st.integers(0, 5_000_000), max_size=30), rate=st.integers(1, 2_000_000))
def test_never_more_bytes_than_the_limit_gives(sizes: list[int], rate: int) -> None:
    """Until any moment: what the seconds so far allow, and the piece that is under way."""
    clock, sent = Clock(), 0
    pace = Pace(rate, clock=clock, sleep=clock.sleep)
    for size in sizes:
        pace(size)
        assert sent <= (clock.now - 100) * rate + 1
        sent += size
    assert sum(clock.slept) <= sum(sizes[:-1]) / rate + 1, "and no slower than that"


def test_a_line_that_was_idle_saves_nothing_up() -> None:
    clock = Clock()
    pace = Pace(1_000, clock=clock, sleep=clock.sleep)
    pace(500)
    clock.now += 3600
    pace(2_000)
    pace(1)
    assert clock.slept == [2.0]


def test_a_store_is_paced_by_what_it_is_sent(tmp_path: Path) -> None:
    clock = Clock()
    store = Paced(Folder(tmp_path), Pace(1_000, clock=clock, sleep=clock.sleep))

    def chunks() -> Iterator[bytes]:
        yield from (b"a" * 1_000, b"b" * 3_000, b"c")

    store.put("one", b"1" * 2_000)
    store.put_stream("many", chunks(), 4_001)
    store.put("last", b"")

    assert clock.now == pytest.approx(106.001)
    assert (store.get("one", 9_999), b"".join(store.stream("many"))) == (b"1" * 2_000, b"".join(chunks()))


@pytest.mark.parametrize(
    ("begins", "ends", "moment", "are"),
    [
        ("22:00", "06:00", "2026-03-10 21:59", False),
        ("22:00", "06:00", "2026-03-10 22:00", True),
        ("22:00", "06:00", "2026-03-11 05:59", True),
        ("22:00", "06:00", "2026-03-11 06:00", False),
        ("01:00", "05:00", "2026-07-01 01:30", True),  # of summer time
        ("01:00", "05:00", "2026-07-01 05:30", False),
    ],
)
def test_hours_by_the_clock_of_the_place(begins: str, ends: str, moment: str, are: bool) -> None:
    hours = Hours(time.fromisoformat(begins), time.fromisoformat(ends), BERLIN)
    there = datetime.fromisoformat(moment).replace(tzinfo=BERLIN)
    assert hours.are_now(there.astimezone(UTC)) == are


@pytest.mark.parametrize(
    ("begins", "ends", "now", "begin"),
    [
        ("22:00", "06:00", "2026-03-10T12:00:30Z", "2026-03-10T21:00Z"),
        ("22:00", "06:00", "2026-07-10T12:00:30Z", "2026-07-10T20:00Z"),
        ("02:30", "05:00", "2026-03-28T23:00Z", "2026-03-29T01:00Z"),  # that night has no half past two
        ("02:00", "03:00", "2026-03-28T23:00Z", "2026-03-30T00:00Z"),  # nor has it any of these minutes
        ("02:30", "02:45", "2026-10-25T00:45Z", "2026-10-25T01:30Z"),  # that one has them twice
    ],
)
def test_hours_begin_when_clocks_are_changed(begins: str, ends: str, now: str, begin: str) -> None:
    hours = Hours(time.fromisoformat(begins), time.fromisoformat(ends), BERLIN)
    assert hours.begin(datetime.fromisoformat(now)) == datetime.fromisoformat(begin)


@given(begins=MINUTES, ends=MINUTES, now=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
def test_what_waits_for_its_hours_comes_into_them(begins: time, ends: time, now: datetime) -> None:
    if begins == ends:
        return
    hours, moment = Hours(begins, ends, BERLIN), now.replace(tzinfo=UTC)
    found = hours.begin(moment)
    assert moment <= found <= moment + timedelta(days=3)
    assert hours.are_now(found)
    if found > moment:
        assert not hours.are_now(found - timedelta(minutes=1)) or found - timedelta(minutes=1) < moment
