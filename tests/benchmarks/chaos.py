"""Articles by the hundred while everything is killed at random: all done, nothing lost, nothing twice.

Real servers and real workers on PostgreSQL and Redis. This process does from outside what an init system does: it
starts the supervisor of the workers again, which replaces them one by one. What is killed when is drawn from a seed, by
the progress of the work and not by the clock, so that a slow machine meets as many deaths.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis
from django.test.utils import override_settings

from articles.pipeline import worker_health
from tests.benchmarks.limits import LIMITS, say
from tests.faults import verdict
from tests.faults.outcome import Outcome
from tests.faults.pool import Pool
from tests.faults.standing import Standing
from tests.journeys.stacks import Stack, stack

STACK = "postgresql, redis"
QUEUE = "django_q:galley:q"
CALM = 8  # articles without a death, for the rate
PATIENCE = 300  # seconds in which something must get done
UNDERWAY = 0.1  # seconds
TOLD_EVERY = 10  # kills
REQUESTS = 15  # to the services' doubles, that every article makes at least
LATENCY = dict.fromkeys(("responses", "create", "poll", "deliver", "messages"), 0.1)  # seconds

_COUNT = "SELECT status, count(*) FROM articles_article GROUP BY status"
_NOT_ENDED = """
    SELECT id, attempt, lease_owner FROM articles_article
    WHERE status IN ('queued', 'running') OR (status = 'waiting' AND next_at <= now())"""
_TIME_PASSES = """
    UPDATE articles_article
    SET queued_at = queued_at - interval '2 minutes', next_at = next_at - interval '15 minutes'
    WHERE status = 'queued' OR (status = 'waiting' AND error->>'code' != 'settling')"""
_HAND_IN = (
    "[__import__('articles.pipeline.transitions', fromlist=['submit'])"
    ".submit(Article(owner_id=1, site_id=1, idea=f'{word} {{n}}'))"
    " for n in range({articles})]"
)
Death = Callable[[random.Random], None]


@dataclass
class Report(Outcome):
    """What was killed and what came of it."""

    struck: list[tuple[float, str]] = field(default_factory=list)  # when, in seconds since 1970, and what
    calm_seconds: float = 0.0  # for one article
    seconds: float = 0.0
    lost_calls: Counter[str] = field(default_factory=Counter)  # by the kind of kill
    standing: Standing = field(default_factory=Standing)

    @property
    def kills(self) -> Counter[str]:
        return Counter(kind for _, kind in self.struck)

    def lines(self) -> list[str]:
        kills, stood, most = self.kills, self.standing, LIMITS["stand"]
        by_each = (self.seconds - self.articles * self.calm_seconds) / max(kills.total(), 1)
        lost_calls = (f"{kind} {self.lost_calls[kind] / times:.2f}" for kind, times in sorted(kills.items()))
        return [
            f"{self.articles} articles, seed {self.seed}: {kills.total()} kills in {self.seconds:.0f} s "
            f"({', '.join(f'{kind} {times}' for kind, times in sorted(kills.items()))})",
            f"articles lost {self.lost}, posts and media doubled {self.doubled}, repeats unflagged {self.unflagged}",
            f"paid calls {self.calls}, asked again {self.repeats} ({self.repeats / max(self.calls, 1):.1%}), "
            f"flagged {self.flagged}, told {self.told}",
            f"calls lost by each kill: {', '.join(lost_calls)}; by none {self.lost_calls['']}",
            f"longest that an article stood beside an idle worker {stood.longest:.1f} s (article and attempt "
            f"{stood.which}), {'within' if stood.longest <= most else 'OVER'} {most:.0f} s",
            f"seconds an article without kills {self.calm_seconds:.2f}, lost by each kill {by_each:.1f}",
            f"files that WordPress left when it was killed itself: {self.orphans}",
            *(self.findings or ["all done; one post each, one media item a picture, every file whole"]),
        ]


def main(articles: int = 300, kills: int = 300) -> None:
    """GALLEY_SEED repeats the deaths of an earlier run."""
    report = run(articles=articles, kills=kills, seed=int(os.environ.get("GALLEY_SEED") or random.randrange(10_000)))
    for line in report.lines():
        say(line)
    if report.findings:
        raise SystemExit(1)


def run(*, articles: int, kills: int, seed: int, hurry: bool = False) -> Report:
    """With `hurry`, two minutes pass at once when all that is left are articles whose message was lost."""
    report = Report(articles, seed)
    with tempfile.TemporaryDirectory(prefix="galley-chaos-") as folder, stack(STACK, Path(folder)) as running:
        running.services.configure(image_width=512, latency=LATENCY)
        broker = running.galley.settings["GALLEY_BROKER_URL"]
        with (
            override_settings(VAR_DIR=running.galley.folder),
            running.galley.workers() as pool,
            redis.Redis.from_url(broker) as queue,
        ):
            world = _World(running, Pool(pool), queue, report, hurry)
            report.calm_seconds = world.work_in_peace()
            world.work_among_kills(articles, kills, random.Random(seed))
            world.judge()
    return report


@dataclass
class _World:
    """The stack, who keeps it running, and who kills it."""

    running: Stack
    pool: Pool
    queue: redis.Redis
    report: Report
    hurry: bool
    done: int = 0
    looked: float = 0.0

    def work_in_peace(self) -> float:
        """Seconds for an article, two at a time, once the first is done."""
        self._hand_in("calm", CALM)
        self._until(lambda: self._seen() > 0)
        first, began = self.done, time.monotonic()
        self._until(lambda: self._seen() == CALM)
        return (time.monotonic() - began) / (CALM - first)

    def work_among_kills(self, articles: int, kills: int, chance: random.Random) -> None:
        deaths = self._kinds(kills, chance)
        before = len(self.running.services.requests())
        moments = sorted(before + chance.random() * REQUESTS * articles for _ in deaths)
        self._hand_in("troubled", articles)
        began = time.monotonic()
        self._until(
            lambda: self._seen() == CALM + articles and not moments, lambda: self._strike(moments, deaths, chance)
        )
        self.report.seconds = time.monotonic() - began

    def _kinds(self, kills: int, chance: random.Random) -> list[Death]:
        """Each kind at least once, in any order; a single worker dies as often as all others together."""
        kinds: list[Death] = [self._worker, self._supervisor, self._all, self._php, self._database]
        drawn = kinds + chance.choices(kinds, weights=[4, 1, 1, 1, 1], k=kills - len(kinds))
        chance.shuffle(drawn)
        return drawn

    def _strike(self, moments: list[float], deaths: list[Death], chance: random.Random) -> None:
        """Kill, when the work has come so far and there are workers again."""
        if not moments or len(self.running.services.requests()) < moments[0]:
            return
        time.sleep(chance.random() * 0.3)  # into what happens between two requests
        if self.pool.is_up:
            del moments[0]
            deaths.pop()(chance)
            if len(self.report.struck) % TOLD_EVERY == 0:
                self._tell()

    def _tell(self) -> None:
        """How far it is: whoever ends a long run before its end knows what was so until then."""
        report, again = self.report, verdict.repeats(self.running.services.requests())
        say(
            f"… {len(report.struck)} kills, {self.done} articles ended, {len(again)} calls asked again, "
            f"longest beside an idle worker {report.standing.longest:.1f} s"
        )

    # Who is killed

    def _worker(self, chance: random.Random) -> None:
        self.pool.kill_worker(chance)
        self._note("worker")

    def _supervisor(self, _: random.Random) -> None:
        self.pool.kill_supervisor()
        self._note("supervisor")

    def _all(self, _: random.Random) -> None:
        self.pool.kill_all()
        self._note("all")

    def _php(self, chance: random.Random) -> None:
        self.running.wordpress.kill_php()
        self._note("php")
        time.sleep(chance.random() * 2)
        self.running.wordpress.start_php()

    def _database(self, chance: random.Random) -> None:
        assert self.running.database
        self.running.database.kill()
        self._note("database")
        time.sleep(chance.random() * 2)
        self.running.database.start()

    def _note(self, kind: str) -> None:
        self.report.struck.append((time.time(), kind))

    # Who keeps it running

    def _until(self, holds: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> None:
        """Supervise until it holds. Raises TimeoutError when nothing gets done any more."""
        latest, progress = time.monotonic(), -1
        while not holds():
            meanwhile()
            self.pool.keep_running()
            now = len(self.running.services.requests()) + self.done
            if now != progress:
                latest, progress = time.monotonic(), now
            if time.monotonic() - latest > PATIENCE:
                raise TimeoutError(f"nothing was done for {PATIENCE} s; seed {self.report.seed}")
            time.sleep(0.02)

    def _seen(self) -> int:
        """How many articles stand still, by the database, twice a second; as many as before, while it is away."""
        if time.monotonic() - self.looked < 0.5:
            return self.done
        self.looked = time.monotonic()
        standing: list[Hashable] = []  # of a database that is away nobody is idle
        with suppress(psycopg.OperationalError), self._connected() as connection:
            standing = self._standing(connection)
            counts: dict[str, int] = dict(connection.execute(_COUNT).fetchall())
            self.done = counts.get("done", 0) + counts.get("failed", 0)
            if self.hurry and not counts.get("running") and not self.queue.llen(QUEUE):
                self._let_time_pass(connection)
        self.report.standing.look(standing, self.looked)
        return self.done

    def _standing(self, connection: psycopg.Connection[Any]) -> list[Hashable]:
        """Articles, with their attempts, that nobody is at though a worker is idle."""
        rows = connection.execute(_NOT_ENDED).fetchall()
        health = worker_health.health()
        held = {str(pid) for pid in health.busy}
        stands: list[Hashable] = [
            (pk, attempt) for pk, attempt, owner in rows if not owner or owner.split("|")[1] not in held
        ]
        return stands if len(health.busy) < len(health.alive) else []

    def _let_time_pass(self, connection: psycopg.Connection[Any]) -> None:
        if connection.execute(_TIME_PASSES).rowcount:
            connection.commit()
            self.running.galley.manage("sweep", check=False)

    def _connected(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.running.galley.settings["DATABASE_URL"], connect_timeout=2)

    def _hand_in(self, word: str, articles: int) -> None:
        self.running.galley.ask(_HAND_IN.format(word=word, articles=articles))

    # What came of it

    def judge(self) -> None:
        self.report.judge(self.running, CALM + self.report.articles)
        self.report.lost_calls = Counter(self._killed(before.time, after.time) for before, after in self.report.again)

    def _killed(self, sent: float, again: float) -> str:
        """What was killed first after a request was sent whose answer was lost; "" when nothing was.

        A request may be on its way to the service's log for a while.
        """
        return next((kind for at, kind in self.report.struck if sent - UNDERWAY <= at < again), "")
