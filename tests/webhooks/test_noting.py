"""What is told, of what, to whom: noted with what has happened, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import transaction

from articles.batches import control
from articles.models import Article, Batch, Stage
from articles.pipeline import dispatch, transitions
from articles.providers.errors import Refused
from tests.articles.batches.grid import batch_of
from tests.conftest import HandIn
from tests.webhooks.conftest import webhook_of
from webhooks.models import Delivery, Event, Webhook

ADDRESS = "https://programs.example.org/galley"


def told() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("event", flat=True))


def test_an_article_that_is_done_is_told_with_its_publication(
    chief: User, hand_in: HandIn, run: Callable[[Article], Article]
) -> None:
    webhook = webhook_of(chief, ADDRESS)

    article = run(hand_in())

    assert sorted(told()) == ["article.done", "publication.completed"]
    delivery = Delivery.objects.get(event="article.done")
    said = json.loads(delivery.body)
    assert (said["id"], said["event"], delivery.webhook) == (str(delivery.uid), "article.done", webhook)
    assert said["data"] == {
        "article_id": article.pk,
        "title": "Tariffs and AI",
        "owner": "ada",
        "status": "done",
        "site": None,
        "link": article.address,
        "problem": "",
        "url": f"http://127.0.0.1:8000/api/v1/articles/{article.pk}",
    }


def test_one_that_stops_is_told_with_the_reason(
    chief: User, hand_in: HandIn, run: Callable[[Article], Article]
) -> None:
    article = run(hand_in())
    webhook_of(chief, ADDRESS, Event.ARTICLE_STOPPED)
    transitions.stop_done(article, Stage.FORMAT, Refused("format", "it did not accept our key", code="key"))
    said = json.loads(Delivery.objects.get().body)
    assert (said["event"], said["data"]["status"]) == ("article.stopped", "failed")
    assert said["data"]["problem"]


def test_one_that_is_cancelled_is_told(chief: User, hand_in: HandIn) -> None:
    webhook_of(chief, ADDRESS)
    transitions.cancel(hand_in(), chief)
    assert told() == ["article.cancelled"]
    assert json.loads(Delivery.objects.get().body)["data"]["status"] == "cancelled"


def test_a_batch_is_told_when_it_rests(chief: User, editor: User) -> None:
    webhook_of(chief, ADDRESS, Event.BATCH_DONE, Event.BATCH_PAUSED, Event.BATCH_CANCELLED)
    paused, cancelled, done = (batch_of(editor, 1, 1, name=name) for name in ("One", "Two", "Three"))
    dispatch.pause(paused.pk, "The text service is away.")
    control.cancel(cancelled, chief)
    Article.objects.filter(batch=done).update(status=Article.Status.DONE)
    dispatch.top_up()
    dispatch.top_up()
    assert told() == ["batch.paused", "batch.cancelled", "batch.done"]
    said = json.loads(Delivery.objects.get(event="batch.paused").body)["data"]
    assert (said["name"], said["state"], said["reason"]) == ("One", "paused", "The text service is away.")
    assert Batch.objects.get(pk=done.pk).state == "done"


def test_each_hears_what_its_owner_may_see(editor: User, other_editor: User, chief: User, hand_in: HandIn) -> None:
    for user in (editor, other_editor, chief):
        webhook_of(user, f"{ADDRESS}/{user}")
    webhook_of(editor, f"{ADDRESS}/other-events", Event.BATCH_DONE)
    Webhook.objects.create(owner=editor, address=f"{ADDRESS}/off", events=list(Event.values), active=False)

    transitions.cancel(hand_in(), editor)

    heard = set(Delivery.objects.values_list("webhook__owner__username", "webhook__address"))
    assert heard == {("ada", f"{ADDRESS}/ada"), ("chief", f"{ADDRESS}/chief")}

    Delivery.objects.all().delete()
    User.objects.filter(pk=chief.pk).update(is_staff=False)
    transitions.cancel(hand_in(), editor)
    assert set(Delivery.objects.values_list("webhook__owner__username", flat=True)) == {"ada"}


def test_what_is_taken_back_is_not_told(chief: User, hand_in: HandIn) -> None:
    webhook_of(chief, ADDRESS)
    article = hand_in()
    with transaction.atomic():
        transitions.cancel(article, chief)
        assert told() == ["article.cancelled"]
        transaction.set_rollback(True)
    assert told() == []


def test_without_webhooks_nothing_is_noted(hand_in: HandIn, run: Callable[[Article], Article]) -> None:
    run(hand_in())
    assert told() == []
