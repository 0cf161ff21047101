"""Faults that take whole installations: real workers, databases and queues, and a real WordPress at the end.

Judged from outside: by the logs of the services, by WordPress's own tables, by the tree.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis as redis_client

from tests.doubles.meanwhile import Meanwhile
from tests.doubles.server import Doubles, doubles
from tests.journeys.installation import ROOT, Installation
from tests.services import postgres, redis
from tests.services import wordpress as service
from tests.services.process import wait_until
from tests.services.wordpress import WordPress

pytestmark = pytest.mark.dealt_whole(3)

PAID = {("openai", "responses"), ("replicate", "create"), ("anthropic", "messages")}
CALLS = 7  # text, prompts, four pictures, the page
PATIENCE = 90  # seconds
OLD = "an old key which protects nothing at all and is 50 long"
NEW = "a new key which protects nothing at all and is 50 long"


@pytest.fixture
def services() -> Iterator[Doubles]:
    with doubles() as running:
        yield running


def installed(folder: Path, services: Doubles, **settings: str) -> Installation:
    made = Installation(folder / "var", settings)
    made.folder.mkdir(exist_ok=True)
    made.with_services(services)
    made.prepare()
    return made


@pytest.fixture
def galley(tmp_path: Path, services: Doubles) -> Installation:
    """With SQLite, a folder for backups and the queue in the database."""
    return installed(tmp_path, services)


@pytest.fixture(scope="module")
def running_wordpress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WordPress]:
    if reason := service.available():
        pytest.skip(reason)
    with service.wordpress(tmp_path_factory.mktemp("wordpress")) as running:
        yield running


@pytest.fixture
def wordpress(running_wordpress: WordPress) -> WordPress:
    running_wordpress.reset()
    return running_wordpress


def submit(galley: Installation, *words: str) -> dict[str, Any]:
    said = galley.manage("submit", "--owner", "ada", "--idea", "night trains", "--json", *words)
    return dict(json.loads(said.stdout))


def add_site(galley: Installation, wordpress: WordPress) -> None:
    words = ("site", "add", "Magazine", "--url", wordpress.url, "--user", wordpress.user)
    galley.manage(*words, given=wordpress.app_password + "\n")


def paid(services: Doubles) -> int:
    return sum((request.provider, request.operation) in PAID for request in services.requests())


def statuses(galley: Installation) -> list[str]:
    return list(galley.ask("list(Article.objects.order_by('pk').values_list('status', flat=True))"))


LATER = """
from datetime import timedelta
from django.db.models import F
from articles.models import Article, Call
by = timedelta(seconds={seconds})
Article.objects.update(**{{name: F(name) - by for name in ("queued_at", "lease_until", "next_at")}})
Call.objects.update(sent_at=F("sent_at") - by)
"""


def let_time_pass(galley: Installation, seconds: int) -> None:
    """The rows are moved instead of the clock."""
    galley.manage("shell", "--verbosity", "0", "-c", LATER.format(seconds=seconds))


def sweep(galley: Installation) -> dict[str, int]:
    return dict(json.loads(galley.manage("sweep", "--json").stdout))


@dataclass
class Worker:
    """A process that works on the articles it is told to, one after the other."""

    process: subprocess.Popen[str]
    log: Path

    def take(self, article: int) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{article}\n")
        self.process.stdin.flush()

    def is_ready(self) -> None:
        """Returns when it is."""
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n", self.log.read_text()

    def work(self, article: int) -> None:
        self.take(article)
        self.is_ready()


WORK = """
import sys
from articles.pipeline import worker
print("ready", flush=True)
for line in iter(sys.stdin.readline, ""):
    worker.run_article(int(line))
    print("ready", flush=True)
