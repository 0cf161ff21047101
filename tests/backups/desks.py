"""Desks whose database tests may lose, on SQLite and on a real PostgreSQL: migrated once, and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connections

from articles.models import Article, Attempt, Batch, Call, Event, ImageFile, Preferences, Section, Stage, StageRecord
from backups.database.connections import connected
from backups.models import Awaited
from publishing.models import Site
from tests.journeys.installation import migrated, prepare_server
from tests.services.postgres import Postgres

START = datetime(2025, 10, 11, 21, 44, 23, 123456, tzinfo=UTC)
SCRIPTS = ["plain", "ä ö ß", "中文標題", "עברית", "العربية", "😀 e\u0301 \u202e", "a\nb\tc\\\"'\x7f", "\u2028\ufeff"]


class Copies:
    """Migrated databases by the dozen."""

    def __init__(self, folder: Path, server: Postgres | None) -> None:
        self.folder, self.server, self.made = folder, server, 0
        if server is not None:
            prepare_server(server.database("template_desk"))

    def url(self) -> str:
        self.made += 1
        if self.server is None:
            copy = self.folder / f"{self.made}.sqlite3"
            shutil.copyfile(migrated(), copy)
            return f"sqlite:///{copy}"
        with connected(self.server.url) as alias, connections[alias].cursor() as cursor:
            cursor.execute(f"CREATE DATABASE desk_{self.made} TEMPLATE template_desk STRATEGY file_copy")
        return f"{self.server.url.rpartition('/')[0]}/desk_{self.made}"

    @contextmanager
    def desk(self) -> Iterator[str]:
        """The alias of one more migrated database."""
        with connected(self.url()) as alias:
            yield alias


def fill(alias: str, articles: int = 12) -> None:
    """People, sites, a batch, and articles in every script with all that belongs to them."""
    ada = User(username="ada", email="ada@example.org", password="!", is_staff=True, date_joined=START)
    ada.save(using=alias)
    ben = User(username="ben", password="!", date_joined=START, last_login=START)
    ben.save(using=alias)
    ada.groups.add(Group.objects.using(alias).get(name="Editors"))
    site = Site.objects.using(alias).create(name="Magazine", url="https://magazine.example.org", user="desk")
    Preferences.objects.using(alias).create(user=ada, instructions="Calm, please.")
    batch = Batch.objects.using(alias).create(
        owner=ada, name="Summer", key="summer", brief="b", styles="s", sections="t", created_at=START, budget="12.50"
    )
    for n in range(articles):
        article(alias, n, ada if n % 2 else ben, site if n % 3 else None, batch if n % 4 == 1 else None)


def article(alias: str, n: int, owner: User, site: Site | None = None, batch: Batch | None = None) -> Article:
    begun = START + timedelta(minutes=n)
    made = Article.objects.using(alias).create(
        uid=f"{n:032x}",
        owner=owner,
        site=site,
        batch=batch,
        batch_key=f"style {n}" if batch else "",
        created_at=begun,
        tree_prefix=f"user_{owner.pk}/article_{n}",
        idea=f"{SCRIPTS[n % len(SCRIPTS)]} {n}",
        title=SCRIPTS[n % len(SCRIPTS)],
        components=[{"type": "p", "text": SCRIPTS[n % len(SCRIPTS)]}, {"big": 2**70, "f": 0.1, "n": None}],
        status="done",
        spent="0.123456",
        ended_at=begun + timedelta(microseconds=1),
    )
    for stage in Stage:
        StageRecord.objects.using(alias).create(
            article=made, stage=stage, state="done", started_at=begun, details={"n": n, "ä": [1.5, True, None]}
        )
    Call.objects.using(alias).create(
        article=made, key="text", provider="P", idempotency_key=f"k{n}", created_at=begun, cost="0.010203",
        answer={"text": SCRIPTS[n % len(SCRIPTS)]}, state="done",
    )  # fmt: skip
    ImageFile.objects.using(alias).create(
        article=made, role="hero", prompt="p", aspect="16:9", file=f"user_{owner.pk}/article_{n}/03_hero.jpg"
    )
    Section.objects.using(alias).create(article=made, batch=batch, index=1, heading="One", key="one", html="<p>1</p>")
    Attempt.objects.using(alias).create(article=made, number=1, why="submitted", asked_by=owner, asked_at=begun)
    Event.objects.using(alias).create(article=made, at=begun, kind="submitted", message="Handed in")
    return made


def rows(alias: str) -> dict[str, list[dict[str, Any]]]:
    """Everything that is kept, as Django reads it."""
    from backups.database import tables

    return {each.label: list(each.model._base_manager.using(alias).order_by("pk").values()) for each in tables.kept()}


def awaited_since(moment: datetime, source: str = "desk", tier: str = "database") -> None:
    """As it is noted where a schedule has backed up a source since then, or was to."""
    Awaited.objects.filter(tier=tier, source=source).delete()
    Awaited.objects.create(tier=tier, source=source, since=moment)
