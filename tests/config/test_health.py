"""What load balancers and monitors are told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from unittest import mock

from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from articles.models import Article
from tests.conftest import HandIn


def test_all_is_well(client: Client, db: None) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert client.post("/readyz").status_code == 405


def test_articles_that_nobody_takes(client: Client, hand_in: HandIn) -> None:
    hand_in()
    assert client.get("/readyz").status_code == 200
    Article.objects.update(queued_at=timezone.now() - timedelta(minutes=6))

    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["queue"] == "articles wait, and nobody takes them"


def test_a_storage_that_cannot_be_written(client: Client, db: None, storage_folder: Path) -> None:
    storage_folder.parent.mkdir(exist_ok=True)
    storage_folder.write_text("no folder")

    assert client.get("/readyz").json()["storage"] == "cannot be written"


def test_a_database_that_is_away(client: Client, db: None) -> None:
    with mock.patch("config.health.connection.cursor", side_effect=OperationalError("password=hunter2")):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["database"] == "does not answer"
    assert b"hunter2" not in answer.content
