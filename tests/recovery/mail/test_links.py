"""The link in a mail: for who may, for a week, and opening it changes nothing."""

from __future__ import annotations

import re
import time
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.signing import TimestampSigner
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from articles.models import Article, Event, Preferences
from articles.pipeline import transitions
from recovery.mail import links, outbox
from recovery.models import Mail, Stop
from tests.recovery.conftest import Stops, declined, later
from tests.services.smtp import MailServer

PLAN = reverse("admin:articles_article_recover")


@pytest.fixture
def link(server: MailServer, stop: Stops) -> str:
    """The link of a mail that arrived, about one article."""
    stop()
    return _next_link(server)


def _next_link(server: MailServer) -> str:
    outbox.deliver()
    found = re.search(r"^http://127\.0\.0\.1:8000(/recover/\S+)$", server.received[-1].text, re.MULTILINE)
    assert found
    return found[1]


def _open(link: str, user: User | None, method: str = "GET") -> Any:
    client = Client()
    if user:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.generic(method, link)


def _says(answer: Any, status: int, words: str) -> None:
    page = answer.content.decode()
    assert answer.status_code == status
    assert words in page
    assert "To the desk" in page
    assert "Home batteries" not in page


def _leads_to(answer: Any) -> dict[str, list[str]]:
    """What is asked of the page with the plan."""
    assert answer.status_code == 302
    parts = urlsplit(answer["Location"])
    assert parts.path == PLAN
    return parse_qs(parts.query)


def test_it_leads_its_reader_to_the_plan(link: str, editor: User) -> None:
    assert _leads_to(_open(link, editor)) == {"ids": [str(Article.objects.get().pk)]}


def test_it_leads_a_chief_editor_there_too(link: str, chief: User) -> None:
    assert _leads_to(_open(link, chief)) == {"ids": [str(Article.objects.get().pk)]}


def test_another_user_learns_nothing(link: str, other_editor: User, stop: Stops) -> None:
    stop(owner=other_editor)  # for the same reason: it is not what the mail is about
    answer = _open(link, other_editor)

    _says(answer, 403, "This is not yours to see")


def test_who_is_not_logged_in_is_asked_to_and_comes_back(link: str, editor: User) -> None:
    client = Client()
    answer = client.get(link)
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("admin:login"))

    answer = client.post(answer["Location"], {"username": "ada", "password": "a long password"})
    assert answer["Location"] == link
    assert _leads_to(client.get(link))


def test_it_expires_after_a_week(link: str, editor: User) -> None:
    now = time.time()
    with mock.patch("django.core.signing.time.time", return_value=now + links.LIFE - 60):
        assert _leads_to(_open(link, editor))
    with mock.patch("django.core.signing.time.time", return_value=now + links.LIFE + 60):
        _says(_open(link, editor), 410, "This link has expired")
        _says(_open(link, None), 410, "This link has expired")


def test_it_ends_with_its_mail(link: str, editor: User) -> None:
    Mail.objects.all().delete()

    _says(_open(link, editor), 410, "This link has expired")


def _tampered(token: str) -> list[str]:
    pk, when, signature = token.split(":")
    other = "A" if signature[-5] != "A" else "B"
    return [
        f"{pk}:{when}:{signature[:-5]}{other}{signature[-4:]}",
        f"{int(pk) + 1}:{when}:{signature}",
        f"{pk}:zzzzzz:{signature}",
        f"{pk}:{when}",
        token[:-10],
        pk,
        TimestampSigner(salt="publishing.preview").sign(pk),
        "ü:%00:x",
        "x" * 5000,
    ]


@pytest.mark.parametrize("which", range(9))
def test_tampered_with_it_leads_nowhere(link: str, editor: User, which: int) -> None:
    token = link.removeprefix("/recover/").removesuffix("/")
    answer = _open(f"/recover/{_tampered(token)[which]}/", editor)

    _says(answer, 404, "This link leads nowhere")


def test_a_signed_word_that_is_no_number_leads_nowhere(editor: User) -> None:
    _says(_open(f"/recover/{links.signer().sign('all')}/", editor), 404, "This link leads nowhere")


def test_the_key_may_be_changed(link: str, editor: User, settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = (
        "a new key, as long as it has to be, for tests",
        [settings.SECRET_KEY],
    )
    assert _leads_to(_open(link, editor))
    settings.SECRET_KEY_FALLBACKS = []
    _says(_open(link, editor), 404, "This link leads nowhere")


def test_opened_often_by_people_and_scanners_it_changes_nothing(link: str, editor: User) -> None:
    def all_rows() -> list[Any]:
        return [list(model.objects.order_by("pk").values()) for model in (Article, Event, Mail, Stop)]

    before = all_rows()
    answers = [_open(link, user, method) for user in (editor, None) for method in ("HEAD", "GET", "HEAD", "GET")]
    assert [answer.status_code for answer in answers] == [302] * 8
    assert len({answer["Location"] for answer in answers[:4]}) == 1
    assert all_rows() == before
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert _open(link, editor, method).status_code == 405
    assert all_rows() == before


def test_nobody_keeps_it(link: str, editor: User) -> None:
    answer = _open(link, editor)

    assert "no-store" in answer["Cache-Control"]
    assert "unsafe" not in answer.get("Referrer-Policy", "")


def test_after_recovery_it_leads_to_the_article(link: str, editor: User) -> None:
    article = Article.objects.get()
    transitions.resume(article, editor)

    assert _open(link, editor)["Location"] == article.get_absolute_url()


def test_after_deletion_it_says_nothing(link: str, editor: User) -> None:
    Article.objects.all().delete()

    _says(_open(link, editor), 403, "This is not yours to see")


def test_it_shows_all_of_the_group_that_is_stopped_when_it_is_opened(
    server: MailServer, stop: Stops, editor: User, other_editor: User
) -> None:
    first, second = stop("One"), stop("Two")
    link = _next_link(server)
    third = stop("Three")
    stop("Another reason", error=declined("other"))
    stop("Somebody else", owner=other_editor)
    transitions.cancel(first, editor)

    assert _leads_to(_open(link, editor)) == {"ids": [f"{second.pk},{third.pk}"]}
    transitions.cancel(second, editor)
    transitions.cancel(third, editor)
    _says(_open(link, editor), 200, "Nothing is stopped any more")


def test_a_large_group_goes_by_its_problem(
    server: MailServer, stop: Stops, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "FEW", 2)
    articles = [stop(f"Article {number}") for number in range(3)]
    link = _next_link(server)

    assert _leads_to(_open(link, editor)) == {"problem": [articles[0].cause]}


def test_one_that_was_stopped_by_something_else_since_is_still_shown(link: str, editor: User) -> None:
    article = Article.objects.get()
    Article.objects.update(cause="another")

    assert _leads_to(_open(link, editor)) == {"ids": [str(article.pk)]}


@pytest.mark.parametrize("few", [2, 50])
def test_that_of_a_digest_shows_all_that_is_stopped(
    server: MailServer, stop: Stops, editor: User, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(links, "FEW", few)
    Preferences.objects.create(user=editor, stop_mail="daily")
    articles = [stop(f"Article {number}", error=declined(f"code_{number}")) for number in range(3)]
    with later(days=2):
        link = _next_link(server)

    answer = _open(link, editor)
    if few == 50:
        assert _leads_to(answer) == {"ids": [",".join(str(article.pk) for article in articles)]}
    else:
        assert answer["Location"] == f"{reverse('admin:articles_article_changelist')}?state=stopped"
