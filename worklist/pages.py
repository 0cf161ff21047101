"""Parts of long lists: each reads what it shows and little besides, however long the list is.

What is counted is counted up to a bound; a page begins behind the last line of another, not after so many lines; and
rows are read when it is known which of them are shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import F

from articles.api.cursor import Cursor
from worklist.models import Document, DocumentQuerySet, State

LINES = 50  # of a page
# Texts of the article, of which a list shows nothing.
HEAVY = ("article__manuscript", "article__html", "article__earlier_manuscripts", "article__idea")
_FOLDERS = """
    WITH RECURSIVE found(name) AS (
        SELECT MIN(folder) FROM worklist_document WHERE let_go_at IS NULL AND folder > ''
        UNION ALL
        SELECT (SELECT MIN(folder) FROM worklist_document WHERE let_go_at IS NULL AND folder > found.name)
        FROM found WHERE found.name IS NOT NULL
    )
    SELECT name FROM found WHERE name IS NOT NULL LIMIT %s
"""


@dataclass(frozen=True)
class Page:
    """Some lines of a list, and the cursors of those before and after them; empty at its ends."""

    lines: list[Document]
    before: str = ""
    after: str = ""


def first(found: DocumentQuerySet, state: State, most: int) -> list[int]:
    """The keys of those in this state, in the order of `page`: so many at most (one query)."""
    return list(_sorted(found, state).values_list("pk", flat=True)[:most])


def rows(pks: Iterable[int]) -> dict[int, Document]:
    """With what their lines say (one query)."""
    return Document.objects.select_related("assignee", "article", "task").defer(*HEAVY).in_bulk(list(pks))


def page(found: DocumentQuerySet, state: State, *, after: Cursor | None = None, before: Cursor | None = None) -> Page:
    """Those in this state behind a place, or up to one, or the first (two queries).

    What was published last stands first; what waits longest everywhere else.
    """
    place, is_back = (before, True) if before else (after, False)
    part = _sorted(found, state, is_back=is_back)
    if place is not None:
        part = _behind(part, place, downwards=(state == State.PUBLISHED) != is_back)
    pks = list(part.values_list("pk", flat=True)[: LINES + 1])
    has_more, pks = len(pks) > LINES, pks[:LINES]
    there = rows(pks)
    lines = [there[pk] for pk in (reversed(pks) if is_back else pks) if pk in there]
    if not lines:
        return Page([])
    ends = [str(Cursor(line.since, line.pk)) for line in (lines[0], lines[-1])]
    has_before, has_after = (has_more, True) if is_back else (place is not None, has_more)
    return Page(lines, ends[0] if has_before else "", ends[1] if has_after else "")


def _sorted(found: DocumentQuerySet, state: State, *, is_back: bool = False) -> DocumentQuerySet:
    order = ("-since", "-pk") if (state == State.PUBLISHED) != is_back else ("since", "pk")
    return found.filter(state=state).order_by(*order)


def _behind(found: DocumentQuerySet, place: Cursor, *, downwards: bool) -> DocumentQuerySet:
    if downwards:
        return found.filter(since__lte=place.at).exclude(since=place.at, pk__gte=place.pk)
    return found.filter(since__gte=place.at).exclude(since=place.at, pk__lte=place.pk)


def folders(most: int) -> list[str]:
    """Their names, of what is on the board: a look into an index for each, not for each document (one query)."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLDERS, [most])
        return [name for (name,) in cursor.fetchall()]


def for_person(documents: DocumentQuerySet, most: int) -> list[Document]:
    """Of those that wait for somebody: what is due first, then what waits longest (one query)."""
    return list(documents.order_by(F("due").asc(nulls_last=True), "since", "pk")[:most])
