"""Pages that only tell are read from a standby, while it is known to be behind by seconds at most."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.urls import get_resolver, resolve
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from articles.models import Article
from config.databases import standby
from config.databases.named import databases
from config.databases.standby import OPERATIONS, PAGES, STANDBY, Behind, Router
from config.env import Environment
from insights.models import ProviderMetric
from tests.backups.conftest import postgres_copies as postgres_copies
from tests.backups.conftest import postgres_template as postgres_template
from tests.backups.desks import Copies
from tests.journeys.installation import PATIENCE, ROOT
from tests.services import postgres
from tests.services.process import HOST, Server

URL = "postgres://ada:x@db.example.org/galley"


# How far it is behind


def test_one_that_has_all_is_not_behind_however_long_nothing_happens() -> None:
    behind = Behind()
    assert behind.seconds(0.0, 100, 100) == 0
    assert behind.seconds(500.0, 100, 100) == 0


def test_one_that_hears_nothing_grows_older() -> None:
    behind = Behind()
    assert behind.seconds(0.0, 100, 100) == 0
    assert [behind.seconds(at, 200, 100) for at in (1.0, 2.0, 9.0)] == [1, 2, 9]
    assert behind.seconds(10.0, 250, 200) == 1, "it is as the first was nine seconds in"
    assert behind.seconds(11.0, 250, 250) == 0


def test_of_one_that_never_came_up_to_where_the_first_was_nobody_knows() -> None:
    behind = Behind()
    assert behind.seconds(0.0, 100, 50) is None
    assert behind.seconds(1.0, 200, 99) is None
    assert behind.seconds(2.0, 300, 100) == 2


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 40), st.floats(0, 1)), min_size=1, max_size=30))
def test_it_is_never_older_than_it_is_said_to_be(steps: list[tuple[int, int, float]]) -> None:
    """A standby has a part of what the first wrote; at the moment that is told the first had not more than that."""
    behind, now, first, standby_at, history = Behind(), 0.0, 0, 0, [(0.0, 0)]
    for passed, written, part in steps:
        now, first = now + passed, first + written
        standby_at += int((first - standby_at) * part)
        history.append((now, first))
        said = behind.seconds(now, first, standby_at)
        if said is not None:
            assert [place for at, place in history if at <= now - said][-1] <= standby_at


# Who is asked


def test_rights_and_sessions_and_writes_are_never_the_standbys(settings: Settings) -> None:
    router = Router()
    with standby.reading():
        assert {router.db_for_read(model) for model in (Article, ProviderMetric)} == {STANDBY}
        assert {router.db_for_read(model) for model in (User, Permission, Session)} == {None}
        assert router.db_for_write(Article) == "default"
        settings.DATABASE_ROUTERS = ["config.databases.standby.Router"]
        assert Article.objects.select_for_update().db == "default"
        assert Article.objects.all().db == STANDBY
    assert router.db_for_read(Article) is None
    assert not router.allow_migrate(STANDBY, "articles")


def test_each_page_is_there() -> None:
    named = {f"{space}:{name}" for space, (_, of) in get_resolver().namespace_dict.items() for name in of.reverse_dict}
    assert named >= PAGES
    assert {resolve(f"/{operation}").route for operation in OPERATIONS} == OPERATIONS


def test_a_standby_needs_a_server_and_may_be_one_that_cannot_be_written_to(tmp_path: Path) -> None:
    file = Environment({"GALLEY_STANDBY_URL": URL})
    assert set(databases(file, tmp_path)) == {"default"}
    assert [problem.name for problem in file.problems] == ["GALLEY_STANDBY_URL"]
    made = databases(Environment({"DATABASE_URL": URL, "GALLEY_STANDBY_URL": URL}), tmp_path)
    assert made["default"]["OPTIONS"]["target_session_attrs"] == "read-write"
    assert "target_session_attrs" not in made[STANDBY]["OPTIONS"]


# A real one


@pytest.fixture
def follower(postgres_copies: Copies, tmp_path: Path) -> Iterator[Server]:
    """A standby of the server of the copies."""
    assert postgres_copies.server
    data = tmp_path / "standby"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data, postgres.NOBODY, postgres.NOBODY)
    where = ["-h", HOST, "-p", str(postgres_copies.server.server.port), "-U", postgres.OWNER, "-D", str(data)]
    postgres.run_as_owner("pg_basebackup", *where, "-R", "-X", "stream", "-c", "fast", "--no-sync")
    server = postgres.serve(data)
    with server.running():
        yield server


def test_pages_are_told_by_the_standby_and_by_the_first_where_it_may_not(
    postgres_copies: Copies, follower: Server, tmp_path: Path
) -> None:
    url = postgres_copies.url()
    given = {
        "DATABASE_URL": url,
        "GALLEY_STANDBY_URL": f"postgres://postgres@{HOST}:{follower.port}/{url.rpartition('/')[2]}",
    }
    environment = {**os.environ, **given, "GALLEY_STANDBY_LAG": "600", "STANDBY_PID": str(follower.pid)}
    words = [sys.executable, "-m", "tests.config.databases.telling"]
    ran = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    seen = json.loads(ran.stdout)
    for page in ("insights", "list"):
        status, standby_queries, first_queries = seen[page]
        assert (status, first_queries) == (200, [])
        assert standby_queries > 3
    assert seen["behind"], "the first one answers"
    assert seen["again"] == [True, True]
    assert seen["after a change"] == 0, "who has changed something sees it"
    assert seen["gone"] == [True, 200, None]
