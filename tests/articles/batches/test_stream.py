"""Watching a batch: everybody sees the truth, nobody misses a change, and the database hardly notices."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import OperationalError, connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.middleware.gzip import GZipMiddleware
from django.test import AsyncRequestFactory
from django.urls import resolve
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from articles.api.batches import Watching
from articles.batches import counts, progress
from articles.batches import stream as batche_stream
from articles.batches.stream import NOTHING_NEW, RETRY, Hub
from articles.models import Article, Batch, Section
from config.api import BySession, ByToken, api
from config.env import Environment
from config.models import Token
from config.roles import EDITORS
from tests.articles.batches.grid import batch_of, end, mark, write
from tests.config.test_deploy import words_of
from tests.config.test_tokens import new_token
from tests.desk import as_
from tests.journeys.installation import DATABASE, ROOT, Installation
from tests.services import postgres
from tests.services.process import HOST, Server, free_port, wait_until

PATIENCE = 40  # seconds
STATES = [Section.State.DONE, Section.State.RUNNING, Section.State.FAILED, Section.State.PENDING]
SHOWN = {"done": "done", "failed": "missing", "running": "running", "pending": "waiting"}


# A database that threads and processes share


@contextmanager
def connected(**settings: Any) -> Iterator[None]:
    """All threads of this process work in another database."""
    kept, ours = connections.settings["default"], connections["default"]
    connections.settings["default"] = {**kept, **settings}
    del connections["default"]
    try:
        yield
    finally:
        connections["default"].close()
        connections.settings["default"], connections["default"] = kept, ours


@pytest.fixture
def galley(tmp_path: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    """A database file of its own, in which this test works, too."""
    made = Installation(tmp_path)
    made.prepare()
    with django_db_blocker.unblock(), connected(NAME=str(tmp_path / DATABASE)):
        yield made


@pytest.fixture
def ada(galley: Installation) -> User:
    return User.objects.get(username="ada")


@pytest.fixture
def batch(ada: User) -> Batch:
    return worked_on(ada)


def worked_on(owner: User, **fields: Any) -> Batch:
    """A running batch of three articles, on all of which somebody works, with four sections each."""
    made = batch_of(owner, **fields)
    for article in made.articles.all():
        write(article)
    return made


def grid_of(batch: Batch) -> dict[tuple[int, int], str]:
    """As the rows say it, of a batch on all of whose articles somebody works."""
    rows = batch.all_sections.values_list("article_id", "index", "state")
    return {(article, index): SHOWN[state] for article, index, state in rows}


def first_cell(batch: Batch) -> int:
    return batch.articles.earliest("pk").pk


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batche_stream, "EVERY", 0.05)


# Somebody who watches


def always() -> bool:
    return True


@dataclass
class Grid:
    """What a page makes of the events."""

    since: int = 0
    cells: dict[tuple[int, int], str] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    told: list[tuple[int, int]] = field(default_factory=list)  # by the latest event
    has_ended: bool = False

    def take(self, chunk: bytes) -> None:
        for event in chunk.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line and line[0] != ":")
            if "event" not in fields:
                continue
            self.said, self.since = json.loads(fields["data"]), int(fields["id"])
            self.has_ended = fields["event"] == "end"
            self.told = [(article, index) for article, index, _ in self.said["cells"]] if not self.has_ended else []
            self.cells |= {(article, index): state for article, index, state in self.said["cells"]}


def run(test: Awaitable[None]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(PATIENCE):
            await test

    asyncio.run(in_time())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(
    hub: Hub, batch: Batch, since: int = 0, allowed: Callable[[], bool] = always
) -> AsyncGenerator[tuple[Grid, asyncio.Task[None]], None]:
    """A page that reads on and on, and the task that does."""
    grid = Grid(since)

    async def read() -> None:
        async with aclosing(hub.stream(batch.pk, since, allowed)) as stream:
            async for chunk in stream:
                grid.take(chunk)

    task = asyncio.create_task(read())
    try:
        yield grid, task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def in_thread(work: Callable[..., object], *words: Any) -> None:
    """What a worker does meanwhile, on a connection of its own."""

    def alone() -> None:
        try:
            work(*words)
        finally:
            connections.close_all()

    await asyncio.to_thread(alone)


# What they see


def test_a_late_watcher_sees_the_truth_at_once(batch: Batch) -> None:
    article = first_cell(batch)
    mark(article, 1, Section.State.DONE)
    mark(article, 2, Section.State.RUNNING)

    expected = grid_of(batch)
    seen = Grid()

    async def first_event() -> None:
        async with aclosing(Hub().stream(batch.pk, 0, always)) as stream:
            assert await anext(stream) == RETRY
            seen.take(await anext(stream))

    run(first_event())

    assert seen.cells == expected
    assert (seen.since, len(expected)) == (3, 12)


def test_whoever_comes_back_is_told_what_it_has_missed_and_no_more(batch: Batch) -> None:
    article = first_cell(batch)
    for index in (1, 2, 3):
        mark(article, index, Section.State.DONE)  # revisions 2, 3, 4

    async def come_back() -> None:
        hub = Hub()
        async with watching(hub, batch, since=2) as (grid, _), watching(hub, batch, since=3) as (later, _):
            await until(lambda: grid.said and later.said)
            assert (grid.told, later.told) == ([(article, 2), (article, 3)], [(article, 3)])
            # Also one who has seen less than any before.
            async with watching(hub, batch) as (fresh, _):
                await until(lambda: fresh.said)
                assert len(fresh.told) == 12
            await in_thread(mark, article, 4, Section.State.RUNNING)
            await until(lambda: grid.since == later.since == 5)
            assert grid.told == later.told == [(article, 4)]

    run(come_back())


def test_what_was_rebuilt_from_its_trees_is_shown_too(batch: Batch) -> None:
    """It begins without a revision."""
    Section.objects.update(revision=0)
    Batch.objects.update(revision=0)

    async def watch() -> None:
        hub = Hub()
        async with watching(hub, batch) as (grid, _):
            await until(lambda: grid.said)
            async with watching(hub, batch) as (late, _):
                await until(lambda: late.said)
                assert len(grid.cells) == len(late.cells) == 12

    run(watch())


def test_what_was_seen_before_the_database_was_restored_is_told_anew(batch: Batch) -> None:
    async def come_back() -> None:
        hub = Hub()
        async with watching(hub, batch) as (grid, _):
            await until(lambda: grid.said)
            async with watching(hub, batch, since=99) as (other, _):
                await until(lambda: other.said)
                assert (len(other.cells), other.since) == (12, 1)

    run(come_back())


def test_the_end_is_told_after_the_last_cell(batch: Batch) -> None:
    article = first_cell(batch)

    async def to_the_end() -> None:
        hub = Hub()
        async with watching(hub, batch) as (grid, task), watching(hub, batch) as (other, other_task):
            await until(lambda: grid.said and other.said)
            await in_thread(mark, article, 1, Section.State.RUNNING)
            await in_thread(finish, batch)
            await asyncio.wait([task, other_task])
            assert grid.has_ended
            assert other.has_ended
            assert grid.cells[article, 1] == "done"
            assert (grid.said["state"], grid.since) == ("done", 4)
        # Whoever comes when it is over is told so, too.
        async with watching(hub, batch) as (late, task):
            await asyncio.wait([task])
            assert late.has_ended
            assert late.cells == grid.cells

    run(to_the_end())


def test_a_cancelled_batch_has_ended_when_nothing_is_in_hand(batch: Batch) -> None:
    article = first_cell(batch)
    mark(article, 1, Section.State.RUNNING)

    async def cancelled() -> None:
        async with watching(Hub(), batch) as (grid, task):
            await in_thread(end, batch, Batch.State.CANCELLED)
            await until(lambda: grid.said.get("state") == "cancelled")
            assert not grid.has_ended
            await in_thread(mark, article, 1, Section.State.PENDING)
            await asyncio.wait([task])
            assert grid.has_ended
            assert grid.cells[article, 1] == "waiting"

    run(cancelled())


def test_a_worker_that_dies_is_seen_although_no_revision_tells(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batche_stream, "COUNTED_EVERY", 0.1)
    article = first_cell(batch)
    mark(article, 1, Section.State.RUNNING)

    def die() -> None:
        Article.objects.filter(pk=article).update(status=Article.Status.QUEUED, queued_at=timezone.now())

    async def watch() -> None:
        async with watching(Hub(), batch) as (grid, _):
            await until(lambda: grid.cells.get((article, 1)) == "running")
            await in_thread(die)
            await until(lambda: grid.cells[article, 1] == "waiting")
            assert grid.said["sections"]["running"] == 0

    run(watch())


def work_at_random(articles: list[int], times: int, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(times):
        mark(dice.choice(articles), dice.randint(1, 4), dice.choice(STATES))


def finish(batch: Batch) -> None:
    for article, index in batch.all_sections.filter(state=Section.State.RUNNING).values_list("article_id", "index"):
        mark(article, index, Section.State.DONE)
    end(batch)


async def comes_and_goes(hub: Hub, batch: Batch, dice: random.Random) -> Grid:
    """Reads to the end, and loses its connection again and again, also in the middle of what it was sent."""
    grid = Grid()
    while not grid.has_ended:
        patience = dice.randint(1, 4)
        async with aclosing(hub.stream(batch.pk, grid.since, always)) as stream:
            async for chunk in stream:
                grid.take(chunk)
                patience -= 1
                if not patience:
                    break
        await asyncio.sleep(dice.random() / 50)
    return grid


def work_through(cells: list[tuple[int, int]], dice: random.Random) -> None:
    """Each once: a change that somebody misses is not made good by a later one."""
    for article, index in dice.sample(cells, len(cells)):
        mark(article, index, dice.choice([Section.State.DONE, Section.State.FAILED]))


def nobody_misses_a_change(owner: User) -> None:
    batch = worked_on(owner, styles=20, sections=20)
    cells = list(batch.all_sections.values_list("article_id", "index"))
    grids: list[Grid] = []

    async def all_at_once() -> None:
        # Two web servers: whoever comes back may come to the other one.
        hubs = [Hub(), Hub()]
        readers = [comes_and_goes(hubs[n % 2], batch, random.Random(n)) for n in range(20)]
        reading = asyncio.gather(*readers)
        await asyncio.gather(*(in_thread(work_through, cells[n::3], random.Random(n)) for n in range(3)))
        await in_thread(end, batch)
        grids.extend(await reading)
        assert [hub.channels for hub in hubs] == [{}, {}]

    run(all_at_once())

    expected = grid_of(batch)
    assert len(grids) == 20
    assert all(grid.cells == expected for grid in grids)


def test_nobody_misses_a_change_while_many_write(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batche_stream, "EVERY", 0.001)
    nobody_misses_a_change(ada)


def test_the_same_on_postgresql(
    tmp_path: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, too, nobody misses a change; and those who watch hold none of the few connections."""
    monkeypatch.setattr(batche_stream, "EVERY", 0.001)
    if reason := postgres.available():
        pytest.skip(reason)
    with postgres.postgres(tmp_path) as url:
        galley = Installation(tmp_path, {"DATABASE_URL": url, "GALLEY_DATABASE_POOL": "2"})
        galley.prepare()
        settings = {"OPTIONS": {}, **Environment({"DATABASE_URL": url}).database("DATABASE_URL", "")}
        with django_db_blocker.unblock(), connected(**settings):
            ada = User.objects.get(username="ada")
            nobody_misses_a_change(ada)
            User.objects.update(is_staff=True, is_superuser=True)
            batch, secret = worked_on(ada, name="Houses"), new_token(ada).secret
            with desk(galley) as server:
                run(all_watch(server, batch, first_cell(batch), secret, 30))


