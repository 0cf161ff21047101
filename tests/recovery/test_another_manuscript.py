"""Another manuscript for an article that rests: at the desk and by the API, once, whole, the earlier one kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from articles import bounds
from articles.models import Article, Attempt, Call
from articles.pipeline import transitions
from articles.tree import due
from recovery import another_manuscript
from recovery.another_manuscript import NotTaken, version
from recovery.forms import AnotherManuscriptForm
from tests.config.test_tokens import with_token_of
from tests.conftest import MANUSCRIPT, HandIn, error_of
from tests.desk import as_, page_of, stop, text
from tests.doubles.server import Doubles
from tests.publishing.dying import dies_after

pytestmark = pytest.mark.django_db

Work = Callable[[Article], Article]
Status = Article.Status

EMPTY = "---\ntitle: Nothing else\n---\n"  # read at once it would be refused: an older version took it
NEW = "# Slow trains\n\nThey arrive, as they always did, and nobody minds that they are late.\n"


@pytest.fixture
def unreadable(hand_in: HandIn, run: Work) -> Article:
    return run(hand_in(manuscript=EMPTY, manuscript_name="empty.md"))


def page(article: Article) -> str:
    return page_of(article, "manuscript")


def given(article: Article, manuscript: str = NEW, **fields: Any) -> dict[str, Any]:
    return {"manuscript": manuscript, "seen": version(article), **fields}


def address(article: Article) -> str:
    return f"/api/v1/articles/{article.pk}/manuscript"


def put(client: Client, article: Article, **body: Any) -> Any:
    return client.put(address(article), body, content_type="application/json")


def form(manuscript: str = NEW) -> AnotherManuscriptForm:
    made = AnotherManuscriptForm({"manuscript": manuscript})
    assert made.is_valid()
    return made


# The deed


def test_a_manuscript_that_cannot_be_used_leads_to_another_which_is_made(
    unreadable: Article, editor: User, run: Work
) -> None:
    client = as_(editor)
    assert error_of(unreadable)["code"] == "manuscript"
    stopped = text(client.get(page_of(unreadable)))
    assert "hand in one that has (Another manuscript, on the article's page)." in stopped.replace("&#39;", "'")
    asked = text(client.get(page(unreadable)))
    assert "Done again 1 article, 1 set of prompts, 4 images, 1 formatted page, 1 upload." in asked
    assert "Paid calls none" in asked

    done = client.post(page(unreadable), given(unreadable), follow=True)

    assert "The manuscript is handed in, and the article goes on with it." in text(done)
    article = run(unreadable)
    assert (article.status, article.title, article.manuscript) == (Status.DONE, "Slow trains", NEW.strip())
    (earlier,) = article.earlier_manuscripts
    assert (earlier["manuscript"], earlier["manuscript_name"]) == (EMPTY, "empty.md")
    assert article.tree.manifest()["source"]["earlier_manuscripts"] == [earlier]
    assert article.tree.verify() == []
    assert article.events.get(kind="manuscript").message == "ada handed in another manuscript"
    assert article.attempts.filter(why=Attempt.Why.RECOVERED).get().asked_by == editor


def test_what_was_made_of_the_earlier_one_is_made_and_paid_for_again(
    hand_in: HandIn, run: Work, editor: User, services: Doubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object) -> None:
        raise RuntimeError("a mistake")

    with monkeypatch.context() as broken:
        broken.setattr("publishing.stage.run", fails)
        article = run(hand_in())
    Article.objects.update(title="As its editor called it")
    article.images.filter(role="hero").update(prompt="As its editor saw it")
    paid = set(Call.objects.values_list("key", flat=True))
    plan = as_(editor).get(address(article)).json()
    assert plan["paid_calls"] == len(paid) == 6
    assert plan["done_again"] == ["1 article", "1 set of prompts", "4 images", "1 formatted page", "1 upload"]

    longer = NEW + "".join(f"\n## {part}\n\nNobody minds that either.\n" for part in ("By day", "By night", "At home"))
    answer = put(as_(editor), article, manuscript=longer, name="slow.md", version=plan["version"])

    assert (answer.status_code, answer.json()) == (200, {"message": "It goes on with it.", "status": "queued"})
    article = run(article)
    assert (article.status, article.title, article.manuscript_name) == (Status.DONE, "Slow trains", "slow.md")
    assert {key: Call.objects.filter(key=key, answer__isnull=False).count() for key in paid} == dict.fromkeys(paid, 2)
    assert article.earlier_manuscripts[0]["title"] == "As its editor called it"
    assert article.earlier_manuscripts[0]["prompts"][0]["prompt"] == "As its editor saw it"


def test_a_scheduled_one_begins_at_its_time_with_the_new_text(hand_in: HandIn, editor: User, run: Work) -> None:
    article = hand_in(scheduled_at=timezone.now() + timedelta(days=3))
    assert "Nothing has been done yet." in text(as_(editor).get(page(article)))

    done = as_(editor).post(page(article), given(article), follow=True)

    assert "begins with it at its time." in text(done)
    before = article.next_at
    article.refresh_from_db()
    assert (article.status, article.next_at, article.manuscript) == (Status.WAITING, before, NEW.strip())
    assert [earlier["manuscript"] for earlier in article.earlier_manuscripts] == [MANUSCRIPT]
    assert not article.attempts.filter(why=Attempt.Why.RECOVERED).exists()


def test_a_file_is_read_and_asked_about_as_when_it_is_handed_in(unreadable: Article, editor: User) -> None:
    client = as_(editor)
    german = "# Über Züge\n\nDie Züge fahren über die Brücke, und später fährt keiner mehr zurück.\n"
    file = SimpleUploadedFile("züge.md", german.encode("cp1252"))

    client.post(page(unreadable), {"file": file, "seen": version(unreadable)})

    unreadable.refresh_from_db()
    assert (unreadable.manuscript, unreadable.manuscript_name) == (german, "züge.md")
    assert unreadable.events.get(kind="read").message.startswith("The file was read as")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"manuscript": ""}, "Give a manuscript: paste it, or choose a file."),
        ({"manuscript": EMPTY}, "The manuscript has no text below its front matter"),
        ({"manuscript": "a" * (5 * 1024 * 1024 + 1)}, "This text is larger than 5 MB."),
        ({"file": SimpleUploadedFile("a.md", b"Some words.")}, "Give one of them: a pasted manuscript, or a file."),
        ({"manuscript": "", "file": SimpleUploadedFile("a.pdf", b"%PDF-1.4")}, "Choose a .docx, .txt, .md or .html"),
    ],
)
def test_a_text_that_is_of_no_use_either_is_said_at_once(
    unreadable: Article, editor: User, fields: dict[str, Any], said: str
) -> None:
    answer = as_(editor).post(page(unreadable), given(unreadable, **fields))

    assert said in text(answer)
    unreadable.refresh_from_db()
    assert (unreadable.status, unreadable.manuscript) == (Status.FAILED, EMPTY)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"manuscript": EMPTY}, 422),
        ({"manuscript": ""}, 422),
        ({"manuscript": NEW, "name": "a.pdf"}, 422),
        ({"manuscript": NEW, "status": "done"}, 422),
        ({"manuscript": 5}, 422),
        ({"manuscript": "a\x00b"}, 422),
        ({"manuscript": NEW, "version": "another"}, 409),
    ],
)
def test_the_api_is_strict(unreadable: Article, editor: User, body: dict[str, Any], status: int) -> None:
    answer = put(as_(editor), unreadable, **{"version": version(unreadable), **body})

    assert answer.status_code == status
    assert answer.json()["message"]
    assert Article.objects.get().manuscript == EMPTY


# When


def _as_it_is(article: Article, status: str) -> Article:
    """An article in a state, however it came there."""
    now, later = timezone.now(), timezone.now() + timedelta(hours=1)
    fields: dict[str, dict[str, Any]] = {
        Status.QUEUED: {"queued_at": now},
        Status.RUNNING: {"attempt": 1, "lease_until": later, "lease_owner": "elsewhere|1|1"},
        Status.WAITING: {"attempt": 1, "next_at": later},
        Status.FAILED: {"attempt": 1, "error": {"stage": "article"}},
    }
    Article.objects.filter(pk=article.pk).update(status=status, **fields.get(status, {}))
    article.refresh_from_db()
    return article


@pytest.mark.parametrize("status", Status)
def test_only_an_article_that_rests_takes_one(hand_in: HandIn, editor: User, status: str) -> None:
    article = stop(hand_in())
    article = _as_it_is(article, status)
    rests = status in (Status.FAILED, Status.CANCELLED)
    assert article.rests is rests

    assert ("Another manuscript" in text(as_(editor).get(page_of(article)))) is rests
    assert as_(editor).get(address(article)).status_code == (200 if rests else 409)
    at_the_desk = as_(editor).post(page(article), given(article), follow=True)
    assert ("is handed in, and the article" in text(at_the_desk)) is rests
    why = "is done. Hand the text in as a new article." if status == Status.DONE else "does not rest"
    assert (why in text(at_the_desk)) is not rests
    assert (Article.objects.get().manuscript == MANUSCRIPT) is not rests


def test_an_idea_takes_none(hand_in: HandIn, editor: User, services: Doubles) -> None:
    article = stop(hand_in(idea="night trains"))

    assert "Another manuscript" not in text(as_(editor).get(page_of(article)))
    assert "is made of an idea" in text(as_(editor).post(page(article), given(article), follow=True))
    assert put(as_(editor), article, manuscript=NEW, version=version(article)).status_code == 409
    assert Article.objects.get().manuscript == ""


def test_so_many_are_kept_and_no_more(unreadable: Article, editor: User) -> None:
    for number in range(bounds.MOST_MANUSCRIPTS):
        another_manuscript.hand_in(unreadable, editor, form(f"{NEW} {number}"), seen=version(unreadable))
        unreadable = _as_it_is(unreadable, Status.FAILED)

    with pytest.raises(NotTaken, match="has had 6 manuscripts"):
        another_manuscript.hand_in(unreadable, editor, form(), seen=version(unreadable))

    assert len(Article.objects.get().earlier_manuscripts) == bounds.MOST_MANUSCRIPTS


# Who


def _reader(user: User) -> None:
    user.groups.clear()
    user.user_permissions.add(Permission.objects.get(codename="view_article"))


@pytest.mark.parametrize(
    ("who", "allowed"), [("editor", True), ("chief", True), ("other_editor", False), ("reader", False)]
)
def test_whoever_may_change_the_article_and_nobody_else(
    unreadable: Article, request: pytest.FixtureRequest, editor: User, who: str, allowed: bool
) -> None:
    user: User = editor if who == "reader" else request.getfixturevalue(who)
    if who == "reader":
        _reader(user)

    for client in (as_(user), Client(headers=with_token_of(user))):
        assert (client.get(address(unreadable)).status_code == 200) is allowed
        if not allowed:
            assert put(client, unreadable, manuscript=NEW, version=version(unreadable)).status_code in (403, 404)
    assert (as_(user).get(page(unreadable)).status_code == 200) is allowed
    as_(user).post(page(unreadable), given(unreadable))

    assert (Article.objects.get().manuscript == EMPTY) is not allowed


def test_nobody_is_let_in_without_a_login(unreadable: Article) -> None:
    assert Client().get(page(unreadable)).status_code == 302
    assert Client().get(address(unreadable)).status_code == 401
    assert put(Client(), unreadable, manuscript=NEW, version=version(unreadable)).status_code == 401


# Two at once


@pytest.mark.parametrize("meanwhile", ["recovered", "cancelled", "replaced", "stopped again"])
def test_what_was_decided_by_another_state_is_not_done(
    unreadable: Article, editor: User, chief: User, run: Work, meanwhile: str
) -> None:
    seen = version(unreadable)
    if meanwhile == "cancelled":
        transitions.cancel(unreadable, chief)
    elif meanwhile == "replaced":
        another_manuscript.hand_in(unreadable, chief, form("# By the chief\n\nAnother text, with words."), seen=seen)
        transitions.cancel(unreadable, chief)
    else:
        transitions.resume(unreadable, chief)
        if meanwhile == "stopped again":
            run(unreadable)
    before = Article.objects.values().get()

    at_the_desk = as_(editor).post(page(unreadable), {"manuscript": NEW, "seen": seen}, follow=True)

    assert "is handed in, and the article" not in text(at_the_desk)
    still_rests = meanwhile != "recovered"
    assert ("Slow trains" in text(at_the_desk)) is still_rests, "what was typed is shown again"
    assert put(as_(editor), unreadable, manuscript=NEW, version=seen).status_code == 409
    assert Article.objects.values().get() == before
    assert not Article.objects.get().events.filter(message__startswith="ada handed in another").exists()


@pytest.mark.parametrize("scheduled", [False, True])
def test_of_two_that_were_read_at_once_one_wins(hand_in: HandIn, editor: User, chief: User, scheduled: bool) -> None:
    """Both have looked, and both found it as it was seen."""
    article = hand_in(scheduled_at=timezone.now() + timedelta(days=1)) if scheduled else stop(hand_in())
    first, second = Article.objects.get(), Article.objects.get()
    another_manuscript.hand_in(first, chief, form("# The first\n\nWith some words."), seen=version(article))

    with pytest.raises(NotTaken, match="has changed since you looked at it"):
        another_manuscript.hand_in(second, editor, form(), seen=version(article))

    article.refresh_from_db()
    assert article.manuscript == "# The first\n\nWith some words."
    assert [earlier["manuscript"] for earlier in article.earlier_manuscripts] == [MANUSCRIPT]
    assert article.events.filter(kind="manuscript").count() == 1


# Whoever dies

STEPS: list[tuple[Any, str]] = [
    *((transitions, name) for name in ("prepare", "_note_recovery", "enqueue")),
    *((another_manuscript, name) for name in ("_replaced", "write_soon")),
    (due, "_tried"),  # after the commit
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", range(1, len(STEPS) + 1))
def test_whoever_dies_has_handed_in_all_or_nothing(unreadable: Article, editor: User, run: Work, step: int) -> None:
    before = Article.objects.values().get()
    with dies_after(step, STEPS):
        another_manuscript.hand_in(unreadable, editor, form(), seen=version(unreadable))

    article = Article.objects.get()
    if step < len(STEPS):
        assert Article.objects.values().get() == before
        assert not article.events.filter(kind="manuscript").exists()
        another_manuscript.hand_in(article, editor, form(), seen=version(article))
    article = run(article)

    assert (article.status, article.title) == (Status.DONE, "Slow trains")
    assert [earlier["manuscript"] for earlier in article.earlier_manuscripts] == [EMPTY]
    assert article.tree.manifest()["source"]["manuscript"] == NEW.strip()
