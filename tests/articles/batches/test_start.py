"""Starting a batch: what the plan showed is what is done, in slices, whoever dies in between and whatever is there."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from articles.batches import control, plan, slices, start
from articles.batches.plan import BatchPlan
from articles.batches.start import start_batch
from articles.models import Article, Attempt, Batch, Call, ImageFile, Section, StageRecord
from articles.pipeline import dispatch, revision, transitions
from articles.pipeline.run import Run
from articles.pipeline.sweep import sweep
from articles.stages import sections as writing
from tests.articles.batches.grid import batch_of, mark
from tests.batches import DECLINED, drafted, page_of, started
from tests.batches import write as written
from tests.desk import as_, text

pytestmark = pytest.mark.django_db(transaction=True)

OPEN = {"draft", "queued", "running", "waiting", "failed"}
LATER = timedelta(hours=1)
STANDS: dict[str, dict[str, Any]] = {
    "draft": {},
    "queued": {"queued_at": timezone.now()},
    "running": {"lease_until": timezone.now() + LATER, "lease_owner": "x|1|1", "attempt": 1},
    "waiting": {"next_at": timezone.now() + LATER, "error": DECLINED},
    "done": {"ended_at": timezone.now()},
    "failed": {"error": DECLINED, "ended_at": timezone.now()},
    "cancelled": {"ended_at": timezone.now()},
    "cancelled batch": {"ended_at": timezone.now(), "cancelled_with": "batch"},
    "cancelled list": {"ended_at": timezone.now(), "cancelled_with": "list"},
}
SECTIONS: dict[str, dict[str, Any]] = {  # what stands of each section; the first of each pair stays in the list
    "kept done": {"state": "done", "sha256": "a" * 64},
    "kept pending": {"state": "pending"},
    "kept failed": {"state": "failed", "error": DECLINED},
    "gone done": {"state": "done", "sha256": "a" * 64},
    "gone pending": {"state": "pending"},
    "gone failed": {"state": "failed", "error": DECLINED},
    "gone without its picture": {"state": "failed", "error": DECLINED, "sha256": "b" * 64},
    "gone in hand": {"state": "running"},
}


@pytest.fixture(autouse=True)
def text_service(settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"


# What was shown is what is done


@pytest.fixture
def mixed(editor: User) -> Batch:
    """Articles that stand in every way, once with their lines still in the list and once without; each with sections
    that stand in every way.
    """
    styles = [f"{place} {status}" for place in ("kept", "gone") for status in STANDS]
    batch = drafted(editor, styles=0, sections=0)
    lists = {"styles": "\n".join(styles), "sections": "\n".join(SECTIONS)}
    Batch.objects.filter(pk=batch.pk).update(**lists)
    start_batch(batch, editor)
    for article in batch.articles.all():
        status = article.batch_key.split(" ", 1)[1]
        Article.objects.filter(pk=article.pk).update(
            **{"status": status.split()[0], "queued_at": None, "word_count": 9, **STANDS[status]}
        )
        for name, facts in SECTIONS.items():
            article.sections.filter(key=name).update(**facts)
    return batch


def _shorter_and_longer(batch: Batch) -> None:
    """The lists as an editor changes them."""
    kept = [f"kept {status}" for status in STANDS]
    headings = [name for name in SECTIONS if name.startswith("kept")]
    lists = {"styles": "\n".join(["new", *kept]), "sections": "\n".join(["first", *headings])}
    Batch.objects.filter(pk=batch.pk).update(**lists)


@dataclass
class Stood:
    """The rows of a batch at one moment."""

    articles: dict[int, Article]
    sections: dict[int, Section]

    @classmethod
    def of(cls, batch: Batch) -> Stood:
        return cls(batch.articles.in_bulk(), batch.all_sections.in_bulk())

    def became(self, now: Stood, old: set[str], new: set[str]) -> list[Article]:
        """As they are now, those that stood so and stand so."""
        return [
            now.articles[pk]
            for pk, was in self.articles.items()
            if was.status in old and now.articles[pk].status in new
        ]

    def made(self, now: Stood) -> dict[str, int]:
        """What has been done since, counted as a plan counts it."""
        kept = self.sections.keys() & now.sections.keys()
        settled = [pk for pk in kept if self.sections[pk].state != "done" and now.sections[pk].state == "done"]
        in_line = {pk for pk, article in now.articles.items() if article.status not in ("cancelled", "done")}
        to_make = [pk for pk in kept if now.sections[pk].state != "done" and now.sections[pk].article_id in in_line]
        lists = [article.cancelled_with for article in self.became(now, OPEN, {"cancelled"})]
        assert set(lists) <= {"list"}
        stays = [article for article in self.became(now, {"cancelled"}, {"cancelled"}) if not article.cancelled_with]
        return {
            "new articles": len(now.articles.keys() - self.articles.keys()),
            "new sections": len(now.sections.keys() - self.sections.keys()),
            "to make": len(to_make),
            "going on": len(self.became(now, {"failed", "cancelled"}, {"draft", "queued"})),
            "reopened": len(self.became(now, {"done"}, {"draft", "queued"})),
            "left out": len(lists),
            "left out sections": len(self.sections.keys() - now.sections.keys()) + len(settled),
            "cancelled": len([article for article in stays if article.batch_key.startswith("kept")]),
        }


def _told(planned: BatchPlan) -> dict[str, int]:
    return {
        "new articles": len(planned.new_articles),
        "new sections": planned.new_sections,
        "to make": planned.missing_sections,
        "going on": planned.there.going_on,
        "reopened": planned.published,
        "left out": planned.there.left_out,
        "left out sections": planned.there.left_out_sections,
        "cancelled": planned.there.cancelled,
    }


@pytest.mark.parametrize("state", ["running", "paused", "cancelled", "done"])
def test_what_the_page_showed_is_in_the_rows_after_start(state: str, mixed: Batch, editor: User) -> None:
    _shorter_and_longer(mixed)
    Batch.objects.filter(pk=mixed.pk).update(state=state)
    client, before = as_(editor), Stood.of(mixed)
    shown = client.get(page_of(mixed, "plan")).context["plan_page"]

    client.post(page_of(mixed, "start"), {"planned": shown.signature})

    mixed.refresh_from_db()
    assert (mixed.state, mixed.starting) == ("running", "")
    made = before.made(Stood.of(mixed))
    assert made == _told(shown.plan)
    assert all(made.values()), "each of them was there to be counted"
    assert (made["left out"], made["going on"]) == (5, 3)


def test_what_is_made_stays_whatever_is_taken_out_of_the_lists(mixed: Batch, editor: User) -> None:
    _shorter_and_longer(mixed)
    before = Stood.of(mixed)

    start_batch(mixed, editor)

    now = Stood.of(mixed)
    for pk, section in before.sections.items():
        if section.state == "done":
            assert (now.sections[pk].state, now.sections[pk].index) == ("done", section.index)
        if section.key == "gone without its picture":
            in_list = before.articles[section.article_id].batch_key.startswith("kept")
            is_in = in_list and before.articles[section.article_id].batch_key != "kept cancelled"
            assert now.sections[pk].state == ("done" if is_in else "failed")


def test_started_again_it_does_nothing_more(mixed: Batch, editor: User) -> None:
    _shorter_and_longer(mixed)
    start_batch(mixed, editor)
    before = Stood.of(mixed)

    planned = start_batch(mixed, editor)

    assert not planned.changes_rows
    assert before.made(Stood.of(mixed)) == _told(planned)


def test_the_page_names_what_is_left_out(editor: User) -> None:
    batch = started(editor, styles=3, sections=3)
    written(batch.articles.get(batch_key="style 1"), 1, 2, 3)
    transitions.cancel(batch.articles.get(batch_key="style 2"), editor)
    client = as_(editor)
    lists = {"styles": "Style 1\nStyle 2", "sections": "Room 1\nRoom 3"}
    Batch.objects.filter(pk=batch.pk).update(**lists)

    seen = text(client.get(page_of(batch, "plan")))

    assert "1 article not finished, whose line is not in the list any more: Style 3. It is cancelled;" in seen
    assert "Stays cancelled 1 article that somebody cancelled one by one." in seen
    assert "Its lists were changed, and not started since." in text(client.get(page_of(batch)))
    Batch.objects.filter(pk=batch.pk).update(styles="Style 1\nStyle 2\nStyle 3")
    seen = text(client.get(page_of(batch, "plan")))
    assert "1 section not made, not in the list any more: Room 2 (1 article)." in seen
    assert "Start 2 sections, about $0.01, without 1 section" in seen
    client.post(page_of(batch, "start"), {"planned": client.get(page_of(batch, "plan")).context["plan_page"].signature})
    assert "Its lists were changed" not in text(client.get(page_of(batch)))


def test_a_line_that_comes_back_goes_on(editor: User) -> None:
    batch = started(editor, styles=2, sections=2)
    for styles in ("Style 1", "Style 1\nStyle 2"):
        Batch.objects.filter(pk=batch.pk).update(styles=styles)
        start_batch(batch, editor)

    assert set(batch.articles.values_list("status", flat=True)) == {"queued"}


def test_another_section_with_the_number_of_one_that_was_left_out_gets_no_answers_of_it(editor: User) -> None:
    batch = started(editor, styles=1, sections=2)
    article = batch.articles.get()
    for key in ("text:section-2", "image:section_2_1", "text:section-1"):
        Call.objects.create(article=article, key=key, state=Call.State.RECEIVED, answer={"of": "Room 2"})
    ImageFile.objects.create(article=article, role="section_2_1", prompt="p", aspect="21:9")
    Batch.objects.filter(pk=batch.pk).update(sections="Room 1\nAttic")

    start_batch(batch, editor)

    assert list(article.sections.values_list("index", "heading")) == [(1, "Room 1"), (2, "Attic")]
    states = dict(Call.objects.values_list("key", "state"))
    assert states == {"text:section-2": "closed", "image:section_2_1": "closed", "text:section-1": "received"}
    assert not ImageFile.objects.exists()


def test_further_sections_reopen_what_was_joined_already(editor: User) -> None:
    """An article that stopped behind its text would be laid out without them."""
    batch = started(editor, styles=2, sections=2)
    for article in batch.articles.all():
        written(article, 1, 2)
        article.records.filter(stage__in=["article", "prompts"]).update(state=StageRecord.State.DONE)
    stopped = batch.articles.filter(batch_key="style 1")
    stopped.update(status="failed", error=DECLINED, cause="x", ended_at=timezone.now())
    Batch.objects.filter(pk=batch.pk).update(sections="Room 1\nRoom 2\nAttic")

    start_batch(batch, editor)

    assert set(StageRecord.objects.values_list("state", flat=True)) == {"pending"}


# Somebody is at work meanwhile


@pytest.mark.parametrize("stands", STANDS)
def test_no_page_stays_that_lacks_a_further_section(stands: str, editor: User) -> None:
    """It was paid for, and is not what is wanted any more. Who is at it just now opens it again at the end."""
    batch = started(editor, styles=1, sections=2)
    article = batch.articles.get()
    written(article, 1, 2)
    status = stands.partition(" ")[0]
    Article.objects.filter(pk=article.pk).update(status=status, **STANDS[stands])
    paid = {"provider": "layout", "idempotency_key": "k", "state": Call.State.DONE, "answer": {}}
    page = Call.objects.create(article=article, key="format", **paid)
    Batch.objects.filter(pk=batch.pk).update(sections=f"{batch.sections}\nAttic")

    start_batch(batch, editor)

    page.refresh_from_db()
    kept = stands in ("running", "cancelled")  # what somebody cancelled alone stays as it is
    assert page.state == (Call.State.DONE if kept else Call.State.CLOSED)
    assert article.sections.count() == (2 if stands == "cancelled" else 3)


def test_a_worker_writes_nothing_that_was_left_out_meanwhile(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = started(editor, styles=1, sections=3)
    article = transitions.claim(batch.articles.get().pk)
    assert article
    wrote: list[str] = []

    def write_one(run: Run, section: Section) -> None:
        wrote.append(section.heading)
        mark(article.pk, section.index, Section.State.DONE)
        Batch.objects.filter(pk=batch.pk).update(sections="Room 1\nRoom 3\nAttic")
        start_batch(batch, editor)

    monkeypatch.setattr(writing, "_write", write_one)
    monkeypatch.setattr(writing, "_opened", lambda _: StageRecord(details={"opening": {"html": ""}}))
    writing.run(Run(article))

    assert wrote == ["Room 1", "Room 3", "Attic"]


def test_a_section_that_is_gone_is_not_begun(editor: User) -> None:
    batch = started(editor, styles=1, sections=2)
    article = transitions.claim(batch.articles.get().pk)
    assert article
    section = article.sections.earliest("pk")
    article.sections.filter(pk=section.pk).delete()

    assert not writing.mark_section(Run(article), section, Section.State.RUNNING)


def test_whatever_comes_between_two_looks_a_plan_is_made(editor: User) -> None:
    """A start in between adds articles of which the first look knew nothing."""
    batch = started(editor, styles=2, sections=2)
    Batch.objects.filter(pk=batch.pk).update(styles="Style 1\nStyle 2\nStyle 3")
    batch.refresh_from_db()

    def counted(number: int) -> Callable[..., Any]:
        seen = itertools.count()

        def between(execute: Callable[..., Any], *said: Any) -> Any:
            if next(seen) == number:
                start_batch(batch, editor)
            return execute(*said)

        return between

    for number in range(5):
        Article.objects.filter(batch_key="style 3").delete()
        with connection.execute_wrapper(counted(number)):
            plan.plan_batch(batch)


# In slices


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (slices, start):
        monkeypatch.setattr(module, "ROWS", 4)
        monkeypatch.setattr(module, "ARTICLES", 2)


@contextmanager
def _dies_in_slice(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever starts is killed within the transaction of a slice, counted from 0."""
    begun = itertools.count()
    real = start._Rows.slices

    def dying(self: start._Rows) -> Iterator[Callable[[int], None]]:
        def die(make: Callable[[int], None], revision: int) -> None:
            make(revision)
            if next(begun) == number:
                raise KeyboardInterrupt

        return (partial(die, make) for make in real(self))

    with monkeypatch.context() as patched:
        patched.setattr(start._Rows, "slices", dying)
        yield


