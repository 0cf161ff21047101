"""The worklist in the desk: what is shown, what the buttons do, and who may press them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from articles.models import Article
from publishing.models import Site
from tests.conftest import MANUSCRIPT
from tests.desk import HOSTILE, as_, text
from tests.publishing.conftest import Drive
from tests.publishing.memory_site import MemorySite
from tests.worklist.conftest import InState, arrive
from worklist import intake, moves, notes
from worklist.desk.deeds import DEEDS
from worklist.desk.document_page import SAID, said
from worklist.models import Document, Entry, State

pytestmark = pytest.mark.django_db
BOARD = "/admin/worklist/document/"
LATER = MANUSCRIPT.replace("lose 12 %", "lose 14 %")


def page(document: Document, view: str = "change") -> str:
    return reverse(f"admin:worklist_document_{view}", args=[document.pk])


def press(client: Client, document: Document, deed: str, **sent: str) -> str:
    """What the page says after a button was pressed."""
    return text(client.post(reverse("admin:worklist_document_do", args=[document.pk, deed]), sent, follow=True))


def test_the_board_shows_each_state_with_what_has_changed_under_it(document_in: InState, editor: User) -> None:
    for number, state in enumerate(State):
        document = document_in(state, source_id=f"{number}.md")
        Document.objects.filter(pk=document.pk).update(title=f"Title {number}")
    moves.assign(Document.objects.get(title="Title 2").pk, editor, editor, None)
    arrive(LATER, "2.md")
    intake.gone(Document.objects.get(title="Tariffs and AI").pk)
    shown = text(as_(editor).get(BOARD))
    assert all(f"Title {number}" in shown for number in (0, 1, 3, 4, 5))
    assert "Title 6" not in shown, "what is published is shown when it is asked for"
    assert "for you" in shown
    assert "changed at its source" in shown
    assert "gone from its source" in shown
    assert "Title 6" in text(as_(editor).get(BOARD, {"state": "published"}))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"q": "two"}, ["Two"]),
        ({"person": "me"}, ["One"]),
        ({"person": "nobody"}, ["Two"]),
        ({"folder": "Roads"}, ["Two"]),
        ({"age": "7"}, []),
        ({"person": "999", "age": "x", "state": "y", "p": "z"}, ["One", "Two"]),
    ],
)
def test_what_is_looked_for_is_found(editor: User, asked: dict[str, str], found: list[str]) -> None:
    one, _ = arrive(title="One", folder="Ports"), arrive(source_id="2", title="Two", folder="Roads")
    moves.assign(one.pk, editor, editor, None)
    answer = as_(editor).get(BOARD, asked)
    lines = [document.title for column in answer.context["board"].shown for document in column.lines]
    assert lines == found


def test_a_long_board_asks_the_database_no_more_than_a_short_one(
    editor: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        arrive(source_id=str(number))
    client = as_(editor)
    with django_assert_max_num_queries(17):
        shown = client.get(BOARD)
    assert "52 more documents" in text(shown)
    with django_assert_max_num_queries(17):
        assert "Later" in text(client.get(BOARD, {"state": "to_evaluate"}))


def test_what_was_let_go_is_found_and_kept_again(editor: User) -> None:
    document, client = arrive(), as_(editor)
    press(client, document, "let-go", why="Not for us")
    assert "Tariffs and AI" not in text(client.get(BOARD))
    assert "Tariffs and AI" in text(client.get(BOARD, {"shelf": "let_go"}))
    press(client, document, "keep")
    assert "Tariffs and AI" in text(client.get(BOARD))


def test_an_empty_board_says_what_to_do(editor: User) -> None:
    assert "Nothing waits here. Hand in a document" in text(as_(editor).get(BOARD))


def test_handed_in_by_paste(editor: User) -> None:
    client = as_(editor)
    assert "Give one of them" in text(client.post(f"{BOARD}add/", {"manuscript": ""}))
    shown = text(client.post(f"{BOARD}add/", {"manuscript": MANUSCRIPT}, follow=True))
    assert "Tariffs and AI" in shown
    assert "You: it arrived" in shown


def test_the_page_leads_through_review(document_in: InState, editor: User, chief: User) -> None:
    document = document_in(State.TO_REVIEW)
    ada, head = as_(editor), as_(chief)
    assert "Approve" not in text(ada.get(page(document))).partition("History")[0].replace("or approve", "")
    assert "Say why" in press(ada, document, "move", seen="to_review", after="to_revise", why="")
    assert "is now: To revise" in press(ada, document, "move", seen="to_review", after="to_revise", why="Too long")
    assert "has changed since you looked" in press(ada, document, "move", seen="to_review", after="to_revise", why="x")
    assert "Too long" in text(head.get(page(document)))
    seen = document.text_hash
    assert "earlier one is kept" in press(ada, document, "revise", seen=seen, manuscript=LATER)
    press(ada, document, "move", seen="to_revise", after="to_rereview")
    document.refresh_from_db()
    press(head, document, "move", seen="to_rereview", after="ready_to_publish", seen_text=document.text_hash)
    assert "by chief: exactly this text" in text(ada.get(page(document)))


def test_the_difference_is_shown_word_by_word(document_in: InState, editor: User) -> None:
    document = document_in(State.READY)
    arrive(LATER)
    shown = as_(editor).get(page(document)).content.decode()
    assert "<del> 12</del><ins> 14</ins>" in shown
    assert "+1 −1 words" in shown
    document.refresh_from_db()
    press(as_(editor), document, "take", seen_text=document.offered_hash)
    assert "Different from what was approved" in text(as_(editor).get(page(document)))


def test_notes_stand_beside_their_place(document_in: InState, editor: User, chief: User) -> None:
    document = document_in(State.TO_REVIEW)
    press(as_(editor), document, "note", quotation="A ship that waits\nearns nothing.", said=HOSTILE)
    press(as_(editor), document, "note", quotation="Nowhere", said="What?")
    note = document.notes.first()
    assert note
    press(as_(chief), document, "reply", note=note.uid, said="Quite so")
    shown = as_(chief).get(page(document))
    assert "Quite so chief" in text(shown)
    assert "Nowhere (not in the text any more)" in text(shown)
    assert HOSTILE not in shown.content.decode()
    assert "not in the text" not in text(shown).partition("Nowhere")[0]
    press(as_(chief), document, "resolve", note=note.uid)
    assert "1 open" in text(as_(chief).get(page(document)))
    assert HOSTILE not in document.text.manuscript


def test_published_from_the_page_and_brought_up_to_date(
    memory: MemorySite, magazine: Site, document_in: InState, editor: User, run: Drive
) -> None:
    document, client = document_in(State.READY), as_(editor)
    sent = {"site": str(magazine.pk), "when": "now", "seen_text": document.text_hash, "comments": ""}
    assert "make an article of this text" in text(client.get(page(document, "publish")))
    shown = text(client.post(page(document, "publish"), sent, follow=True))
    assert "is on its way" in shown
    run(Article.objects.get())
    assert "Published" in text(client.get(page(document)))
    assert "its post is brought up to date" in text(client.get(page(document, "publish")))
    again = text(client.post(page(document, "publish"), sent, follow=True))
    assert "Only what is ready to publish goes out" in again


def test_the_text_runs_and_loads_nothing(editor: User) -> None:
    document = arrive(f"# Ports\n\n{HOSTILE} words <script>alert(3)</script>\n\n[x](javascript:alert(4))")
    answer = as_(editor).get(page(document, "text"))
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "<script" not in answer.content.decode()
    assert 'href="javascript' not in answer.content.decode()
    assert answer["X-Frame-Options"] == "SAMEORIGIN"


def test_who_may_not_look_sees_and_does_nothing(document_in: InState, other_editor: User) -> None:
    document = document_in(State.READY)
    other_editor.groups.clear()
    client = as_(other_editor)
    addresses = [BOARD, f"{BOARD}add/", *(page(document, view) for view in ("change", "text", "publish"))]
    assert {client.get(address).status_code for address in addresses} == {403}
    deeds = [reverse("admin:worklist_document_do", args=[document.pk, deed]) for deed in DEEDS]
    assert {client.post(address).status_code for address in deeds} == {403}


def test_who_may_only_look_presses_no_button(document_in: InState, editor: User) -> None:
    document = document_in(State.TO_REVISE)
    note = notes.add(document, editor, "Here")
    arrive(LATER)
    document.refresh_from_db()
    Document.objects.filter(pk=document.pk).update(offered_hash=document.source_hash)
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_document"))
    client = as_(looker)
    assert client.get(page(document)).status_code == 200
    sent = {"seen": "to_revise", "after": "to_rereview", "title": "x", "said": "x", "note": note.uid, "why": "x"}
    sent |= {"manuscript": LATER, "seen_text": document.source_hash}
    entries = Entry.objects.count()
    answers = {
        deed: client.post(reverse("admin:worklist_document_do", args=[document.pk, deed]), sent).status_code
        for deed in DEEDS
    }
    assert answers == dict.fromkeys(DEEDS, 403)
    assert Entry.objects.count() == entries


def test_every_kind_of_entry_has_words(document_in: InState) -> None:
    document = document_in()
    for kind in Entry.Kind:
        entry = Entry(document=document, kind=kind, before=State.READY, after=State.TO_REVISE, why="So")
        assert said(entry)
    assert set(SAID) <= set(Entry.Kind)


def test_what_is_not_there_is_not_found(editor: User) -> None:
    client = as_(editor)
    assert client.get(f"{BOARD}999/change/").status_code == 404
    assert client.get(f"{BOARD}x/change/").status_code == 404
    assert client.post(f"{BOARD}{arrive().pk}/do/nothing/").status_code == 404
