"""Articles in the API: handed in through the desk's own form, once a key; listed, read and cancelled by rights."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, ArticleKey, Event, ImageFile
from config.housekeeping import remove_what_ended
from tests.config.test_tokens import with_token_of
from tests.conftest import MANUSCRIPT, HandIn
from tests.desk import as_, move, stop
from tests.journeys.installation import Installation
from tests.publishing.conftest import new_site
from tests.services import postgres

ARTICLES = "/api/v1/articles"
UNCLEAR = "Ærø\n\nTil øen.".encode("cp850")


def ask(program: dict[str, str], body: dict[str, Any], path: str = "", key: str = "") -> Any:
    headers = {**program, **({"Idempotency-Key": key} if key else {})}
    return Client().post(f"{ARTICLES}{path}", json.dumps(body), content_type="application/json", headers=headers)


def read(program: dict[str, str], path: str = "", status: int = 200) -> Any:
    answer = Client().get(f"{ARTICLES}{path}", headers=program)
    assert answer.status_code == status, answer.content
    return answer.json()


def as_file(content: bytes, name: str = "ferry.txt", **more: str) -> dict[str, Any]:
    return {"file": {"name": name, "content": base64.b64encode(content).decode(), **more}}


# Handing in


def test_a_manuscript_is_handed_in_as_in_the_desk(editor: User) -> None:
    site, later = new_site("https://magazine.example.org"), timezone.now() + timedelta(days=1)
    body = {
        "manuscript": MANUSCRIPT, "site_id": str(site.pk), "formatter": "template", "brand_primary": "#102030",
        "scheduled_at": later.isoformat(),
    }  # fmt: skip

    answer = ask(with_token_of(editor), body)

    article, said = Article.objects.get(), answer.json()
    assert answer.status_code == 202
    assert answer["Location"] == f"{ARTICLES}/{article.pk}"
    assert (article.owner, article.site, article.formatter) == (editor, site, "template")
    assert article.manuscript == MANUSCRIPT.strip()
    assert (article.brand_primary, article.scheduled_at, article.status) == ("#102030", later, "waiting")
    assert (said["id"], said["title"], said["site_id"], said["site"]) == (
        article.pk,
        "Tariffs and AI",
        str(site.pk),
        "Magazine",
    )
    assert said["actions"] == ["recover", "cancel"]
    assert read(with_token_of(editor), f"/{article.pk}") == said


def test_an_idea_needs_a_text_service(editor: User, settings: Settings) -> None:
    program = with_token_of(editor)
    settings.OPENAI_API_KEY = ""
    refused = ask(program, {"idea": "Night trains"})
    assert (refused.status_code, refused["Content-Type"]) == (422, "application/problem+json")
    assert [each["field"] for each in refused.json()["errors"]] == ["body.idea"]

    settings.OPENAI_API_KEY = "sk-test"
    taken = ask(program, {"idea": "Night trains", "is_long": True, "style": "calm"}).json()
    assert (taken["idea"], taken["is_long"], taken["style"]) == ("Night trains", True, "calm")


def test_a_file_that_does_not_say_how_it_reads_is_asked_about(editor: User) -> None:
    program = with_token_of(editor)

    asked = ask(program, as_file(UNCLEAR))

    said = asked.json()
    assert (asked.status_code, said["errors"][0]["field"]) == (422, "body.file.encoding")
    assert {"encoding": "cp850", "words": "Western European (DOS, 850)", "first_lines": ["Ærø", "Til øen."]} in said[
        "readings"
    ]
    assert not Article.objects.exists()
    assert ask(program, as_file(UNCLEAR, encoding="klingon")).status_code == 422

    taken = ask(program, as_file(UNCLEAR, encoding="cp850"))

    article = Article.objects.get()
    assert taken.status_code == 202
    assert (article.manuscript, article.manuscript_name) == ("Ærø\n\nTil øen.", "ferry.txt")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"manuscript": "Words.", **as_file(b"Words.")}, "body"),
        ({"manuscript": "<p> </p>"}, "body.manuscript"),
        ({"manuscript": "Words.", "is_long": True}, "body.is_long"),
        ({"manuscript": "Words.", "site_id": "999999"}, "body.site_id"),
        ({"manuscript": "Words.", "brand_accent": "red"}, "body.brand_accent"),
        ({"manuscript": "Words.", "formatter": "pigeon"}, "body.formatter"),
        ({"manuscript": "Words.", "scheduled_at": "2020-01-01T00:00:00Z"}, "body.scheduled_at"),
        ({"manuscript": "Words.", "scheduled_at": "2027-01-01T00:00:00"}, "body.scheduled_at"),
        ({"manuscript": "Words.", "owner": "ben"}, "body.owner"),
        ({"manuscript": 5}, "body.manuscript"),
        (as_file(b"%PDF-1.7", "a.pdf"), "body.file"),
        (as_file(b"PK\x03\x04 no archive", "a.docx"), "body.file"),
        ({"file": {"name": "a.md", "content": "no base64!"}}, None),
        ({"manuscript": "x" * (5 * 1024 * 1024 + 1)}, "body.manuscript"),
    ],
)
def test_what_makes_no_sense_is_refused(editor: User, body: dict[str, Any], field: str | None) -> None:
    answer = ask(with_token_of(editor), body)
    assert answer.status_code == 422, answer.content
    assert [each["field"] for each in answer.json()["errors"]] == ([field] if field else [])
    assert not Article.objects.exists()


def test_a_file_of_five_megabytes_has_room(editor: User, settings: Settings) -> None:
    settings.MANUSCRIPT_BYTES = 5 * 1024 * 1024
    whole = (b"Words of a long text. " * 240_000)[: settings.MANUSCRIPT_BYTES]
    assert ask(with_token_of(editor), as_file(whole, "a.txt")).status_code == 202


def test_who_may_not_write_articles_hands_none_in(editor: User) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_article"))
    assert ask(with_token_of(reader), {"manuscript": "Words."}).status_code == 403
    assert not Article.objects.exists()


# Once


def test_asking_twice_is_asking_once(editor: User, chief: User) -> None:
    program = with_token_of(editor)
    first, again = (ask(program, {"manuscript": "Words."}, key="k-1") for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert ask(program, {"manuscript": "Other words."}, key="k-1").status_code == 422, "another request"
    assert ask(with_token_of(chief), {"manuscript": "Words."}, key="k-1").status_code == 202, "hers is another key"
    assert Article.objects.count() == 2

    ArticleKey.objects.update(at=timezone.now() - timedelta(days=1, minutes=1))
    assert ask(program, {"manuscript": "Words."}, key="k-1").status_code == 202, "it counts for a day"
    ArticleKey.objects.update(at=timezone.now() - timedelta(days=1, minutes=1))
    remove_what_ended(timezone.now())
    assert not ArticleKey.objects.exists()


def test_of_two_that_both_found_no_key_one_makes_the_article(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    program, before = with_token_of(editor), ArticleKey.before.__func__  # type: ignore[attr-defined]
    first = ask(program, {"manuscript": "Words."}, key="k-1")
    looks = iter([lambda *_: None])  # as if the first had not written its row yet when the second looked
    monkeypatch.setattr(ArticleKey, "before", classmethod(lambda *said: next(looks, before)(*said)))

    second = ask(program, {"manuscript": "Words."}, key="k-1")

    assert second.status_code == 200
    assert second.json()["id"] == first.json()["id"]
    assert Article.objects.count() == 1


PROGRAM = """
import json
from articles.models import Article
from django.contrib.auth.models import User
from django.test import Client
User.objects.update(is_staff=True, is_superuser=True)
ada = User.objects.get(username="ada")
said = json.dumps({"manuscript": "Words."})
for n in range(3):
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    headers = {"Idempotency-Key": f"k-{n}"}
    answer = client.post("/api/v1/articles", said, content_type="application/json", headers=headers)
    print("=>", answer.status_code, answer.json()["id"], Article.objects.count())
