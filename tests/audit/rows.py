"""A row of each model that is watched, and another value for each of its fields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import models
from django.utils import timezone
from django_q.models import Schedule

from articles.models import Article, Batch, DeskSettings, Preferences
from audit.watched import WATCHED
from backups.models import Restore
from config.models import Token
from publishing.models import PublishTask, Site
from recovery.models import Snooze
from webhooks.models import Webhook
from worklist.models import Document, DriveAccount, DriveFolder

BOUND = ("queued", "running", "waiting", "failed", "ready")  # states that want something else, too
SECRET = "gAAAA-plant-3f9c1"  # that no change may hold


def make(label: str, alias: str) -> models.Model:
    """A new row of a model, and what it needs."""
    return MAKERS[label](alias)


def _person(alias: str) -> User:
    return User.objects.using(alias).get_or_create(username="ada", defaults={"password": SECRET})[0]


def _site(alias: str) -> Site:
    return Site.objects.using(alias).get_or_create(
        name="Magazine", defaults={"url": "https://m.example.org", "user": "u", "encrypted_secret": SECRET}
    )[0]


def _article(alias: str) -> Article:
    return Article.objects.using(alias).create(owner=_person(alias), idea="i", title="Tariffs", tree_prefix="t/1")


def _account(alias: str) -> DriveAccount:
    fields = {"name": "a@example.org", "kind": "service", "encrypted_login": SECRET}
    return DriveAccount.objects.using(alias).create(**fields)


def _document(alias: str) -> Document:
    fields = {"source": "desk", "title": "Harbours", "text_hash": "0" * 64, "source_hash": "0" * 64}
    return Document.objects.using(alias).create(**fields)


MAKERS: dict[str, Callable[[str], models.Model]] = {
    "articles.DeskSettings": lambda alias: DeskSettings.objects.using(alias).create(),
    "articles.Preferences": lambda alias: Preferences.objects.using(alias).create(user=_person(alias)),
    "articles.Article": _article,
    "articles.Batch": lambda alias: Batch.objects.using(alias).create(
        owner=_person(alias), name="Summer", key="summer", brief="b", styles="s", sections="t"
    ),
    "publishing.Site": _site,
    "publishing.PublishTask": lambda alias: PublishTask.objects.using(alias).create(
        article=_article(alias), publisher="rest"
    ),
    "recovery.Snooze": lambda alias: Snooze.objects.using(alias).create(
        cause="wordpress:3|upload|login|3", by=_person(alias), everybody=True, at=timezone.now(), until=timezone.now()
    ),
    "worklist.Document": _document,
    "worklist.DriveAccount": _account,
    "worklist.DriveFolder": lambda alias: DriveFolder.objects.using(alias).create(
        account=_account(alias), folder_id="f1"
    ),
    "webhooks.Webhook": lambda alias: Webhook.objects.using(alias).create(
        owner=_person(alias), address="https://w.example.org", encrypted_secret=SECRET
    ),
    "config.Token": lambda alias: Token.objects.using(alias).create(
        user=_person(alias), name="nightly", prefix="abc", sha256=SECRET
    ),
    "django_q.Schedule": lambda alias: Schedule.objects.using(alias).create(
        name="sweep", func="articles.tasks.sweep", schedule_type="I", minutes=5
    ),
    "auth.User": _person,
    "auth.Group": lambda alias: Group.objects.using(alias).create(name="Guests"),
    "backups.Restore": lambda alias: Restore.objects.using(alias).create(who="ada", mode="missing"),
}


def other(row: models.Model, name: str, alias: str) -> Any:
    """A value that its field may have and has not now."""
    field: Any = row._meta.get_field(name)
    now = getattr(row, name)
    if name in WATCHED[row._meta.label].secret:
        return f"{SECRET}-2"
    if field.is_relation:
        return _another(field.related_model, alias)
    if field.choices:
        return next(value for value, _ in field.flatchoices if value not in (now, *BOUND))
    match field:
        case models.BooleanField():
            return not now
        case models.DateTimeField():
            return (now or timezone.now()).replace(microsecond=0) + timedelta(days=1)
        case models.DateField():
            return date(2027, 3, 1)
        case models.DecimalField():
            return Decimal("12.50")
        case models.IntegerField():
            return (now or 0) + 1
        case models.JSONField():
            return ["article.completed"] if isinstance(now, list) else {"publish_immediately": True}
        case _:
            return f"{now or ''}2"[-field.max_length if field.max_length else 0 :]


def _another(model: type[models.Model], alias: str) -> models.Model:
    if model is User:
        return User.objects.using(alias).create(username="ben")
    if model is Site:
        return Site.objects.using(alias).create(name="Journal", url="https://j.example.org", user="u")
    return DriveAccount.objects.using(alias).create(name="b@example.org", kind="service")


def text(row: models.Model, name: str, value: Any) -> str:
    """As people are told of it: a relation by its name."""
    if isinstance(value, models.Model):
        return str(getattr(value, WATCHED[value._meta.label].name[0]))
    return "" if value is None else str(value)


assert MAKERS.keys() == WATCHED.keys(), "A maker for each model that is watched."
