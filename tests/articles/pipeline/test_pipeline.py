"""The run: claims, leases, waits, stops, and what people and the sweep may do with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from articles import processes
from articles.failures import report
from articles.models import Article, Call, Stage, StageRecord
from articles.pipeline import transitions, worker
from articles.pipeline.lease import LEASE, Fenced, Lease, OutOfTime
from articles.pipeline.run import Run
from articles.pipeline.sweep import Swept, _release, abandoned, sweep
from articles.providers import Answer
from articles.providers.errors import IT, Busy, Rejected, Then, Unreachable
from articles.tree import manifest
from tests.conftest import HandIn, error_of

Work = Callable[[Article], Article]
Fails = Callable[[Exception], None]


def _raising(exc: Exception) -> mock.Mock:
    return mock.Mock(side_effect=exc)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Fails:
    """Makes the first stage fail in a given way."""

    def fails(exc: Exception) -> None:
        monkeypatch.setattr("articles.stages.article.run", _raising(exc))

    return fails


def test_an_article_passes_all_stages(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())

    assert article.status == Article.Status.DONE
    assert [record.state for record in article.records.all()] == ["done"] * 5
    assert article.title == "Tariffs and AI"
    assert 60 < article.word_count < 80
    assert article.tree.verify() == []


def test_only_one_claim_wins(hand_in: HandIn) -> None:
    article = hand_in()

    first, second = (transitions.claim(article.pk) for _ in range(2))

    assert first is not None
    assert first.attempt == 1
    assert second is None


def test_a_doubled_message_does_nothing(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    before = Article.objects.filter(pk=article.pk).values().get()

    run(article)

    assert Article.objects.filter(pk=article.pk).values().get() == before


def test_who_lost_the_lease_writes_nothing_more(hand_in: HandIn) -> None:
    article = hand_in()
    slow = transitions.claim(article.pk)
    assert slow is not None
    Article.objects.filter(pk=article.pk).update(attempt=2)

    for write in (Run(slow).lease.renew, Run(slow).commit_manifest, lambda: Run(slow).save_file("a.txt", b"")):
        with pytest.raises(Fenced):
            write()


@pytest.mark.parametrize("waited", range(6))
def test_what_may_pass_waits_longer_each_time(hand_in: HandIn, run: Work, stage: Fails, waited: int) -> None:
    article = hand_in()
    Article.objects.update(retries=waited)
    stage(Unreachable("text", f"{IT} did not answer in time"))

    began = timezone.now()
    article = run(article)

    least = timedelta(seconds=min(15 * 2**waited, 900))
    assert article.status == Article.Status.WAITING
    assert article.next_at is not None
    assert began + least <= article.next_at <= timezone.now() + least * 1.2
    assert article.records.get(stage="article").state == StageRecord.State.PENDING


def test_the_seventh_failure_stops_it(hand_in: HandIn, run: Work, stage: Fails) -> None:
    article = hand_in()
    Article.objects.update(retries=6)
    stage(Unreachable("text", f"{IT} did not answer in time"))

    assert run(article).status == Article.Status.FAILED


def test_a_service_says_when_to_come_back(hand_in: HandIn, run: Work, stage: Fails) -> None:
    article = hand_in()
    stage(Busy("text", f"{IT} has too much to do", retry_after=120))

    began = timezone.now()
    article = run(article)

    assert article.next_at is not None
    assert began <= article.next_at - timedelta(seconds=120) <= timezone.now()


def test_what_no_waiting_helps_stops_at_once(hand_in: HandIn, run: Work, stage: Fails) -> None:
    article = hand_in()
    stage(
        Rejected(
            "text", f"{IT} refuses to write about this", mend="change the idea", then=Then.NOTHING, thing="the article"
        )
    )

    article = run(article)

    assert article.status == Article.Status.FAILED
    assert str(report(article)) == (
        "Galley could not finish “Tariffs and AI”: The text service declined the article (step 1 of 5).\n"
        "Reason: it refuses to write about this.   Next: change the idea.\n"
        "Saved: what you handed in.   Not done: article, prompts, images, format, upload.   "
        f"Backup: {article.tree_prefix}"
    )
    step = article.tree.manifest()["pipeline_stages"]["step1_article_generation"]
    assert step["status"] == "failed"


def test_a_mistake_of_ours_is_shown_and_not_tried_again(hand_in: HandIn, run: Work, stage: Fails) -> None:
    article = hand_in()
    stage(ZeroDivisionError("division by zero"))

    article = run(article)

    assert article.status == Article.Status.FAILED
    assert error_of(article)["code"] == "bug"
    assert "ZeroDivisionError" not in str(report(article))


def test_a_database_that_restarts_only_delays(
    hand_in: HandIn, run: Work, stage: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = hand_in()
    stage(OperationalError("terminating connection"))
    monkeypatch.setattr("articles.pipeline.worker.time.sleep", lambda _: None)
    monkeypatch.setattr("articles.pipeline.worker.connection.close", lambda: None)

    article = run(article)

    assert (article.status, error_of(article)["code"]) == (Article.Status.WAITING, "database")


def test_a_storage_that_is_away_only_delays(hand_in: HandIn, run: Work, storage_folder: Path) -> None:
    article = hand_in()
    storage_folder.parent.mkdir(exist_ok=True)
    storage_folder.write_text("a file where the folder should be")

    article = run(article)

    assert (article.status, error_of(article)["code"]) == (Article.Status.WAITING, "storage")
    storage_folder.unlink()
    Article.objects.update(next_at=timezone.now())
    assert sweep().tasks_restarted == 1
    assert run(article).status == Article.Status.DONE


def test_recover_goes_on_where_it_stopped(
    hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch, editor: User
) -> None:
    article = hand_in()
    with monkeypatch.context() as broken:
        broken.setattr("publishing.stage.run", _raising(Rejected("wordpress:1", "no", thing="the draft")))
        article = run(article)
    assert article.can_recover
    with mock.patch("articles.stages.article.run", _raising(AssertionError("done already"))):
        assert transitions.resume(article, editor)
        article = run(article)

    assert article.status == Article.Status.DONE
    assert article.error is None


def test_recover_twice_does_it_once(hand_in: HandIn, run: Work, stage: Fails, editor: User) -> None:
    article = hand_in()
    stage(Rejected("text", "no"))
    article = run(article)

    assert [transitions.resume(article, editor), transitions.resume(article, editor)] == [True, False]


def test_cancel_fences_who_is_at_work(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    working = transitions.claim(article.pk)
    assert working is not None

    assert transitions.cancel(article, editor)
    with pytest.raises(Fenced):
        Run(working).lease.renew()
    assert not transitions.cancel(article, editor)


@pytest.mark.parametrize(
    ("lease", "owner", "found"),
    [
        (LEASE, "elsewhere|1|1", 0),  # another machine, its lease runs
        (-LEASE, "elsewhere|1|1", 1),
        (LEASE, "this", 0),  # alive
        (LEASE, "reused", 1),  # another process has its number now
        (LEASE, "gone", 1),
    ],
)
def test_the_sweep_finds_the_dead(hand_in: HandIn, lease: timedelta, owner: str, found: int) -> None:
    article = hand_in()
    transitions.claim(article.pk)
    this = processes.this_process()
    host, pid, started = this.split("|")
    owners = {"this": this, "reused": f"{host}|{pid}|{int(started) - 1}", "gone": f"{host}|4194305|1"}
    Article.objects.update(lease_until=timezone.now() + lease, lease_owner=owners.get(owner, owner))

    swept = sweep()

    assert (swept.articles_found, swept.tasks_restarted) == (found, found)
    assert Article.objects.get().status == ("queued" if found else "running")
    assert sweep() == Swept()


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.DEVNULL)
    owner = processes.this_process(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended; nobody has collected it

    assert not processes.is_alive(owner)
    child.wait()


def test_an_article_that_kills_its_workers_is_given_up(hand_in: HandIn) -> None:
    article = hand_in()
    for _ in range(4):
        assert transitions.claim(article.pk)
        Article.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        sweep()

    article.refresh_from_db()
    assert article.status == Article.Status.FAILED
    assert "died 4 times" in error_of(article)["reason"]


def test_a_lost_message_is_given_again(
    hand_in: HandIn, settings: Settings, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    hand_in()
    Article.objects.update(queued_at=timezone.now() - timedelta(minutes=3))
    OrmQ.objects.all().delete()

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        assert sweep().tasks_restarted == 1
    assert OrmQ.objects.count() == 1


@pytest.mark.parametrize("moment", ["before", "while it waits for its turn", "while it looks the thing up"])
def test_a_worker_that_is_asked_to_stop_begins_no_call(
    hand_in: HandIn, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def asked(*_: object) -> None:
        monkeypatch.setattr(processes, "_asked_to_stop", True)

    claimed = transitions.claim(hand_in().pk)
    assert claimed
    if moment == "before":
        asked()
    if "turn" in moment:
        monkeypatch.setattr("articles.pipeline.calls.rate_limits.take_turn", asked)
    look_up = asked if "looks" in moment else None
    send = mock.Mock()

    with pytest.raises(OutOfTime):
        Run(claimed).calls.ask("text", "it", provider="text", send=send, look_up=look_up)

    send.assert_not_called()
    assert not Call.objects.filter(sends__gt=0).exists()


def test_the_call_in_hand_gets_its_answer_first(hand_in: HandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the article is queued again, as if its time was up, and no crash is counted."""
    article = hand_in()

    def asked_meanwhile(_: Call) -> Answer:
        monkeypatch.setattr(processes, "_asked_to_stop", True)
        return Answer({"of": "the one call"})

    def stage(run: Run) -> None:
        for key in ("text", "prompts"):
            run.calls.ask(key, "it", provider="text", send=asked_meanwhile)

    monkeypatch.setattr("articles.stages.article.run", stage)
    worker.run_article(article.pk)

    article.refresh_from_db()
    assert (article.status, article.crashes) == (Article.Status.QUEUED, 0)
    assert list(Call.objects.values_list("key", "state", "sends")) == [
        ("text", "received", 1),
        ("prompts", "intent", 0),  # and never sent
    ]