async def all_watch(server: Server, batch: Batch, article: int, secret: str, number: int) -> None:
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(connected_to(server, batch, secret)) for _ in range(number)]
        grids = [Grid() for _ in readers]
        await asyncio.gather(*(follow(r, grid, until_after=0) for r, grid in zip(readers, grids, strict=True)))
        await in_thread(mark, article, 1, Section.State.DONE)
        await asyncio.gather(*(follow(r, grid, until_after=1) for r, grid in zip(readers, grids, strict=True)))


# What it costs


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The revisions after which somebody has looked thoroughly, one for each time."""
    monkeypatch.setattr(batche_stream, "COUNTED_EVERY", 1000)
    made: list[int] = []
    look = progress.batch_progress

    def noted(batch_id: int, since: int = 0, known: counts.BatchCounts | None = None) -> progress.BatchProgress:
        made.append(since)
        return look(batch_id, since, known)

    monkeypatch.setattr(progress, "batch_progress", noted)
    return made


@pytest.mark.parametrize("number", [1, 100])
def test_it_is_looked_once_however_many_watch(number: int, batch: Batch, looks: list[int]) -> None:
    article = first_cell(batch)

    async def watch() -> None:
        async with AsyncExitStack() as stack:
            hub = Hub()
            pages = [await stack.enter_async_context(watching(hub, batch)) for _ in range(number)]
            for index in (1, 2, 3):
                await until(lambda: all(grid.since == index for grid, _ in pages))  # noqa: B023  asked at once
                await in_thread(mark, article, index, Section.State.DONE)
            await until(lambda: all(grid.since == 4 for grid, _ in pages))

    run(watch())

    assert looks == [0, 1, 2, 3]


def test_nobody_looks_when_nobody_watches(batch: Batch) -> None:
    async def come_and_go() -> None:
        hub = Hub()
        async with watching(hub, batch) as (grid, _):
            await until(lambda: grid.said)
            task = hub.channels[batch.pk]._task
        await asyncio.wait([task])
        assert hub.channels == {}

    run(come_and_go())


def test_a_slow_reader_holds_nobody_up_and_is_told_all_at_once(
    batch: Batch, looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batche_stream, "WINDOW", 3)
    article = first_cell(batch)
    others = list(batch.articles.exclude(pk=article).values_list("pk", flat=True))

    async def watch() -> None:
        hub = Hub()
        async with watching(hub, batch) as (quick, _), aclosing(hub.stream(batch.pk, 0, always)) as stream:
            slow = Grid()
            await anext(stream)
            slow.take(await anext(stream))
            await until(lambda: quick.said)
            done = [(where, index) for where in (article, *others) for index in (1, 2, 3)]
            for where, index in done:
                seen = quick.since
                await in_thread(mark, where, index, Section.State.DONE)
                await until(lambda: quick.since == seen + 1)  # noqa: B023  asked at once

            # What is kept for those behind does not grow, and reaches back far enough for nobody so slow.
            latest = hub.channels[batch.pk].latest
            assert latest
            assert len(latest.changed) == 3
            before = len(looks)
            slow.take(await anext(stream))
            assert (slow.since, slow.told) == (quick.since, done)
            assert slow.cells == quick.cells
            assert looks[before:] == [1]

    run(watch())


def test_one_that_takes_nothing_for_long_is_let_go(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batche_stream, "STUCK", 0.2)

    async def take_nothing(hub: Hub) -> None:
        async with aclosing(hub.stream(batch.pk, 0, always)) as stream:
            async for _ in stream:
                await asyncio.Event().wait()  # as a server does whose client's window is full

    async def watch() -> None:
        hub = Hub()
        async with watching(hub, batch) as (grid, _):
            stuck = asyncio.create_task(take_nothing(hub))
            await asyncio.wait([stuck])
            assert stuck.cancelled()
            assert len(hub.channels[batch.pk].watchers) == 1
            assert grid.said

    run(watch())


# What may go wrong


def test_streams_outlive_a_database_that_is_away(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    article, look = first_cell(batch), progress.batch_progress
    failed = threading.Event()

    def away(*_: object) -> progress.BatchProgress:
        failed.set()
        raise OperationalError("server closed the connection unexpectedly")

    async def watch() -> None:
        async with watching(Hub(), batch) as (grid, _):
            await until(lambda: grid.said)
            monkeypatch.setattr(progress, "batch_progress", away)
            await in_thread(mark, article, 1, Section.State.DONE)
            await until(failed.is_set)
            monkeypatch.setattr(progress, "batch_progress", look)
            await until(lambda: grid.cells[article, 1] == "done")

    run(watch())


def test_whoever_may_not_watch_any_more_loses_the_stream(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batche_stream, "CHECKED_EVERY", 0.1)
    rights, asked = {"ada": True, "ben": True}, []

    def of(name: str) -> Callable[[], bool]:
        def allowed() -> bool:
            asked.append(name)
            return rights[name]

        return allowed

    async def watch() -> None:
        hub, ada, ben = Hub(), of("ada"), of("ben")
        async with (
            watching(hub, batch, 0, ada) as (_, first),
            watching(hub, batch, 0, ada) as (_, second),
            watching(hub, batch, 0, ben) as (grid, task),
        ):
            await until(lambda: "ada" in asked and "ben" in asked)
            rights["ada"] = False
            await asyncio.wait([first, second])
            await in_thread(mark, first_article, 1, Section.State.DONE)
            await until(lambda: grid.cells.get((first_article, 1)) == "done")
            assert not task.done()

    first_article = first_cell(batch)
    run(watch())

    # Two streams of one login are one question.
    assert asked.count("ada") <= asked.count("ben")


def test_a_batch_that_is_gone_ends_its_streams(batch: Batch) -> None:
    def remove() -> None:
        Section.objects.all().delete()
        Article.objects.all().delete()
        Batch.objects.all().delete()

    async def watch() -> None:
        async with watching(Hub(), batch) as (grid, task):
            await until(lambda: grid.said)
            await in_thread(remove)
            await asyncio.wait([task])

    run(watch())


def test_silence_is_broken_now_and_then(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies close what is silent."""
    monkeypatch.setattr(batche_stream, "KEEP_ALIVE", 0.05)

    async def watch() -> None:
        async with aclosing(Hub().stream(batch.pk, 0, always)) as stream:
            chunks = [await anext(stream) for _ in range(3)]
        assert chunks[2] == NOTHING_NEW

    run(watch())


