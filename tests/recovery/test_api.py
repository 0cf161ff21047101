"""`POST /api/v1/recovery/sweep`: what it does, what it says, and who may ask for it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from articles.models import Article
from articles.pipeline import transitions
from articles.pipeline.sweep import MAX_CRASHES, Swept
from tests.config.test_tokens import with_token_of
from tests.conftest import HandIn
from tests.desk import as_

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
