"""Six hours under a rate limit, while each minute a worker is frozen for longer than its lease, in simulated time.

They end as if nobody had been frozen. GALLEY_SEED repeats the freezes of a failure, which tells it.
"""

from __future__ import annotations

import os
import random
import time
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from articles.models import Article, Batch, Call, ImageFile, Section, StageRecord
from articles.pipeline import transitions
from articles.pipeline.lease import LEASE
from articles.providers import replicate, text
from tests.batches import started
from tests.faults.accounts import Accounts
from tests.faults.simulation import Simulation
from tests.faults.standing import Standing

SEED = int(os.environ.get("GALLEY_SEED") or time.time())
HOURS, LATEST = 6, 12
WORKERS = 16  # of which seven are frozen at any time, and some will be soon
STYLES, SECTIONS, IDEAS, PICTURES = 3, 12, 11, 4
PER_MINUTE = {text.PROVIDER: 1, replicate.PROVIDER: 4}
PATIENCE = 10.0  # seconds that nothing stands still beside an idle worker


@pytest.fixture(autouse=True)
def all_is_fenced() -> None:
    """Workers in one thread, each within a run at the same time, cannot be told apart by who watches their rows."""


class _Day:
    """What happens: a batch from the beginning, an idea every half hour, and a freeze every minute."""

    def __init__(self, owner: User) -> None:
        self.owner, self.chance = owner, random.Random(SEED)
        self.simulation = Simulation(WORKERS)
        self.services = Accounts(self.chance, self.simulation.sleep, lambda: self.simulation.now)
        self.standing = Standing()
        self.freezes = self.ideas = 0
        self.written, self.moving = -1, list[tuple[Any, ...]]()

    def pass_by(self) -> None:
        for seconds, deed in ((60, self._freeze), (1800, self._hand_in), (1, self._look), (30, self._end)):
            self.simulation.every(seconds, deed)
        self.simulation.at_first(self._begin)
        with self.services.in_use():
            self.simulation.run()

    def _begin(self) -> None:
        Schedule.objects.all().delete()
        Schedule.objects.create(func="articles.tasks.sweep", schedule_type=Schedule.MINUTES, minutes=1)
        started(self.owner, styles=STYLES, sections=SECTIONS, images_per_style=0, images_per_section=0)

    def _hand_in(self) -> None:
        if self.ideas < IDEAS:
            self.ideas += 1
            transitions.submit(Article(owner=self.owner, idea=f"Idea {self.ideas}", formatter="template"))

    def _freeze(self) -> None:
        """One that is at work, where there is one; where it is, or before a write that it comes to."""
        awake = self.simulation.awake
        unmarked = [worker for worker in awake if not worker.fuse]
        at_work = [worker for worker in unmarked if not worker.is_idle]
        if not awake:
            return  # all are frozen already
        worker = self.chance.choice(at_work or unmarked or awake)
        fuse = 0 if worker.fuse else self.chance.choice([0, self.chance.randint(1, 15)])
        self.simulation.freeze(worker, LEASE.total_seconds() + self.chance.uniform(1, 60), fuse=fuse)
        self.freezes += 1

    def _look(self) -> None:
        now = timezone.now()
        beside = self._moving() if self.simulation.has_an_idle_worker else []
        stands = [row for row in beside if all(moment is None or moment <= now for moment in row[2:])]
        self.standing.look(stands, self.simulation.now)

    def _moving(self) -> list[tuple[Any, ...]]:
        """With when its lease or its wait ends, as long as nothing is written."""
        if self.written != self.simulation.written:
            self.written = self.simulation.written
            moving = Article.objects.exclude(status__in=["draft", "done", "failed"]).order_by()
            self.moving = list(moving.values_list("pk", "attempt", "lease_until", "next_at"))
        return self.moving

    def _end(self) -> None:
        hours = self.simulation.now / 3600
        over = hours > HOURS and not Article.objects.exclude(status__in=["done", "failed"]).exists()
        self.simulation.is_over = over or hours > LATEST


@pytest.mark.dealt(3)
@pytest.mark.django_db(transaction=True)
def test_a_worker_frozen_each_minute_changes_nothing(editor: User, settings: Settings) -> None:
    settings.OPENAI_API_KEY = settings.REPLICATE_API_TOKEN = "a key"
    settings.GALLEY_PER_MINUTE, settings.GALLEY_WORKERS = PER_MINUTE, WORKERS
    random.seed(SEED)  # for the jitter of waits
    day = _Day(editor)
    print(f"GALLEY_SEED={SEED}")  # noqa: T201  shown with a failure: it repeats the freezes

    day.pass_by()

    assert day.freezes >= 60 * HOURS
    assert day.standing.longest < PATIENCE, day.standing.which
    _judge_articles()
    _judge_calls(day.services)


def _judge_articles() -> None:
    """All that an undisturbed day would have made is there, once."""
    articles = list(Article.objects.all())
    assert {article.status for article in articles} == {Article.Status.DONE}
    assert len(articles) == STYLES + IDEAS
    assert Batch.objects.get().state == Batch.State.DONE
    assert set(StageRecord.objects.values_list("state", flat=True)) == {StageRecord.State.DONE}
    assert list(Section.objects.values_list("state", flat=True)) == [Section.State.DONE] * STYLES * SECTIONS
    assert ImageFile.objects.exclude(sha256="").count() == PICTURES * IDEAS
    assert [article.tree.verify() for article in articles] == [[]] * len(articles)


def _judge_calls(services: Accounts) -> None:
    """Each was paid once, or is flagged; and no service was asked more often than it may be."""
    flagged = dict(Call.objects.values_list("idempotency_key", "lost_answers"))
    assert services.paid.keys() == flagged.keys()
    assert len(flagged) == STYLES * (1 + SECTIONS) + IDEAS * (2 + PICTURES)
    unflagged = {key: times for key, times in services.paid.items() if times > 1 + flagged[key]}
    assert unflagged == {}
    for provider, moments in services.asked.items():
        assert min(after - before for before, after in pairwise(moments)) > 60 / PER_MINUTE[provider] - 0.001
