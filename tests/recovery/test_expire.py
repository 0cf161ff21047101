"""`manage.py expire_backups`: dry by default, and never on doubt."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from articles.models import Article
from articles.pipeline.run import Outcome, Run
from publishing.models import Site
from recovery import tasks
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


def test_the_daily_run_does_it(old: Article, storage_folder: Path) -> None:
    tasks.expire_backups()

    assert list((storage_folder / old.tree_prefix).iterdir()) == []


def test_a_failing_daily_run_raises_nothing(old: Article, storage_folder: Path) -> None:
    storage_folder.rename(storage_folder.with_name("elsewhere"))
    tasks.expire_backups()

    old.refresh_from_db()
    assert old.tree_expired_at is None
