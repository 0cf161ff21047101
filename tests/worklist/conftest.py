"""Documents in each state, with people who may and may not."""

from __future__ import annotations

from typing import Any, Protocol

import pytest
from django.contrib.auth.models import User

from tests.conftest import MANUSCRIPT
from tests.publishing.conftest import magazine as magazine
from tests.publishing.conftest import memory as memory
from worklist import intake, moves
from worklist.intake import Arrival
from worklist.models import Document, Source, State

TO_READY = [State.TO_CONFIRM, State.TO_REVIEW, State.READY]
WAYS: dict[State, list[State]] = {
    State.TO_EVALUATE: [],
    State.TO_CONFIRM: TO_READY[:1],
    State.TO_REVIEW: TO_READY[:2],
    State.TO_REVISE: [*TO_READY[:2], State.TO_REVISE],
    State.TO_REREVIEW: [*TO_READY[:2], State.TO_REVISE, State.TO_REREVIEW],
    State.READY: TO_READY,
}


def arrive(text: str = MANUSCRIPT, source_id: str = "ports.md", **fields: Any) -> Document:
    given = {"name": "ports.md", **fields}
    return intake.arrive(Source.FOLDER, source_id, Arrival(text=text, **given))[0]


def lead(document: Document, by: User, *states: State) -> Document:
    """Through these states, one after another."""
    for after in states:
        document = moves.move_on(
            document.pk, after, by, seen=document.state, seen_text=document.text_hash, why="It is time"
        )
    return document


class InState(Protocol):
    def __call__(self, state: State = State.TO_EVALUATE, text: str = MANUSCRIPT, source_id: str = ...) -> Document: ...


@pytest.fixture
def document_in(chief: User) -> InState:
    """Makes a document that waits in this state, by the moves that lead there."""

    def make(state: State = State.TO_EVALUATE, text: str = MANUSCRIPT, source_id: str = "ports.md") -> Document:
        if state == State.PUBLISHED:
            document = lead(arrive(text, source_id), chief, *WAYS[State.READY])
            Document.objects.filter(pk=document.pk).update(state=state, sent_hash=document.text_hash)
            document.refresh_from_db()
            return document
        return lead(arrive(text, source_id), chief, *WAYS[state])

    return make
