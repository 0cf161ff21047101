"""What a look at a running batch costs, and that counting only what has changed gives the same numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from articles.batches import control
from articles.batches.counts import COUNTED_ANEW, count_batch
from articles.batches.progress import BatchProgress, batch_progress
from articles.models import Article, Batch, Call, Cost, Section
from articles.pipeline.lease import Fenced
from articles.pipeline.money.spending import reserving
from articles.pipeline.run import Run
from articles.providers import Answer
from articles.providers.prices import Bound
from articles.stages import sections
from tests.articles.batches.grid import batch_of, mark, write

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = 3, 60  # articles


def work_of(do: Callable[[], object]) -> tuple[int, int]:
    """The queries of this, and the steps of the database's machine: rows that are read are steps."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(step, 1)
    try:
        with CaptureQueriesContext(connection) as captured:
            do()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return len(captured), steps


def on_sqlite() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite counts its steps")


def test_a_look_costs_what_has_changed_and_not_the_batch(editor: User) -> None:
    on_sqlite()
    works = []
    for styles in SIZES:
        batch = batch_of(editor, styles, 20, name=f"{styles} houses")
        first = batch.articles.earliest("pk")
        write(first)
        seen = batch_progress(batch.pk)
        mark(first.pk, 1, Section.State.DONE)
        works.append(work_of(partial(batch_progress, batch.pk, seen.revision, seen.counts)))

    (queries, steps), (queries_of_many, steps_of_many) = works
    assert queries == queries_of_many <= 10
    assert steps_of_many < steps * 1.1


def test_a_look_at_the_budget_costs_the_same_however_large_the_batch(editor: User) -> None:
    on_sqlite()
    works = []
    for styles in SIZES:
        batch = batch_of(editor, styles, 20, name=f"{styles} houses", budget=Decimal(5))
        article = batch.articles.earliest("pk")
        write(article)
        run = Run(Article.objects.get(pk=article.pk))
        Batch.objects.filter(pk=batch.pk).update(spent=1)
        call = run.calls._current("text", "text")
        works.append(work_of(partial(_look_at_the_budget, run, call)))

    assert works[0][0] == works[1][0]
    assert works[1][1] < works[0][1] * 1.1


def _look_at_the_budget(run: Run, call: Call) -> None:
    control.check_turn(run)
    with reserving(run.article, call, Bound(Decimal("0.05")), "the article"):
        pass


def test_counted_again_or_anew_it_is_the_same(editor: User) -> None:
    batch, dice = batch_of(editor, 4, 3), random.Random(7)
    articles = list(batch.articles.values_list("pk", flat=True))
    seen = batch_progress(batch.pk)
    for _ in range(60):
        one = Article.objects.filter(pk=dice.choice(articles))
        match dice.randrange(4):
            case 0:
                write(one.get())
            case 1:
                one.filter(status=Article.Status.RUNNING).update(word_count=dice.choice([0, 300]))
            case 2:
                failed = {"status": Article.Status.FAILED, "error": {"code": "x"}, "ended_at": timezone.now()}
                one.filter(status=Article.Status.RUNNING).update(**failed)
            case _:
                mark(one.get().pk, dice.randint(1, 3), dice.choice(list(Section.State)))
        seen = batch_progress(batch.pk, seen.revision, seen.counts)
        assert _numbers(seen) == _numbers(batch_progress(batch.pk, seen.revision))


def _numbers(seen: BatchProgress) -> tuple[object, ...]:
    return seen.facts["sections"], seen.facts["articles"], seen.revision


def test_what_no_revision_tells_is_counted_anew_after_a_while(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batch_of(editor, 2, 2)
    seen = batch_progress(batch.pk)
    batch.articles.earliest("pk").delete()

    assert batch_progress(batch.pk, seen.revision, seen.counts).facts["sections"]["total"] == 4
    later = timezone.now() + COUNTED_ANEW
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    assert batch_progress(batch.pk, seen.revision, seen.counts).facts["sections"]["total"] == 2


def test_the_sums_of_a_batch_are_those_of_its_articles(editor: User) -> None:
    batch = batch_of(editor, 2, 2)
    runs = []
    for article in batch.articles.order_by("pk"):
        write(article)
        runs.append(Run(Article.objects.get(pk=article.pk)))
    for number, run in enumerate(runs, 1):
        for section in run.article.sections.all():
            sections.mark_section(run, section, Section.State.RUNNING)
            _pay(run, f"text:section-{section.index}", Decimal("0.25") * number)
            sections.mark_section(run, section, Section.State.DONE)

    batch.refresh_from_db()
    assert batch.spent == Decimal("1.5")
    assert [article.spent for article in batch.articles.order_by("pk")] == [Decimal("0.5"), Decimal(1)]
    assert count_batch(batch).spent == Cost(batch.spent)


def _pay(run: Run, key: str, cost: Decimal) -> Call:
    answer = Answer({"of": key}, cost=cost)
    return run.calls.ask(key, key, provider="text", send=lambda _: answer, most=Bound(Decimal(1)))


def test_a_worker_that_is_fenced_adds_no_section_and_what_it_was_charged(editor: User) -> None:
    """It lost its article to another one while its call was in flight."""
    batch = batch_of(editor, 1, 1)
    article = batch.articles.get()
    write(article)
    slow = Run(Article.objects.get(pk=article.pk))

    def send(_: Call) -> Answer:
        Article.objects.filter(pk=article.pk).update(attempt=2)
        other = Run(Article.objects.get(pk=article.pk))
        sections.mark_section(other, article.sections.get(), Section.State.DONE)
        return Answer({"of": "slow"}, cost=Decimal("0.25"))

    slow.calls.ask("text:section-1", "section 1", provider="text", send=send, most=Bound(Decimal(1)))
    with pytest.raises(Fenced):
        sections.mark_section(slow, article.sections.get(), Section.State.DONE)

    batch.refresh_from_db()
    assert (batch.spent, batch.reserved) == (Decimal("0.25"), Decimal(0))
