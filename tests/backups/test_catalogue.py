"""The rows about generations follow the storage, at the cost of what has changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backups import catalogue
from backups.models import Generation
from backups.repository import prune
from backups.repository.manifests import FILES
from backups.repository.manifests import Generation as Manifest
from backups.repository.repository import Repository
from tests.backups.conftest import KEYS

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)
SIZES = (5, 200)


def _stored(repository: Repository, n: int) -> str:
    made = NOW - timedelta(hours=n)
    about = {"source": "/srv/files"}
    manifest = Manifest(f"20251110T000000-{n:08x}", FILES.name, made, made, None, {"files": n}, about, [], [])
    repository.put(f"manifests/{manifest.id}.json", KEYS.sign(manifest.body()))
    return manifest.id


def _filled(repository: Repository, size: int) -> list[str]:
    """So many generations in the storage, and their rows."""
    ids = [_stored(repository, n) for n in range(size)]
    catalogue.rebuild(repository)
    return ids


def _queries(repository: Repository) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert catalogue.rebuild(repository) == []
    return [each["sql"].split()[0] for each in queries if "SAVEPOINT" not in each["sql"]]


@pytest.mark.parametrize("size", SIZES)
def test_where_nothing_differs_rows_are_only_read_and_at_once(repository: Repository, size: int) -> None:
    _filled(repository, size)
    assert _queries(repository) == ["SELECT"]
    assert Generation.objects.count() == size


@pytest.mark.parametrize("size", SIZES)
def test_what_differs_is_written_by_as_many_queries_for_few_rows_as_for_many(repository: Repository, size: int) -> None:
    first, second, third, *_ = _filled(repository, size)
    Generation.objects.filter(name=second).update(verified_at=NOW, damage=["It is missing."])
    repository.object_store.delete(repository.path(f"manifests/{first}.json"))
    prune.pin(repository, second)
    Generation.objects.filter(name=third).update(counts={})
    added = _stored(repository, 1000)

    assert _queries(repository) == ["SELECT", "INSERT"]
    rows = {row.name: row for row in Generation.objects.all()}
    assert len(rows) == size + 1
    assert rows[first].damage == [f"The manifest {first}.json is missing from the backup storage."]
    assert added in rows
    assert rows[second].pinned
    assert (rows[second].verified_at, rows[second].damage) == (NOW, ["It is missing."])  # what only the row knows
    assert rows[third].counts == {"files": 2}


@pytest.mark.parametrize("size", SIZES)
def test_a_catalogue_that_is_lost_is_made_by_a_few_queries(repository: Repository, size: int) -> None:
    ids = _filled(repository, size)
    Generation.objects.all().delete()
    assert len(_queries(repository)) <= 4
    assert set(Generation.objects.values_list("name", flat=True)) == set(ids)


def test_the_row_of_a_backup_that_ends_meanwhile_stays(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The storage was listed before its manifest was there."""
    _filled(repository, 2)
    survey = repository.survey()

    def late(_repository: Repository) -> object:
        catalogue.remember(repository.generation(_stored(repository, 7)))
        return survey

    monkeypatch.setattr(Repository, "survey", late)
    catalogue.rebuild(repository)
    assert Generation.objects.count() == 3
