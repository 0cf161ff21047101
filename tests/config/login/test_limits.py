"""Wrong passwords: whoever guesses is kept out, and nobody else is."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import F
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from config.login.limits import BY_NAME

RIGHT = "a long password"
FEW = 8


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: Settings) -> None:
    settings.GALLEY_PROXIES = [ip_network("127.0.0.1")]


def login(name: str, password: str, address: str) -> int:
    """As the documented proxy hands it on. Returns the status: 302 is in, 429 locked."""
    headers = {"X-Forwarded-For": address}
    return Client(headers=headers).post(reverse("admin:login"), {"username": name, "password": password}).status_code


def guess(name: str, number: int, address: str = "") -> list[int]:
    return [login(name, "wrong", address or f"203.0.113.{n}") for n in range(number)]


def test_few_guesses_from_one_address_lock_the_name_there(editor: User) -> None:
    assert guess("ada", FEW, "203.0.113.1")[-1] == 429
    assert login("ada", RIGHT, "203.0.113.1") == 429


def test_and_nowhere_else(editor: User, other_editor: User) -> None:
    guess("ada", FEW + 2, "203.0.113.1")
    assert login("ada", RIGHT, "198.51.100.7") == 302
    assert login("ben", RIGHT, "203.0.113.1") == 302


def test_many_guesses_from_everywhere_lock_the_name(editor: User) -> None:
    statuses = guess("ada", BY_NAME + 3)
    assert statuses.count(429) >= 3
    assert login("ada", RIGHT, "198.51.100.7") == 429


def test_but_not_where_it_has_logged_in_before(editor: User) -> None:
    """Else anybody could keep somebody out."""
    assert login("ada", RIGHT, "198.51.100.7") == 302
    guess("ada", BY_NAME + 3)
    assert login("ada", RIGHT, "198.51.100.7") == 302
    assert login("ada", RIGHT, "198.51.100.8") == 429


def test_going_on_does_not_keep_the_name_locked(editor: User) -> None:
    guess("ada", FEW, "203.0.113.1")
    locked = AccessAttempt.objects.get()
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=14))
    guess("ada", FEW, "203.0.113.1")
    assert AccessAttempt.objects.get().attempt_time < locked.attempt_time


def test_the_operator_opens_it(editor: User, capsys: pytest.CaptureFixture[str]) -> None:
    guess("ada", FEW, "203.0.113.1")
    call_command("axes_reset_username", "ada")
    assert login("ada", RIGHT, "203.0.113.1") == 302
