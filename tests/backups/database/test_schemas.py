"""Backups of other versions: made by the models of then, from a database that the migrations of then have made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState, StateApps
from pytest_django import Settings

from articles.models import Article
from backups.database import backup, tables
from backups.repository.repository import Repository
from tests.backups import desks
from tests.backups.database.test_restore import plan_of, restore
from tests.backups.desks import Copies

BEFORE_BATCHES = ("articles", "0005_indexes_for_a_million")
NEW_OF_SITES = ("closed_ways", "encrypted_web_secret", "hero", "publisher", "trial", "typography", "ways")
TASKS = ("publishing.PublishTask", "publishing.ExecutionLog")
