"""What a browser saw where a publication stopped is in the mail about it, for who may see it, as long as it is kept."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image

from articles.models import Article
from articles.providers.errors import IT, Refused
from publishing import publish_tasks
from publishing.models import PublishTask, Shot, Site, Way
from publishing.publishers import hybrid
from recovery.mail import outbox
from recovery.mail.film import MOST_BYTES
from recovery.models import Mail
from tests.publishing.conftest import Ready, new_site
from tests.publishing.conftest import ready as ready
from tests.recovery.conftest import Stops, half_a_minute_ago
from tests.services.smtp import MailServer, Received

Drive = Callable[[Article], Article]


def jpeg(colour: str = "white") -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (630, 392), colour).save(picture, "JPEG")
    return picture.getvalue()


class Browser:
    """It shows what a test tells it to, and is turned away then."""

    def __init__(self) -> None:
        self.shows: list[tuple[str, bytes]] = [("signed_in", jpeg("green")), ("failed", jpeg("red"))]

    def __call__(self, run: Any, task: PublishTask, site: Site) -> Any:
        publish_tasks.did(run, task, 0, way=Way.PLAYWRIGHT.value)
        for step, picture in self.shows:
            publish_tasks.film(run, task, step, picture)
        raise Refused(site.provider, f"{IT} asked for a second factor", mend="ask a person", code="second_factor")


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    browser = Browser()
    monkeypatch.setattr(hybrid, "WAYS", {Way.PLAYWRIGHT.value: browser})
    return browser


@pytest.fixture
def stopped(browser: Browser, ready: Ready, run: Drive) -> Callable[..., Article]:
    """Makes an article that a browser could not publish."""
    site = new_site("https://magazine.example.org", publisher=Way.PLAYWRIGHT)

    def make(title: str = "Tariffs and AI") -> Article:
        article = run(ready(site, title))
        assert article.status == Article.Status.FAILED
        half_a_minute_ago(article)
        return article

    return make


def pictures(mail: Received) -> list[bytes]:
    return [part.get_payload(decode=True) for part in mail.message.walk() if part.get_content_type() == "image/jpeg"]  # type: ignore[misc]


def test_the_failing_picture_is_shown_by_the_words(server: MailServer, stopped: Callable[..., Article]) -> None:
    stopped()
    outbox.deliver()

    [mail] = server.received
    assert pictures(mail) == [jpeg("red")]
    [part] = [part for part in mail.message.walk() if part.get_content_type() == "image/jpeg"]
    assert mail.message.get_content_type() == "multipart/related"
    assert part.get_content_disposition() == "inline"
    assert f'src="cid:{part["Content-ID"].strip("<>")}"' in mail.html
    assert 'alt="What the browser saw where “Tariffs and AI” stopped"' in mail.html
    assert "The picture shows what the browser saw there." in mail.text
    assert mail.html.count("<img") == 1
    assert bytes(Mail.objects.get().picture) == b"", "it is kept until it is sent"


def test_of_several_it_is_that_of_the_newest(server: MailServer, stopped: Callable[..., Article]) -> None:
    for title in ("Tariffs", "Harbours"):
        stopped(title)
    outbox.deliver()

    [mail] = server.received
    assert pictures(mail) == [jpeg("red")]
    assert "What the browser saw where “Harbours” stopped." in mail.html
    assert 'The picture shows what the browser saw where "Harbours" stopped.' in mail.text


def _gone(_: Article, browser: Browser) -> None:
    Shot.objects.all().delete()


def _of_an_earlier_go(article: Article, browser: Browser) -> None:
    Shot.objects.update(at=timezone.now() - timedelta(days=1))


def _by_another_way(article: Article, browser: Browser) -> None:
    PublishTask.objects.update(way=Way.XMLRPC)


def _no_right(article: Article, browser: Browser) -> None:
    article.owner.groups.clear()


def _no_longer_stopped_there(article: Article, browser: Browser) -> None:
    PublishTask.objects.update(cancelled=True, site=new_site("https://weekly.example.org", name="Weekly"))


@pytest.mark.parametrize("change", [_gone, _of_an_earlier_go, _by_another_way, _no_right, _no_longer_stopped_there])
def test_without_it_the_mail_is_as_ever(
    change: Callable[..., None], server: MailServer, stopped: Callable[..., Article], browser: Browser
) -> None:
    change(stopped(), browser)
    outbox.deliver()

    [mail] = server.received
    assert pictures(mail) == []
    assert "<img" not in mail.html
    assert "picture" not in mail.text
    assert mail.message.get_content_type() == "multipart/alternative"


def test_a_large_one_stays_at_the_desk(server: MailServer, stopped: Callable[..., Article], browser: Browser) -> None:
    browser.shows = [("failed", b"\xff\xd8" + b"x" * MOST_BYTES)]
    stopped()
    outbox.deliver()
    assert pictures(server.received[0]) == []


def test_what_stopped_before_any_browser_has_none(server: MailServer, stop: Stops) -> None:
    stop()
    outbox.deliver()
    assert pictures(server.received[0]) == []


def test_sent_again_it_is_the_same_though_the_film_is_gone(server: MailServer, stopped: Callable[..., Article]) -> None:
    """The connection broke off after the server had taken it: not a word of it may change."""
    stopped()
    server.drop = "after"
    outbox.deliver()
    Shot.objects.all().delete()
    server.drop = ""
    Mail.objects.update(next_at=timezone.now())
    outbox.deliver()

    first, second = server.received
    assert pictures(first) == pictures(second) == [jpeg("red")]
    assert (first.html, first.message["Message-ID"]) == (second.html, second.message["Message-ID"])


def test_put_off_it_follows_what_is_true(server: MailServer, stopped: Callable[..., Article]) -> None:
    stopped()
    server.answer = "451 later"
    outbox.deliver()
    assert bytes(Mail.objects.get().picture) == b""
    Shot.objects.all().delete()
    server.answer = "250 OK"
    Mail.objects.update(next_at=timezone.now())
    outbox.deliver()
    [mail] = server.received
    assert pictures(mail) == []
