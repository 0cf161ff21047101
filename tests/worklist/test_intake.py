"""What a source has and what is here: nothing that was here is ever lost, whatever the source does."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from articles.content.manuscripts import Unreadable
from articles.errors import NotPossible
from config.roles import CHIEF_EDITORS
from tests.conftest import MANUSCRIPT, _user
from tests.worklist.conftest import InState, arrive
from worklist import intake, moves, states
from worklist.changing import Quicker
from worklist.intake import Arrival
from worklist.models import Document, State, Version

pytestmark = pytest.mark.django_db
TEXTS = [f"# Ports {number}\n\nThe ports have {number} ships, and the ships have sailors." for number in range(4)]
LATER = MANUSCRIPT.replace("lose 12 %", "lose 14 %")


def test_a_new_document_waits_to_be_evaluated(db: None) -> None:
    document = arrive(writer="Ada", folder="Harbour")
    assert (document.state, document.title, document.writer) == (State.TO_EVALUATE, "Tariffs and AI", "Ada")
    assert document.text.manuscript == MANUSCRIPT
    assert document.words == document.text.words > 50
    assert [entry.kind for entry in document.entries.all()] == ["arrived"]


def test_twice_is_once(db: None) -> None:
    assert arrive().pk == arrive().pk
    assert Document.objects.get().entries.count() == 1


@pytest.mark.parametrize("state", list(State))
def test_only_what_follows_its_source_is_overwritten(document_in: InState, state: State) -> None:
    document = document_in(state)
    first = document.text_hash
    arrive(LATER)
    document.refresh_from_db()
    if state in states.FOLLOWS_ITS_SOURCE:
        assert (document.text.manuscript, document.offered_hash) == (LATER, "")
    else:
        assert (document.text_hash, document.version(document.offered_hash).manuscript) == (first, LATER)
    assert document.version(first).manuscript == MANUSCRIPT
    assert document.state == (State.TO_REREVIEW if state == State.READY else state)


def test_a_change_ends_an_approval_and_can_be_taken_or_left(document_in: InState, editor: User) -> None:
    document = document_in(State.READY)
    arrive(LATER)
    document.refresh_from_db()
    assert (document.approved_at, document.version(document.approved_hash).manuscript) == (None, MANUSCRIPT)
    intake.leave(document.pk, editor, seen=document.offered_hash)
    arrive(LATER)  # the same again is no change
    document.refresh_from_db()
    assert (document.offered_hash, document.text.manuscript) == ("", MANUSCRIPT)
    arrive(LATER + "\nAnd more.\n")
    document.refresh_from_db()
    with pytest.raises(Quicker):
        intake.take(document.pk, editor, seen=document.text_hash)
    assert intake.take(document.pk, editor, seen=document.offered_hash).text.manuscript.endswith("more.\n")


def test_a_source_that_comes_back_to_what_is_here_offers_nothing(document_in: InState) -> None:
    document = document_in(State.TO_REVIEW)
    arrive(LATER)
    arrive(MANUSCRIPT)
    document.refresh_from_db()
    assert document.offered_hash == ""


def test_gone_and_back(document_in: InState) -> None:
    document = document_in(State.TO_REVIEW)
    intake.gone(document.pk)
    intake.gone(document.pk)
    document.refresh_from_db()
    assert document.gone_at
    assert document.text.manuscript == MANUSCRIPT
    arrive()
    assert [entry.kind for entry in document.entries.all()][-2:] == ["gone", "back"]


def test_a_text_is_revised_where_one_is_asked_for(document_in: InState, editor: User) -> None:
    document = document_in(State.TO_REVISE)
    intake.revise(document.pk, editor, Arrival(LATER, "ports.md"), seen=document.text_hash)
    with pytest.raises(Quicker):
        intake.revise(document.pk, editor, Arrival(LATER, "ports.md"), seen=document.text_hash)
    reviewed = document_in(State.TO_REVIEW, source_id="other.md")
    with pytest.raises(NotPossible, match="Send it back"):
        intake.revise(reviewed.pk, editor, Arrival(LATER, "ports.md"), seen=reviewed.text_hash)


def test_what_has_no_text_is_no_document(db: None) -> None:
    with pytest.raises(Unreadable):
        arrive("---\ntitle: Empty\n---\n")
    assert not Document.objects.exists()


class Histories(RuleBasedStateMachine):
    """Any history of a source and of the people: what was here is here, and reviewed texts change by people alone."""

    def __init__(self) -> None:
        super().__init__()
        self.undone = transaction.atomic()  # each history begins with an empty worklist
        self.undone.__enter__()
        self.chief = _user("chief", CHIEF_EDITORS)
        self.document = arrive(TEXTS[0])
        self.known = {TEXTS[0]}
        self.at_source = TEXTS[0]

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    def _now(self) -> Document:
        self.document.refresh_from_db()
        return self.document

    @rule(text=st.sampled_from(TEXTS))
    def edited_at_the_source(self, text: str) -> None:
        before = self._now()
        held, worked_on = before.state not in states.FOLLOWS_ITS_SOURCE, before.text_hash
        arrive(text)
        self.known.add(text)
        self.at_source = text
        assert not held or self._now().text_hash == worked_on

    @rule(name=st.sampled_from(["One", "Two"]))
    def renamed(self, name: str) -> None:
        arrive(self.at_source, title=name)

    @rule()
    def gone(self) -> None:
        intake.gone(self.document.pk)

    @rule(number=st.integers(0, 3))
    def moved_on(self, number: int) -> None:
        document = self._now()
        ways = states.moves_from(document.state, self.chief)
        move = ways[number % len(ways)]
        try:
            moves.move_on(document.pk, move.after, self.chief, seen=move.before, seen_text=document.text_hash, why="So")
        except NotPossible:
            assert move.approves
            assert document.offered_hash

    @rule(taken=st.booleans())
    def decided(self, taken: bool) -> None:
        document = self._now()
        if document.offered_hash:
            (intake.take if taken else intake.leave)(document.pk, self.chief, seen=document.offered_hash)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert set(Version.objects.values_list("manuscript", flat=True)) == self.known
        document = self._now()
        assert document.text.words == document.words
        assert document.version(document.source_hash).manuscript == self.at_source
        assert document.offered_hash in ("", document.source_hash)
        assert document.offered_hash != document.text_hash

    @invariant()
    def what_is_ready_was_approved(self) -> None:
        document = self._now()
        assert document.state != State.READY or document.approved_hash == document.text_hash
        assert document.state != State.READY or not document.offered_hash


def test_any_history(db: None) -> None:
    steps = settings(max_examples=25, stateful_step_count=15, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Histories, settings=steps)
