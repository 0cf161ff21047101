"""`/api/v1/batches`: the list, how one stands, and the buttons; what changes as it happens is in test_live.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from articles.batches import control
from articles.models import Article, Batch, Section
from articles.pipeline import repair, transitions
from articles.pipeline.run import Run
from tests.articles.batches.grid import batch_of, end, mark, write
from tests.config.test_tokens import with_token_of
from tests.desk import as_

LIST = "/api/v1/batches"


def url(batch: Batch | int, what: str = "progress", query: str = "") -> str:
    return f"{LIST}/{batch if isinstance(batch, int) else batch.pk}/{what}{query}"


def progress(user: User, batch: Batch, since: int = 0) -> dict[str, Any]:
    answer = as_(user).get(url(batch, query=f"?since={since}"))
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def batch(editor: User) -> Batch:
    """Three articles of four sections each, running."""
    return batch_of(editor)


@pytest.fixture
def first(batch: Batch) -> Article:
    """Its first article, which somebody works on."""
    article = batch.articles.earliest("pk")
    write(article)
    return article


# How one stands


def test_one_that_has_just_begun(batch: Batch, editor: User) -> None:
    said = progress(editor, batch)

    assert (said["id"], said["name"], said["state"], said["state_words"]) == (batch.pk, "Rooms", "running", "Running")
    assert (said["reason"], said["slowed"], said["revision"]) == ("", "", 1)
    assert said["sections"] == {"total": 12, "done": 0, "running": 0, "waiting": 12, "missing": 0}
    assert said["articles"] == {"complete": 0, "partial": 0, "basic": 0, "failed": 0, "waiting": 3}
    assert (said["per_minute"], said["left_seconds"], said["spent"], said["budget"]) == (0.0, None, "0.00", None)
    assert len(said["cells"]) == 12
    assert {state for _, _, state in said["cells"]} == {"waiting"}


def test_whoever_asks_again_is_told_what_has_changed_since(batch: Batch, first: Article, editor: User) -> None:
    mark(first.pk, 1, Section.State.DONE)
    mark(first.pk, 2, Section.State.FAILED)
    mark(first.pk, 3, Section.State.RUNNING)

    said = progress(editor, batch, since=2)

    assert said["revision"] == 4
    assert said["cells"] == [[first.pk, 2, "missing"], [first.pk, 3, "running"]]
    assert said["sections"] == {"total": 12, "done": 1, "running": 1, "waiting": 9, "missing": 1}
    assert said["articles"]["partial"] == 1
    assert progress(editor, batch, since=4)["cells"] == []
    # A revision that is still to come was seen before the database was restored from a backup.
    assert len(progress(editor, batch, since=99)["cells"]) == 12


def test_a_section_whose_worker_died_waits_whatever_its_row_says(batch: Batch, first: Article, editor: User) -> None:
    mark(first.pk, 1, Section.State.RUNNING)
    seen = progress(editor, batch)
    assert [cell for cell in seen["cells"] if cell[2] == "running"] == [[first.pk, 1, "running"]]

    Article.objects.filter(pk=first.pk).update(status=Article.Status.QUEUED, queued_at=timezone.now())

    said = progress(editor, batch, since=seen["revision"])
    assert said["cells"] == [[first.pk, 1, "waiting"]]
    assert (said["sections"]["running"], said["sections"]["waiting"]) == (0, 12)


def test_a_section_in_hand_of_an_article_that_is_cancelled_waits(batch: Batch, first: Article, editor: User) -> None:
    mark(first.pk, 1, Section.State.RUNNING)
    seen = progress(editor, batch)["revision"]

    transitions.cancel(first, editor)

    said = progress(editor, batch, since=seen)
    assert said["cells"] == [[first.pk, 1, "waiting"]]
    assert said["sections"]["running"] == 0


def test_a_section_that_is_opened_again_for_a_damaged_file_is_told(
    batch: Batch, first: Article, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(first.pk, 1, Section.State.FAILED)
    first.records.filter(stage="article").update(state="done", file="01_raw_article.html")
    monkeypatch.setattr("articles.tree.manifest.damaged", lambda _: {"01_raw_article.html": "It is gone."})
    seen = progress(editor, batch)["revision"]

    repair.mend(Run(Article.objects.get(pk=first.pk)))

    assert [first.pk, 1, "waiting"] in progress(editor, batch, since=seen)["cells"]


def test_rate_rest_cost_and_budget(batch: Batch, first: Article, editor: User) -> None:
    Batch.objects.update(started_at=timezone.now() - timedelta(minutes=2), budget="110", spent="61.2")
    for index in (1, 2, 3, 4):
        mark(first.pk, index, Section.State.DONE)

    said = progress(editor, batch)

    assert said["per_minute"] == 2.0
    assert 235 < said["left_seconds"] < 245
    assert (said["spent"], said["budget"]) == ("61.20", "110.00")
    assert (said["sections_words"], said["per_minute_words"]) == ("4 of 12", "2.0 per min")
    assert (said["left_words"], said["spent_words"]) == ("about 4 min left", "$61.20 of $110.00")
    assert said["summary_words"] == "4 of 12 sections, about 4 min left"
    # One that rests has no rest to wait for.
    control.pause(batch, editor)
    said = progress(editor, batch)
    assert (said["state"], said["left_seconds"], said["reason"]) == ("paused", None, "ada paused it.")
    assert (said["per_minute_words"], said["left_words"], said["summary_words"]) == ("", "", "4 of 12 sections")


def test_its_price_does_not_grow(editor: User) -> None:
    small, large = batch_of(editor, 1, 1), batch_of(editor, 30, 24, name="Houses")
    client = as_(editor)

    def price(batch: Batch) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url(batch)).status_code == 200
        return len(queries)

    # Session, user, and their rights (2), whether it is theirs; and nine for the batch.
    assert price(small) == price(large) == 14


# The list


def test_the_list_goes_on_where_a_page_ends(editor: User, other_editor: User) -> None:
    mine = [batch_of(editor, 1, 2, name=f"Batch {n}") for n in range(3)]
    batch_of(other_editor, name="Not yours")
    article = mine[2].articles.get()
    mark(article.pk, 1, Section.State.DONE)
    mark(article.pk, 2, Section.State.FAILED)
    client = as_(editor)

    page = client.get(f"{LIST}?limit=2").json()

    assert [line["name"] for line in page["batches"]] == ["Batch 2", "Batch 1"]
    assert page["batches"][0] == {
        "id": mine[2].pk,
        "name": "Batch 2",
        "owner": "ada",
        "state": "running",
        "state_words": "Running",
        "reason": "",
        "articles": 1,
        "sections": 2,
        "done": 1,
        "missing": 1,
    }
    page = client.get(f"{LIST}?limit=2&before={page['before']}").json()
    assert [line["name"] for line in page["batches"]] == ["Batch 0"]
    assert page["before"] is None
    with CaptureQueriesContext(connection) as queries:
        client.get(LIST)
    assert len(queries) == 6  # session, user, rights (2); the batches, their sections


# The buttons


def test_pause_resume_and_cancel(batch: Batch, editor: User) -> None:
    client = as_(editor)

    def press(deed: str) -> tuple[int, dict[str, str]]:
        answer = client.post(url(batch, deed))
        return answer.status_code, answer.json()

    assert press("pause") == (200, {"message": "Paused. What is in hand is finished.", "state": "paused"})
    assert press("pause")[1]["message"] == "It is not running, so it cannot be paused."
    assert press("resume") == (200, {"message": "It goes on.", "state": "running"})
    assert press("resume")[0] == 409
    assert press("cancel") == (200, {"message": "Cancelled. What is saved stays.", "state": "cancelled"})
    assert press("cancel")[1]["message"] == "It has ended already."


def test_start_makes_what_is_missing(editor: User, settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"
    batch = Batch.objects.create(
        owner=editor, name="Rooms", key="rooms", brief="{section}", styles="A\nB", sections="x"
    )

    answer = as_(editor).post(url(batch, "start"))

    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "message": "Started: 2 articles, 2 sections to write.",
        "state": "running",
        "assumed": [],
    }
    assert Section.objects.filter(batch=batch).count() == 2


def test_what_a_start_has_taken_for_granted_is_said(editor: User, settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"
    batch = Batch.objects.create(
        owner=editor, name="Rooms", key="rooms", brief="{section}", styles="A\nB", sections="id;section\n1;x\n2;y"
    )

    started = as_(editor).post(url(batch, "start")).json()

    assert started["assumed"] == [{"list": "sections", "words": "The sections stand in column 2, “section”."}]


def test_lines_that_cannot_be_used_stop_a_start_until_they_are_left_out(editor: User, settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"
    batch = Batch.objects.create(owner=editor, name="Rooms", key="rooms", brief="x", styles="A\nA", sections="x")
    client = as_(editor)

    refused = client.post(url(batch, "start"))
    assert refused.status_code == 409
    assert refused.json()["message"].startswith(
        "1 line cannot be used: styles, line 2: The same style stands in line 1"
    )
    assert not Article.objects.exists()

    started = client.post(url(batch, "start"), {"without_bad_lines": True}, content_type="application/json")
    assert (started.status_code, Article.objects.count()) == (200, 1)


def test_what_keeps_a_batch_from_starting_is_said(editor: User) -> None:
    batch = Batch.objects.create(owner=editor, name="Rooms", key="rooms", brief="{roof}", styles="A", sections="x")

    answer = as_(editor).post(url(batch, "start"))

    assert answer.status_code == 409
    assert "The brief has {roof}, and no column is called so." in answer.json()["message"]
    assert "No text service is set up here." in answer.json()["message"]


# Who, and what is not understood


def test_only_those_may_ask_who_may_touch_it(batch: Batch, editor: User, other_editor: User, chief: User) -> None:
    for what in ("progress", "events"):
        foreign, gone = as_(other_editor).get(url(batch, what)), as_(other_editor).get(url(batch.pk + 99, what))
        assert (foreign.status_code, gone.status_code) == (404, 404)
        assert foreign.content == gone.content
        assert Client().get(url(batch, what)).status_code == 401
    for deed in ("start", "pause", "resume", "cancel"):
        assert as_(other_editor).post(url(batch, deed)).status_code == 404
    assert as_(chief).get(url(batch)).status_code == 200
    assert Client().get(url(batch), headers=with_token_of(editor)).status_code == 200
    assert as_(chief).post(url(batch, "pause")).status_code == 200


def test_rights_that_are_taken_away_end_here_too(batch: Batch, editor: User) -> None:
    client = as_(editor)
    editor.groups.clear()

    answers = [client.get(LIST), client.get(url(batch)), client.get(url(batch, "events"))]
    answers += [client.post(url(batch, deed)) for deed in ("start", "pause", "resume", "cancel")]
    for answer in answers:
        assert answer.status_code == 403
        assert answer.json()["message"] == "This is not yours to do."


def test_a_change_needs_the_csrf_token_of_a_session(batch: Batch, editor: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(editor, backend="django.contrib.auth.backends.ModelBackend")

    assert strict.post(url(batch, "pause")).status_code == 403
    assert Client(enforce_csrf_checks=True).post(url(batch, "pause"), headers=with_token_of(editor)).status_code == 200


def test_a_server_without_events_says_so_at_once(batch: Batch, editor: User) -> None:
    """Under WSGI a stream would hold a whole worker. A browser that gets no 200 does not ask again, and polls."""
    answer = as_(editor).get(url(batch, "events"))

    assert answer.status_code == 406
    said = answer.json()["message"]
    assert said == "This server cannot send events, it runs under WSGI. Ask for …/progress now and then."


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("{}/progress?since=x", "since"),
        ("{}/progress?since=-1", "since"),
        ("{}/events?since=99999999999999999999", "since"),
        ("{}/events?after=5", "after"),
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?page=2", "page"),
    ],
)
def test_what_is_wrong_is_named(path: str, name: str, batch: Batch, editor: User) -> None:
    answer = as_(editor).get(LIST + path.replace("{}", f"/{batch.pk}"))

    assert answer.status_code == 422
    assert f"“{name}” in the query" in answer.json()["message"]


@pytest.mark.parametrize("body", ['{"without_bad_lines": "yes"}', '{"wait": true}', "[]"])
def test_a_start_is_told_nothing_else(body: str, batch: Batch, editor: User) -> None:
    answer = as_(editor).post(url(batch, "start"), body, content_type="application/json")

    assert answer.status_code == 422


def test_one_that_has_ended_says_so(batch: Batch, editor: User) -> None:
    end(batch)

    said = progress(editor, batch)
    assert (said["state"], said["state_words"], said["revision"]) == ("done", "Done", 2)
