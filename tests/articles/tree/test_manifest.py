"""Trees are the same wherever they lie, and a failed upload says what people's scripts look for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from articles.models import Article
from articles.providers.errors import Refused
from backups.storage import backup_storage
from backups.storage.django_bucket import BucketStorage
from backups.storage.django_folder import LocalStorage
from backups.trees.tree import MANIFEST
from tests.conftest import HandIn
from tests.services import s3

Work = Callable[[Article], Article]
MOMENT = datetime(2025, 10, 11, 21, 44, 23, tzinfo=UTC)


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[dict[str, Any]]:
    if reason := s3.rclone_available():
        pytest.skip(reason)
    with s3.rclone(tmp_path) as server:
        options = {"bucket_name": server.bucket, "location": "desk", "endpoint_url": server.endpoint_url}
        options |= {"access_key": server.access_key, "secret_key": server.secret_key}
        yield {"BACKEND": "backups.storage.django_bucket.BucketStorage", "OPTIONS": options}


def test_disk_and_bucket_hold_the_same_bytes(
    hand_in: HandIn, run: Work, bucket: dict[str, Any], settings: Settings
) -> None:
    """The same article at the same moment, once on disk and once in a bucket."""
    trees: list[dict[str, bytes]] = []
    kinds = []
    for storage in (settings.STORAGES["backups"], bucket):
        settings.STORAGES = {**settings.STORAGES, "backups": storage}
        with mock.patch("django.utils.timezone.now", return_value=MOMENT):
            article = run(hand_in(uid="0" * 32))
        names = [*article.tree.files(), MANIFEST]
        trees.append({name: _bytes(article.tree.path(name)) for name in names})
        kinds.append(type(backup_storage()))
        article.delete()

    assert kinds == [LocalStorage, BucketStorage]
    assert len(trees[0]) == 13
    assert trees[0] == trees[1]


def _bytes(path: str) -> bytes:
    with backup_storage().open(path, "rb") as file:
        content: bytes = file.read()
    return content


def test_a_failed_upload_in_the_manifest(hand_in: HandIn, run: Work, editor: User) -> None:
    refused = Refused(
        "wordpress:1",
        'the site did not accept the application password of user "desk"',
        mend='check the password of site "Magazine"',
        thing="the hero image",
    )
    with mock.patch("publishing.stage.run", side_effect=refused):
        article = run(hand_in())

    step = article.tree.manifest()["pipeline_stages"]["step5_wordpress_upload"]
    assert step.pop("timestamp") == step.pop("failed_at")
    assert step == {
        "status": "failed",
        "file": None,
        "error": 'WordPress refused the hero image: the site did not accept the application password of user "desk"',
        "uploaded_images": [],
        "recovery_instructions": 'Check the password of site "Magazine", then press Recover.',
        "post_id": None,
        "link": None,
    }


def test_the_manuscript_is_in_the_manifest_before_anything_else(hand_in: HandIn, run: Work) -> None:
    with mock.patch("articles.stages.article.run", side_effect=Refused("text", "no")):
        article = run(hand_in())

    source = article.tree.manifest()["source"]
    assert source["manuscript"] == article.manuscript
    assert (source["uid"], source["owner"]) == (article.uid, "ada")