def _is_whole(batch: Batch, styles: int, sections: int) -> None:
    assert batch.articles.count() == styles
    for article in batch.articles.all():
        assert list(article.sections.values_list("index", flat=True)) == list(range(1, sections + 1))
        assert article.records.count() == 5
        assert article.attempts.filter(number=None, ended_at=None).count() == 1
        assert article.events.filter(kind="submitted").count() == 1
    assert Batch.objects.get(pk=batch.pk).starting == ""


@pytest.mark.parametrize("how", ["sweep", "press"])
@pytest.mark.parametrize("number", range(4))
def test_killed_in_any_slice_it_goes_on_and_admits_nothing_before(
    number: int, how: str, editor: User, small_slices: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = drafted(editor, styles=7, sections=2)
    with _dies_in_slice(number, monkeypatch), pytest.raises(KeyboardInterrupt):
        start_batch(batch, editor)

    assert batch.articles.count() == number * 2
    dispatch.top_up()
    assert (OrmQ.objects.count(), batch.articles.filter(status="queued").count()) == (0, 0)
    batch.refresh_from_db()
    assert batch.state == Batch.State.RUNNING, "it is neither done nor forgotten"
    if how == "sweep":
        sweep()
    else:
        client = as_(editor)
        client.post(
            page_of(batch, "start"), {"planned": client.get(page_of(batch, "plan")).context["plan_page"].signature}
        )

    _is_whole(batch, 7, 2)
    assert batch.articles.filter(status="queued").exists()
    assert set(Attempt.objects.values_list("asked_by", flat=True)) == {editor.pk}


def test_a_running_batch_goes_on_while_it_gets_more(
    editor: User, small_slices: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = started(editor, styles=3, sections=2)
    queued = batch.articles.filter(status="queued").count()
    Batch.objects.filter(pk=batch.pk).update(styles="\n".join(f"Style {n}" for n in range(1, 8)))
    with _dies_in_slice(3, monkeypatch), pytest.raises(KeyboardInterrupt):
        start_batch(batch, editor)

    dispatch.top_up()
    assert batch.articles.filter(status="queued").count() == queued
    seen = text(as_(editor).get(page_of(batch)))
    assert "Its rows are still being made. The first article begins when all of them are there." in seen
    sweep()
    _is_whole(batch, 7, 2)


def test_lists_that_were_changed_while_it_was_being_started_nobody_has_started(
    editor: User, small_slices: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = drafted(editor, styles=7, sections=2)
    with _dies_in_slice(2, monkeypatch), pytest.raises(KeyboardInterrupt):
        start_batch(batch, editor)
    Batch.objects.filter(pk=batch.pk).update(styles="Quite another")

    sweep()

    _is_whole(batch, 4, 2)
    assert "Its lists were changed, and not started since." in text(as_(editor).get(page_of(batch)))


def test_what_is_cancelled_while_it_is_being_started_stays_so(
    editor: User, small_slices: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = drafted(editor, styles=7, sections=2)
    with _dies_in_slice(2, monkeypatch), pytest.raises(KeyboardInterrupt):
        start_batch(batch, editor)

    control.cancel(batch, editor)
    sweep()

    assert list(batch.articles.values_list("status", flat=True)) == ["cancelled"] * 4


def test_no_transaction_makes_more_than_a_slice(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = drafted(editor, styles=90, sections=100)
    made: list[int] = []

    @contextmanager
    def counting(batch_id: int, **changes: Any) -> Iterator[int]:
        before = Section.objects.count()
        with revision.batch_revision(batch_id, **changes) as number:
            yield number
        made.append(Section.objects.count() - before)

    monkeypatch.setattr(start, "batch_revision", counting)
    start_batch(batch, editor)

    assert sum(made) == 9000
    assert max(made) <= slices.ROWS


@pytest.mark.parametrize("deed", ["start", "resume", "recover", "cancel"])
def test_many_articles_cost_no_more_queries_than_few(deed: str, editor: User) -> None:
    queries = []
    for number in (5, 50):
        batch = batch_of(editor, number, 2, name=f"{number} houses")
        if deed != "cancel":
            batch.articles.update(status="failed", error=DECLINED, cause="x", ended_at=timezone.now())
        if deed == "resume":
            Batch.objects.filter(pk=batch.pk).update(state=Batch.State.PAUSED, cause="x")
        act = {"start": start_batch, "resume": control.resume, "recover": control.recover, "cancel": control.cancel}
        Batch.objects.exclude(pk=batch.pk).update(state=Batch.State.DONE)
        with CaptureQueriesContext(connection) as captured:
            act[deed](batch, editor)
        queries.append(len(captured))

    assert queries[0] == queries[1]


def test_what_a_plan_holds_does_not_grow_with_the_rows_that_are_there(editor: User) -> None:
    peaks = []
    for styles in (40, 160):
        batch = batch_of(editor, styles, 100, name=f"{styles} houses")
        plan.plan_batch(batch)
        tracemalloc.start()
        plan.plan_batch(batch)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] * 1.3


def test_what_was_cancelled_one_by_one_stays_so_when_its_batch_goes_on(editor: User) -> None:
    batch = started(editor, styles=3, sections=2)
    one = batch.articles.get(batch_key="style 2")
    transitions.cancel(one, editor)
    control.cancel(batch, editor)

    control.resume(batch, editor)

    stands = dict(batch.articles.values_list("batch_key", "status"))
    assert stands.pop("style 2") == "cancelled"
    assert set(stands.values()) <= {"draft", "queued"}
    control.cancel(batch, editor)
    start_batch(batch, editor)
    assert batch.articles.get(pk=one.pk).status == "cancelled"
