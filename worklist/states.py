"""Which changes of state there are, and whose right each is: data, for the desk, the API and whoever asks what is next.

    to_evaluate ─→ to_confirm ─→ to_review ─→ ready_to_publish ─→ published
         ↑             │             ↓               │  ↑            │
         └─────────────┘         to_revise ←─────────┘  │            │
                                     ↓                  │            │
                                to_rereview ────────────┘ ←──────────┘

What is published when its publish task has completed moves there by itself (`worklist.publication`).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from worklist.models.document import State

EDIT, APPROVE = "worklist.change_document", "worklist.approve_document"
# Nobody has worked on it, or its writer is asked to: what the source has now takes the place of what it had.
FOLLOWS_ITS_SOURCE = (State.TO_EVALUATE, State.TO_REVISE)


@dataclass(frozen=True)
class Move:
    """A change of state that people make. `needs_why`: not without a reason. `approves`: the text that was seen."""

    before: State
    after: State
    label: str
    right: str
    needs_why: bool = False

    @property
    def approves(self) -> bool:
        return self.after == State.READY


MOVES = (
    Move(State.TO_EVALUATE, State.TO_CONFIRM, "Suggest it", EDIT),
    Move(State.TO_CONFIRM, State.TO_REVIEW, "Confirm", APPROVE),
    Move(State.TO_CONFIRM, State.TO_EVALUATE, "Evaluate again", APPROVE, needs_why=True),
    Move(State.TO_REVIEW, State.READY, "Approve", APPROVE),
    Move(State.TO_REVIEW, State.TO_REVISE, "Send back", EDIT, needs_why=True),
    Move(State.TO_REVISE, State.TO_REREVIEW, "It is revised", EDIT),
    Move(State.TO_REREVIEW, State.READY, "Approve", APPROVE),
    Move(State.TO_REREVIEW, State.TO_REVISE, "Send back", EDIT, needs_why=True),
    Move(State.READY, State.TO_REVISE, "Send back", EDIT, needs_why=True),
    Move(State.PUBLISHED, State.TO_REREVIEW, "Review it again", EDIT),
)


def move(before: str, after: str) -> Move | None:
    return next((move for move in MOVES if (move.before, move.after) == (before, after)), None)


def moves_from(state: str, user: AbstractBaseUser | AnonymousUser) -> list[Move]:
    """What this person may do with a document in this state, what leads on first."""
    return [move for move in MOVES if move.before == state and user.has_perm(move.right)]  # type: ignore[union-attr]