"""


@contextmanager
def worker(galley: Installation, name: str = "worker", log: Path | None = None) -> Iterator[Worker]:
    path = log or galley.folder / f"{name}.log"
    with (
        path.open("w") as written,
        subprocess.Popen(
            [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", WORK],
            cwd=ROOT, env=galley.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=written, text=True,
        ) as process,
    ):  # fmt: skip
        made = Worker(process, path)
        try:
            made.is_ready()
            yield made
        finally:
            process.kill()


def assert_whole(galley: Installation, said: dict[str, Any], files: int = 12) -> None:
    tree = galley.tree(said["backup"])
    assert len(tree.files()) == files
    assert tree.verify() == []


def assert_on_site_once(wordpress: WordPress, articles: int) -> None:
    posts, media = wordpress.posts(), wordpress.media()
    assert len(posts) == articles
    assert len({post.slug for post in posts}) == articles
    assert len(media) == 4 * articles
    assert {post.featured for post in posts} <= {item.id for item in media}
    assert all('"medium"' in item.meta["_wp_attachment_metadata"] for item in media)
    originals = [name for name in wordpress.uploads() if name in {item.file for item in media}]
    assert len(originals) == 4 * articles


# Queues that forget


@pytest.mark.dealt(4)
def test_a_redis_that_is_emptied(tmp_path: Path, services: Doubles) -> None:
    if reason := redis.available():
        pytest.skip(reason)
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis.redis(folder) as url:
        galley = installed(tmp_path, services, GALLEY_BROKER_URL=url)
        articles = [submit(galley) for _ in range(3)]
        with redis_client.Redis.from_url(url) as queue:
            assert queue.llen("django_q:galley:q") == 3
            queue.flushall()
        let_time_pass(galley, 150)

        assert sweep(galley)["tasks_restarted"] == 3
        with galley.workers():
            wait_until(lambda: statuses(galley) == ["done"] * 3, PATIENCE)

    assert paid(services) == 3 * CALLS
    for said in articles:
        assert_whole(galley, said)


@pytest.mark.dealt(4)
def test_messages_that_were_signed_with_another_key(tmp_path: Path, services: Doubles) -> None:
    galley = installed(tmp_path, services, GALLEY_SECRET_KEY=OLD)
    said = submit(galley)
    galley.settings["GALLEY_SECRET_KEY"] = NEW
    waiting = "__import__('django_q.models', fromlist=['OrmQ']).OrmQ.objects.filter(key='galley').count()"
    with galley.workers():
        wait_until(lambda: galley.ask(waiting) == 0, PATIENCE)  # thrown away; the row is there
        wait_until(lambda: statuses(galley) == ["done"], PATIENCE)

    assert paid(services) == CALLS
    assert_whole(galley, said)


# Passwords under a key that is gone


@pytest.mark.dealt(4)
def test_a_secret_key_that_was_rotated_with_its_fallback(
    tmp_path: Path, services: Doubles, wordpress: WordPress
) -> None:
    galley = installed(tmp_path, services, GALLEY_SECRET_KEY=OLD)
    add_site(galley, wordpress)
    said = submit(galley, "--site", "Magazine")
    galley.settings |= {"GALLEY_SECRET_KEY": NEW, "GALLEY_SECRET_KEY_FALLBACKS": OLD}

    with worker(galley) as one:
        one.work(said["id"])

    assert statuses(galley) == ["done"]
    assert_on_site_once(wordpress, 1)


@pytest.mark.dealt(4)
def test_a_secret_key_that_was_rotated_without_it(tmp_path: Path, services: Doubles, wordpress: WordPress) -> None:
    galley = installed(tmp_path, services, GALLEY_SECRET_KEY=OLD)
    add_site(galley, wordpress)
    said = submit(galley, "--site", "Magazine")
    galley.settings["GALLEY_SECRET_KEY"] = NEW
    with worker(galley) as one:
        one.work(said["id"])
        assert statuses(galley) == ["failed"]
        assert 'the stored password of site "Magazine" cannot be read with the present keys' in one.log.read_text()
        listed = galley.manage("recover", "--list-all").stdout
        assert 'Next: enter the password of site "Magazine" again, then press Recover.' in listed
        assert (wordpress.posts(), wordpress.media()) == ([], [])

        galley.manage("site", "password", "Magazine", given=wordpress.app_password + "\n")
        galley.manage("recover", "--article", str(said["id"]))
        one.work(said["id"])

    assert statuses(galley) == ["done"]
    assert paid(services) == CALLS
    assert_on_site_once(wordpress, 1)
    assert_whole(galley, said)


# Two workers on one article


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, services: Doubles) -> Iterator[Installation]:
    """With either database."""
    with ExitStack() as servers:
        settings = {}
        if request.param == "postgresql":
            if reason := postgres.available():
                pytest.skip(reason)
            settings["DATABASE_URL"] = servers.enter_context(postgres.postgres(tmp_path))
        yield installed(tmp_path, services, **settings)


@pytest.mark.dealt(4)
def test_two_workers_that_start_on_one_article_at_once(
    shared: Installation, services: Doubles, wordpress: WordPress
) -> None:
    add_site(shared, wordpress)
    articles = [submit(shared, "--site", "Magazine") for _ in range(3)]
    with worker(shared, "one") as one, worker(shared, "two") as two:
        for said in articles:
            for either in (one, two):
                either.take(said["id"])
            for either in (one, two):
                either.is_ready()

    assert shared.ask("list(Article.objects.values_list('status', 'attempt'))") == [["done", 1]] * 3
    assert paid(services) == 3 * CALLS
    assert_on_site_once(wordpress, 3)
    for said in articles:
        assert_whole(shared, said)


@pytest.mark.dealt(4)
@pytest.mark.parametrize("request_", ["^POST /wp/v2/media .*hero", "^POST /wp/v2/posts"])
def test_a_worker_that_lost_its_lease_while_uploading_comes_back(
    galley: Installation, services: Doubles, wordpress: WordPress, request_: str
) -> None:
    """Frozen while it waits for WordPress, thawed when another one has finished the article."""
    add_site(galley, wordpress)
    said = submit(galley, "--site", "Magazine")
    wordpress.fail("sleep", "after", request_, seconds=1)
    with worker(galley, "slow") as slow, worker(galley, "other") as other:
        slow.take(said["id"])
        wait_until(lambda: not wordpress.armed(), PATIENCE)
        os.kill(slow.process.pid, signal.SIGSTOP)
        let_time_pass(galley, 500)
        assert sweep(galley)["tasks_restarted"] == 1
        other.work(said["id"])
        assert statuses(galley) == ["done"]
        os.kill(slow.process.pid, signal.SIGCONT)
        slow.is_ready()
        assert "fenced" in slow.log.read_text()

    assert galley.ask("list(Article.objects.values_list('status', 'attempt'))") == [["done", 2]]
    calls = galley.ask("list(Call.objects.values_list('state', 'sends', 'lost_answers'))")
    assert calls == [["done", 1, 0]] * (CALLS + 5)
    assert paid(services) == CALLS
    assert_on_site_once(wordpress, 1)
    assert_whole(galley, said)


# A database that goes away while a service holds an answer that is paid for


@pytest.fixture
def database(tmp_path: Path) -> Iterator[postgres.Postgres]:
    if reason := postgres.available():
        pytest.skip(reason)
    with postgres.cluster(tmp_path) as running:
        yield running


def terminate(database: postgres.Postgres) -> None:
    """Every connection but this one, as an administrator would."""
    with psycopg.connect(database.url) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


AWAY = [
    *((postgres.Postgres.kill, operation) for operation in ("responses", "create", "deliver", "messages")),
    (postgres.Postgres.restart, "messages"),
    (terminate, "create"),
]


@pytest.mark.dealt(4)
@pytest.mark.parametrize(("fault", "operation"), AWAY)
def test_a_database_that_goes_away_in_the_middle_of_a_paid_call(
    tmp_path: Path,
    services: Doubles,
    database: postgres.Postgres,
    fault: Callable[[postgres.Postgres], None],
    operation: str,
) -> None:
    galley = installed(tmp_path, services, DATABASE_URL=database.url)
    said = submit(galley)
    services.configure(latency=Meanwhile(operation, lambda: fault(database)))
    with worker(galley) as one:
        one.take(said["id"])
        if fault is postgres.Postgres.kill:
            wait_until(lambda: "the database" in one.log.read_text(), PATIENCE)  # it has noticed
            database.start()
        one.is_ready()
        if statuses(galley) == ["waiting"]:
            let_time_pass(galley, 60)
            assert sweep(galley)["tasks_restarted"] == 1
            one.work(said["id"])

    assert statuses(galley) == ["done"]
    assert paid(services) == CALLS, "an answer that was paid for waited for the database"
    assert_whole(galley, said)


# Owners


REUSE = """
import json, os, signal, time
from django.db import connections
from articles import processes
from articles.pipeline import transitions
from articles.models import Article
from articles.pipeline.sweep import sweep