def test_a_hub_that_closes_ends_its_streams_and_begins_none(batch: Batch) -> None:
    async def watch() -> None:
        hub = Hub()
        async with watching(hub, batch) as (grid, task):
            await until(lambda: grid.said)
            hub.close()
            await asyncio.wait([task])
        assert [chunk async for chunk in hub.stream(batch.pk, 0, always)] == []

    run(watch())


# The web server, as it is started for good


@contextmanager
def desk(galley: Installation) -> Iterator[Server]:
    port = free_port()
    words = [str(port) if word == "8000" else word for word in words_of("galley-web.service")]
    server = Server(words, port=port, log=galley.folder / "web.log", env=galley.environment, cwd=ROOT)
    server.start(patience=60)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def secret(ada: User) -> str:
    """A token of somebody who may see everything."""
    User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
    return new_token(ada).secret


@asynccontextmanager
async def connected_to(
    server: Server, batch: Batch, secret: str, *headers: str
) -> AsyncGenerator[asyncio.StreamReader, None]:
    """An open stream, behind its head."""
    reader, writer = await asyncio.open_connection(HOST, server.port)
    lines = [f"GET /api/v1/batches/{batch.pk}/events HTTP/1.0", "Host: 127.0.0.1", f"Authorization: Bearer {secret}"]
    writer.write("\r\n".join([*lines, "Accept-Encoding: gzip", *headers, "", ""]).encode())
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        for said in (b"Content-Type: text/event-stream", b"X-Accel-Buffering: no", b"Cache-Control: no-cache"):
            assert said in head
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def follow(reader: asyncio.StreamReader, grid: Grid, until_after: int | None = None) -> None:
    """Read to the end of the stream, or until something after a revision was told."""
    while until_after is None or grid.since <= until_after:
        try:
            grid.take(await reader.readuntil(b"\n\n"))
        except asyncio.IncompleteReadError:
            return


