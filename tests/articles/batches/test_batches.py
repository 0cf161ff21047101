"""Batches: what is planned and begun, what one section meets, what pauses all of them, who gets the workers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from articles import errors, tasks
from articles.batches import completeness, control, counts, plan, progress
from articles.batches.start import start_batch
from articles.models import Article, Batch, Call, Pace, Section, Stage
from articles.pipeline import dispatch, rate_limits, transitions
from articles.pipeline.run import Run
from articles.pipeline.sweep import sweep
from articles.providers.errors import IT, Busy
from recovery.plan import plans
from recovery.rebuild.article import rebuild
from tests.conftest import HandIn, error_of
from tests.doubles.server import Doubles

pytestmark = pytest.mark.django_db(transaction=True)

MakeBatch = Callable[..., Batch]
WorkOff = Callable[[], int]
STYLES, ROOMS = "Art Deco\nBauhaus\nRococo", "Kitchen\nBath\nHall"


@pytest.fixture
def batch(editor: User, services: Doubles) -> MakeBatch:
    """A batch of three styles with three sections, without pictures unless they are asked for; not started."""
    services.configure(image_width=480, image_bytes=4000)

    def make(**fields: Any) -> Batch:
        name = fields.pop("name", "Rooms")
        given = {"styles": STYLES, "sections": ROOMS, "images_per_style": 0, **fields}
        return Batch.objects.create(
            owner=editor, name=name, key=name.casefold(), brief="The {section} in the style {style}", **given
        )

    return make


@pytest.fixture
def started(batch: MakeBatch, editor: User) -> MakeBatch:
    def start(**fields: Any) -> Batch:
        made = batch(**fields)
        start_batch(made, editor)
        return made

    return start


def _again(batch: Batch) -> Batch:
    return Batch.objects.get(pk=batch.pk)


def _states(batch: Batch) -> dict[str, int]:
    return dict(Counter(batch.all_sections.values_list("state", flat=True)))


def _article(batch: Batch, style: str) -> Article:
    return batch.articles.get(batch_key=style.casefold())


# Planning


def test_a_plan_counts_what_will_be_made(batch: MakeBatch) -> None:
    planned = plan.plan_batch(batch(images_per_style=2, images_per_section=3))

    assert (planned.articles, len(planned.new_articles), planned.new_sections) == (3, 3, 9)
    assert (planned.images, planned.calls) == (3 * 2 + 9 * 3, 3 + 9 + 33)
    assert planned.cost.known > Decimal("0.9")
    assert planned.cost.unknown == 0
    assert planned.seconds > 60
    assert planned.problems == ()


def test_a_plan_says_what_keeps_it_from_being_started(batch: MakeBatch, settings: Settings, editor: User) -> None:
    settings.OPENAI_API_KEY = ""
    made = batch(styles="", sections="Kitchen\nkitchen")
    Batch.objects.update(brief="The {room} in {style}")
    made.refresh_from_db()

    planned = plan.plan_batch(made)

    assert len(planned.problems) == 3
    assert [(name, bad.line) for name, bad in planned.bad] == [("sections", 2)]
    with pytest.raises(errors.NotPossible, match=r"no usable style.*{room}.*OPENAI_API_KEY"):
        start_batch(made, editor)
    assert (_again(made).state, Article.objects.count()) == (Batch.State.DRAFT, 0)


def test_no_article_without_its_sections(batch: MakeBatch, editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    made = batch()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("articles.batches.start._Rows._add_sections", dies)
    with pytest.raises(KeyboardInterrupt):
        start_batch(made, editor)

    assert (_again(made).articles.count(), Article.objects.count(), OrmQ.objects.count()) == (0, 0, 0)


def test_each_article_has_a_tree_of_its_own(started: MakeBatch) -> None:
    articles = started(styles="\n".join(f"Style {n}" for n in range(120))).articles.all()

    assert len({article.tree_prefix for article in articles}) == 120


def test_planning_costs_the_same_queries_for_many(batch: MakeBatch, editor: User) -> None:
    small, large = batch(name="small", styles="a"), batch(name="large", styles="\n".join(map(str, range(200))))
    for made in (small, large):
        start_batch(made, editor)
    queries = []
    for made in (small, large):
        with CaptureQueriesContext(connection) as captured:
            plan.plan_batch(_again(made))
        queries.append(len(captured))

    assert queries[0] == queries[1] <= 8


# Writing


def test_a_batch_is_written_section_by_section(started: MakeBatch, work_off: WorkOff, services: Doubles) -> None:
    made = started(images_per_style=2, images_per_section=1)
    work_off()

    made.refresh_from_db()
    assert made.state == Batch.State.DONE
    assert _states(made) == {"done": 9}
    for article in made.articles.all():
        assert article.status == Article.Status.DONE
        assert article.tree.verify() == []
        assert {f"01_section_{n}.html" for n in (1, 2, 3)} < article.tree.files().keys()
        headings = re.findall(r"<h2>(.*?)</h2>", article.html)
        assert headings == ["Kitchen", "Bath", "Hall"]
        page = article.tree.read(article.records.get(stage=Stage.FORMAT).stored).decode()  # type: ignore[arg-type]
        # Each picture below the heading of its section, the opening's first of all.
        order = re.findall(r'src="(03_\w+)\.jpg"|>(Kitchen|Bath|Hall)</h2>', page)
        assert [picture or heading for picture, heading in order if not picture.startswith("03_general")] == [
            "03_hero", "Kitchen", "03_section_1_1", "Bath", "03_section_2_1", "Hall", "03_section_3_1"
        ]  # fmt: skip
    counted = counts.count_batch(made)
    assert (counted.done, counted.total, counted.missing) == (9, 9, 0)
    assert counted.articles["complete"] == 3
    known = sum(call.cost for call in Call.objects.all() if call.cost is not None)
    assert float(counted.spent.known) == pytest.approx(float(known), abs=1e-5)
    assert counted.spent.unknown == 0


def test_the_brief_reaches_the_service_with_its_words(started: MakeBatch, work_off: WorkOff, services: Doubles) -> None:
    started(styles="style,period\nArt Deco,1925", sections="Kitchen")
    Batch.objects.update(brief="The {section} no. {number} of {period}")
    work_off()

    prompts = [request.body["input"] for request in services.requests("openai")]
    assert len(prompts) == 2
    assert "Art Deco" in prompts[0]
    assert "The Kitchen no. 1 of 1925" in prompts[1]


def test_started_twice_it_asks_for_nothing(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User
) -> None:
    made = started(images_per_section=1)
    work_off()
    asked = len(services.requests())

    assert plan.plan_batch(_again(made)).does_nothing
    start_batch(made, editor)
    work_off()
    sweep()

    assert len(services.requests()) == asked
    assert _again(made).state == Batch.State.DONE


def test_a_longer_list_adds_only_what_is_missing(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User
) -> None:
    made = started()
    work_off()
    asked = len(services.requests("openai"))
    Batch.objects.update(styles=f"{STYLES}\nGothic", sections=f"Attic\n{ROOMS}")
    made.refresh_from_db()

    planned = plan.plan_batch(made)
    assert (len(planned.new_articles), planned.new_sections, planned.published) == (1, 3 + 4, 3)
    start_batch(made, editor)
    work_off()

    assert len(services.requests("openai")) - asked == 1 + 7
    assert _states(made) == {"done": 16}
    old = _article(made, "Bauhaus")
    assert old.status == Article.Status.DONE
    assert [section.heading for section in old.sections.all()] == ["Kitchen", "Bath", "Hall", "Attic"]
    assert "<h2>Attic</h2>" in old.html


def test_an_idea_that_is_long_gets_an_outline_and_the_same_sections(
    hand_in: HandIn, work_off: WorkOff, services: Doubles
) -> None:
    article = hand_in(idea="The history of lighthouses", is_long=True)
    work_off()

    article.refresh_from_db()
    assert article.status == Article.Status.DONE
    sections = list(article.sections.all())
    assert [section.state for section in sections] == ["done"] * 3
    assert all(section.html in article.html for section in sections)
    assert article.images.count() == 4
    assert len(services.requests("openai")) == 1 + 3 + 1
    steps = article.tree.manifest()["pipeline_stages"]
    assert [section["status"] for section in steps["step1_article_generation"]["sections"]] == ["completed"] * 3


# What one section meets


def test_a_section_that_is_declined_for_ever_is_the_only_one_missing(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User
) -> None:
    services.fail("openai", "responses", "refusal", times=None, match="The Bath in the style Bauhaus")
    made = started(images_per_section=1)
    work_off()

    assert _states(made) == {"done": 8, "failed": 1}
    stopped = _article(made, "Bauhaus")
    assert (stopped.status, error_of(stopped)["code"]) == (Article.Status.FAILED, "sections")
    assert "1 of 3 sections is missing: Bath" in error_of(stopped)["reason"]
    assert [section.state for section in stopped.sections.all()] == ["done", "failed", "done"]
    assert counts.count_batch(made).articles == {"complete": 2, "partial": 1, "basic": 0, "failed": 0, "waiting": 0}
    assert list(completeness.of_completeness(Article.objects.all(), "partial")) == [stopped]
    assert _again(made).state == Batch.State.DONE
    asked = len(services.requests())

    assert control.recover(made, editor) == 1
    work_off()
    assert [(request.provider) for request in services.requests()[asked:]] == ["openai"]
    services.reset()
    assert control.recover(made, editor) == 1
    work_off()

    assert _states(made) == {"done": 9}
    assert _article(made, "Bauhaus").status == Article.Status.DONE
    assert len(services.requests("openai")) == 1


def test_a_picture_that_is_declined_leaves_its_text(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User
) -> None:
    made = started(images_per_section=2, styles="Bauhaus")
    services.fail("replicate", "create", "nsfw")
    work_off()
    (missing,) = made.all_sections.filter(state=Section.State.FAILED)
    assert missing.html
    article = _article(made, "Bauhaus")
    planned = plans([Article.objects.prefetch_related("records", "images").get(pk=article.pk)])[0]
    assert planned.calls == (f"image:section_{missing.index}_1",)
    assert planned.work.again == ("1 section", "1 image", "1 formatted page", "1 upload")
    asked = len(services.requests("openai"))

    assert transitions.resume(article, editor)
    work_off()

    assert _states(made) == {"done": 3}
    assert len(services.requests("openai")) == asked


def test_an_interrupted_article_goes_on_at_the_very_section(
    started: MakeBatch, work_off: WorkOff, services: Doubles
) -> None:
    made = started(styles="Bauhaus", images_per_section=1)
    services.fail("openai", "responses", "reset", match="Write this section: Hall")
    work_off()
    article = _article(made, "Bauhaus")
    assert article.status == Article.Status.WAITING
    assert [section.state for section in article.sections.all()] == ["done", "done", "pending"]
    asked = len(services.requests("openai"))

    Article.objects.update(next_at=timezone.now())
    sweep()
    work_off()

    assert _article(made, "Bauhaus").status == Article.Status.DONE
    assert len(services.requests("openai")) - asked == 1
    assert Call.objects.get(key="text:section-3").lost_answers == 1


def test_what_is_damaged_of_a_long_article_is_written_again_without_asking(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User
) -> None:
    services.fail("openai", "responses", "refusal", match="Write this section: Hall")
    made = started(styles="Bauhaus")
    work_off()
    article = _article(made, "Bauhaus")
    for name in ("01_section_1.html", "01_opening.html"):
        article.tree.add(name, b"something else")
    asked = len(services.requests("openai"))

    control.recover(made, editor)
    work_off()

    article.refresh_from_db()
    assert article.status == Article.Status.DONE
    assert article.tree.verify() == []
    assert len(services.requests("openai")) - asked == 1


def test_rebuilt_from_its_trees_a_batch_pays_only_for_what_is_missing(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User
) -> None:
    services.fail("openai", "responses", "refusal", match="Write this section: Bath")
    made = started(styles="Bauhaus\nRococo", images_per_section=1)
    work_off()
    prefixes = list(made.articles.values_list("tree_prefix", flat=True))
    Article.objects.all().delete()
    Batch.objects.all().delete()
    services.reset()

    for prefix in prefixes:
        assert rebuild(prefix).new
    again = Batch.objects.get()
    assert (again.name, again.state) == ("Rooms", Batch.State.PAUSED)
    assert (again.styles.split("\n"), sorted(again.sections.split("\n"))) == (
        ["Rococo", "Bauhaus"] if again.styles.startswith("R") else ["Bauhaus", "Rococo"],
        ["Bath", "Hall", "Kitchen"],
    )
    assert _states(again) == {"done": 5, "pending": 1}

    assert control.resume(again, editor)
    assert control.recover(again, editor) == 1
    work_off()

    assert _states(again) == {"done": 6}
    assert {article.status for article in again.articles.all()} == {Article.Status.DONE}
    assert Counter(request.provider for request in services.requests() if request.operation != "poll") == {
        "openai": 1, "replicate": 2
    }  # fmt: skip


# What pauses a batch


def test_ten_sections_in_a_row_that_fail_alike_pause_it(
    started: MakeBatch, work_off: WorkOff, services: Doubles
) -> None:
    services.fail("openai", "responses", "refusal", times=None, match="Write this section")
    made = started(styles="\n".join(map(str, range(9))))
    work_off()

    made.refresh_from_db()
    assert made.state == Batch.State.PAUSED
    assert made.reason.startswith("10 sections in a row are missing for one reason: it refuses")
    assert 10 <= _states(made)["failed"] <= 12


def test_articles_in_a_row_whose_opening_is_declined_pause_it(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User
) -> None:
    services.fail("openai", "responses", "refusal", times=None)
    made = started(styles="\n".join(map(str, range(9))))
    work_off()

    made.refresh_from_db()
    assert made.state == Batch.State.PAUSED
    assert made.reason.startswith("4 articles in a row stopped for one reason. ")
    assert made.reason.endswith("Next: change the brief of the batch, then resume the batch.")
    assert made.articles.filter(status=Article.Status.FAILED).count() == 4
    services.reset()
    Batch.objects.update(brief="Something kinder about {style}")
    assert control.resume(made, editor)
    work_off()
    assert _states(made) == {"done": 27}
    assert all("Something kinder about" in request.body["input"] for request in services.requests("openai"))


@pytest.mark.parametrize(("kind", "words"), [("quota", "text service"), ("unauthorized", "text service")])
def test_a_service_that_answers_nobody_pauses_it_and_resume_goes_on_with_all(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User, kind: str, words: str
) -> None:
    made = started()
    services.fail("openai", "responses", kind, times=None, match="Write this section: Bath")
    work_off()

    made.refresh_from_db()
    assert made.state == Batch.State.PAUSED
    assert words in made.reason
    assert made.reason.count("Next: ") == 1
    assert "press Recover" not in made.reason
    stopped = made.articles.filter(status=Article.Status.FAILED).count()
    assert stopped >= 1
    assert made.articles.filter(status=Article.Status.DRAFT).count() == 3 - stopped
    services.reset()
    asked = Call.objects.filter(state=Call.State.DONE).count()

    assert control.resume(made, editor)
    work_off()

    assert _states(made) == {"done": 9}
    assert _again(made).state == Batch.State.DONE
    assert Call.objects.filter(state=Call.State.DONE).count() == len(services.requests()) + asked


def test_a_service_that_is_down_for_a_while_makes_it_wait_and_nothing_more(
    started: MakeBatch, work_off: WorkOff, services: Doubles, settings: Settings
) -> None:
    settings.GALLEY_WORKERS = 1
    services.fail("openai", "responses", "reset", times=None)
    made = started(styles="\n".join(map(str, range(9))))
    work_off()

    waiting = made.articles.filter(status=Article.Status.WAITING).count()
    # Those that were queued and the one that was being worked on; the others are not sent after them.
    assert waiting == dispatch.PER_WORKER + 1
    assert "waiting: " in progress.slowed(_again(made))
    services.reset()
    for _ in range(6):
        Article.objects.filter(status=Article.Status.WAITING).update(next_at=timezone.now())
        sweep()
        work_off()

    assert _again(made).state == Batch.State.DONE
    assert _states(made) == {"done": 27}


def test_a_service_that_asks_to_wait_slows_it_and_is_named(
    started: MakeBatch, work_off: WorkOff, services: Doubles
) -> None:
    services.configure(retry_after=60)
    services.fail("openai", "responses", "rate_limited")
    made = started()
    work_off()

    assert len(services.requests("openai")) == 1
    assert "The text service had no room" in progress.slowed(_again(made))
    assert _again(made).state == Batch.State.RUNNING
    Pace.objects.update(closed_until=None)
    Article.objects.filter(status=Article.Status.WAITING).update(next_at=timezone.now())
    sweep()
    work_off()

    assert _states(made) == {"done": 9}


def test_it_pauses_before_its_budget_is_spent(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User
) -> None:
    made = started(budget=Decimal("0.08"))
    work_off()

    made.refresh_from_db()
    spent = counts.count_batch(made).spent.known
    assert made.state == Batch.State.PAUSED
    assert "the budget of $0.08" in made.reason
    assert 0 < spent <= Decimal("0.08")
    assert "done" in _states(made)
    Batch.objects.update(budget=Decimal(5))

    assert control.resume(made, editor)
    work_off()

    assert _states(made) == {"done": 9}


# People


def test_pause_takes_the_articles_out_of_the_queue_and_resume_puts_them_back(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User
) -> None:
    made = started()
    assert made.articles.filter(status=Article.Status.QUEUED).exists()

    assert control.pause(made, editor)
    with pytest.raises(errors.NotPossible):
        control.pause(made, editor)
    work_off()
    sweep()
    work_off()

    assert services.requests() == []
    assert set(made.articles.values_list("status", flat=True)) == {Article.Status.DRAFT}
    assert _again(made).reason == "ada paused it."
    assert control.resume(made, editor)
    with pytest.raises(errors.NotPossible):
        control.resume(made, editor)
    work_off()
    assert _states(made) == {"done": 9}


def test_pause_lets_the_section_in_hand_be_finished(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = started(styles="Bauhaus")
    marked = control.check_turn

    def pauses(run: Run) -> None:
        if run.article.sections.filter(state=Section.State.DONE).count() == 1:
            control.pause(made, editor)
        marked(run)

    monkeypatch.setattr("articles.batches.control.check_turn", pauses)
    work_off()

    article = _article(made, "Bauhaus")
    assert article.status == Article.Status.DRAFT
    assert _states(made) == {"done": 1, "pending": 2}
    assert [attempt.outcome for attempt in article.attempts.all()] == ["paused", ""]


def test_cancel_keeps_what_is_saved_and_one_article_of_it_is_recovered_alone(
    started: MakeBatch, work_off: WorkOff, services: Doubles, editor: User
) -> None:
    made = started()
    tasks.run(made.articles.order_by("pk")[0].pk)

    assert control.cancel(made, editor)
    with pytest.raises(errors.NotPossible):
        control.cancel(made, editor)
    work_off()
    assert _again(made).state == Batch.State.CANCELLED
    assert _states(made) == {"done": 3, "pending": 6}
    cancelled = made.articles.filter(status=Article.Status.CANCELLED).order_by("pk")
    first = cancelled[0]

    assert transitions.resume(first, editor)
    work_off()

    assert _states(made) == {"done": 6, "pending": 3}
    assert _again(made).state == Batch.State.CANCELLED
    assert start_batch(made, editor).missing_sections == 3
    work_off()
    assert _states(made) == {"done": 9}


# Who gets the workers


def test_only_a_few_articles_are_queued(started: MakeBatch, settings: Settings) -> None:
    settings.GALLEY_WORKERS = 2
    made = started(styles="\n".join(map(str, range(50))))

    assert made.articles.filter(status=Article.Status.QUEUED).count() == 4 == OrmQ.objects.count()
    dispatch.top_up()
    dispatch.top_up()
    assert OrmQ.objects.count() == 4


def test_two_batches_share_the_queue(started: MakeBatch, settings: Settings) -> None:
    settings.GALLEY_WORKERS = 2
    many = "\n".join(map(str, range(20)))
    first = started(name="first", styles=many)
    second = started(name="second", styles=many)
    assert first.articles.filter(status=Article.Status.QUEUED).count() == 4
    assert second.articles.filter(status=Article.Status.QUEUED).count() == 2

    Article.objects.filter(batch=first, status=Article.Status.QUEUED).update(status=Article.Status.DONE)
    dispatch.top_up()

    assert first.articles.filter(status=Article.Status.QUEUED).count() == 2


def test_an_article_of_its_own_comes_before_a_batch(started: MakeBatch, hand_in: HandIn) -> None:
    made = started()
    urgent = hand_in()
    queued = made.articles.filter(status=Article.Status.QUEUED)[0]

    assert dispatch.most_deserving(queued.pk) == urgent.pk
    assert dispatch.most_deserving(urgent.pk) == urgent.pk
    # The message that was used up is given again.
    assert OrmQ.objects.order_by("pk").last().task["args"] == (queued.pk,)


def test_a_running_article_of_a_batch_makes_room_for_one_that_waits(
    started: MakeBatch, hand_in: HandIn, work_off: WorkOff, services: Doubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = started(styles="Bauhaus")
    check = control.check_turn
    urgent: list[Article] = []

    def handed_in_meanwhile(run: Run) -> None:
        if not urgent and run.article.sections.filter(state=Section.State.DONE).exists():
            urgent.append(hand_in())
            Article.objects.filter(pk=urgent[0].pk).update(queued_at=timezone.now() - timedelta(seconds=5))
        check(run)

    monkeypatch.setattr("articles.batches.control.check_turn", handed_in_meanwhile)
    work_off()

    ended = list(Article.objects.order_by("ended_at").values_list("pk", flat=True))
    assert ended == [urgent[0].pk, _article(made, "Bauhaus").pk]
    assert [attempt.outcome for attempt in _article(made, "Bauhaus").attempts.all()] == ["paused", "done"]


def test_a_batch_that_nobody_works_on_comes_before_one_that_has_a_worker(started: MakeBatch) -> None:
    first, second = started(name="first"), started(name="second")
    assert transitions.claim(first.articles.filter(status=Article.Status.QUEUED)[0].pk)
    next_of_first = first.articles.filter(status=Article.Status.QUEUED)[0]

    taken = dispatch.most_deserving(next_of_first.pk)

    assert Article.objects.get(pk=taken).batch == second


def test_while_a_service_rests_nobody_asks_it(started: MakeBatch, work_off: WorkOff, services: Doubles) -> None:
    made = started(styles="\n".join(map(str, range(30))))
    rate_limits.close(Busy("text", f"{IT} has too much to do", retry_after=90))
    work_off()

    assert services.requests() == []
    assert made.articles.filter(status=Article.Status.DRAFT).count() >= 20


# What is shown


def test_revisions_tell_what_has_changed_since(started: MakeBatch, work_off: WorkOff) -> None:
    made = started(styles="Bauhaus")
    before = _again(made).revision
    work_off()

    made.refresh_from_db()
    changed = made.all_sections.filter(revision__gt=before)
    assert changed.count() == 3
    assert len({section.revision for section in changed}) == 3
    assert max(section.revision for section in changed) <= made.revision


@pytest.mark.parametrize(
    ("facts", "which"),
    [
        ({"done": 3}, "complete"),
        ({"done": 1}, "partial"),
        ({"done": 0, "words": 80}, "basic"),
        ({"done": 0, "status": Article.Status.FAILED}, "failed"),
        ({"done": 0}, "waiting"),
    ],
)
def test_completeness_is_the_same_in_rows_and_in_queries(started: MakeBatch, facts: dict[str, Any], which: str) -> None:
    made = started(styles="Bauhaus")
    article = _article(made, "Bauhaus")
    article.sections.filter(index__lte=facts["done"]).update(state=Section.State.DONE)
    Article.objects.update(
        word_count=facts.get("words", 0), status=facts.get("status", Article.Status.DRAFT), error={"kind": "Rejected"}
    )

    for name in completeness.COMPLETENESS:
        assert completeness.of_completeness(Article.objects.all(), name).exists() == (name == which)
    assert counts.count_batch(made).articles[which] == 1