def forked(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid

connections.close_all()
dead = forked(lambda: transitions.claim({article}))
os.waitpid(dead, 0)
while True:  # until the number is given again, to a process that started later
    with open("/proc/sys/kernel/ns_last_pid", "w") as last:
        last.write(str(dead - 1))
    living = forked(signal.pause)
    owner = Article.objects.get().lease_owner
    if living == dead and processes.this_process(living) != owner:
        break
    os.kill(living, signal.SIGKILL)
    os.waitpid(living, 0)
try:
    told = {{"owner": owner, "now": processes.this_process(living), "found": sweep().articles_found}}
    print("=>" + json.dumps(told))
finally:
    os.kill(living, signal.SIGKILL)
"""
APART = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]  # a world of process numbers of its own


def test_a_process_number_that_is_given_again(galley: Installation, services: Doubles) -> None:
    """For real: the kernel is asked to give the number of the dead worker to the next process."""
    if subprocess.run([*APART, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to make a PID namespace")
    said = submit(galley)
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", REUSE.format(article=said["id"])]
    ran = subprocess.run(
        [*APART, *command], cwd=ROOT, env=galley.environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.rpartition("=>")[2])

    assert told["owner"].split("|")[:2] == told["now"].split("|")[:2], "the same number on the same machine"
    assert told["found"] == 1
    with worker(galley) as one:
        one.work(said["id"])
    assert statuses(galley) == ["done"]
    assert paid(services) == CALLS


# One disk for everything


SPACE = 64 * 1024 * 1024  # bytes


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SPACE}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> None:
    """To the last byte."""
    with (folder / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.dealt(4)
@pytest.mark.parametrize("operation", ["responses", "deliver"])
def test_a_disk_that_is_full_for_database_and_backups(
    disk: Path, tmp_path: Path, services: Doubles, operation: str
) -> None:
    """As out of the box: SQLite and the trees side by side. An answer that was paid for waits for room."""
    galley = installed(disk, services)
    said = submit(galley)
    services.configure(latency=Meanwhile(operation, lambda: fill(disk)))
    with worker(galley, log=tmp_path / "worker.log") as one:
        one.take(said["id"])
        wait_until(lambda: "the database" in one.log.read_text() or "storage" in one.log.read_text(), PATIENCE)
        (disk / "ballast").unlink()
        one.is_ready()
        while statuses(galley) != ["done"]:
            let_time_pass(galley, 500)
            assert sweep(galley)["tasks_restarted"] == 1
            one.work(said["id"])

    assert paid(services) == CALLS
    assert_whole(galley, said)