def test_fifty_watch_one_server_and_go_on_at_another(galley: Installation, batch: Batch, secret: str) -> None:
    """Half of them are cut off after their first event, as by a deploy; a proxy leads them to the other host."""
    articles = list(batch.articles.values_list("pk", flat=True))
    grids = [Grid() for _ in range(50)]

    async def watch(server: Server, other: Server, grid: Grid, leaves: bool) -> None:
        async with connected_to(server, batch, secret) as reader:
            await follow(reader, grid, until_after=1 if leaves else None)
        if leaves:
            async with connected_to(other, batch, secret, f"Last-Event-ID: {grid.since}") as reader:
                await follow(reader, grid)

    async def all_at_once(server: Server, other: Server) -> None:
        watched = asyncio.gather(*(watch(server, other, grid, bool(n % 2)) for n, grid in enumerate(grids)))
        await asyncio.gather(*(in_thread(work_at_random, articles, 40, seed) for seed in range(2)))
        await in_thread(finish, batch)
        await watched

    with desk(galley) as server, desk(galley) as other:
        run(all_at_once(server, other))

    expected = grid_of(batch)
    assert all(grid.has_ended and grid.cells == expected for grid in grids)


def test_open_streams_do_not_keep_the_server_from_stopping(galley: Installation, batch: Batch, secret: str) -> None:
    grids = [Grid() for _ in range(50)]

    async def watch(server: Server) -> None:
        async with AsyncExitStack() as stack:
            readers = [await stack.enter_async_context(connected_to(server, batch, secret)) for _ in grids]
            await asyncio.gather(*(follow(r, grid, until_after=0) for r, grid in zip(readers, grids, strict=True)))
            # Nor does each hold a thread, of which a request has one.
            assert len(list(Path(f"/proc/{server.pid}/task").iterdir())) < len(grids) / 2
            os.kill(server.pid, signal.SIGTERM)
            # Their streams come to an end.
            await asyncio.gather(*(follow(r, grid) for r, grid in zip(readers, grids, strict=True)))

    with desk(galley) as server:
        run(watch(server))
        wait_until(lambda: not server.is_listening(), PATIENCE)
        log = (galley.folder / "web.log").read_text()

    assert not any(grid.has_ended for grid in grids)
    # It waited for nobody until its patience was at an end.
    assert "graceful shutdown exceeded" not in log
    assert "Traceback" not in log