def test_two_articles_in_one_second_have_two_trees(hand_in: HandIn) -> None:
    now = timezone.now()
    with mock.patch("articles.pipeline.worker.timezone.now", return_value=now):
        prefixes = {hand_in().tree_prefix for _ in range(3)}

    assert len(prefixes) == 3


def test_a_queue_that_is_away_loses_no_article(
    hand_in: HandIn, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    monkeypatch.setattr("articles.pipeline.queue.async_task", _raising(ConnectionError("no queue")))
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        article = hand_in()

    assert Article.objects.get(pk=article.pk).status == Article.Status.QUEUED


def test_an_article_among_many_costs_no_more_than_the_first(hand_in: HandIn) -> None:
    counts = []
    for _ in range(4):
        article = hand_in()
        with CaptureQueriesContext(connection) as queries:
            worker.run_article(article.pk)
        counts.append(len(queries))

    assert len(set(counts)) == 1


def test_calls_that_a_person_gave_up_are_asked_anew(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    call = Call.objects.create(article=article, key="text", provider="P", idempotency_key="k", state=Call.State.FAILED)
    Article.objects.update(status=Article.Status.FAILED, error={})

    transitions.resume(article, editor)

    call.refresh_from_db()
    assert call.state == Call.State.CLOSED
    assert Run(article).calls._current("text", "P").generation == 2


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("# Tariffs and AI\n\nText", "Tariffs and AI"),
        ('---\ntitle: "Quiet"\n---\nText', "Quiet"),
        ("\n\n===\n\nNight trains\n", "Night trains"),
        ("x" * 100, "x" * 77 + "…"),
    ],
)
def test_an_article_without_a_title_has_a_working_one(source: str, title: str) -> None:
    assert str(Article(manuscript=source)) == title


