"""What stops, and where its mail goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article
from articles.pipeline import worker
from articles.providers.errors import IT, ProviderError, Rejected, Then
from recovery.mail.collect import HALF_A_MINUTE
from recovery.models import Stop
from tests.conftest import HandIn
from tests.services.smtp import MailServer, mail_server


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    """A mail server on a socket, which Galley sends to."""
    with mail_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        yield running


def declined(code: str = "declined", reason: str = f"{IT} does not write about this") -> ProviderError:
    return Rejected("text", reason, mend="change the idea", then=Then.NOTHING, code=code, thing="the article")


Stops = Callable[..., Article]


def half_a_minute_ago(article: Article) -> None:
    """It stopped so long ago that its mail is due."""
    Stop.objects.filter(article=article).update(stopped_at=F("stopped_at") - HALF_A_MINUTE)


def stop_again(article: Article, error: ProviderError | None = None, *, just_now: bool = False) -> Article:
    """What a worker would do with a queued article that is bound to stop; half a minute ago, unless `just_now`."""
    with mock.patch("articles.stages.article.run", side_effect=error or declined()):
        worker.run_article(article.pk)
    article.refresh_from_db()
    assert article.status == Article.Status.FAILED
    if not just_now:
        half_a_minute_ago(article)
    return article


@pytest.fixture
def stop(hand_in: HandIn) -> Stops:
    """Hands in an article that stops: because it was declined, unless another error is given."""

    def work(
        idea: str = "Home batteries", error: ProviderError | None = None, *, just_now: bool = False, **fields: object
    ) -> Article:
        return stop_again(hand_in(idea=idea, **fields), error, just_now=just_now)

    return work


@contextmanager
def later(**passed: float) -> Iterator[None]:
    """All clocks go on by so many minutes, hours or days."""
    now, ahead = timezone.now, timedelta(**passed)
    with mock.patch("django.utils.timezone.now", side_effect=lambda: now() + ahead):
        yield
