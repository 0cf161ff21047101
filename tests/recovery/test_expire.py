"""`manage.py expire_backups`: dry by default, and never on doubt."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from articles.models import Article
from articles.pipeline.repair import must_look_through
from articles.pipeline.run import Outcome, Run
from backups.storage.django_folder import LocalStorage
from publishing.models import Site
from recovery import tasks
from recovery.rebuild.content import trees
from tests.conftest import HandIn

Work = Callable[[Article], Article]


@pytest.fixture
def old(hand_in: HandIn, run: Work) -> Article:
    """An article that went to its site eight days ago."""
    site = Site.objects.create(name="Magazine", url="https://magazine.example.org", user="desk", encrypted_secret="")
    past = timezone.now() - timedelta(days=8)

    def publish(run: Run) -> Outcome:
        return Outcome(run.save_file("05_final.html", b"<p>"), maker="WordPress Magazine")

    with mock.patch("publishing.stage.run", publish), mock.patch("django.utils.timezone.now", return_value=past):
        return run(hand_in(site=site))


def _expire(*words: str) -> str:
    out = StringIO()
    call_command("expire_backups", *words, stdout=out)
    return out.getvalue()


def test_it_only_says_what_would_go(old: Article, storage_folder: Path) -> None:
    assert f"would go  {old.tree_prefix}" in _expire()
    assert (storage_folder / old.tree_prefix / "manifest.json").exists()


def test_it_removes_what_is_old_and_nothing_else(
    old: Article, hand_in: HandIn, run: Work, storage_folder: Path
) -> None:
    young = run(hand_in())
    stopped = hand_in()
    with mock.patch("articles.stages.article.run", side_effect=ZeroDivisionError):
        run(stopped)

    outcome = json.loads(_expire("--apply", "--json"))

    assert outcome["gone"] == [old.tree_prefix]
    assert outcome["stayed"] == {"it is in use": 1, "its preview is its only page": 1}
    assert outcome["files"] == 13
    assert list((storage_folder / old.tree_prefix).iterdir()) == []
    assert young.tree.verify() == []
    old.refresh_from_db()
    assert old.tree_expired_at
    assert "would go" not in _expire()


def test_a_storage_that_is_not_mounted_stops_it(old: Article, storage_folder: Path) -> None:
    storage_folder.rename(storage_folder.with_name("elsewhere"))
    storage_folder.mkdir()

    with pytest.raises(CommandError, match=r"lists 0 backups where 1 are expected\. Nothing was removed"):
        _expire("--apply")


def test_an_article_that_moves_keeps_its_tree(old: Article, storage_folder: Path) -> None:
    Article.objects.update(status=Article.Status.CANCELLED)

    assert json.loads(_expire("--apply", "--json"))["gone"] == []


def _reopen() -> None:
    Article.objects.update(status=Article.Status.DRAFT, ended_at=None)


def test_one_that_is_at_work_again_when_its_turn_comes_keeps_its_tree(
    old: Article, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk takes minutes: in between somebody has given it further sections."""

    def reopened_meanwhile() -> Iterator[str]:
        yield from trees()
        _reopen()

    monkeypatch.setattr("recovery.expire.trees", reopened_meanwhile)

    outcome = json.loads(_expire("--apply", "--json"))

    assert (outcome["gone"], outcome["stayed"]) == ([], {"it is in use": 1})
    assert old.tree.verify() == []
    old.refresh_from_db()
    assert old.tree_expired_at is None


def test_a_removal_ends_where_the_article_is_taken_up_again(old: Article, storage_folder: Path) -> None:
    delete = LocalStorage.delete

    def reopened_by_then(storage: LocalStorage, name: str) -> None:
        delete(storage, name)
        _reopen()

    with mock.patch.object(LocalStorage, "delete", reopened_by_then):
        _expire("--apply")

    assert len(list((storage_folder / old.tree_prefix).iterdir())) == 12
    old.refresh_from_db()
    assert must_look_through(old), "whoever works on it finds what is missing"
    assert "would go" not in _expire(), "and it is in use from then on"


def test_what_never_began_is_expected_once_it_was_written(old: Article, hand_in: HandIn) -> None:
    for _ in range(3):
        hand_in()  # within a transaction: nothing is written yet

    assert "would go" in _expire()

    Article.objects.filter(attempt=0).update(manifest_due=None)
    with pytest.raises(CommandError, match="lists 1 backups where 4 are expected"):
        _expire()


def test_parts_of_killed_writes_go_after_a_day(old: Article, storage_folder: Path) -> None:
    tree, yesterday = storage_folder / old.tree_prefix, time.time() - 25 * 3600
    never_begun, batch = (storage_folder / name for name in ("user_7/article_20260101_000000", "batches/0f"))
    elsewhere = storage_folder / "source_files" / "objects"
    for folder in (tree, never_begun, batch, elsewhere):
        folder.mkdir(parents=True, exist_ok=True)
        for name, moment in ((".part-old", yesterday), (".part-living", time.time()), ("part", yesterday)):
            (folder / name).write_bytes(b"x")
            os.utime(folder / name, (moment, moment))

    _expire()
    assert (never_begun / ".part-old").exists(), "without --apply nothing goes"
    tasks.expire_backups()

    for folder in (never_begun, batch):
        assert sorted(file.name for file in folder.iterdir()) == [".part-living", "part"]
    assert (elsewhere / ".part-old").exists(), "no tree, and so not ours to judge"


def test_the_daily_run_does_it(old: Article, storage_folder: Path) -> None:
    tasks.expire_backups()

    assert list((storage_folder / old.tree_prefix).iterdir()) == []


def test_a_failing_daily_run_raises_nothing(old: Article, storage_folder: Path) -> None:
    storage_folder.rename(storage_folder.with_name("elsewhere"))
    tasks.expire_backups()

    old.refresh_from_db()
    assert old.tree_expired_at is None


def test_it_reads_none_of_the_articles_whose_trees_went_long_ago(old: Article) -> None:
    """Years of finished articles lie beside the few that a run is about."""
    with CaptureQueriesContext(connection) as queries:
        _expire("--apply")
    asked = [each["sql"] for each in queries if each["sql"].startswith("SELECT") and "articles_article" in each["sql"]]
    assert asked
    with connection.cursor() as cursor:
        for statement in asked:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
            assert [line for *_, line in cursor.fetchall() if line.startswith("SCAN")] == [], statement