def _two_workers(article: Article, editor: User) -> tuple[Run, Run]:
    """One that was fenced by Cancel and Recover while it waited for an answer, and the one that came after it."""
    slow = transitions.claim(article.pk)
    transitions.cancel(article, editor)
    transitions.resume(article, editor)
    fresh = transitions.claim(article.pk)
    assert slow
    assert fresh
    return Run(slow), Run(fresh)


def _ask(run: Run, send: Callable[[Call], Answer]) -> Call:
    return run.calls.ask("text", "the article", provider="P", send=send)


def test_the_first_answer_stays_whoever_got_it(hand_in: HandIn, editor: User) -> None:
    slow, fresh = _two_workers(hand_in(), editor)

    def send(call: Call) -> Answer:
        slow.calls._receive(Call.objects.get(pk=call.pk), Answer({"of": "slow"}))
        return Answer({"of": "fresh"})

    assert _ask(fresh, send).raw == {"of": "slow"}
    fresh.lease.renew()
    with pytest.raises(Fenced):
        slow.lease.renew()


def test_a_fenced_workers_failure_spoils_nothing(hand_in: HandIn, editor: User) -> None:
    slow, fresh = _two_workers(hand_in(), editor)

    def send(call: Call) -> Answer:
        slow.calls.fail(Call.objects.get(pk=call.pk), Rejected("P", "no"))
        return Answer({"of": "fresh"})

    call = _ask(fresh, send)
    assert (call.state, call.raw) == (Call.State.RECEIVED, {"of": "fresh"})
    late = Call(pk=call.pk, state=Call.State.INTENT)
    slow.calls.fail(late, Rejected("P", "no"))
    call.refresh_from_db()
    assert call.state == Call.State.RECEIVED


