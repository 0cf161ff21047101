"""A database of before is brought up to date: rows as they were written then, through the migrations themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from articles.models import Article, Attempt, Batch, Call, Cost, Section
from publishing.models import Site

pytestmark = [pytest.mark.dealt_whole(3), pytest.mark.django_db(transaction=True)]

HOUR = timedelta(hours=1)
BEFORE = [("articles", "0010_facts_as_fields"), ("publishing", "0001_initial")]


def _newest() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def before() -> Iterator[Apps]:
    """The models of before there were sums, costs that nobody knows, addresses of calls and manifests that are due."""
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps
    _newest()


def _rows(apps: Apps) -> None:
    """A batch that was cancelled: an article was done, one was cancelled before, one with it, one is in line."""

    def make(label: str, **fields: Any) -> Any:
        return apps.get_model(label).objects.create(**fields)

    ada = make("auth.User", username="ada")
    site = make("publishing.Site", name="Magazine", url="https://m.example.org/", user="desk", encrypted_secret="x")
    rooms = {"name": "Rooms", "key": "rooms", "brief": "b", "styles": "A\nB\nC", "sections": "K", "budget": Decimal(1)}
    now = timezone.now()
    batch = make("articles.Batch", owner=ada, site=site, state="cancelled", ended_at=now - HOUR, **rooms)
    ends = {"done": 3 * HOUR, "alone": 2 * HOUR, "with it": HOUR / 2, "in line": None}
    for number, (title, ago) in enumerate(ends.items()):
        status = {"done": "done", "in line": "draft"}.get(title, "cancelled")
        fields: dict[str, Any] = {
            "uid": str(number) * 32,
            "tree_prefix": f"user_1/{number}",
            "batch_key": title,
            "title": title,
            "idea": "b",
        }
        fields |= {"status": status, "spent": Decimal("0.25"), "ended_at": ago and now - ago}
        article = make("articles.Article", owner=ada, site=site, batch=batch, **fields)
        make("articles.Section", article=article, batch=batch, index=1, heading="K", key="k", state="done")
        known = {"article": article, "idempotency_key": "k", "state": "done", "answer": {"id": 7}}
        make("articles.Call", key="text", provider="text", cost=Decimal("0.25"), input_tokens=9, **known)
        make("articles.Call", key="format", provider="layout", input_tokens=1000, output_tokens=1000, **known)
        make("articles.Call", key="post", provider=f"wordpress:{site.pk}", **known)


def test_what_was_there_goes_on_as_what_it_was(before: Apps) -> None:
    _rows(before)

    _newest()

    site, batch = Site.objects.get(), Batch.objects.get()
    assert set(Call.objects.filter(key="post").values_list("address", flat=True)) == {site.address}
    assert not Call.objects.exclude(key="post").exclude(address="").exists()
    assert batch.spent == Decimal(1)
    assert batch.open_costs == 4, "what nobody knows is not nothing"
    reserved = Call.objects.filter(key="format").values_list("reserved", flat=True)
    assert batch.reserved == sum(dollars for dollars in reserved if dollars is not None) > 0
    done = Article.objects.get(status="done")
    assert done.calls.cost() == Cost(Decimal("0.25"), 1)
    assert len(batch.uid) == 32
    assert batch.manifest_due
    assert done.manifest_due is None, "its tree is as it was"
    assert not Article.objects.exclude(status="done").filter(manifest_due=None).exists()
    assert dict(Article.objects.values_list("title", "cancelled_with")) == {
        "done": "",
        "alone": "",
        "with it": "batch",
        "in line": "",
    }
    [attempt] = Attempt.objects.filter(article__title="in line")
    assert (attempt.number, attempt.ended_at) == (None, None), "it will be made"


def test_names_with_signs_that_nobody_sees_are_found_by_their_lines(before: Apps) -> None:
    """Else the next start would leave them out, and make them once more."""

    def make(label: str, **fields: Any) -> Any:
        return before.get_model(label).objects.create(**fields)

    ada = make("auth.User", username="ada")
    lists: dict[str, Any] = {"styles": "Art\u200b Deco\nBau\u00adhaus\nBauhaus", "sections": "K\ufeff"}
    batch = make("articles.Batch", owner=ada, name="Rooms", key="ro\u2060oms", brief="b", state="done", **lists)
    for number, key in enumerate(("art\u200b deco", "bau\u00adhaus", "bauhaus")):
        article = make("articles.Article", owner=ada, batch=batch, batch_key=key, uid=str(number) * 32,
                       tree_prefix=f"user_1/{number}", idea="b", status="done", ended_at=timezone.now())  # fmt: skip
        make("articles.Section", article=article, batch=batch, index=1, heading="K", key="k\ufeff", state="done")

    _newest()

    assert Batch.objects.get().key == "rooms"
    assert set(Article.objects.values_list("batch_key", flat=True)) == {"art deco", "bau\u00adhaus", "bauhaus"}
    assert set(Section.objects.values_list("key", flat=True)) == {"k"}
