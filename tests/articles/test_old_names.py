"""What was kept in words goes on under ids and fields: rows as they were written before there were any."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from articles.batches import control
from articles.failures import Failure, problems, report
from articles.models import Article, Batch, Call, Pace, Section
from articles.pipeline import rate_limits
from articles.pipeline.run import Run
from articles.pipeline.transitions import claim
from articles.providers import Answer
from articles.providers.errors import Then
from publishing.models import Site
from recovery.models import Mail, Stop
from tests.batches import drafted
from tests.conftest import HandIn

pytestmark = pytest.mark.django_db

ARTICLES = import_module("articles.migrations.0010_facts_as_fields")
RECOVERY = import_module("recovery.migrations.0005_causes_by_ids")
LOGIN = {
    "kind": "Refused",
    "provider": "WordPress",
    "headline": "WordPress refused the login",
    "reason": 'the site did not accept the application password of user "desk"',
    "action": 'check the password of site "Magazine", then press Recover',
    "code": "login",
    "detail": "{}",
    "thing": "the hero image",
    "stage": "upload",
}
DECLINED = LOGIN | {
    "kind": "Rejected",
    "provider": "The picture service",
    "headline": "The picture service declined the picture",
    "reason": "it declined the prompt as sensitive",
    "action": "change the prompt, then press Recover",
    "code": "declined",
    "thing": "the picture",
    "stage": "images",
}


def _migrate() -> None:
    for migration in (ARTICLES, RECOVERY):
        migration.convert(apps, mock.Mock(connection=connection))


def _stopped(article: Article, error: dict[str, str], cause: str) -> Article:
    fields = {"status": Article.Status.FAILED, "error": error, "cause": cause, "ended_at": timezone.now()}
    Article.objects.filter(pk=article.pk).update(**fields)
    article.refresh_from_db()
    return article


@pytest.fixture
def site() -> Site:
    site = Site(name="Magazine", url="https://magazine.example.org", user="desk")
    site.secret = "abcd efgh"
    site.save()
    return site


def test_stopped_articles_say_and_group_what_they_did(hand_in: HandIn, site: Site, editor: User) -> None:
    refused = _stopped(hand_in(site=site), LOGIN, f"WordPress|upload|login|{site.pk}")
    declined = _stopped(hand_in(), DECLINED, "The picture service|images|declined|")
    now = timezone.now()
    Stop.objects.create(article=refused, attempt=1, recipient=editor, cause=refused.cause, stopped_at=now)
    mail = {"recipient": editor, "kind": Mail.Kind.AT_ONCE, "created_at": now, "next_at": now}
    Mail.objects.create(cause="The picture service|images|declined|", **mail)

    _migrate()

    for article, before in ((refused, LOGIN), (declined, DECLINED)):
        article.refresh_from_db()
        told = report(article)
        assert (told.headline, told.reason, told.next) == (before["headline"], before["reason"], before["action"])
    assert refused.cause == f"wordpress:{site.pk}|upload|login|{site.pk}" == Stop.objects.get().cause
    assert declined.cause == "pictures|images|declined|" == Mail.objects.get().cause
    assert {problem.cause for problem in problems(Article.objects.all())} == {refused.cause, declined.cause}
    assert Failure.read(declined.error).why == "The picture service declined the prompt as sensitive"


def test_what_is_migrated_twice_is_as_once(hand_in: HandIn) -> None:
    article = _stopped(hand_in(), DECLINED, "The picture service|images|declined|")
    _migrate()
    article.refresh_from_db()
    once = article.error, article.cause

    _migrate()

    article.refresh_from_db()
    assert (article.error, article.cause) == once


def _lost(article: Article, key: str, provider: str, **fields: Any) -> Call:
    return Call.objects.create(article=article, key=key, provider=provider, sends=1, sent_at=timezone.now(), **fields)


def test_a_paid_answer_is_not_paid_for_again(hand_in: HandIn, site: Site) -> None:
    """An article in the middle of its run: its calls go on, whatever service and site were called."""
    article = hand_in(site=site)
    answered = _lost(article, "text", "The text service", state=Call.State.RECEIVED, answer={"title": "x"})
    draft = _lost(article, "post", "WordPress Magazine")
    renamed = _lost(article, "media:hero", "WordPress Old name")
    _migrate()

    claimed = claim(article.pk)
    assert claimed
    run = Run(claimed)

    def never(_: Call) -> Answer:
        raise AssertionError("it was paid for")

    assert run.calls.ask("text", "the article", provider="text", send=never).pk == answered.pk
    for call, key in ((draft, "post"), (renamed, "media:hero")):
        found = run.calls.ask(key, "it", provider=site.provider, look_up=lambda _: Answer({"id": 5}), send=never)
        assert (found.pk, found.generation) == (call.pk, 1)


def test_a_service_that_asked_to_wait_is_waited_for(settings: Any) -> None:
    settings.GALLEY_PER_MINUTE = {"text": 0}
    later = timezone.now() + timedelta(minutes=5)
    Pace.objects.create(provider="The text service", closed_until=later, reason="it has too much to do at the moment")
    _migrate()

    with pytest.raises(rate_limits.NotYet) as told:
        rate_limits.take_turn("text")
    assert Failure.of(told.value).reason.startswith("it has too much to do at the moment; it is asked again at")


def test_a_paused_batch_goes_on_with_what_stopped_for_its_cause(editor: User) -> None:
    batch = drafted(editor, styles=2, sections=2)
    control_cause = "The text service|article|no_credit|"
    Batch.objects.filter(pk=batch.pk).update(state=Batch.State.PAUSED, cause=control_cause)
    article = Article.objects.create(
        owner=editor, batch=batch, batch_key="style 1", idea="x", tree_prefix="user_1/x", status="cancelled"
    )
    section = Section.objects.create(
        article=article, batch=batch, index=1, heading="Kitchen", key="kitchen", state="failed", error=DECLINED
    )
    _stopped(article, DECLINED | {"provider": "The text service", "code": "no_credit"}, control_cause)

    _migrate()
    batch.refresh_from_db()
    assert control.resume(batch, editor)

    article.refresh_from_db()
    section.refresh_from_db()
    assert (article.status, article.cause) == ("draft", "")
    assert section.error is None, "what is missing is made"


@pytest.mark.parametrize(
    ("action", "mend", "then"),
    [
        ("press Recover", "", Then.RECOVER),
        ("add credit to the account, then press Recover", "add credit to the account", Then.RECOVER),
        ("press Recover to have it made again", "", Then.REMAKE),
        ("tell the operator; press Recover to try once more", "tell the operator", Then.ONCE_MORE),
        ("change the idea, then hand it in again", "change the idea", Then.HAND_IN),
        ("choose the template", "choose the template", Then.NOTHING),
        (
            "see why below, then press Recover: only what is missing is made",
            "see why below",
            Then.WHAT_IS_MISSING,
        ),
        (
            "ask the operator to set OPENAI_API_KEY and press Recover, or hand in a manuscript",
            "ask the operator to set OPENAI_API_KEY",
            Then.RECOVER_OR_MANUSCRIPT,
        ),
    ],
)
def test_every_action_reads_as_before(action: str, mend: str, then: Then) -> None:
    error = ARTICLES.as_fields(DECLINED | {"action": action}, None)

    assert (error["mend"], error["then"]) == (mend, then)
    assert Failure.read(error).next == action
