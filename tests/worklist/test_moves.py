"""Changes of state: which there are, whose right each is, and that nobody decides by what is not there any more."""

from __future__ import annotations

from itertools import product

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from articles.errors import NotPossible
from tests.conftest import MANUSCRIPT
from tests.worklist.conftest import InState, arrive, lead
from worklist import moves, states
from worklist.changing import Quicker
from worklist.models import Document, State

pytestmark = pytest.mark.django_db
LATER = MANUSCRIPT.replace("lose 12 %", "lose 14 %")


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_every_pair_of_states_is_a_move_or_is_refused(
    document_in: InState, chief: User, before: State, after: State
) -> None:
    document = document_in(before)
    lines = document.entries.count()
    seen = {"seen": before, "seen_text": document.text_hash, "why": "So"}
    if states.move(before, after):
        moves.move_on(document.pk, after, chief, **seen)
        document.refresh_from_db()
        entry = document.entries.last()
        assert document.state == after
        assert entry
        assert (entry.by, entry.before, entry.after, entry.why) == (chief, before, after, "So")
        assert bool(document.approved_at) == (after == State.READY or before == State.PUBLISHED)
    else:
        with pytest.raises(NotPossible):
            moves.move_on(document.pk, after, chief, **seen)
        document.refresh_from_db()
        assert (document.state, document.entries.count()) == (before, lines)


@pytest.mark.parametrize("move", states.MOVES)
@pytest.mark.parametrize("right", [states.EDIT, states.APPROVE])
def test_each_move_needs_its_own_right(document_in: InState, editor: User, move: states.Move, right: str) -> None:
    document = document_in(move.before)
    editor.groups.clear()
    editor.user_permissions.add(Permission.objects.get(codename=right.partition(".")[2]))
    editor = User.objects.get(pk=editor.pk)
    if move.right == right:
        assert lead(document, editor, move.after).state == move.after
    else:
        with pytest.raises(PermissionDenied):
            lead(document, editor, move.after)
    assert [found.right for found in states.moves_from(move.before, editor)] == [
        each.right for each in states.MOVES if each.before == move.before and each.right == right
    ]


def test_who_was_slower_is_told(document_in: InState, editor: User) -> None:
    document = document_in(State.TO_REVIEW)
    lead(document, editor, State.TO_REVISE)
    with pytest.raises(Quicker):
        lead(document, editor, State.TO_REVISE)
    assert document.entries.filter(after=State.TO_REVISE).count() == 1


@pytest.mark.parametrize("move", [move for move in states.MOVES if move.needs_why])
def test_what_goes_back_says_why(document_in: InState, chief: User, move: states.Move) -> None:
    document = document_in(move.before)
    with pytest.raises(moves.NeedsWhy):
        moves.move_on(document.pk, move.after, chief, seen=move.before, why=" ")


def test_approved_means_this_text(document_in: InState, chief: User) -> None:
    document = document_in(State.TO_REVIEW)
    seen = document.text_hash
    arrive(LATER)
    with pytest.raises(NotPossible, match="changed at its source"):
        moves.move_on(document.pk, State.READY, chief, seen=State.TO_REVIEW, seen_text=seen)
    with pytest.raises(Quicker):
        moves.move_on(document.pk, State.READY, chief, seen=State.TO_REVIEW, seen_text="another")


def test_the_database_itself_keeps_an_approval_to_its_text(document_in: InState) -> None:
    document = document_in(State.READY)
    for change in ({"text_hash": "another"}, {"approved_at": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Document.objects.filter(pk=document.pk).update(**change)


def test_people_are_assigned_who_work_here(document_in: InState, editor: User, other_editor: User) -> None:
    document = document_in()
    assert moves.assign(document.pk, editor, other_editor, None).assignee == other_editor
    assert list(Document.objects.mine(other_editor)) == [document]
    other_editor.groups.clear()
    with pytest.raises(NotPossible, match="does not work"):
        moves.assign(document.pk, editor, User.objects.get(pk=other_editor.pk), None)
    with pytest.raises(PermissionDenied):
        moves.rename(document.pk, User.objects.get(pk=other_editor.pk), "Mine")
    assert document.entries.filter(kind="assigned").count() == 1


def test_a_title_that_a_person_has_set_stays(document_in: InState, editor: User) -> None:
    document = document_in()
    moves.rename(document.pk, editor, "Rates fall")
    arrive(title="Ports, third draft")
    document.refresh_from_db()
    assert document.title == "Rates fall"


def test_what_is_let_go_is_kept(document_in: InState, editor: User) -> None:
    document = document_in()
    moves.let_go(document.pk, editor, why="Not for us")
    assert not Document.objects.on_the_board().exists()
    assert document.text.manuscript == MANUSCRIPT
    moves.keep(document.pk, editor)
    assert Document.objects.on_the_board().exists()
