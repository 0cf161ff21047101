"""What takes up how much: measured by a job, and told without a look at the storage."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, ImageFile, StageRecord
from backups.models import Verification
from insights import storage, tasks
from insights.models import StorageMeasure
from insights.storage import PartUsage, Size
from publishing.models import PublishTask, Shot
from tests.backups import desks
from tests.backups.conftest import copies as copies
from tests.backups.conftest import desk as desk
from tests.backups.conftest import postgres_copies as postgres_copies
from tests.backups.conftest import postgres_template as postgres_template
from tests.backups.conftest import sqlite_copies as sqlite_copies
from tests.backups.conftest import sqlite_template as sqlite_template
from tests.conftest import HandIn
from tests.desk import as_
from tests.publishing.conftest import new_site

USAGE = "/api/v1/analytics/storage-usage"
NOW = datetime(2026, 3, 31, 12, tzinfo=timezone.get_default_timezone())


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    return NOW


def tree(article: Article, **fields: Any) -> Article:
    """Of 1,000 bytes, a picture of 300 and the same in 400 signs."""
    Article.objects.filter(pk=article.pk).update(attempt=1, **fields)
    StageRecord.objects.filter(article=article, stage="article").update(bytes=1000, file="01_raw_article.html")
    ImageFile.objects.create(article=article, role="hero", bytes=300, base64_sha256="x", aspect="16:9")
    return article


def told() -> dict[str, PartUsage]:
    return {part.part: part for part in storage.usage().parts}


@pytest.mark.django_db
def test_trees_are_what_the_rows_of_their_files_say(hand_in: HandIn, now: datetime, settings: Settings) -> None:
    settings.GALLEY_TREE_KEEP_DAYS = 7
    site, done = new_site("https://m.example.org"), {"status": "done", "ended_at": now}
    tree(hand_in(), site=site, **done)
    tree(hand_in(), **done)  # a preview stays
    tree(hand_in(), site=site, status="failed", error={})
    tree(hand_in(), tree_expired_at=now, **done)  # is gone

    storage.measure(now)

    found = told()["trees"]
    assert (found.now, found.leaving) == (Size(3 * 1700, 3), Size(1700, 1))


@pytest.mark.django_db
def test_what_is_kept_for_longer_than_a_month_does_not_leave(
    hand_in: HandIn, now: datetime, settings: Settings
) -> None:
    settings.GALLEY_TREE_KEEP_DAYS = 60
    site = new_site("https://m.example.org")
    for days in (29, 31):
        tree(hand_in(), site=site, status="done", ended_at=now - timedelta(days=days))
    storage.measure(now)
    assert told()["trees"].leaving == Size(1700, 1)


@pytest.mark.django_db
def test_pictures_of_browsers_leave_as_the_limits_say(hand_in: HandIn, now: datetime, settings: Settings) -> None:
    settings.GALLEY_FILM_DAYS, settings.GALLEY_FILM_FAILED_DAYS = 14, 60
    article = hand_in()
    for status in ("completed", "failed"):
        task = PublishTask.objects.create(article=article, publisher="playwright", status=status, error={})
        Shot.objects.create(task=task, step="draft", at=now, jpeg=b"12345")
    storage.measure(now)
    assert (told()["film"].now, told()["film"].leaving) == (Size(10, 2), Size(5, 1))


@pytest.mark.django_db
def test_backups_are_what_their_verification_has_seen(now: datetime) -> None:
    storage.measure(now)
    assert set(told()) == {"trees", "pictures", "film", "database"}, "nobody has verified yet"

    seen = {"kind": "quick", "at": now, "objects_seen": 4, "bytes_seen": 4000}
    for tier in ("files", "database"):
        Verification.objects.create(tier=tier, **seen)
        Verification.objects.create(tier=tier, **seen | {"kind": "deep", "bytes_seen": 9})
    storage.measure(now)

    assert told()["files"].now == told()["database_backups"].now == Size(4000, 4)
    assert told()["files"].leaving is None, "nobody knows before"


@pytest.mark.django_db
def test_growth_is_told_against_a_month_before(now: datetime) -> None:
    def measured(ago: int, size: int) -> None:
        day = timezone.localdate(now) - timedelta(days=ago)
        StorageMeasure.objects.create(day=day, part="trees", at=now - timedelta(days=ago), bytes=size, number=1)

    measured(0, 500)
    assert told()["trees"].grown is None
    measured(3, 400)
    assert (told()["trees"].grown, told()["trees"].since) == (100, timezone.localdate(now) - timedelta(days=3))
    measured(31, 700)
    measured(45, 9)
    assert (told()["trees"].grown, told()["trees"].since) == (-200, timezone.localdate(now) - timedelta(days=31))


@pytest.mark.django_db
def test_a_day_has_one_measure_and_a_failure_is_no_task_s(now: datetime) -> None:
    tasks.measure_storage()
    tasks.measure_storage()
    assert StorageMeasure.objects.filter(part="trees").count() == 1
    with mock.patch.object(storage, "measure", side_effect=OSError):
        tasks.measure_storage()


@pytest.mark.django_db
def test_programs_are_told_it_by_two_queries_and_editors_are_not(editor: User, chief: User, now: datetime) -> None:
    assert as_(editor).get(USAGE).status_code == 403
    desk = as_(chief)
    assert desk.get(USAGE).json() == {"measured_at": None, "bytes": 0, "parts": []}
    counts = []
    for ago in (40, 0):
        storage.measure(now - timedelta(days=ago))
        with CaptureQueriesContext(connection) as queries:
            answer = desk.get(USAGE).json()
        counts.append(len(queries))
    assert counts[0] == counts[1]
    [database] = [part for part in answer["parts"] if part["part"] == "database"]
    assert database["bytes"] > 0
    assert (database["number"], database["grown"], database["leaving"]) == (None, 0, None)
    assert answer["bytes"] == sum(part["bytes"] for part in answer["parts"])


def test_the_database_says_how_large_it_is(desk: str) -> None:
    before = storage.database_bytes(desk)
    desks.fill(desk, 40)
    assert storage.database_bytes(desk) > 0
    assert storage.database_bytes(desk) >= before
