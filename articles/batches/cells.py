"""Cells of the grid: how the section of an article is shown; the same rules for the database and for a row."""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

from django.db.models import Case, CharField, Value, When

from articles.models import Article, Section

MARKS = {"done": "●", "running": "◐", "waiting": "○", "missing": "✗"}  # by the state of a cell
# One that says it is running is so only while somebody works on its article.
CELL_STATE = Case(
    When(state=Section.State.DONE, then=Value("done")),
    When(state=Section.State.FAILED, then=Value("missing")),
    When(state=Section.State.RUNNING, article__status=Article.Status.RUNNING, then=Value("running")),
    default=Value("waiting"),
    output_field=CharField(),
)


def cell_state(state: str, *, is_running: bool) -> str:
    """A key of MARKS for a section in a state; `is_running`: somebody works on its article. As CELL_STATE."""
    match state:
        case Section.State.DONE:
            return "done"
        case Section.State.FAILED:
            return "missing"
        case Section.State.RUNNING if is_running:
            return "running"
        case _:
            return "waiting"


class CellChange(NamedTuple):
    """A cell, and the revision of the batch when it came into this state."""

    revision: int
    article: int
    section: int
    state: str  # a key of MARKS


revision_of = attrgetter("revision")