"""


@pytest.mark.dealt(3)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_programs_at_once_make_one_article_a_key(database: str, tmp_path: Path) -> None:
    """Two processes, the same three keys each."""
    with ExitStack() as stack:
        desk = Installation(tmp_path / "desk")
        desk.folder.mkdir()
        if database == "postgres":
            if reason := postgres.available():
                pytest.skip(reason)
            desk.settings["DATABASE_URL"] = stack.enter_context(postgres.postgres(tmp_path))
        desk.prepare()
        with ThreadPoolExecutor(2) as team:
            found = list(team.map(lambda _: desk.manage("shell", "--verbosity", "0", "-c", PROGRAM).stdout, range(2)))

    answers = [line.split()[1:] for said in found for line in said.splitlines() if line.startswith("=>")]
    made = sorted(pk for status, pk, _ in answers if status == "202")
    assert len(set(made)) == len(made) == 3, "one of the two has made each"
    assert sorted(pk for status, pk, _ in answers if status == "200") == made
    assert max(int(number) for _, _, number in answers) == 3


# Reading


def ids(said: dict[str, Any]) -> list[int]:
    return [each["id"] for each in said["articles"]]


def test_the_list_is_whole_and_in_one_order_while_new_ones_arrive(editor: User, hand_in: HandIn) -> None:
    moment, program = timezone.now(), with_token_of(editor)
    made = [hand_in() for _ in range(5)]
    Article.objects.filter(pk__in=[each.pk for each in made[1:4]]).update(created_at=moment)  # of one moment
    order = [each.pk for each in Article.objects.order_by("-created_at", "-pk")]

    page = read(program, "?limit=2")
    assert (page["count"], page["more"]) == (5, False)
    hand_in()
    found = ids(page)
    while page["cursor"]:
        page = read(program, f"?limit=2&cursor={page['cursor']}")
        found += ids(page)
    assert found == order


def test_the_list_is_filtered(editor: User, chief: User, hand_in: HandIn) -> None:
    site = new_site("https://magazine.example.org")
    stopped, moving, of_chief = stop(hand_in(site=site)), move(hand_in()), hand_in(owner=chief)
    Article.objects.filter(pk=of_chief.pk).update(created_at=timezone.now() - timedelta(days=3), title="Old mills")
    day_ago = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    program = with_token_of(chief)

    assert ids(read(program)) == [moving.pk, stopped.pk, of_chief.pk]
    assert ids(read(program, "?status=failed")) == [stopped.pk]
    assert ids(read(program, "?owner=chief")) == [of_chief.pk]
    assert ids(read(program, f"?site={site.pk}")) == [stopped.pk]
    assert ids(read(program, f"?from={day_ago}")) == [moving.pk, stopped.pk]
    assert ids(read(program, f"?to={day_ago}")) == [of_chief.pk]
    assert ids(read(program, "?text=mills")) == [of_chief.pk]
    assert ids(read(program, "?batch=1")) == []
    one = read(program, "?status=failed")["articles"][0]
    assert (one["problem"], one["actions"]) == ("WordPress refused the login", ["recover", "cancel"])
    for wrong in ("?status=gone", "?limit=101", "?limit=0", "?cursor=x", "?from=2026-01-01", "?owned=me"):
        read(program, wrong, 422)


def test_its_price_does_not_grow(editor: User, hand_in: HandIn) -> None:
    client = as_(editor)

    def price() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"{ARTICLES}?limit=100").status_code == 200
        return len(queries)

    stop(hand_in())
    small = price()
    for _ in range(4):
        ImageFile.objects.create(article=stop(hand_in()), role="hero", prompt="Ships", aspect="16:9")
    assert price() == small


def test_only_ones_own_are_there(editor: User, other_editor: User, chief: User, hand_in: HandIn) -> None:
    article, other = hand_in(), with_token_of(other_editor)

    assert read(other)["articles"] == []
    assert read(other)["count"] == 0
    read(other, f"/{article.pk}", 404)
    assert ask(other, {}, f"/{article.pk}/cancel").status_code == 404
    assert ask(other, {"ids": [article.pk]}, "/cancel").json()["cancelled"] == []
    assert Article.objects.get().status == "queued"
    assert ids(read(with_token_of(chief))) == [article.pk]


# Cancelling


def test_one_is_cancelled_and_again_is_the_same(
    editor: User, hand_in: HandIn, run: Callable[[Article], Article]
) -> None:
    article, program = hand_in(), with_token_of(editor)

    for _ in range(2):
        answer = ask(program, {}, f"/{article.pk}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert Event.objects.filter(article=article, kind="cancelled").count() == 1

    done = run(hand_in())
    refused = ask(program, {}, f"/{done.pk}/cancel")
    assert refused.status_code == 409
    assert "is done: there is nothing to cancel" in refused.json()["message"]


def test_many_are_cancelled_and_the_others_named(
    editor: User, other_editor: User, hand_in: HandIn, run: Callable[[Article], Article]
) -> None:
    first, second, done, foreign = hand_in(), stop(hand_in()), run(hand_in()), hand_in(owner=other_editor)
    asked = [first.pk, second.pk, done.pk, foreign.pk, 999_999, first.pk]

    said = ask(with_token_of(editor), {"ids": asked}, "/cancel").json()

    assert said["cancelled"] == [first.pk, second.pk]
    assert said["message"] == "2 cancelled. 3 left as they were."
    assert said["left"] == [
        {"id": done.pk, "why": "It is done: there is nothing to cancel."},
        {"id": foreign.pk, "why": "It is not here, or belongs to somebody else."},
        {"id": 999_999, "why": "It is not here, or belongs to somebody else."},
    ]
    for wrong in ([], [0], ["1"], [1] * 1001):
        assert ask(with_token_of(editor), {"ids": wrong}, "/cancel").status_code == 422


def test_who_may_only_look_cancels_nothing(hand_in: HandIn) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_article"))
    article = hand_in(owner=reader)
    program = with_token_of(reader)

    assert read(program)["articles"][0]["actions"] == []
    assert ask(program, {}, f"/{article.pk}/cancel").status_code == 403
    assert ask(program, {"ids": [article.pk]}, "/cancel").status_code == 403
