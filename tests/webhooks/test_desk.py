"""The pages of webhooks: for chief editors, with a secret that is shown once, a test, and a log."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User

from tests.desk import as_, text
from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery, Webhook

LIST = "/admin/webhooks/webhook/"
LOG = "/admin/webhooks/delivery/"


def test_a_webhook_is_made_and_its_secret_shown_once(chief: User) -> None:
    client = as_(chief)
    given = {"address": "https://programs.example.org/galley", "events": ["article.done"], "active": "on"}

    made = client.post(f"{LIST}add/", given)

    webhook = Webhook.objects.get()
    assert (webhook.owner, webhook.events, webhook.active) == (chief, ["article.done"], True)
    assert webhook.secret in text(made)
    assert "no-store" in made["Cache-Control"]
    assert webhook.secret not in webhook.encrypted_secret
    for page in (LIST, f"{LIST}{webhook.pk}/change/", LOG):
        answer = client.get(page)
        assert answer.status_code == 200
        assert webhook.secret not in answer.content.decode()


@pytest.mark.parametrize("address", ["ftp://programs.example.org", "javascript:alert(1)", "programs"])
def test_an_address_that_is_none_is_refused(chief: User, address: str) -> None:
    as_(chief).post(f"{LIST}add/", {"address": address, "events": ["article.done"]})
    assert not Webhook.objects.exists()


def test_the_test_button_sends_at_once_and_says_how_it_went(chief: User, webhook: Webhook, program: Receiver) -> None:
    program.answers += [204, 500]
    for said in ("answered 204", "answered 500"):
        answer = as_(chief).post(LIST, {"action": "send_test", "_selected_action": webhook.pk}, follow=True)
        assert said in text(answer)
    way = re.search(rf'href="({LOG}[^"]+)"', as_(chief).get(LIST).content.decode())
    assert way
    log = text(as_(chief).get(way[1]))
    assert "answered 204" in log
    assert "answered 500" in log
    assert as_(chief).get(f"{LOG}{Delivery.objects.first().pk}/change/").status_code == 200  # type: ignore[union-attr]


def test_they_are_for_chief_editors(editor: User, webhook: Webhook) -> None:
    client = as_(editor)
    for page in (LIST, f"{LIST}add/", f"{LIST}{webhook.pk}/change/", LOG):
        assert client.get(page).status_code == 403
    assert client.post(LIST, {"action": "send_test", "_selected_action": webhook.pk}).status_code == 403
    assert not Delivery.objects.exists()
