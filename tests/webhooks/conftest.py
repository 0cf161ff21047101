"""A receiver on loopback, and a chief editor's webhook for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from tests.webhooks.receiver import Receiver, receiver
from webhooks.models import Event, Webhook

SECRET = "whsec_of-this-test"


@pytest.fixture
def program(settings: Settings) -> Iterator[Receiver]:
    settings.GALLEY_ALLOW_PRIVATE_ADDRESSES = True
    with receiver() as running:
        yield running


def webhook_of(owner: User, address: str, *events: Event) -> Webhook:
    made = Webhook(owner=owner, address=address, events=list(events or Event.values))
    made.make_secret()
    made.save()
    return made


@pytest.fixture
def webhook(chief: User, program: Receiver) -> Webhook:
    return webhook_of(chief, program.address)
