"""A whole batch while everything is killed at random: every section once and in order, nothing lost, nothing twice."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from django.test.utils import override_settings

from tests.faults import verdict
from tests.faults.pool import Pool
from tests.journeys.stacks import Desk, desk

PATIENCE = 120  # seconds in which something must get done
STILL = 1.8  # seconds without a request after which time passes at once for what waits
_START = (
    "(b := Batch.objects.get_or_create(owner_id=1, key='rooms', defaults=dict(name='Rooms', images_per_style=1,"
    " images_per_section={images}, brief='The {{{{section}}}} of a house in {{{{style}}}}',"
    " styles=chr(10).join(f'Style {{n}}' for n in range({styles})),"
    " sections=chr(10).join(f'Room {{n}}' for n in range({sections}))))[0],"
    " __import__('articles.batches.start', fromlist=['start_batch']).start_batch(b, b.owner)) and b.pk"
)
_TIME_PASSES = (
    "UPDATE articles_article SET queued_at = '2020-01-01 00:00:00' WHERE status = 'queued'",
    "UPDATE articles_article SET next_at = '2020-01-01 00:00:00' WHERE status = 'waiting'",
)
_CALLS = (
    "[[c.idempotency_key, c.article_id, c.key, c.generation, c.lost_answers]"
    " for c in Call.objects.filter(key__startswith='{kind}').only('idempotency_key', 'article', 'key', 'generation',"
    " 'lost_answers')]"
)
_TOLD = (
    "[[a.pk, a.status, a.error, a.attempt, a.tree_prefix, [s.state for s in a.sections.only('state')],"
    " [i.sha256 != '' for i in a.images.only('sha256')]] for a in Article.objects.all()]"
)

Death = Callable[[random.Random], None]


@dataclass
class Report:
    """What was killed and what came of it. `findings` are sentences about what should not be."""

    stack: str
    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    calls: int = 0
    repeats: int = 0
    flagged: int = 0
    findings: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        killed = ", ".join(f"{kind} {times}" for kind, times in sorted(self.kills.items()))
        return [
            f"{self.stack}, seed {self.seed}: {self.kills.total()} kills in {self.seconds:.0f} s ({killed})",
            f"paid calls {self.calls}, asked again {self.repeats}, flagged {self.flagged}",
            *(self.findings or ["every section is there once and in order; started again, nothing was asked"]),
        ]


def run(stack: str, *, styles: int, sections: int, images: int, kills: int, seed: int) -> Report:
    """A batch with so many pictures a section, and one for each style, on a stack of that name."""
    report = Report(stack, seed)
    with tempfile.TemporaryDirectory(prefix="galley-batch-") as folder, desk(stack, Path(folder)) as running:
        running.services.configure(image_width=480, image_bytes=4000)
        running.galley.settings["GALLEY_LOG_LEVEL"] = "WARNING"
        with override_settings(VAR_DIR=running.galley.folder), running.galley.workers() as processes:
            world = _World(running, Pool(processes), report, styles, sections, images)
            world.start()
            world.work_among_kills(kills, random.Random(seed))
            world.judge()
            world.start()
            world.judge_second_start()
    return report


@dataclass
class _World:
    running: Desk
    pool: Pool
    report: Report
    styles: int
    sections: int
    images: int

    def start(self) -> None:
        asked = _START.format(styles=self.styles, sections=self.sections, images=self.images)
        self.running.galley.ask(asked)

    @property
    def _expected(self) -> int:
        """Paid calls: an opening and a picture for each style, a text and pictures for each section."""
        return self.styles * (2 + self.sections * (1 + self.images))

    def work_among_kills(self, kills: int, chance: random.Random) -> None:
        """Each kind of death at least once; a single worker dies as often as all others together."""
        kinds: list[Death] = [self._worker, self._supervisor, self._all]
        if self.running.database:
            kinds.append(self._database)
        weights = [3, *[1] * (len(kinds) - 1)]
        deaths = kinds + chance.choices(kinds, weights, k=kills - len(kinds))
        chance.shuffle(deaths)
        moments = sorted(chance.uniform(0.01, 0.95) * self._expected for _ in deaths)
        began = latest = time.monotonic()
        seen = -1
        while not self._is_done() or moments:
            if moments and seen >= moments[0] and self.pool.is_up:
                time.sleep(chance.random() * 0.1)  # into what happens between two requests
                del moments[0]
                death = deaths.pop()
                self.report.kills[death.__name__.strip("_")] += 1
                death(chance)
            self.pool.keep_running()
            if seen != (now := self._paid()):
                latest, seen = time.monotonic(), now
            elif time.monotonic() - latest > STILL:
                self._let_time_pass()
            if time.monotonic() - latest > PATIENCE:
                raise TimeoutError(f"nothing was done for {PATIENCE} s; seed {self.report.seed}")
            time.sleep(0.05)
        self.report.seconds = time.monotonic() - began

    def _paid(self) -> int:
        return len(verdict.paid(self.running.services.requests()))

    def _is_done(self) -> bool:
        with suppress(psycopg.OperationalError):
            return self.running.rows("SELECT state FROM articles_batch") == [("done",)]
        return False

    def _let_time_pass(self) -> None:
        """What waits, or whose message was lost, need not wait for the clock."""
        with suppress(psycopg.OperationalError):
            for sql in _TIME_PASSES:
                self.running.write(sql)
            self.running.galley.manage("sweep", check=False)

    # Who is killed

    def _worker(self, chance: random.Random) -> None:
        self.pool.kill_worker(chance)

    def _supervisor(self, _: random.Random) -> None:
        self.pool.kill_supervisor()

    def _all(self, _: random.Random) -> None:
        self.pool.kill_all()

    def _database(self, chance: random.Random) -> None:
        assert self.running.database
        self.running.database.kill()
        time.sleep(chance.random())
        self.running.database.start()

    # What came of it

    def judge(self) -> None:
        report, found = self.report, self.report.findings
        articles = self.running.galley.ask(_TOLD)
        found += [f"{len(articles)} articles instead of {self.styles}"] * (len(articles) != self.styles)
        wanted = (self.sections, 1 + self.sections * self.images)
        for pk, status, error, attempt, prefix, states, pictures in articles:
            whole = (Counter(states)["done"], sum(pictures)) == wanted == (len(states), len(pictures))
            if status != "done" or not whole:
                found.append(f"article {pk} is {status} after attempt {attempt}: {error}, {Counter(states)}")
            found += [f"article {pk}: {sentence}" for sentence in self.running.galley.tree(prefix).verify()]
        calls = [call for kind in ("text", "image") for call in self.running.galley.ask(_CALLS.format(kind=kind))]
        requests = verdict.paid(self.running.services.requests())
        asked = Counter(request.headers.get("idempotency-key", "") for request in requests)
        report.calls, report.flagged = len(requests), sum(lost for *_, lost in calls)
        report.repeats = len(requests) - len(asked)
        found += [f"{len(asked)} paid calls instead of {self._expected}"] * (len(asked) != self._expected)
        for key, article, name, generation, lost in calls:
            if asked[key] - 1 > lost or generation != 1:
                found.append(f"article {article}, {name}: asked {asked[key]} times, flagged {lost}, {generation=}")
        found += self._out_of_order(calls)

    def _out_of_order(self, calls: list[list[Any]]) -> list[str]:
        """Whether a section was begun before the one in front of it was answered for the first time."""
        begun: dict[str, int] = {}
        for request in self.running.services.requests("openai", "responses"):
            begun.setdefault(request.headers.get("idempotency-key", ""), request.number)
        order: dict[int, list[tuple[int, int]]] = {}
        for key, article, name, *_ in calls:
            index = int(name.removeprefix("text:section-")) if name.startswith("text:") else 0
            if name.startswith("text"):
                order.setdefault(article, []).append((index, begun.get(key, 0)))
        return [
            f"article {article}: section {after[0]} was written before {before[0]}"
            for article, texts in order.items()
            for before, after in pairwise(sorted(texts))
            if before[1] > after[1]
        ]

    def judge_second_start(self) -> None:
        before = len(self.running.services.requests())
        deadline = time.monotonic() + 30
        while not self._is_done() and time.monotonic() < deadline:
            self._let_time_pass()
        further = len(self.running.services.requests()) - before
        self.report.findings += [f"started again, it asked {further} times"] * bool(further)
        self.report.findings += ["started again, it is not done"] * (not self._is_done())