def test_a_token_that_is_revoked_ends_the_stream(
    batch: Batch, secret: str, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batche_stream, "CHECKED_EVERY", 0.1)
    token = Token.objects.get()

    async def watch() -> None:
        async with watching(Hub(), batch, 0, Watching(ByToken(token.pk), batch.pk)) as (grid, task):
            await until(lambda: grid.said)
            await in_thread(token.delete)
            await asyncio.wait([task])

    run(watch())


def test_who_may_go_on_watching(batch: Batch, ada: User) -> None:
    client = as_(ada)
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    ada.groups.add(Group.objects.get(name=EDITORS))
    token = new_token(ada)
    by_token = Watching(ByToken(token.pk), batch.pk)
    by_session = Watching(BySession(client.session.session_key), batch.pk)

    assert by_token()
    assert by_session()
    # The batch is somebody else's, the right is gone, the person works here no more, or has left.
    other = User.objects.create_user("ben", is_staff=True)
    for who, change, back in (
        (Batch.objects.filter(pk=batch.pk), {"owner": other}, {"owner": ada}),
        (User.objects.filter(pk=ada.pk), {"is_staff": False}, {"is_staff": True}),
        (User.objects.filter(pk=ada.pk), {"is_active": False}, {"is_active": True}),
    ):
        who.update(**change)
        assert not by_token()
        assert not by_session()
        who.update(**back)
    assert by_session()
    ada.groups.clear()
    assert not by_session()
    ada.groups.add(Group.objects.get(name=EDITORS))

    Token.objects.update(expires_at=timezone.now())
    assert not by_token()
    client.logout()
    assert not by_session()


