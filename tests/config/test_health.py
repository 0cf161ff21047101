"""What load balancers and monitors are told."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from articles import workers
from articles.sweep import sweep
from tests.articles.test_workers import passes
from tests.conftest import HandIn


def test_all_is_well(client: Client, db: None) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert client.post("/readyz").status_code == 405


def test_probes_come_by_address_and_without_the_proxy(client: Client, db: None, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True

    for path in ("/healthz", "/readyz"):
        assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_articles_that_nobody_takes_show_within_two_minutes(client: Client, hand_in: HandIn) -> None:
    hand_in()
    assert client.get("/readyz").status_code == 200

    passes(100)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["queue"] == "articles wait, and nobody takes them"

    # A sweep from elsewhere gives the message again. Still nobody takes it.
    passes(100)
    assert sweep().tasks_restarted == 1
    assert client.get("/readyz").status_code == 503


def test_a_killed_worker_on_this_machine_shows_at_once(client: Client, db: None) -> None:
    with mock.patch("config.health.workers.health", return_value=workers.Health(killed=(4711,))):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["queue"] == "a worker was killed, and its pool may be frozen"


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
