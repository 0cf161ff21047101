"""What several tests of the API ask for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from articles.models import Article, CostRecord
from publishing.models import PublishTask
from tests.articles.batches.grid import batch_of
from tests.config.operations import MARK, Rows
from tests.conftest import HandIn
from tests.desk import stop
from tests.worklist.conftest import arrive


@pytest.fixture
def rows(editor: User, hand_in: HandIn) -> Callable[[], Rows]:
    document = arrive()

    def make() -> Rows:
        article, stopped = hand_in(idea=MARK, title=MARK), stop(hand_in(idea=MARK))
        Article.objects.filter(pk=stopped.pk).update(title=MARK)
        batch = batch_of(editor, name=MARK)
        now = timezone.now()
        task = PublishTask.objects.create(article=article, publisher="rest", created_at=now, status="completed")
        spent = {"provider": MARK, "model": MARK, "cost": 7, "unknown": 0, "stage": "article"}
        CostRecord.objects.create(
            article=article.uid, key="text", owner=editor, at=now, day=timezone.localdate(now), **spent
        )
        return Rows(article, stopped, batch, task, document)

    return make
