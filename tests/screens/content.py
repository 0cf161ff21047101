"""Rows of everything that the desk shows: the same people, articles and figures whenever and wherever they are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.functions import Now
from django.test import override_settings
from django_q.models import Failure, OrmQ, Success
from django_q.signing import SignedPackage

from articles.models import Article, Batch, CostRecord, DeskSettings, Preferences, SavedFilter
from articles.pipeline import transitions, worker
from audit.acting import Actor, Door, acting, off
from backups.models import Drill, Generation, Look, Restore, Verification
from config.management.commands.desk import SAMPLES
from config.models import Token
from config.roles import CHIEF_EDITORS, EDITORS
from config.supervision.machines import Machine
from publishing.models import PublishTask, Site
from recovery.handover.deeds import give
from tests import batches, desk
from webhooks.models import Delivery, Webhook
from worklist import samples
from worklist.models import Document, DriveAccount, DriveFolder

NOW = datetime(2025, 10, 14, 10, 42, tzinfo=UTC)  # a Tuesday
LONG_TITLE = "Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrikationsmaschinenbauingenieurverein, a visit"
ARABIC_TITLE = "مدينة بلا ضجيج"


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """It is then, and stays then."""
    with mock.patch("django.utils.timezone.now", return_value=moment):
        yield


@off()
def make() -> None:
    """All of it; to be called while it is NOW."""
    people = _people()
    _sites()
    _articles(people)
    _batches(people["ada"])
    _publications(people["ada"])
    _documents(people)
    _backups()
    _programs(people["chief"])
    _machinery()
    _history(people)
    _set_clocks()
    Machine.objects.update(seen_at=Now())  # the database tells for how long it was silent
    AccessAttempt.objects.update(attempt_time=NOW.replace(year=2100))  # old ones go with the next login


def _people() -> dict[str, User]:
    people = {}
    for pk, (name, group) in enumerate({"ada": EDITORS, "ben": EDITORS, "chief": CHIEF_EDITORS}.items(), 9001):
        people[name] = User(pk=pk, username=name, first_name=name.title(), email=f"{name}@example.org", is_staff=True)
        people[name].set_password("a long password")
        people[name].save()
        people[name].groups.add(Group.objects.get(name=group))
    people["newcomer"] = User.objects.create(pk=9004, username="newcomer", first_name="Nora", is_staff=True)
    people["newcomer"].groups.add(Group.objects.get(name=EDITORS))
    people["root"] = User.objects.create(pk=9005, username="root", is_staff=True, is_superuser=True)
    Preferences.objects.create(user=people["ada"], instructions="Calm, please.")
    SavedFilter.objects.create(user=people["ada"], name="Stopped this week", address="?state=stopped")
    return people


def _sites() -> None:
    for name in ("Magazine", "Journal"):
        site = Site(name=name, url=f"https://{name.lower()}.example.org", user="desk")
        site.secret = "abcd efgh"
        site.save()


# Articles


def handed_in(owner: User, text: str = "", title: str = "", **fields: Any) -> Article:
    source: dict[str, Any] = {"manuscript": text} if text else {"idea": fields.pop("idea", title)}
    uid = f"{Article.objects.count():032x}"  # by which pictures are drawn
    article = Article(**{"uid": uid, "owner": owner, "title": title, **source, **fields})
    transitions.submit(article)
    return article


def _articles(people: dict[str, User]) -> None:
    ada, magazine = people["ada"], Site.objects.get(name="Magazine")
    texts = [file.read_text() for file in sorted(SAMPLES.glob("*.md"))]
    for hours, text in zip((3, 1), texts, strict=True):
        with at(NOW - timedelta(hours=hours)):
            worker.run_article(handed_in(ada, text, byline="Ada").pk)
    with at(NOW - timedelta(hours=2)):
        for title in ("Tariffs and AI", "Night ferries", ARABIC_TITLE):
            stopped = desk.stop(handed_in(ada, texts[0], site=magazine))
            Article.objects.filter(pk=stopped.pk).update(title=title)
        declined = desk.stop(handed_in(ada, texts[0]), **batches.DECLINED | {"stage": "images"})
        Article.objects.filter(pk=declined.pk).update(title=LONG_TITLE)
    moving = desk.move(handed_in(ada, texts[1], "Art Deco, 24 rooms"))
    moving.records.filter(stage__in=["article", "prompts"]).update(state="done", started_at=NOW, finished_at=NOW)
    moving.records.filter(stage="images").update(state="running", started_at=NOW)
    handed_in(ada, texts[1], "Orchards in October", scheduled_at=NOW + timedelta(days=2))
    cancelled = handed_in(ada, "", "A market that moves")
    transitions.cancel(cancelled, ada)
    theirs = desk.stop(handed_in(people["chief"], texts[1]))
    Article.objects.filter(pk=theirs.pk).update(title="Board memo")
    give(stopped, ada, people["chief"], "The site's password is yours, I think.")
    for cost, day, model in (("0.36", 0, "gpt-5-mini"), ("3.10", 1, "claude"), ("1.20", 5, "gpt-5-mini")):
        CostRecord.objects.create(
            article="a", key="text", stage="article", provider="text", answered=True, owner=ada, model=model,
            cost=Decimal(cost), day=(NOW - timedelta(days=day)).date(),
        )  # fmt: skip
    row = DeskSettings.now()
    row.limit_month = Decimal(50)
    row.save()


def _batches(ada: User) -> None:
    batches.drafted(ada, "Rooms to come")
    with override_settings(OPENAI_API_KEY="sk-test"):
        running = batches.started(ada, "Sixty styles", styles=6, sections=24)
        paused = batches.started(ada, "Summer houses", styles=4, sections=6)
    for batch in (running, paused):
        first, second, *_ = batch.articles.order_by("pk")
        batches.write(first, *range(1, 4))
        batches.lose(second, 1, 2)
    Batch.objects.filter(pk=paused.pk).update(state="paused", reason="The text service has no credit left.")


def _publications(ada: User) -> None:
    done = Article.objects.filter(status="done").order_by("pk").first()
    assert done is not None
    magazine, journal = Site.objects.order_by("-name")
    what: dict[str, Any] = {"article": done, "asked_by": ada, "publisher": "rest", "way": "rest", "started_at": NOW}
    PublishTask.objects.create(
        **what, site=magazine, status="completed", completed_at=NOW, post_id=812, total_steps=6, completed_steps=6,
        progress=100, link="https://magazine.example.org/?p=812",
    )  # fmt: skip
    PublishTask.objects.create(
        **what, site=journal, status="failed", completed_at=NOW, error=dict(desk.REFUSED), total_steps=6,
        completed_steps=1, progress=16,
    )  # fmt: skip


def _documents(people: dict[str, User]) -> None:
    samples.hand_in(people["ada"], people["chief"])
    account = DriveAccount(name="desk@example.org", kind="person", connected_by=people["chief"])
    account.login = {"refresh_token": "of nobody"}
    account.save()
    DriveFolder.objects.create(account=account, folder_id="f1", name="Manuscripts", looked_at=NOW)


# What keeps it, and what runs it


def _backups() -> None:
    for hours, tier, counts in (
        (2, "files", {"files": 14730, "stored_bytes": 9_700_000_000}),
        (1, "database", {"rows": 134012}),
    ):
        for days in range(3):
            moment = NOW - timedelta(hours=hours, days=days)
            Generation.objects.create(
                tier=tier, name=f"{tier}-{days}", began=moment, made=moment, counts=counts,
                about={"source": "desk" if tier == "database" else "/srv/ocr", "kind": "full"}, verified_at=moment,
            )  # fmt: skip
        Verification.objects.create(tier=tier, kind="quick", at=NOW, objects_seen=14730, bytes_seen=9_700_000_000)
        Drill.objects.create(tier=tier, generation=f"{tier}-0", at=NOW - timedelta(days=2), seconds=252, things=14730)
    Look.objects.create(pk=1, at=NOW, pending=3)
    Restore.objects.create(
        who="root", mode="missing", state="shown", fingerprint="f", moment=NOW - timedelta(hours=1),
        backup="database-0", units=["17"], counts={"create": 6, "same": 12},
    )  # fmt: skip


def _programs(chief: User) -> None:
    Token.objects.create(user=chief, name="nightly sweep", prefix="galley_abc", sha256="0" * 64)
    webhook = Webhook(owner=chief, address="https://programs.example.org/galley", events=["article.done"])
    webhook.make_secret()
    webhook.save()
    Delivery.objects.create(webhook=webhook, uid="0" * 32, event="article.done", body="{}", state="delivered")
    Machine.objects.create(
        name="desk-1|1", host="desk-1", release="0123456789ab", since=NOW, seen_at=NOW, workers=4, busy=1, silent=0
    )


def _machinery() -> None:
    who = {"username": "somebody", "ip_address": "192.0.2.7", "user_agent": "Firefox", "path_info": "/admin/login/"}
    AccessAttempt.objects.create(**who, failures_since_start=2)
    AccessFailureLog.objects.create(**who)
    AccessLog.objects.create(**who)
    for model, fine in ((Success, True), (Failure, False)):
        model.objects.create(
            id=f"{fine:a>32}", name="sweep", func="articles.tasks.sweep", started=NOW, stopped=NOW, success=fine
        )
    OrmQ.objects.create(
        key="galley",
        payload=SignedPackage.dumps({"id": "1", "name": "sweep", "func": "articles.tasks.sweep"}),
        lock=NOW,
    )


def _history(people: dict[str, User]) -> None:
    for model in (Site, Batch, Document, Article):
        row, kind = model._default_manager.earliest("pk"), ContentType.objects.get_for_model(model)
        for flag, said in ((ADDITION, ""), (CHANGE, '[{"changed": {"fields": ["Title"]}}]'), (CHANGE, "[]")):
            LogEntry.objects.create(
                user=people["chief"], content_type=kind, object_id=str(row.pk), object_repr=str(row),
                action_flag=flag, change_message=said,
            )  # fmt: skip
    with acting(lambda: Actor(Door.PERSON, "chief")):
        site = Site.objects.get(name="Magazine")
        site.user, site.secret = "editors", "ijkl mnop"
        site.save()


def _set_clocks() -> None:
    """What a database or a default of a column has dated by the clock on the wall is an hour old."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.DateTimeField):
                late = model._base_manager.filter(**{f"{field.name}__gt": NOW + timedelta(days=60)})
                late.update(**{field.name: NOW - timedelta(hours=1)})
