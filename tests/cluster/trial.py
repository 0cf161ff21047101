"""Articles are handed in and made while a cluster meets troubles; what came of them is judged from outside.

When what happens is drawn from a seed, and by the progress of the work: a slow machine meets as many troubles.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import requests

from tests.cluster.cluster import Cluster, Size, cluster
from tests.cluster.troubles import KINDS, LEASES_END, Trouble, Troubles
from tests.faults import verdict
from tests.faults.claims import in_flight
from tests.faults.outcome import Outcome

PATIENCE = 400  # seconds in which something must get done
SECONDS = (2.0, 12.0)  # that a trouble lasts
LOST_IN = 20  # seconds for a request of ours
LATENCY = dict.fromkeys(("responses", "create", "poll", "deliver", "messages"), 0.3)  # seconds

_ENDED = "SELECT count(*) FROM articles_article WHERE status IN ('done', 'failed')"


@dataclass
class Report(Outcome):
    """What happened, and what came of it."""

    met: list[tuple[float, Trouble]] = field(default_factory=list)  # when, in seconds since 1970
    seconds: float = 0.0
    asked: int = 0  # requests of ours, until all were handed in

    def lines(self) -> list[str]:
        kinds = Counter(trouble.kind for _, trouble in self.met)
        lost = Counter(self._during(before.time, after.time) for before, after in self.again)
        return [
            f"{self.articles} articles, seed {self.seed}: {kinds.total()} troubles in {self.seconds:.0f} s "
            f"({', '.join(f'{kind} {times}' for kind, times in sorted(kinds.items()))})",
            *(f"  {trouble.said}" for _, trouble in self.met),
            f"handed in by {self.asked} requests; articles lost {self.lost}, posts and media doubled {self.doubled}, "
            f"repeats unflagged {self.unflagged}",
            f"paid calls {self.calls}, asked again {self.repeats}, flagged {self.flagged}, told {self.told}; "
            f"by trouble: {', '.join(f'{kind} {times}' for kind, times in sorted(lost.items())) or 'none'}",
            *(self.findings or ["all done; one post each, one media item a picture, every file whole"]),
        ]

    def _during(self, sent: float, again: float) -> str:
        """The first trouble that began after a request was sent whose answer was lost, else the last before."""
        kinds = [trouble.kind for at, trouble in self.met if at < again]
        after = [trouble.kind for at, trouble in self.met if sent - 1 <= at < again]
        return (after[:1] or kinds[-1:] or ["none"])[0]


def run(
    folder: Path, size: Size, *, articles: int, troubles: int, seed: int, say: Callable[[str], None],
    among: Sequence[str] = KINDS,
) -> Report:  # fmt: skip
    """`say` is told of each trouble as it begins; they are `among` these kinds."""
    report, chance = Report(articles, seed), random.Random(seed)
    with cluster(folder, size) as made:
        made.stack.services.configure(image_width=512, latency=LATENCY)
        trial = _Trial(made, report, chance, Troubles(made, chance).draw(troubles, among), say)
        trial.run()
        report.judge(made.stack, articles)
    return report


@dataclass
class _Trial:
    cluster: Cluster
    report: Report
    chance: random.Random
    troubles: list[Trouble]
    say: Callable[[str], None]
    done: int = 0
    handed_in: int = 0
    _now: Trouble | None = None
    _until: float = 0.0
    _looked: float = 0.0

    def run(self) -> None:
        """Until all articles have ended, whatever is in store has happened, and nothing of it goes on."""
        self._until_it_holds(self._hand_in)  # the desk is up
        self.report.asked = 1
        calls = verdict.CALLS * self.report.articles
        moments = sorted(self.chance.random() * calls for _ in self.troubles)
        began = time.monotonic()
        self._until_it_holds(lambda: self._step(moments))
        self.report.seconds = time.monotonic() - began

    def _step(self, moments: list[float]) -> bool:
        if self.handed_in < self.report.articles:
            self._hand_in()
        if self._now:
            self._go_on(self._now)
        elif moments and self._calls() >= moments[0] and self._is_due(self.troubles[0]):
            del moments[0]
            self._begin(self.troubles.pop(0))
        return not moments and self._now is None and self._ended() == self.report.articles

    # Troubles

    def _is_due(self, trouble: Trouble) -> bool:
        if not trouble.among_calls or self._ended() == self.report.articles:
            return True
        with suppress(psycopg.OperationalError):
            return in_flight(self.cluster.stack) > 0
        return False

    def _begin(self, trouble: Trouble) -> None:
        self.say(f"… {self._calls()} calls, {self._ended()} articles ended: {trouble.said}")
        self.report.met.append((time.time(), trouble))
        trouble.begin()
        self._now, self._until = trouble, time.monotonic() + self.chance.uniform(*SECONDS)

    def _go_on(self, trouble: Trouble) -> None:
        """Whoever holds an article and is not heard of has it taken by others, sooner than in 400 seconds."""
        if time.monotonic() < self._until:
            return
        if trouble.expires:
            with suppress(psycopg.OperationalError):
                self.cluster.stack.write(LEASES_END.format(host=trouble.expires.host.name))
        trouble.end()
        self._now = None

    # Looking

    def _hand_in(self) -> bool:
        """One more article by the proxy, under a key: asked again, it is the same one."""
        headers = {"Authorization": f"Bearer {self.cluster.secret}", "Idempotency-Key": f"article {self.handed_in}"}
        given = {"idea": f"what ports say of the {self.handed_in}th tariff", "site_id": "1"}
        self.report.asked += 1
        try:
            url = f"{self.cluster.url}/api/v1/articles"
            answer = requests.post(url, json=given, headers=headers, timeout=LOST_IN)
        except requests.RequestException:
            return False
        assert answer.status_code < 400 or answer.status_code >= 500, f"{answer.status_code}: {answer.text}"
        self.handed_in += answer.ok
        return answer.ok

    def _calls(self) -> int:
        return len(verdict.paid(self.cluster.stack.services.requests()))

    def _ended(self) -> int:
        """By the database, once a second; as many as before, while it is away."""
        if time.monotonic() - self._looked > 1:
            self._looked = time.monotonic()
            with suppress(psycopg.OperationalError):
                [(self.done,)] = self.cluster.stack.rows(_ENDED)
        return self.done

    def _until_it_holds(self, holds: Callable[[], bool]) -> None:
        """Raises TimeoutError when nothing gets done any more."""
        latest, progress = time.monotonic(), (-1, -1, -1)
        while not holds():
            self.cluster.keep_running()
            now = self._calls(), self._ended(), len(self.report.met)
            if now != progress:
                latest, progress = time.monotonic(), now
            if time.monotonic() - latest > PATIENCE:
                raise TimeoutError(f"nothing was done for {PATIENCE} s; seed {self.report.seed}")
            time.sleep(0.05)
