"""Backups of other versions: made by the models of then, from a database that the migrations of then have made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps
from pytest_django import Settings

from backups import tables
from backups.repository import Repository
from tests.backups.desks import Copies

BEFORE_BATCHES = ("articles", "0005_indexes_for_a_million")
NEWER = ["articles.Batch", "articles.Section"]


@contextmanager
def version_of(apps: StateApps, settings: Settings, *without: str) -> Iterator[None]:
    """The database tier as a version with these models had it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "apps", apps)
        patch.setattr(settings, "BACKUP_MODELS", [each for each in settings.BACKUP_MODELS if each not in without])
        tables._kept.cache_clear()
        yield
    tables._kept.cache_clear()


def test_the_backup_of_an_earlier_version_comes_back(copies: Copies, store: Repository, settings: Settings) -> None:
    """Of before there were batches: tables and columns that are new get their defaults, and are named."""
    with copies.desk() as desk:
        MigrationExecutor(connections[desk]).migrate([BEFORE_BATCHES])
