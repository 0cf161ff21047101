"""The sweep and Recover in the API: what they do, what they say, and who may ask for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from articles.models import Article
from articles.pipeline import transitions
from articles.pipeline.sweep import MAX_CRASHES, Swept
from recovery.plan import Plan, plans
from tests.config.test_tokens import with_token_of
from tests.conftest import HandIn
from tests.desk import as_, move, stop

SWEEP = "/api/v1/recovery/sweep"
ZEROS = {"articles_found": 0, "stages_reset": 0, "tasks_restarted": 0}


def interrupt(article: Article) -> None:
    """As if its worker had died."""
    transitions.claim(article.pk)
    Article.objects.filter(pk=article.pk).update(lease_until=timezone.now(), lease_owner="elsewhere|1|1")


def test_with_nothing_to_do_zeros(editor: User) -> None:
    answer = as_(editor).post(SWEEP)

    assert answer.status_code == 200
    assert answer.json() == {"message": "Nothing was interrupted.", "stats": ZEROS}


def test_what_was_interrupted_goes_on(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    interrupt(article)

    answer = as_(editor).post(SWEEP).json()

    stats = {"articles_found": 1, "stages_reset": 0, "tasks_restarted": 1}
    assert answer == {"message": "1 article was found and goes on.", "stats": stats}
    article.refresh_from_db()
    assert article.status == Article.Status.QUEUED
    assert as_(editor).post(SWEEP).json()["stats"] == ZEROS


def test_one_that_died_too_often_is_found_and_stopped(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    interrupt(article)
    Article.objects.update(crashes=MAX_CRASHES + 1)

    answer = as_(editor).post(SWEEP).json()

    assert answer["stats"]["tasks_restarted"] == 0
    assert answer["message"] == "1 article was found and was stopped: see why in the desk."


@pytest.mark.parametrize(
    ("found", "restarted", "sentence"),
    [
        (2, 2, "2 articles were found and go on."),
        (2, 0, "2 articles were found and were stopped: see why in the desk."),
        (3, 1, "3 articles were found: 1 goes on, 2 were stopped."),
        (3, 2, "3 articles were found: 2 go on, 1 was stopped."),
    ],
)
def test_its_sentence(found: int, restarted: int, sentence: str) -> None:
    assert Swept(articles_found=found, tasks_restarted=restarted).sentence == sentence


def test_a_token_needs_no_csrf_token_and_a_session_does(editor: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(SWEEP, headers=with_token_of(editor)).status_code == 200

    strict.force_login(editor, backend="django.contrib.auth.backends.ModelBackend")
    refused = strict.post(SWEEP)
    assert refused.status_code == 403
    assert "CSRF token is missing" in refused.json()["message"]

    strict.get("/admin/")  # as a page of the desk would, it brings the cookie
    token = strict.cookies["csrftoken"].value
    assert strict.post(SWEEP, headers={"X-CSRFToken": token}).status_code == 200
    assert strict.post(SWEEP, {"csrfmiddlewaretoken": token}).status_code == 200
    form = "application/x-www-form-urlencoded"
    assert strict.post(SWEEP, f"csrfmiddlewaretoken={token}", content_type=form).status_code == 200
    assert strict.post(SWEEP, headers={"X-CSRFToken": "x" * 32}).status_code == 403


def test_a_wrong_token_is_not_saved_by_a_session(editor: User) -> None:
    client = as_(editor)

    assert client.post(SWEEP, headers={"Authorization": "Bearer galley_wrong"}).status_code == 401


def test_it_is_asked_by_post_alone(editor: User) -> None:
    answer = as_(editor).get(SWEEP)

    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert answer.json()["message"] == "This address cannot be asked in this way."


@pytest.mark.parametrize(
    ("body", "status"),
    [("", 200), ("{}", 200), ('{"article": 5}', 422), ("[]", 422), ('"all"', 422), ("{", 400), ("\x00", 400)],
)
def test_it_is_told_nothing(body: str, status: int, editor: User) -> None:
    answer = as_(editor).post(SWEEP, body, content_type="application/json")

    assert answer.status_code == status
    if status == 422:
        assert "body" in answer.json()["message"]


def test_it_is_for_people_at_the_desk(db: None) -> None:
    reader = User.objects.create_user("reader", password="a long password")

    for client in (as_(reader), Client(headers=with_token_of(reader))):
        answer = client.post(SWEEP)
        assert answer.status_code == 403
        assert answer.json()["message"] == "This is for people who work at the desk."
    assert Client().post(SWEEP).status_code == 401


# Recover


def recover(program: dict[str, str], body: dict[str, Any], article: Article | None = None) -> Any:
    path = f"/api/v1/articles/{article.pk}/recover" if article else "/api/v1/articles/recover"
    return Client().post(path, json.dumps(body), content_type="application/json", headers=program)


def test_a_dry_run_tells_the_plan_and_does_nothing(hand_in: HandIn, editor: User) -> None:
    article = stop(hand_in())

    answer = recover(with_token_of(editor), {"dry_run": True}, article)

    said = answer.json()
    assert answer.status_code == 200
    assert (said["recovered"], said["left"], said["done_again"]) == ([article.pk], [], ["1 upload"])
    assert (said["paid_calls"], said["unverified"]) == (0, 0)
    assert said["message"].endswith("No paid calls.")
    article.refresh_from_db()
    assert article.status == Article.Status.FAILED


def test_one_goes_on_and_again_is_refused(hand_in: HandIn, editor: User) -> None:
    article, program = stop(hand_in()), with_token_of(editor)

    answer = recover(program, {"formatter": "template"}, article)

    assert (answer.status_code, answer.json()["message"]) == (202, "1 recovered.")
    article.refresh_from_db()
    assert (article.status, article.formatter) == ("queued", "template")
    assert article.attempts.get(why="recovered").asked_by == editor
    again = recover(program, {}, article)
    assert (again.status_code, again.json()["message"]) == (409, "It is queued: there is nothing to recover.")


def test_many_go_on_and_the_others_are_named(hand_in: HandIn, editor: User, other_editor: User) -> None:
    first, second, moving = stop(hand_in()), stop(hand_in()), move(hand_in())
    foreign = stop(hand_in(owner=other_editor))
    asked = {"ids": [first.pk, second.pk, moving.pk, foreign.pk]}
    left = [
        {"id": moving.pk, "why": "It is running: there is nothing to recover."},
        {"id": foreign.pk, "why": "It is not here, or belongs to somebody else."},
    ]

    planned = recover(with_token_of(editor), {**asked, "dry_run": True}).json()
    assert (planned["recovered"], planned["left"]) == ([first.pk, second.pk], left)
    assert planned["done_again"] == ["2 uploads"]
    done = recover(with_token_of(editor), asked)

    assert done.status_code == 202
    assert (done.json()["recovered"], done.json()["left"]) == ([first.pk, second.pk], left)
    assert done.json()["message"] == "2 recovered. 2 left as they were."
    states = dict(Article.objects.values_list("pk", "status"))
    assert [states[each.pk] for each in (first, second, moving, foreign)] == ["queued", "queued", "running", "failed"]


def test_of_two_at_once_the_second_is_told(hand_in: HandIn, editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    article = stop(hand_in())

    def somebody_is_quicker(articles: list[Article], *said: Any, **more: Any) -> list[Plan]:
        made = plans(articles, *said, **more)
        transitions.resume(article, None)
        return made

    monkeypatch.setattr("recovery.api.plans", somebody_is_quicker)
    answer = recover(with_token_of(editor), {}, article)
    assert (answer.status_code, answer.json()["message"]) == (409, "It is queued: there is nothing to recover.")


def test_a_storage_that_is_silent_leaves_the_rows_to_speak(
    hand_in: HandIn, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("recovery.plan.manifest.damaged", silent)
    said = recover(with_token_of(editor), {"dry_run": True}, stop(hand_in())).json()
    assert (said["unverified"], said["done_again"]) == (1, ["1 upload"])


@pytest.mark.parametrize(
    "body", [{"from_stage": "lunch"}, {"formatter": "pigeon"}, {"site_id": "999999"}, {"dry_run": "yes"}, {"ids": []}]
)
def test_a_recovery_that_makes_no_sense_is_refused(hand_in: HandIn, editor: User, body: dict[str, Any]) -> None:
    article = stop(hand_in())
    assert recover(with_token_of(editor), body, article).status_code == 422
    assert recover(with_token_of(editor), {"ids": [article.pk], **body}).status_code == 422
    article.refresh_from_db()
    assert article.status == Article.Status.FAILED


def test_another_persons_article_is_not_recovered(hand_in: HandIn, other_editor: User) -> None:
    article = stop(hand_in())
    assert recover(with_token_of(other_editor), {}, article).status_code == 404
    reader = User.objects.create_user("reader", is_staff=True)
    assert recover(with_token_of(reader), {}, article).status_code == 403
    assert recover(with_token_of(reader), {"ids": [article.pk]}).status_code == 403
