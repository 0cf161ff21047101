"""What a run keeps at every step: one line each of the code behind it, tried by what goes wrong without it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from articles import call_keys
from articles.models import Article, Batch, Call, ImageFile, Stage
from articles.pipeline import transitions
from articles.pipeline.lease import Fenced, found
from articles.pipeline.run import Run
from articles.providers.errors import Rejected, Unreachable
from articles.stages import images
from articles.tree import names
from tests.batches import started
from tests.conftest import HandIn, error_of

Work = Callable[[Article], Article]


class Killed(BaseException):
    """As a kill ends a process: nobody catches it."""


def dies(*_: Any) -> None:
    raise Killed


def test_saved_work_forgets_the_crashes_and_waits_before_it(
    hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = hand_in()
    Article.objects.update(crashes=3, retries=5)
    monkeypatch.setattr("articles.stages.prompts.run", dies)

    with pytest.raises(Killed):
        run(article)

    article.refresh_from_db()
    assert (article.crashes, article.retries) == (1, 0), "this claim may still crash, and has not waited"


def test_what_dies_before_anything_is_saved_counts(hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    article = hand_in()
    Article.objects.update(crashes=2, retries=5)
    monkeypatch.setattr("articles.stages.article.run", dies)

    with pytest.raises(Killed):
        run(article)

    article.refresh_from_db()
    assert (article.crashes, article.retries) == (3, 5)


def test_each_picture_is_in_the_manifest_when_it_is_safe(
    hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    article, draw, drawn = hand_in(formatter="template"), images._drawn, 0

    def draws_two(image: ImageFile) -> Any:
        nonlocal drawn
        drawn += 1
        return draw(image) if drawn < 3 else dies()

    monkeypatch.setattr(images, "_drawn", draws_two)
    with pytest.raises(Killed):
        run(article)

    made = article.tree.manifest()["pipeline_stages"][names.STEPS[Stage.IMAGES]]
    assert (bool(made["hero"]), len(made["sections"])) == (True, 1)


def test_no_manifest_is_written_for_an_article_that_is_not_ours(hand_in: HandIn) -> None:
    article = transitions.claim(hand_in().pk)
    assert article
    run = Run(article)
    run.commit_manifest()
    before = article.tree.manifest()
    transitions.cancel(article, None)
    article.title = "Too late"

    with pytest.raises(Fenced):
        run.commit_manifest()

    assert article.tree.manifest() == before


def test_the_failure_that_passes_weighs_most(hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """One picture was declined, another one may be made in a while: it is, before a person is asked."""
    failures = {
        "hero": Rejected("pictures", "it declined the prompt", code="declined"),
        "section_2": Unreachable("pictures", "it did not answer", code="timeout", lost=False),
        "section_3": Rejected("pictures", "it declined the prompt", code="declined"),
    }

    def begins(making: images._Making, image: ImageFile) -> bool:
        if image.role in failures:
            raise failures[image.role]
        return True

    monkeypatch.setattr(images._Making, "_begin", begins)
    monkeypatch.setattr(images._Making, "_look", lambda *_: False)
    article = transitions.claim(hand_in().pk)
    assert article
    pictures = [ImageFile(article=article, role=role) for role in ("hero", "section_1", "section_2", "section_3")]

    with pytest.raises(Unreachable):
        images._Making(Run(article), None, lambda: None).make(pictures)  # type: ignore[arg-type]  # nobody is asked


@pytest.mark.parametrize(("minutes", "fresh"), [(-1, False), (1, True)])
def test_a_pictures_address_dies(minutes: int, fresh: bool) -> None:
    now = timezone.now()
    image = ImageFile(source_url="https://example.org/a", source_expires_at=now + timedelta(minutes=minutes))
    assert image.url_is_fresh(now) is fresh


def test_a_picture_that_is_made_again_is_uploaded_again(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    for key in (call_keys.image("hero"), call_keys.media("hero"), call_keys.media("section_1")):
        Call.objects.create(article=article, key=key, provider="x", state=Call.State.DONE, answer={})
    transitions.cancel(article, editor)

    assert transitions.resume(article, editor, transitions.Work(images=frozenset({"hero"})))

    states = dict(article.calls.values_list("key", "state"))
    assert states == {
        call_keys.image("hero"): Call.State.CLOSED,
        call_keys.media("hero"): Call.State.CLOSED,
        call_keys.media("section_1"): Call.State.DONE,
    }


def test_a_recovery_that_comes_too_late_leaves_the_batch_alone(editor: User, settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"
    batch = started(editor)
    article = batch.articles.all()[0]
    Article.objects.update(status=Article.Status.DONE, ended_at=timezone.now())
    Batch.objects.update(state=Batch.State.DONE, ended_at=timezone.now())
    before = Batch.objects.values().get()

    assert not transitions.resume(article, editor)

    assert Batch.objects.values().get() == before


FOUND_OTHERWISE: list[dict[str, Any]] = [  # what changed between a look at the rows and the deed
    {"attempt": 7},
    {"status": Article.Status.QUEUED},
    {"crashes": 3},
    {"lease_owner": "another"},
    {"lease_until": timezone.now() + timedelta(days=1)},
    {"next_at": timezone.now()},
    {"queued_at": timezone.now()},
]


@pytest.mark.parametrize("change", FOUND_OTHERWISE, ids=[next(iter(change)) for change in FOUND_OTHERWISE])
def test_what_has_changed_since_it_was_judged_is_left_alone(hand_in: HandIn, change: dict[str, Any]) -> None:
    article = transitions.claim(hand_in().pk)
    assert article
    (judged,) = found(pk=article.pk)
    Article.objects.filter(pk=article.pk).update(**change)
    before = Article.objects.values().get()

    assert transitions.interrupt(judged) is None
    assert transitions.give_up(judged, Unreachable("galley", "it died", code="crashes")) is None
    assert Article.objects.values().get() == before
    assert error_of(article) == {}
