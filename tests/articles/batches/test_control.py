"""What a person asks for of a batch that rests is done, and nothing besides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from articles.batches import control
from articles.batches.progress import batch_progress
from articles.batches.start import start_batch
from articles.migrations import __name__ as migrations
from articles.models import Article, Attempt, Batch
from articles.pipeline import many, transitions
from articles.pipeline.lease import HeldBack
from articles.pipeline.run import Run
from articles.pipeline.sweep import sweep
from tests.articles.batches.grid import batch_of
from tests.batches import DECLINED, drafted, lose, page_of, started
from tests.batches import write as written
from tests.desk import RECOVER, as_, text
from tests.doubles.server import Doubles

pytestmark = pytest.mark.django_db(transaction=True)

WorkOff = Callable[[], int]
RESTING = [Batch.State.PAUSED, Batch.State.CANCELLED]


@pytest.fixture
def resting(editor: User, settings: Settings) -> Batch:
    """Three styles with two rooms: the first lacks one and has stopped, the others are in line. It is paused."""
    settings.OPENAI_API_KEY = "sk-test"
    batch = started(editor, styles=3, sections=2)
    first = batch.articles.earliest("pk")
    written(first, 1)
    lose(first, 2)
    control.pause(batch, editor)
    return batch


def _stands(batch: Batch) -> list[str]:
    return list(batch.articles.order_by("pk").values_list("status", flat=True))


@pytest.mark.parametrize("state", RESTING)
def test_one_article_of_a_batch_that_rests_goes_on_alone(state: Batch.State, resting: Batch, editor: User) -> None:
    Batch.objects.filter(pk=resting.pk).update(state=state, reason="ada wanted it so.")

    assert transitions.resume(resting.articles.earliest("pk"), editor)
    sweep()

    assert _stands(resting) == ["queued", "draft", "draft"]
    resting.refresh_from_db()
    assert (resting.state, resting.reason) == (state, "ada wanted it so.")


def test_it_is_made_and_no_other(editor: User, services: Doubles, work_off: WorkOff) -> None:
    batch = drafted(editor, styles=3, sections=2, images_per_style=0, budget=Decimal("0.20"))
    services.fail("openai", "responses", "unauthorized")
    start_batch(batch, editor)
    work_off()
    batch.refresh_from_db()
    assert batch.state == Batch.State.PAUSED
    stopped = batch.articles.get(status=Article.Status.FAILED)
    asked = len(services.requests())
    Batch.objects.update(budget=Decimal("0.01"))  # whoever asks for one article has seen what it costs

    assert transitions.resume(stopped, editor)
    work_off()

    stopped.refresh_from_db()
    assert stopped.status == Article.Status.DONE
    assert len(services.requests()) - asked == 3, "its opening and two sections"
    assert sorted(_stands(batch)) == ["done", "draft", "draft"]
    batch.refresh_from_db()
    assert batch.state == Batch.State.PAUSED


def test_what_pauses_a_batch_holds_back_none_that_was_asked_for(resting: Batch, editor: User) -> None:
    first = resting.articles.earliest("pk")
    transitions.resume(first, editor)

    many.hold_back(resting.pk)

    assert _stands(resting) == ["queued", "draft", "draft"]
    article = transitions.claim(first.pk)
    assert article
    control.check_turn(Run(article))


def test_once_the_batch_runs_nothing_of_it_goes_alone(resting: Batch, editor: User) -> None:
    first = resting.articles.earliest("pk")
    transitions.resume(first, editor)
    article = transitions.claim(first.pk)
    assert article
    run = Run(article)

    control.resume(resting, editor)
    control.pause(resting, editor)

    with pytest.raises(HeldBack):
        control.check_turn(run)


def test_one_of_a_batch_that_runs_gets_in_line(resting: Batch, editor: User) -> None:
    control.resume(resting, editor)
    first = resting.articles.earliest("pk")

    assert transitions.resume(first, editor)

    assert not resting.articles.filter(alone=True).exists()
    resting.refresh_from_db()
    assert resting.state == Batch.State.RUNNING


def test_a_batch_that_was_cancelled_has_not_ended_while_one_goes_on_alone(resting: Batch, editor: User) -> None:
    Batch.objects.filter(pk=resting.pk).update(state=Batch.State.CANCELLED)
    assert batch_progress(resting.pk).ended

    transitions.resume(resting.articles.earliest("pk"), editor)

    assert not batch_progress(resting.pk).ended


def test_a_batch_that_is_done_runs_again_for_one_that_goes_on(resting: Batch, editor: User) -> None:
    resting.articles.filter(status=Article.Status.DRAFT).update(status=Article.Status.DONE)
    Batch.objects.filter(pk=resting.pk).update(state=Batch.State.DONE, reason="")

    transitions.resume(resting.articles.earliest("pk"), editor)

    resting.refresh_from_db()
    assert resting.state == Batch.State.RUNNING
    assert _stands(resting) == ["queued", "done", "done"]


def test_the_page_says_that_it_goes_alone_and_does_it(resting: Batch, editor: User) -> None:
    client, first = as_(editor), resting.articles.earliest("pk")

    asked = client.get(f"{RECOVER}?ids={first.pk}")

    assert "“Rooms” is paused and stays so. Of it, only what stands here goes on, whatever its budget." in text(asked)
    client.post(RECOVER, {"ids": str(first.pk), "planned": "||", "confirmed": "yes"})
    assert _stands(resting) == ["queued", "draft", "draft"]
    resting.refresh_from_db()
    assert resting.state == Batch.State.PAUSED


def test_the_page_of_a_whole_batch_says_that_it_goes_on_and_does_it(resting: Batch, editor: User) -> None:
    client = as_(editor)

    asked = client.get(f"{RECOVER}?batch={resting.pk}")

    assert "“Rooms” is paused. It goes on, with 2 more articles in line, 4 sections of them not written." in text(asked)
    sent = {"ids": asked.context["chosen"].ids, "batch": resting.pk, "state": "paused", "planned": "||"}
    assert f'name="batch" value="{resting.pk}"' in asked.content.decode()
    client.post(RECOVER, {**sent, "confirmed": "yes"})
    resting.refresh_from_db()
    assert resting.state == Batch.State.RUNNING
    assert not resting.articles.filter(alone=True).exists()


def test_a_batch_that_rests_otherwise_by_now_is_asked_for_again(resting: Batch, editor: User) -> None:
    client, first = as_(editor), resting.articles.earliest("pk")
    Batch.objects.filter(pk=resting.pk).update(state=Batch.State.CANCELLED)

    sent = {"ids": str(first.pk), "batch": resting.pk, "state": "paused", "planned": "||", "confirmed": "yes"}
    answer = client.post(RECOVER, sent)

    assert "“Rooms” is cancelled. It goes on" in text(answer)
    assert _stands(resting) == ["failed", "draft", "draft"]


def test_from_the_shell_a_batch_goes_on_and_an_article_alone(
    resting: Batch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = resting.articles.earliest("pk")

    call_command("recover", "--article", str(first.pk))

    assert "Its batch “Rooms” is paused and stays so: this article alone goes on." in capsys.readouterr().out
    resting.refresh_from_db()
    assert (resting.state, _stands(resting)) == ("paused", ["queued", "draft", "draft"])
    failed = {"status": "failed", "error": DECLINED, "cause": "x", "ended_at": timezone.now()}
    Article.objects.filter(pk=first.pk).update(**failed)
    call_command("batch", "recover", "Rooms")
    assert "1 article goes on, and the batch with all that is in line." in capsys.readouterr().out
    resting.refresh_from_db()
    assert resting.state == Batch.State.RUNNING


def test_resume_that_is_killed_leaves_a_batch_that_rests(
    resting: Batch, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.cancel(resting, editor)

    def dies(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(many, "resume_all", dies)
        with pytest.raises(KeyboardInterrupt):
            control.resume(resting, editor)

    resting.refresh_from_db()
    assert resting.state == Batch.State.CANCELLED
    assert control.resume(resting, editor)
    assert "cancelled" not in _stands(resting)


def test_the_desk_offers_no_recover_of_what_somebody_cancelled(resting: Batch, editor: User) -> None:
    transitions.cancel(resting.articles.latest("pk"), editor)

    seen = text(as_(editor).get(page_of(resting)))

    assert "1 article stopped" in seen
    assert as_(editor).get(f"{RECOVER}?batch={resting.pk}").context["chosen"].articles == [
        resting.articles.earliest("pk")
    ]


def test_what_was_cancelled_before_is_told_apart_by_when_its_batch_was(editor: User) -> None:
    batch = batch_of(editor, 3, 1)
    before, after, _ = batch.articles.order_by("pk")
    now = timezone.now()
    for article, moment in ((before, now - timedelta(minutes=1)), (after, now + timedelta(seconds=1))):
        Article.objects.filter(pk=article.pk).update(status=Article.Status.CANCELLED, ended_at=moment)
    Batch.objects.filter(pk=batch.pk).update(state=Batch.State.CANCELLED, ended_at=now)
    migration = import_module(f"{migrations}.0014_starts_in_slices")

    migration.tell_apart(apps, SimpleNamespace(connection=connection))
    migration.open_attempts(apps, SimpleNamespace(connection=connection))

    assert list(batch.articles.order_by("pk").values_list("cancelled_with", flat=True)) == ["", "batch", ""]
    assert list(Attempt.objects.values_list("article", "number", "why")) == [
        (batch.articles.latest("pk").pk, None, "retried")
    ]
