"""A key is changed as the operator's page says: a new one in front, `site reencrypt`, and the old one goes."""

from __future__ import annotations

from datetime import timedelta

from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import Model
from django.utils import timezone
from pytest_django import Settings

from publishing import secrets
from publishing.models import BrowserSession
from tests.publishing.conftest import new_site
from webhooks.models import Webhook
from worklist.models import DriveAccount


def with_secrets(owner: User) -> list[Model]:
    """A row of each model that keeps one."""
    site = new_site("https://magazine.example.org")
    session = BrowserSession.objects.create(site=site, login="a", encrypted_state=secrets.encrypt("{}"))
    webhook = Webhook(owner=owner, address="https://program.example.org/told")
    webhook.make_secret()
    webhook.save()
    account = DriveAccount(name="desk@example.org", kind="person", used_at=timezone.now() - timedelta(days=1))
    account.login = {"refresh_token": "a token"}
    account.save()
    return [site, session, webhook, account]


def test_whatever_is_kept_encrypted_moves_to_the_new_key(chief: User, settings: Settings) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    settings.GALLEY_ENCRYPTION_KEYS = [old]
    rows = with_secrets(chief)
    columns = list(secrets._columns())
    assert {type(row) for row in rows} == {model for model, _ in columns}, "make a row of each model here"

    settings.GALLEY_ENCRYPTION_KEYS = [new, old]
    call_command("site", "reencrypt", verbosity=0)

    settings.GALLEY_ENCRYPTION_KEYS = [new]
    for model, column in columns:
        for token in model._base_manager.exclude(**{column: ""}).values_list(column, flat=True):
            assert secrets.decrypt(token), (model, column)
