"""How long publications took, as each database finds it: the same to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from articles.models import Article
from insights.monitoring import statistics
from publishing.models import PublishTask
from tests.backups import desks

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
SECONDS = [0, 3.000007, 2.5, 86_400.25, 1, 0.000001, 59.999999, 7]  # with a fraction, and without


@pytest.mark.parametrize("number", [1, 19, 20, 21, 60])
def test_one_in_twenty_takes_longer_than_p95(desk: str, number: int) -> None:
    desks.fill(desk, 1)
    article = Article.objects.using(desk).get()
    article.publish_tasks.all().delete()
    took = [timedelta(seconds=SECONDS[n % len(SECONDS)] + n) for n in range(number)]
    PublishTask.objects.using(desk).bulk_create(
        PublishTask(
            article=article, publisher=("rest", "xmlrpc")[n % 2], status="completed", started_at=NOON,
            completed_at=NOON + each,
        )
        for n, each in enumerate(took)
    )  # fmt: skip

    told = statistics(PublishTask.objects.using(desk).all())

    def late(some: list[timedelta]) -> float | None:
        return sorted(some)[(len(some) * 95 + 99) // 100 - 1].total_seconds() if some else None

    assert told.all.p95 == late(took)
    assert told.all.seconds == pytest.approx(sum(took, timedelta()).total_seconds())
    assert {name: each.p95 for name, each in told.by_provider.items()} == {
        name: late(took[n::2]) for n, name in enumerate(("rest", "xmlrpc")) if took[n::2]
    }
    assert PublishTask.objects.using(desk).count() == number
