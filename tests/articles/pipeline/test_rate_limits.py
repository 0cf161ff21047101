"""How fast services are asked: turns, rests, and that they hold for all workers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from articles.models import Article, Pace
from articles.pipeline import rate_limits
from articles.pipeline.rate_limits import NotYet
from articles.providers import text
from articles.providers.errors import IT, Busy
from tests.conftest import HandIn, error_of
from tests.doubles.server import Doubles
from tests.journeys.installation import Installation
from tests.services import postgres

SERVICE = text.PROVIDER
Work = Callable[[Article], Article]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept, instead of sleeping."""
    seconds: list[float] = []
    monkeypatch.setattr("articles.pipeline.rate_limits.time.sleep", seconds.append)
    return seconds


def _busy(seconds: float | None) -> Busy:
    return Busy(SERVICE, "it has too much to do", retry_after=seconds)


@pytest.mark.django_db
def test_without_a_limit_nobody_waits(slept: list[float], django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        rate_limits.take_turn(SERVICE)

    assert slept == []


@pytest.mark.django_db
def test_sites_have_limits_of_their_own(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    rate_limits.close(Busy("wordpress:1", f"{IT} has too much to do", retry_after=100))

    with django_assert_num_queries(0):
        rate_limits.take_turn("WordPress")


@pytest.mark.django_db
def test_turns_come_evenly(slept: list[float], settings: Settings) -> None:
    settings.GALLEY_PER_MINUTE = {SERVICE: 12}

    for _ in range(5):
        rate_limits.take_turn(SERVICE)

    assert [round(seconds) for seconds in slept] == [0, 5, 10, 15, 20]
    with pytest.raises(NotYet) as told:  # a worker would sleep too long
        rate_limits.take_turn(SERVICE)
    assert told.value.retry_after == pytest.approx(25, abs=1)
    assert "12 times a minute" in told.value.reason


@pytest.mark.django_db
def test_a_turn_that_somebody_took_meanwhile_is_not_taken_again(
    slept: list[float], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GALLEY_PER_MINUTE = {SERVICE: 12}
    new = rate_limits._new

    def overtaken(provider: str) -> Pace:
        found = new(provider)
        monkeypatch.setattr(rate_limits, "_new", new)
        rate_limits.take_turn(provider)
        return found

    monkeypatch.setattr(rate_limits, "_new", overtaken)
    rate_limits.take_turn(SERVICE)

    assert [round(seconds) for seconds in slept] == [0, 5]


TEN_TURNS = f"""
from articles.pipeline import rate_limits
rate_limits.time.sleep = lambda _: None
for _ in range(10):
    rate_limits.take_turn({SERVICE!r})
"""


@pytest.mark.dealt(2)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_turn_is_given_once(database: str, tmp_path: Path) -> None:
    """By four processes at once."""
    with ExitStack() as stack:
        installation = Installation(tmp_path / "desk", {"GALLEY_TEXT_PER_MINUTE": "600"})
        installation.folder.mkdir()
        if database == "postgres":
            if reason := postgres.available():
                pytest.skip(reason)
            installation.settings["DATABASE_URL"] = stack.enter_context(postgres.postgres(tmp_path))
        installation.prepare()
        began = timezone.now()
        with ThreadPoolExecutor(4) as team:
            list(team.map(lambda _: installation.manage("shell", "--verbosity", "0", "-c", TEN_TURNS), range(4)))
        next_at = installation.ask("Pace.objects.get().next_at")

    # Forty turns of a tenth of a second each, whoever took them.
    assert datetime.fromisoformat(next_at) >= began + timedelta(seconds=4)


@pytest.mark.django_db
def test_when_one_is_asked_to_wait_all_wait(slept: list[float]) -> None:
    rate_limits.close(_busy(120))

    with pytest.raises(NotYet, match="too much to do") as told:
        rate_limits.take_turn(SERVICE)

    assert told.value.retry_after == pytest.approx(120, abs=2)
    assert [rest.provider for rest in rate_limits.closed()] == [SERVICE]


@pytest.mark.django_db
def test_a_shorter_rest_ends_no_longer_one() -> None:
    rate_limits.close(_busy(120))
    rate_limits.close(_busy(10))
    rate_limits.close(_busy(None))

    until = Pace.objects.get().closed_until
    assert until is not None
    assert until > timezone.now() + timedelta(seconds=100)


@pytest.mark.django_db
def test_a_short_rest_is_slept_through(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        slept.append(seconds)
        Pace.objects.update(closed_until=timezone.now())

    monkeypatch.setattr("articles.pipeline.rate_limits.time.sleep", sleep)
    rate_limits.close(_busy(7))

    rate_limits.take_turn(SERVICE)

    assert slept == [pytest.approx(7, abs=1)]


def test_an_article_that_waits_for_its_turn_has_used_up_no_try(hand_in: HandIn, run: Work, services: Doubles) -> None:
    article = hand_in(idea="Lighthouses")
    rate_limits.close(_busy(300))

    waiting = run(article)

    assert (waiting.status, waiting.retries) == (Article.Status.WAITING, 0)
    assert error_of(waiting)["code"] == "pace"
    assert services.requests() == []


def test_a_service_that_is_busy_is_given_a_rest_by_all(hand_in: HandIn, run: Work, services: Doubles) -> None:
    services.configure(retry_after=60)
    services.fail("openai", "responses", "rate_limited")
    first, second = hand_in(idea="Lighthouses"), hand_in(idea="Harbours")

    assert run(first).retries == 1
    assert run(second).retries == 0

    assert len(services.requests("openai")) == 1
