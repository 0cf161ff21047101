"""What load balancers and monitors are told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from articles.pipeline import worker_health
from articles.pipeline.sweep import sweep
from backups.health.bucket_findings import VersioningOff, to_json
from backups.models import Generation, Look
from tests.articles.pipeline.test_worker_health import passes
from tests.backups import desks
from tests.conftest import HandIn


def test_all_is_well(client: Client, db: None) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert client.post("/readyz").status_code == 405


def test_probes_come_by_address_and_without_the_proxy(client: Client, db: None, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    desks.awaited_since(timezone.now() - timedelta(days=1))

    for path, status in (("/healthz", 200), ("/readyz", 200), ("/healthz/backups", 503)):
        assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == status


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


def test_a_worker_of_this_machine_that_hangs_shows_at_once(client: Client, db: None) -> None:
    hangs = worker_health.Health(alive=(4711,), silent=(4711,))
    with mock.patch("articles.pipeline.worker_health.health", return_value=hangs):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["queue"] == "a worker hangs"


def test_an_article_may_wait_beside_a_backup(client: Client, hand_in: HandIn) -> None:
    hand_in()
    passes(100)
    busy = worker_health.Health(alive=(4711,), busy=(4711,))
    with mock.patch("articles.pipeline.worker_health.health", return_value=busy):
        assert client.get("/readyz").status_code == 200


def test_a_storage_that_cannot_be_written(client: Client, db: None, storage_folder: Path) -> None:
    storage_folder.parent.mkdir(exist_ok=True)
    storage_folder.write_text("no folder")

    assert client.get("/readyz").json()["storage"] == "cannot be written"


def test_a_database_that_is_away(client: Client, db: None) -> None:
    with mock.patch("config.monitors.health.connection.cursor", side_effect=OperationalError("password=hunter2")):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["database"] == "does not answer"
    assert b"hunter2" not in answer.content


# The backups


def _backed_up(tier: str = "database", source: str = "desk", **fields: Any) -> Generation:
    moment = timezone.now() - timedelta(minutes=10)
    values = {"tier": tier, "name": f"{tier}{Generation.objects.count()}", "about": {"source": source, "kind": "full"}}
    return Generation.objects.create(**values | {"began": moment, "made": moment} | fields)


def _asked(client: Client) -> tuple[int, Any]:
    answer = client.get("/healthz/backups")
    assert "no-store" in answer["Cache-Control"]
    return answer.status_code, answer.json()


def test_backups_that_need_nobody_are_well(client: Client, db: None) -> None:
    _backed_up()

    status, told = _asked(client)

    assert (status, told["state"]) == (200, "look")  # no restore was tried yet
    assert 600 <= told["parts"]["database"].pop("age") < 900
    assert told["parts"] == {
        "database": {"state": "ok"},
        "files": {"state": "ok", "age": None},
        "trees": {"state": "ok", "age": None},
        "drill": {"state": "look", "age": None},
        "storage": {"state": "look", "age": None},
        "kit": {"state": "look", "age": None},
    }


def test_backups_that_need_somebody_are_not(client: Client, db: None) -> None:
    desks.awaited_since(timezone.now() - timedelta(days=1))
    status, told = _asked(client)
    assert (status, told["state"], told["parts"]["database"]["state"]) == (503, "alarm", "alarm")

    made = _backed_up(damage=["chunks/x is missing."])
    status, told = _asked(client)
    assert (status, told["state"], told["parts"]["database"]["state"]) == (503, "damaged", "damaged")

    made.damage = []
    made.save()
    Look.objects.create(pk=1, at=timezone.now(), unread="hunter2.example.org does not answer.")
    status, told = _asked(client)
    assert (status, told["state"], told["parts"]["storage"]["state"]) == (503, "alarm", "alarm")


def test_the_backups_tell_no_secrets(client: Client, db: None) -> None:
    _backed_up("files", "/srv/hunter2", damage=["hunter2 is missing."])
    Look.objects.create(pk=1, at=timezone.now(), unread="hunter2", findings=[to_json(VersioningOff("hunter2"))])

    assert b"hunter2" not in client.get("/healthz/backups").content


def test_the_backups_are_only_read(client: Client, db: None) -> None:
    desks.awaited_since(timezone.now() - timedelta(days=1))
    assert client.head("/healthz/backups").status_code == 503
    assert client.post("/healthz/backups").status_code == 405


def test_the_backups_take_as_many_queries_however_many_there_are(client: Client, db: None) -> None:
    for number in range(12):
        _backed_up()
        _backed_up("files", f"/srv/{number % 3}")
    with CaptureQueriesContext(connection) as asked:
        _asked(client)
    assert len(asked) == 14


def test_backups_that_nobody_can_tell_about(client: Client, db: None) -> None:
    with mock.patch(
        "config.monitors.health.backups_health.remembered", side_effect=OperationalError("password=hunter2")
    ):
        status, told = _asked(client)

    assert (status, told) == (503, {"state": "unknown", "parts": {}})


def test_the_liveness_probe_asks_no_database(client: Client) -> None:
    assert client.get("/healthz").status_code == 200  # without the fixture: any query would fail this test
