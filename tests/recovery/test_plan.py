"""The plan: what is used again, what is made again, what it costs. It never changes anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, Call, Cost, ImageFile, Section, Stage, StageRecord
from articles.pipeline import transitions
from articles.providers.errors import Garbled, Rejected
from recovery.plan import Options, Plan, Total, _is_vain, plan
from tests.batches import started
from tests.conftest import HandIn
from tests.desk import RECOVER, as_, text
from tests.doubles.server import Doubles

Work = Callable[[Article], Article]
ALL_BUT_UPLOAD = [
    *("01_raw_article.html", "02_prompts.txt"),
    *(f"03_{role}{end}" for role in ("hero", "section_1", "section_2", "section_3") for end in (".jpg", "_base64.txt")),
    "04_formatted.html",
]


@pytest.fixture
def stopped(hand_in: HandIn, run: Work, services: Doubles, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Article]:
    """An article of the services that stopped at a given stage."""

    def stop(stage: str, **fields: object) -> Article:
        places = {"upload": "publishing.stage.run", "format": "articles.stages.format.run"}
        with monkeypatch.context() as broken:
            if place := places.get(stage):
                broken.setattr(place, _refuse)
            else:
                operation = {"article": ("openai", "responses"), "images": ("replicate", "create")}[stage]
                services.fail(*operation, {"article": "refusal", "images": "nsfw"}[stage])
            return run(hand_in(idea="night trains", **fields))

    return stop


def _refuse(_: object) -> None:
    raise Rejected("wordpress:1", "no", thing="the draft")


def test_after_a_failed_upload_only_the_upload(stopped: Callable[[str], Article]) -> None:
    planned = plan(stopped("upload"))

    assert planned.work.again == ("1 upload",)
    assert sorted(planned.reused) == sorted(ALL_BUT_UPLOAD)
    assert not planned.calls
    assert planned.cost == Cost()


def test_after_failed_formatting_format_and_upload(stopped: Callable[[str], Article]) -> None:
    planned = plan(stopped("format"))

    assert planned.work.again == ("1 formatted page", "1 upload")
    assert planned.calls == ("format",)


def test_a_missing_picture_alone_is_paid_for(stopped: Callable[[str], Article]) -> None:
    article = stopped("images")
    [missing] = article.images.filter(sha256="")

    planned = plan(article)

    assert planned.work.again == ("1 image", "1 formatted page", "1 upload")
    assert planned.calls == (f"image:{missing.role}", "format")
    assert planned.cost.known >= Decimal("0.03")
    assert planned.cost.unknown == 0


def test_a_picture_that_was_paid_for_and_can_still_be_fetched_costs_nothing(stopped: Callable[[str], Article]) -> None:
    article = stopped("images")
    [missing] = article.images.filter(sha256="")
    call = article.calls.get(key=f"image:{missing.role}")
    answered: dict[str, Any] = {"state": Call.State.RECEIVED, "answer": {}, "error": None}
    for received, paid in ((timezone.now(), ("format",)), (timezone.now() - timedelta(hours=1), (call.key, "format"))):
        Call.objects.filter(pk=call.pk).update(**answered, received_at=received)
        planned = plan(article)
        assert planned.calls == paid
        assert planned.work.images == frozenset()


def test_from_nothing_the_whole(stopped: Callable[[str], Article]) -> None:
    planned = plan(stopped("article"))

    assert planned.work.again == ("1 article", "1 set of prompts", "4 images", "1 formatted page", "1 upload")
    assert len(planned.calls) == 7
    assert planned.reused == ()


@pytest.mark.parametrize(
    ("name", "again", "calls"),
    [
        ("01_raw_article.html", ("1 article", "1 set of prompts", "1 formatted page", "1 upload"), ()),
        ("03_hero.jpg", ("1 upload",), ()),
        ("03_hero_base64.txt", ("1 upload",), ()),
        ("04_formatted.html", ("1 formatted page", "1 upload"), ()),
    ],
)
def test_what_is_damaged_is_made_again_from_saved_answers(
    stopped: Callable[[str], Article],
    storage_folder: Path,
    run: Work,
    name: str,
    again: tuple[str, ...],
    calls: tuple[str, ...],
) -> None:
    article = stopped("upload")
    (storage_folder / article.tree_prefix / name).write_bytes(b"something else")

    planned = plan(article)

    assert planned.damaged == (f"{name} in the backup is not the file that was saved.",)
    assert (planned.work.again, planned.calls) == (again, calls)
    assert name not in planned.reused
    assert transitions.resume(article, None, planned.work)
    article = run(article)
    assert article.status == Article.Status.DONE
    assert article.tree.verify() == []


def test_a_picture_is_paid_for_again_only_when_both_its_files_are_damaged(
    stopped: Callable[[str], Article], storage_folder: Path, run: Work
) -> None:
    article = stopped("upload")
    for name in ("03_hero.jpg", "03_hero_base64.txt"):
        (storage_folder / article.tree_prefix / name).unlink()

    planned = plan(article)

    assert planned.calls == ("image:hero",)
    assert planned.work.again == ("1 image", "1 formatted page", "1 upload")
    assert transitions.resume(article, None, planned.work)
    article = run(article)
    assert article.status == Article.Status.DONE
    assert article.tree.verify() == []


def test_the_promise_of_the_plan_is_kept(stopped: Callable[[str], Article], run: Work, services: Doubles) -> None:
    article = stopped("images")
    before = Call.objects.filter(article=article, state=Call.State.DONE).count()
    planned = plan(article)
    transitions.resume(article, None, planned.work)

    run(article)

    assert Call.objects.filter(article=article, state=Call.State.DONE).count() == before + len(planned.calls)


def test_from_a_stage_on_everything_is_asked_anew(
    stopped: Callable[[str], Article], run: Work, services: Doubles
) -> None:
    article = stopped("upload")
    planned = plan(article, Options(Stage.PROMPTS))

    assert planned.calls == ("prompts", "image:hero", "image:section_1", "image:section_2", "image:section_3", "format")
    assert planned.reused == ("01_raw_article.html",)
    assert transitions.resume(article, None, planned.work)
    assert run(article).status == Article.Status.DONE
    assert len(services.requests("replicate", "create")) == 8
    assert {call.generation for call in article.calls.filter(key="prompts")} == {1, 2}


def test_another_formatter_may_cost_nothing(stopped: Callable[[str], Article]) -> None:
    planned = plan(stopped("format"), Options(formatter="template"))

    assert planned.calls == ()
    assert planned.work.changes == {"formatter": "template"}


def test_without_services_nothing_costs(hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    article = hand_in()
    Article.objects.update(status=Article.Status.CANCELLED)

    assert plan(article).calls == ()


def test_a_lost_answer_is_said_beforehand(stopped: Callable[[str], Article]) -> None:
    article = stopped("format")
    Call.objects.create(article=article, key="format", provider="layout", idempotency_key="k", sends=1)

    assert plan(article).possible_repeats == 1


@pytest.mark.parametrize(
    ("codes", "vain"), [([], 0), (["shortened"], 0), (["shortened"] * 2, 1), (["shortened", "added"], 0)]
)
def test_what_ended_alike_time_after_time_is_said_beforehand(
    stopped: Callable[[str], Article], editor: User, codes: list[str], vain: int
) -> None:
    """It will probably be paid for in vain once more."""
    article = stopped("format")
    article.calls.filter(key="format").delete()
    for generation, code in enumerate(codes, 1):
        call = Call(article=article, key="format", provider="layout", idempotency_key="k", generation=generation)
        call.state, call.answer, call.error = Call.State.CLOSED, {"id": "m"}, Garbled("layout", "no", code=code).saved()
        call.save()

    assert plan(article).vain == vain
    page = text(as_(editor).get(RECOVER, {"ids": article.pk}))
    assert ("1 call was answered in a way that was of no use" in page) is bool(vain)


def test_a_plan_changes_nothing(stopped: Callable[[str], Article]) -> None:
    article = stopped("images")
    tables = [table._default_manager for table in (Article, StageRecord, Call, ImageFile)]
    before = [list(table.order_by("pk").values()) for table in tables]

    plan(article, Options(Stage.ARTICLE, "template"))

    assert [list(table.order_by("pk").values()) for table in tables] == before


def test_what_calls_cost_lately_is_the_estimate(stopped: Callable[[str], Article], settings: Settings) -> None:
    article = stopped("format")
    other = {"article": article, "key": "format", "provider": "Claude", "idempotency_key": "k", "state": "closed"}
    for generation, cost in ((5, "0.10"), (6, "0.20")):
        Call.objects.create(**other, generation=generation, cost=Decimal(cost))

    expected = plan(article).cost
    assert (round(expected.known, 6), expected.unknown) == (Decimal("0.15"), 0)


def test_what_a_model_without_a_price_will_cost_is_not_known(
    stopped: Callable[[str], Article], settings: Settings
) -> None:
    settings.ANTHROPIC_MODEL, settings.REPLICATE_MODEL = "claude-of-our-own", "somebody/pictures"
    article = stopped("images")

    planned = plan(article)

    assert planned.cost == Cost(Decimal(0), 2)
    assert Total([planned]).summary.endswith("2 paid calls, cost not known.")
    settings.GALLEY_PRICES = settings.GALLEY_PRICES.with_own(["somebody/pictures 0.25"])
    assert Total([plan(article)]).summary.endswith("2 paid calls, at least $0.25.")


@pytest.mark.parametrize("name", ["01_raw_article.html", "02_prompts.txt"])
def test_what_an_editor_has_changed_outlives_a_damaged_file(
    stopped: Callable[[str], Article], storage_folder: Path, run: Work, name: str
) -> None:
    article = stopped("upload")
    Article.objects.update(title="My own title")
    article.images.filter(role="hero").update(prompt="My own prompt")
    (storage_folder / article.tree_prefix / name).unlink()

    assert transitions.resume(article, None, plan(article).work)
    article = run(article)

    assert article.status == Article.Status.DONE
    assert article.title == "My own title"
    assert article.images.get(role="hero").prompt == "My own prompt"
    assert article.tree.verify() == []


def test_what_is_asked_anew_replaces_what_an_editor_has_changed(
    stopped: Callable[[str], Article], run: Work, services: Doubles
) -> None:
    article = stopped("upload")
    Article.objects.update(title="My own title")
    article.images.filter(role="hero").update(prompt="My own prompt")

    assert transitions.resume(article, None, plan(article, Options(Stage.ARTICLE)).work)
    article = run(article)

    assert article.title != "My own title"
    assert article.images.get(role="hero").prompt != "My own prompt"


def test_a_draft_that_is_there_already_and_gets_the_new_page_is_said(stopped: Callable[[str], Article]) -> None:
    article = stopped("upload")
    post = {"key": "post", "provider": "WordPress", "idempotency_key": "k", "state": Call.State.DONE, "answer": {}}
    Call.objects.create(article=article, **post)

    assert Total([plan(article)]).drafts_renewed == ""
    said = (
        "1 draft is on the site already and gets the new page. Where somebody has changed it there, Galley asks first."
    )
    assert said in Total([plan(article, Options(Stage.FORMAT))]).summary


# Articles of sections


@pytest.fixture
def of_a_batch(editor: User, run: Work, services: Doubles) -> Callable[..., Article]:
    """An article of three sections with a picture each, of which these are refused."""

    def work(*refused: int) -> Article:
        batch = started(editor, styles=1, sections=3, images_per_section=1)
        for index in refused:
            services.fail("openai", "responses", "refusal", match=f"Write this section: Room {index}")
        article = batch.articles.get()
        Article.objects.filter(pk=article.pk).update(status=Article.Status.QUEUED, queued_at=timezone.now())
        return run(article) if refused else article

    return work


def test_of_an_article_of_sections_only_those_that_are_missing(
    of_a_batch: Callable[..., Article], run: Work, services: Doubles
) -> None:
    article = of_a_batch(2)
    before = len(services.requests())

    planned = plan(article)

    assert planned.work.again == ("1 section", "1 image", "1 formatted page", "1 upload")
    assert planned.calls == ("image:section_2_1", "text:section-2")
    assert Total([planned]).reused == ("2 sections", "3 images")
    assert transitions.resume(article, None, planned.work)
    Article.objects.filter(pk=article.pk).update(status=Article.Status.QUEUED)
    assert run(article).status == Article.Status.DONE
    asked = [request for request in services.requests()[before:] if request.operation in ("responses", "create")]
    assert len(asked) == len(planned.calls), "the promise of the plan is kept"


def test_an_article_of_sections_that_was_never_begun_needs_them_all(of_a_batch: Callable[..., Article]) -> None:
    planned = plan(of_a_batch())

    assert planned.work.again[:2] == ("1 article", "3 sections")
    assert sorted(planned.calls) == [
        *("image:hero", "image:section_1_1", "image:section_2_1", "image:section_3_1"),
        *("text", "text:section-1", "text:section-2", "text:section-3"),
    ]


def test_what_many_articles_lack_is_one_sum(of_a_batch: Callable[..., Article]) -> None:
    article = of_a_batch(1, 3)
    assert article.sections.filter(state=Section.State.FAILED).count() == 2

    assert Total([plan(article), plan(article)]).again[0] == "4 sections"


# The plans for many as one


def _planned(**fields: Any) -> Plan:
    nothing: dict[str, Any] = {"verified": True, "reused": (), "damaged": (), "again": {}, "calls": (), "vain": 0}
    nothing |= {"possible_repeats": 0, "has_draft": False, "cost": Cost(), "seconds": 0, "work": transitions.GOING_ON}
    return Plan(Article(title="A"), **(nothing | fields))


@pytest.mark.parametrize(
    ("codes", "vain"),
    [
        ([], False),
        (["shortened"], False),
        (["shortened", "shortened"], True),
        (["added", "shortened", "shortened"], True),
        (["shortened", "shortened", "added"], False),
        (["shortened", "added", "shortened"], False),
    ],
)
def test_a_call_is_vain_when_its_last_two_answers_were_of_no_use_alike(codes: list[str], vain: bool) -> None:
    assert _is_vain(codes) is vain


@pytest.mark.parametrize(
    ("seconds", "together"), [([], 0), ([100], 100), ([100, 30], 100), ([100, 90, 80], 135), ([200, 10, 10], 200)]
)
def test_workers_share_the_time_but_not_of_one_article(settings: Settings, seconds: list[int], together: int) -> None:
    settings.GALLEY_WORKERS = 2
    assert Total([_planned(seconds=each) for each in seconds]).seconds == together


def test_what_is_planned_for_many_is_told_as_one() -> None:
    one = _planned(
        verified=False,
        reused=("01_raw_article.html", "01_opening.html", "01_section_1.html", "03_hero.jpg", "03_hero_base64.txt"),
        damaged=("04_formatted.html in the backup is not the file that was saved.",),
        again={Stage.FORMAT: 1, Stage.UPLOAD: 1},
        calls=("format",),
        possible_repeats=2,
        vain=1,
        cost=Cost(Decimal("0.25"), 0),
    )
    other = _planned(
        reused=("01_raw_article.html",),
        again={Stage.IMAGES: 2, Stage.UPLOAD: 1},
        calls=("image:hero", "image:section_1"),
        possible_repeats=1,
        vain=3,
        has_draft=True,
        cost=Cost(Decimal("0.05"), 1),
    )
    total = Total([one, other])

    assert (total.calls, total.possible_repeats, total.vain, total.unverified) == (3, 3, 4, 1)
    assert total.cost == Cost(Decimal("0.30"), 1)
    assert total.damaged == [(one.article, one.damaged[0])]
    assert total.summary == (
        "Used again: 2 articles, 1 section, 1 image. Done again: 2 images, 1 formatted page, 2 uploads. "
        "04_formatted.html in the backup is not the file that was saved. 1 draft is on the site already and gets the "
        "new page. Where somebody has changed it there, Galley asks first. 3 paid calls, at least $0.30."
    )
    assert Total([_planned(reused=("02_prompts.txt",), again={Stage.UPLOAD: 1})]).summary == (
        "Used again: 1 set of prompts, all verified. Done again: 1 upload. No paid calls."
    )
    assert Total([_planned(again={Stage.UPLOAD: 1})]).summary == (
        "Used again: what was handed in. Done again: 1 upload. No paid calls."
    )
    assert Total([other, other]).drafts_renewed.startswith("2 drafts are on their sites already and get the new page.")
