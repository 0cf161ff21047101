"""How many browsers a machine runs at once."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from articles.pipeline.rate_limits import NotYet
from articles.processes import this_machine, this_process
from publishing.browser import slots
from publishing.models import BrowserSlot

pytestmark = pytest.mark.django_db


def test_a_machine_has_as_many_as_its_setting_says(settings: Settings) -> None:
    settings.GALLEY_BROWSERS = 2
    taken = [slots.take(60), slots.take(60)]
    assert [slot.number for slot in taken] == [1, 2]
    with pytest.raises(NotYet) as caught:  # which uses up none of an article's tries
        slots.take(60)
    assert caught.value.retry_after
    slots.give_back(taken[0])
    assert slots.take(60).number == 1


def test_a_machine_without_room_for_any_has_none(settings: Settings) -> None:
    settings.GALLEY_BROWSERS = 0
    with pytest.raises(NotYet):
        slots.take(60)


def test_a_dead_holders_slot_is_free_at_once() -> None:
    gone = subprocess.Popen(["true"])
    name = f"{this_machine()}|{gone.pid}|1"
    gone.wait()
    held(name)
    slot = slots.take(60)
    assert (slot.number, slot.holder) == (1, this_process())


def test_a_slot_is_kept_no_longer_than_was_said() -> None:
    held(this_process(), seconds=-1)
    assert slots.take(60).number == 1


def test_what_another_has_taken_since_is_not_given_back() -> None:
    first = slots.take(60)
    BrowserSlot.objects.update(until=timezone.now() - timedelta(seconds=1))
    second = slots.take(60)
    slots.give_back(first)
    assert BrowserSlot.objects.get().holder == second.holder


def test_another_machine_has_slots_of_its_own_and_old_names_are_forgotten() -> None:
    held(f"other/1|{os.getpid()}|1", host="other/1")
    held("", host="earlier/1", seconds=-200_000)
    slots.take(60)
    assert set(BrowserSlot.objects.values_list("host", flat=True)) == {this_machine(), "other/1"}


def held(holder: str, host: str = "", seconds: float = 60) -> None:
    until = timezone.now() + timedelta(seconds=seconds)
    BrowserSlot.objects.create(host=host or this_machine(), number=1, holder=holder, until=until)