def asked(batch: Batch, secret: str) -> tuple[HttpRequest, StreamingHttpResponse | HttpResponse]:
    """A request for events as an ASGI server makes it, and the answer, of which nothing was read."""
    headers = {"Authorization": f"Bearer {secret}", "Accept-Encoding": "gzip"}
    request = AsyncRequestFactory().get(f"/api/v1/batches/{batch.pk}/events", headers=headers)
    view, words, named = resolve(request.path)
    return request, view(request, *words, **named)


def test_nothing_compresses_a_stream(batch: Batch, secret: str) -> None:
    """It would keep events back until there are enough of them."""
    request, answer = asked(batch, secret)

    assert answer.status_code == 200
    compressed = GZipMiddleware(lambda _: answer).process_response(request, answer)
    assert compressed["Content-Encoding"] == "identity"


def test_a_full_server_sends_people_away_to_poll(batch: Batch, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batche_stream, "MOST_WATCHERS", 0)
    _, answer = asked(batch, secret)

    assert answer.status_code == 503
    assert b"Too many people watch" in answer.content


def test_whoever_watches_enough_is_sent_away_too(batch: Batch, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batche_stream, "MOST_OF_ONE", 0)
    _, answer = asked(batch, secret)

    assert answer.status_code == 429
    assert b"as many streams as one person may" in answer.content


