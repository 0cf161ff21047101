"""Recover in the desk: the plan before the deed, for one article and for many; the problems; the sweep."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from articles.models import Article, Attempt
from articles.providers.errors import Rejected, Then
from publishing.models import Site
from tests.conftest import HandIn
from tests.desk import LIST, RECOVER, as_, deed, move, page_of, stop, text
from tests.doubles.server import Doubles

Work = Callable[[Article], Article]
STOPPED = "/admin/articles/article/stopped/"
SWEEP = "/admin/articles/article/sweep/"


@pytest.fixture
def refused(hand_in: HandIn, run: Work, services: Doubles, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Article]:
    """Makes an article, for real, whose upload is refused."""

    def refuse(_: object) -> None:
        raise Rejected("wordpress:1", "the site sees no text", then=Then.RECOVER, code="empty", thing="the draft")

    def make(**fields: Any) -> Article:
        with monkeypatch.context() as broken:
            broken.setattr("publishing.stage.run", refuse)
            return run(hand_in(idea="night trains", **fields))

    return make


def test_the_plan_is_shown_first_and_opening_it_changes_nothing(
    refused: Callable[..., Article], editor: User, run: Work
) -> None:
    article = refused()
    client = as_(editor)

    for _ in range(2):
        asked = text(client.get(RECOVER, {"ids": article.pk}))
        assert "Used again 1 article, 1 set of prompts, 4 images, 1 formatted page (all verified)" in asked
        assert "Done again 1 upload. About 1 min." in asked
        assert "Paid calls none" in asked
    assert Article.objects.get().status == Article.Status.FAILED

    done = client.post(RECOVER, deed(article), follow=True)

    assert "goes on." in text(done)
    assert run(article).status == Article.Status.DONE


def test_damaged_and_missing_files_are_said_and_made_again(
    refused: Callable[..., Article], editor: User, run: Work, storage_folder: Path
) -> None:
    article = refused()
    for name in ("03_hero.jpg", "03_hero_base64.txt"):
        (storage_folder / article.tree_prefix / name).write_bytes(b"something else")
    client = as_(editor)

    asked = text(client.get(RECOVER, {"ids": article.pk}))

    assert "03_hero.jpg in the backup is not the file that was saved." in asked
    assert "They are made again." in asked
    assert "Done again 1 image, 1 formatted page, 1 upload." in asked
    client.post(RECOVER, deed(article))
    article = run(article)
    assert article.status == Article.Status.DONE
    assert article.tree.verify() == []


def test_what_was_damaged_after_the_question_is_made_again_too(
    refused: Callable[..., Article], editor: User, run: Work, storage_folder: Path
) -> None:
    article = refused()
    as_(editor).post(RECOVER, deed(article))
    (storage_folder / article.tree_prefix / "04_formatted.html").unlink()

    article = run(article)

    assert article.status == Article.Status.DONE
    assert article.tree.verify() == []
    assert article.events.filter(kind="damaged", message__startswith="04_formatted.html").exists()


def test_a_storage_that_is_away_is_said(
    refused: Callable[..., Article], editor: User, storage_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = refused()

    def away(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("backups.storage.django_folder.LocalStorage.open", away)
    asked = text(as_(editor).get(RECOVER, {"ids": article.pk}))

    assert "What is saved there could not be looked at" in asked
    assert "(verified before each goes on)" in asked
    assert "Recover 1 article" in asked


def test_many_are_asked_about_and_the_ids_are_frozen(hand_in: HandIn, editor: User, other_editor: User) -> None:
    mine, moving, foreign = stop(hand_in()), move(hand_in()), stop(hand_in(owner=other_editor))
    client = as_(editor)

    asked = client.post(
        LIST, {"action": "recover_chosen", "_selected_action": [mine.pk, moving.pk, foreign.pk], "index": "0"}
    )

    assert "Recover 1 article" in text(asked)
    assert "1 article that is not yours, or gone; 1 article that is neither stopped nor cancelled." in text(asked)
    frozen = re.search(rb'name="ids" value="([\d,]*)"', asked.content)
    assert frozen
    assert frozen[1].decode() == str(mine.pk)

    later = stop(hand_in())
    done = client.post(RECOVER, deed(mine), follow=True)

    assert "goes on." in text(done)
    assert {mine.pk: "queued", later.pk: "failed"} == dict(
        Article.objects.filter(pk__in=[mine.pk, later.pk]).values_list("pk", "status")
    )


def test_a_problem_is_recovered_whole(hand_in: HandIn, editor: User, other_editor: User) -> None:
    same = [stop(hand_in()) for _ in range(3)]
    stop(hand_in(), code="rights")
    stop(hand_in(owner=other_editor))
    client = as_(editor)

    link = re.search(r'href="([^"]*recover/\?problem=[^"]*)"', client.get(STOPPED).content.decode())
    assert link
    asked = client.get(link[1].replace("&amp;", "&"))

    assert "Recover 3 articles" in text(asked)
    assert "3 articles recovered." in text(client.post(RECOVER, deed(*same), follow=True))
    assert Article.objects.filter(status="queued").count() == 3


def test_the_choice_counts_for_all(hand_in: HandIn, editor: User, run: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(name="Magazine", url="https://magazine.example.org", user="desk")
    site.secret = "x"
    site.save()
    articles = [stop(hand_in()) for _ in range(2)]
    client = as_(editor)
    choice = {"site": str(site.pk), "formatter": "template", "from_stage": "format"}

    client.post(RECOVER, deed(*articles, **choice))

    assert set(Article.objects.values_list("status", "formatter", "site_id")) == {("queued", "template", site.pk)}
    assert set(Attempt.objects.filter(why="recovered").values_list("from_stage", "asked_by")) == {("format", editor.pk)}


def test_a_choice_whose_plan_was_not_seen_is_shown_first(hand_in: HandIn, editor: User) -> None:
    article = stop(hand_in())

    asked = as_(editor).post(RECOVER, deed(article) | {"from_stage": "images"})

    assert "Nothing has begun yet." in text(asked)
    assert "Done again 4 images, 1 formatted page, 1 upload." in text(asked)
    assert Article.objects.get().status == Article.Status.FAILED


@pytest.mark.parametrize("choice", [{"site": "999"}, {"formatter": "<b>"}, {"from_stage": "None"}])
def test_a_choice_that_does_not_exist_does_nothing(hand_in: HandIn, editor: User, choice: dict[str, str]) -> None:
    article = stop(hand_in())

    asked = as_(editor).post(RECOVER, deed(article, **choice))

    assert "not one of the available choices" in text(asked)
    assert Article.objects.get().status == Article.Status.FAILED


def test_two_people_at_once_do_it_once(hand_in: HandIn, editor: User, chief: User) -> None:
    article = stop(hand_in())

    first, second = (as_(user).post(RECOVER, deed(article), follow=True) for user in (editor, chief))

    assert "goes on." in text(first)
    assert "0 articles recovered. 1 article left as it was." in text(second)
    assert Attempt.objects.filter(why="recovered").count() == 1


def test_the_second_click_on_a_link_is_told_how_it_stands(hand_in: HandIn, editor: User) -> None:
    article = move(hand_in())

    said = as_(editor).get(RECOVER, {"ids": article.pk}, follow=True)

    assert "is running by now. There is nothing to recover." in text(said)


def test_what_is_no_number_is_left_out(editor: User) -> None:
    answer = as_(editor).post(RECOVER, {"ids": "1' OR 1=1,²,-3,,x"})

    assert "There is nothing to recover here." in text(answer)


def test_a_group_costs_no_more_queries_than_one(
    hand_in: HandIn, editor: User, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recovery.plan.manifest.damaged", lambda _: {})
    client = as_(editor)
    articles = [stop(hand_in()) for _ in range(50)]
    client.get(RECOVER, {"ids": articles[0].pk})
    with CaptureQueriesContext(connection) as one:
        client.get(RECOVER, {"ids": articles[0].pk})

    with django_assert_num_queries(len(one)):
        asked = client.get(RECOVER, {"ids": ",".join(str(article.pk) for article in articles)})

    assert "Recover 50 articles" in text(asked)


def test_many_are_verified_as_far_as_patience_goes(
    hand_in: HandIn, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    articles = [stop(hand_in()) for _ in range(3)]
    times = iter([0.0, 0.0, 2.0, 4.0])
    monkeypatch.setattr("recovery.plan.time", SimpleNamespace(monotonic=lambda: next(times)))
    monkeypatch.setattr("recovery.plan.manifest.damaged", lambda _: {})
    for article in articles:
        article.records.filter(stage="article").update(file="01_raw_article.html", sha256="a" * 64, bytes=1)

    asked = text(as_(editor).get(RECOVER, {"ids": ",".join(str(article.pk) for article in articles)}))

    assert "Used again 3 articles (1 article not verified yet: each is, before it goes on)" in asked


# The problems


def test_the_problems_say_whether_it_is_one_or_thirty(hand_in: HandIn, editor: User) -> None:
    for _ in range(4):
        stop(hand_in())
    stop(hand_in(), provider="pictures", code="declined", reason="{it} declined the prompt", stage="images")

    seen = text(as_(editor).get(STOPPED))

    assert "5 articles with 2 problems." in seen
    assert "4 articles stopped at Upload: the site did not accept the application password" in seen
    assert "1 article stopped at Images: the picture service declined the prompt." in seen
    assert seen.index("4 articles stopped") < seen.index("1 article stopped")


def test_where_nothing_stopped_it_says_so(editor: User) -> None:
    assert "No article is stopped." in text(as_(editor).get(STOPPED))


def test_interrupted_articles_are_found_by_a_button(hand_in: HandIn, editor: User) -> None:
    client = as_(editor)
    assert "Nothing was interrupted." in text(client.post(SWEEP, follow=True))
    article = move(hand_in())
    Article.objects.filter(pk=article.pk).update(lease_until=timezone.now() - timedelta(seconds=1))

    said = text(client.post(SWEEP, follow=True))

    assert "1 article was found and goes on." in said
    assert "Recover" not in text(client.get(page_of(article))).split("Stages")[0]