def test_a_fenced_workers_paid_answer_is_kept(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    slow = transitions.claim(article.pk)
    assert slow

    def send(_: Call) -> Answer:
        transitions.cancel(article, editor)
        return Answer({"of": "slow"})

    run = Run(slow)
    assert _ask(run, send).raw == {"of": "slow"}
    with pytest.raises(Fenced):
        run.lease.renew()
    assert Call.objects.get().state == Call.State.RECEIVED


@pytest.mark.parametrize("name", ["04_formatted.html", "01_raw_article.html"])
def test_recover_makes_a_damaged_file_again(
    hand_in: HandIn, run: Work, editor: User, storage_folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = hand_in()
    with monkeypatch.context() as broken:
        broken.setattr(
            "publishing.stage.run", _raising(Rejected("galley", "damaged", code="damaged", thing="the page"))
        )
        article = run(article)
    (storage_folder / article.tree_prefix / name).write_text("something else")

    assert transitions.resume(article, editor)
    article = run(article)

    assert article.status == Article.Status.DONE
    assert article.tree.verify() == []


@pytest.mark.parametrize("setback", ["storage", "death"])
def test_what_is_damaged_is_found_though_the_first_look_failed(
    hand_in: HandIn, run: Work, editor: User, storage_folder: Path, setback: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recovered attempt ends before it has looked; the next one looks in its place."""
    article = hand_in()
    with monkeypatch.context() as broken:
        broken.setattr("publishing.stage.run", _raising(Rejected("wordpress:1", "no", thing="the draft")))
        article = run(article)
    (storage_folder / article.tree_prefix / "01_raw_article.html").write_text("something else")
    transitions.resume(article, editor)

    if setback == "storage":
        with mock.patch("backups.trees.tree.Tree.read", side_effect=OSError(5, "Input/output error")):
            assert run(article).status == Article.Status.WAITING
        Article.objects.update(next_at=timezone.now())
    else:
        transitions.claim(article.pk)
        Article.objects.update(lease_until=timezone.now())
    sweep()
    article = run(article)

    assert article.status == Article.Status.DONE
    assert article.tree.verify() == []


def test_the_upload_says_that_a_file_is_damaged(
    hand_in: HandIn, run: Work, editor: User, storage_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = hand_in()
    with monkeypatch.context() as broken:
        broken.setattr("publishing.stage.run", _raising(Unreachable("wordpress:1", f"{IT} did not answer in time")))
        article = run(article)
    (storage_folder / article.tree_prefix / "04_formatted.html").unlink()
    Article.objects.update(next_at=timezone.now())
    sweep()
    article = run(article)
    assert error_of(article)["reason"] == "04_formatted.html is missing from the backup"

    transitions.resume(article, editor)
    assert run(article).status == Article.Status.DONE


def test_a_worker_that_made_headway_is_not_given_up(hand_in: HandIn) -> None:
    """Judged dead with its last crash, it renews its lease before the verdict."""
    article = hand_in()
    transitions.claim(article.pk)
    Article.objects.update(crashes=4, lease_until=timezone.now())
    [judged] = abandoned()
    Article.objects.update(crashes=1, lease_until=timezone.now() + LEASE)

    assert _release(judged, Swept()) == Swept()
    assert Article.objects.get().status == Article.Status.RUNNING


def test_a_failure_before_the_first_stage_undoes_none_that_is_done(
    hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch, editor: User
) -> None:
    article = hand_in()
    with monkeypatch.context() as broken:
        broken.setattr("publishing.stage.run", _raising(Rejected("wordpress:1", "no", thing="the draft")))
        article = run(article)
    transitions.resume(article, editor)
    with mock.patch("backups.trees.tree.Tree.commit", side_effect=OSError(28, "No space left on device")):
        article = run(article)

    assert (article.status, error_of(article)["stage"]) == (Article.Status.WAITING, "upload")
    assert [record.state for record in article.records.all()] == ["done"] * 4 + ["pending"]


def test_a_call_that_was_fenced_before_it_was_sent_was_not_sent(hand_in: HandIn, editor: User) -> None:
    """Whoever goes on need not fear that it was paid for."""
    article = hand_in()
    slow = transitions.claim(article.pk)
    assert slow
    transitions.cancel(article, editor)
    unsent = mock.Mock()

    with pytest.raises(Fenced):
        _ask(Run(slow), unsent)

    call = Call.objects.get()
    assert not unsent.called
    assert (call.sends, call.sent_at, call.lost_answers) == (0, None, 0)


def test_an_answer_to_a_call_that_was_given_up_is_kept_beside_it(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    slow = transitions.claim(article.pk)
    assert slow

    def send(call: Call) -> Answer:
        transitions.cancel(article, editor)
        Call.objects.filter(pk=call.pk).update(state=Call.State.CLOSED)
        return Answer({"of": "slow"}, cost=Decimal("0.02"))

    with pytest.raises(Fenced):
        _ask(Run(slow), send)
    call = Call.objects.get()
    assert (call.state, call.raw, call.cost) == (Call.State.CLOSED, {"of": "slow"}, Decimal("0.02"))


def test_a_slow_worker_brings_no_call_back_that_was_given_up(hand_in: HandIn, editor: User) -> None:
    """It has read its answer when somebody cancels, and asks for the article anew."""
    article = hand_in()
    slow = transitions.claim(article.pk)
    assert slow
    call = _ask(Run(slow), lambda _: Answer({"of": "slow"}))
    transitions.cancel(article, editor)
    anew = frozenset({Stage.ARTICLE})
    assert transitions.resume(article, editor, transitions.Work(stages=anew, anew=anew))

    with pytest.raises(Fenced):
        Run(slow).calls.done(call)

    assert Call.objects.get().state == Call.State.CLOSED


def test_a_waiting_article_can_be_told_to_go_on_now(hand_in: HandIn, run: Work, stage: Fails, editor: User) -> None:
    article = hand_in()
    stage(Unreachable("text", f"{IT} did not answer in time"))
    article = run(article)

    assert article.can_recover
    assert transitions.resume(article, editor)
    assert Article.objects.get().status == Article.Status.QUEUED


def test_cancel_ends_the_attempt_and_its_error(hand_in: HandIn, run: Work, stage: Fails, editor: User) -> None:
    article = hand_in()
    stage(Rejected("text", "no"))
    article = run(article)
    transitions.resume(article, editor)
    transitions.cancel(article, editor)
    transitions.resume(article, editor)
    transitions.claim(article.pk)

    numbers = list(article.attempts.values_list("number", "outcome"))
    assert numbers == [(1, "stopped"), (None, "cancelled"), (2, "")]


def test_the_last_manifest_says_what_the_rows_say(hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fenced worker writes the manifest that it had read before the article was done."""
    article = hand_in()
    stale = Run(Article.objects.get(pk=article.pk))
    stale.article.attempt = 99
    old = manifest.build(article)
    article = run(article)
    builds = iter([old])
    build = manifest.build
    monkeypatch.setattr("articles.tree.manifest.build", lambda article: next(builds, None) or build(article))
    monkeypatch.setattr(Lease, "renew", lambda *_, **__: None)
    with pytest.raises(Fenced):
        stale.commit_manifest()

    assert len(article.tree.files()) == 12


@pytest.mark.django_db(transaction=True)
def test_a_paid_answer_waits_for_a_database_that_is_away(hand_in: HandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = transitions.claim(hand_in().pk)
    assert claimed
    waits: list[float] = []
    monkeypatch.setattr("articles.pipeline.calls.time.sleep", waits.append)

    def away(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if "received_at" in sql and sql.startswith("UPDATE") and len(waits) < 2:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, *rest)

    with connection.execute_wrapper(away):
        call = _ask(Run(claimed), lambda _: Answer({"of": "the service"}))

    call.refresh_from_db()
    assert (call.state, call.raw, call.sends) == (Call.State.RECEIVED, {"of": "the service"}, 1)
    assert waits == [0.1, 1]
