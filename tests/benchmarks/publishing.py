"""The same article onto a real WordPress by each way: seconds and memory, side by side.

The article is finished first, as a page at the desk; what is timed is the publication alone, of a new one each time.
Each way begins once before that: imports, the first connection, the login of a browser. The agent is steered by a
script that answers at once, so its seconds are those of a browser and of Galley, without the thinking of a model.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import User
from django.core.management import call_command
from django.test.utils import override_settings

from articles.models import Article
from articles.pipeline import transitions, worker
from publishing import publish_tasks
from publishing.browser import chromium
from publishing.models import Site, Way
from publishing.options import Options
from tests.benchmarks.limits import say
from tests.doubles.server import Doubles, doubles
from tests.publishing.agent import pilots
from tests.services import wordpress

ROUNDS = 3
EVERY = 0.05  # seconds between two looks at the memory
MANUSCRIPT = "# Night trains\n\nThey run again.\n\n" + "\n\n".join(
    f"## Line {number}\n\n" + "Nobody flies where a bed goes overnight. " * 40 for number in range(1, 4)
)
OPTIONS = Options(publish_immediately=True, tags=("Trains",), categories=("Travel",), excerpt="In short.")
BY_BROWSER = (Way.PLAYWRIGHT, Way.COMPUTER_USE)


@dataclass
class Peak:
    """Megabytes that this process and all that it has started take more than before, at most."""

    megabytes: float = 0.0


def main(rounds: int = ROUNDS) -> None:
    if reason := wordpress.available():
        say(f"publishing: {reason}")
        return
    call_command("migrate", verbosity=0)
    with (
        tempfile.TemporaryDirectory(prefix="galley-bench-") as folder,
        wordpress.wordpress(Path(folder)) as running,
        doubles() as services,
        override_settings(**_named(services)),
    ):
        services.configure(image_width=1280, image_bytes=300_000)
        services.steer(pilots.able)
        site = _site(running)
        say(f"{'an article with its pictures':<37}{'seconds':>9}{'':18}{'memory':>9}")
        for way in (Way.REST, Way.XMLRPC, *BY_BROWSER):
            if way in BY_BROWSER and (reason := chromium.missing()):
                say(f"{way.label:<37}not here: {reason}")
                continue
            _tell(site, way, rounds)


def _tell(site: Site, way: Way, rounds: int) -> None:
    _publish(_finished(), site, way)
    times, peaks = [], []
    for _ in range(rounds):
        article = _finished()
        with _measured() as peak:
            began = time.monotonic()
            _publish(article, site, way)
            times.append(time.monotonic() - began)
        peaks.append(peak.megabytes)
    spread = f"({min(times):.1f}–{max(times):.1f})"
    say(f"{way.label:<37}{statistics.median(times):7.1f} s {spread:<18}{max(peaks):6.0f} MB")


def _finished() -> Article:
    """All of it done, and nothing of it on a site."""
    owner = User.objects.get_or_create(username="bench")[0]
    article = Article(owner=owner, manuscript=MANUSCRIPT, formatter=Article.Formatter.TEMPLATE)
    transitions.submit(article)
    worker.run_article(article.pk)
    return _done(article)


def _publish(article: Article, site: Site, way: Way) -> None:
    task, _ = publish_tasks.submit(article, site, article.owner, publisher=way, options=OPTIONS)
    worker.run_article(article.pk)
    _done(article)
    task.refresh_from_db()
    assert (task.status, task.way) == (task.Status.COMPLETED, way), task.error


def _done(article: Article) -> Article:
    article.refresh_from_db()
    assert article.status == Article.Status.DONE, article.error
    return article


@contextmanager
def _measured() -> Iterator[Peak]:
    """PSS, so that what browsers share counts once. Of the WordPress nothing counts: it was here before."""
    others = set(_below(os.getpid()))
    before, peak, ended = _megabytes(others), Peak(), threading.Event()

    def look() -> None:
        while not ended.wait(EVERY):
            peak.megabytes = max(peak.megabytes, _megabytes(others) - before)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _megabytes(others: set[int]) -> float:
    here = os.getpid()
    return sum(map(_kilobytes, {here, *_below(here)} - others)) / 1024


def _kilobytes(pid: int) -> int:
    with suppress(OSError):  # it has just ended
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _below(pid: int) -> Iterator[int]:
    """The processes that this one has started, and those that they have."""
    for told in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, told.read_text().split()):
                yield child
                yield from _below(child)


def _site(running: wordpress.WordPress) -> Site:
    site = Site(name="Bench", url=running.url, user=running.user, time_limit=60)
    site.secret, site.web_secret = running.app_password, running.desk.password
    site.save()
    return site


def _named(services: Doubles) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": services.openai_url,
        "OPENAI_API_KEY": "sk-bench",
        "ANTHROPIC_BASE_URL": services.anthropic_url,
        "ANTHROPIC_API_KEY": "sk-ant-bench",
        "REPLICATE_BASE_URL": services.replicate_url,
        "REPLICATE_API_TOKEN": "r8-bench",
    }
