"""A key is changed as the operator's page says: a new one in front, `site reencrypt`, and the old one goes."""

from __future__ import annotations

from datetime import timedelta

from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import Model
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, Event
from publishing import secrets
from publishing.models import BrowserSession, Site
from recovery.models import Mail
from tests.conftest import HandIn
from tests.desk import stop
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


SHOWN = "sk-shown-by-a-service"


def rows_of_others() -> list[tuple[type[Model], list[str]]]:
    return list(secrets._said_by_others())


def test_what_others_repeated_is_blacked_out_wherever_it_is_kept(chief: User, hand_in: HandIn) -> None:
    """In each row that quotes somebody, as text and deep within JSON; what people write stays as it is."""
    site, _, webhook, account = with_secrets(chief)
    assert isinstance(site, Site)
    assert isinstance(webhook, Webhook)
    assert isinstance(account, DriveAccount)
    account.login = {"refresh_token": SHOWN}
    account.save()
    said = f"401 for Authorization: Bearer {SHOWN}, {site.secret}, {webhook.secret}"
    article = stop(hand_in(idea=f"An idea with {SHOWN}"))
    deep = {"code": "unauthorized", "detail": [{"said": said}]}
    Article.objects.filter(pk=article.pk).update(error=deep)
    Event.objects.filter(article=article).update(message=said, detail=said)
    Site.objects.filter(pk=site.pk).update(trial=deep)
    DriveAccount.objects.filter(pk=account.pk).update(error=said)
    now = timezone.now()
    Mail.objects.create(recipient=chief, created_at=now, next_at=now, subject=said, text=said, html=said)
    quoting = {Article: "error", Event: "detail", Site: "trial", DriveAccount: "error", Mail: "html"}
    assert quoting.items() <= {(model, column) for model, columns in rows_of_others() for column in columns}

    assert secrets.black_out_rows() >= len(quoting)
    for model, columns in rows_of_others():
        kept = str(list(model._base_manager.values(*columns)))
        assert not any(secret in kept for secret in (SHOWN, site.secret, webhook.secret)), model
    article.refresh_from_db()
    assert article.error == {"code": "unauthorized", "detail": [{"said": "401 for Authorization: Bearer …, …, …"}]}
    assert article.idea == f"An idea with {SHOWN}"
    call_command("site", "black-out")