def test_one_person_does_not_shut_out_the_others(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are asked for at once: the last look is taken when a stream joins."""
    monkeypatch.setattr(batche_stream, "MOST_OF_ONE", 3)
    mine = batch.owner_id

    async def watch() -> None:
        hub = Hub()
        async with AsyncExitStack() as open_ones:
            streams = [hub.stream(batch.pk, 0, always, person) for person in [mine] * 5 + [mine + 1] * 2]
            began = []
            for stream in streams:
                await open_ones.enter_async_context(aclosing(stream))
                began.append(await anext(stream, None) == RETRY)
            assert began == [True] * 3 + [False] * 2 + [True] * 2
            assert hub.has_enough(mine)
            assert not hub.has_enough(mine + 1)

    run(watch())


def test_what_is_sent_is_what_the_document_promises(batch: Batch) -> None:
    """To which a stream is a text; what its lines are called is said beside it."""
    end(batch, Batch.State.CANCELLED)
    promised = api.get_openapi_schema()["paths"]["/api/v1/batches/{batch_id}/events"]["get"]["responses"][200]
    schema = promised["content"]["text/event-stream"]["schema"]

    sent = progress.batch_progress(batch.pk).events(0).decode()

    events = [dict(line.split(": ", 1) for line in event.split("\n")) for event in sent.split("\n\n") if event]
    assert schema["type"] == "string"
    assert [event["event"] for event in events] == ["progress", "end"]
    for event in events:
        assert event["event"] in schema["description"]
        assert all(f"{name}: " in schema["description"] for name in event)
        json.loads(event["data"])
