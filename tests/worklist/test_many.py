"""Lists that are as quick with 100,000 documents as with ten: what they ask the database, and how it looks that up."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.desk import as_
from tests.worklist.conftest import arrive
from worklist import pages
from worklist.desk import board
from worklist.models import Document, State

BOARD, API = "/admin/worklist/document/", "/api/v1/worklist"
READ_IN_PART: list[tuple[str, dict[str, str]]] = [
    (BOARD, {}),
    (BOARD, {"state": "to_review"}),
    (BOARD, {"state": "published"}),
    (BOARD, {"person": "me"}),
    (BOARD, {"person": "nobody"}),
    (BOARD, {"folder": "Ports"}),
    (BOARD, {"age": "7"}),
    (BOARD, {"shelf": "let_go"}),
    (BOARD, {"q": "trains"}),
    (BOARD, {"q": "trains", "person": "me", "folder": "Ports", "age": "7"}),
    (API, {}),
    (API, {"after": "1"}),
    (API, {"status": "to_review"}),
    (API, {"assignee": "ada"}),
    (API, {"folder": "Ports"}),
    (API, {"days": "3"}),
    (API, {"search": "trains"}),
    (API, {"search": "trains", "status": "published", "folder": "Ports", "days": "3"}),
    ("/admin/", {}),
]
COUNTED = [f"{API}/statistics", f"{API}/sync-status"]


def documents(number: int, **fields: object) -> list[Document]:
    """So many in each state, as they would be after years."""
    now = timezone.now()
    return Document.objects.bulk_create(
        Document(
            source="folder", source_id=f"{state} {n}", folder="Ports", title=f"Night trains {state} {n}", state=state,
            since=now - timedelta(days=40 + n), text_hash="1", source_hash="1", approved_hash="1", approved_at=now,
            **fields,
        )
        for state in State for n in range(number)
    )  # fmt: skip


def asked(user: User, path: str, query: dict[str, str]) -> list[str]:
    """The statements with which it is answered."""
    client = as_(user)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(f"{path}?{urlencode(query)}").status_code == 200
    return [query["sql"] for query in queries]


def plans(statements: list[str]) -> list[str]:
    """How SQLite looks up documents for these."""
    found = []
    with connection.cursor() as cursor:
        for statement in statements:
            if "worklist_document" in statement:
                cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
                found += [line for *_, line in cursor.fetchall() if "worklist_document " in f"{line} "]
    return found


@pytest.mark.parametrize(("path", "query"), [*READ_IN_PART, *((path, {}) for path in COUNTED)])
def test_a_long_list_asks_no_more_than_a_short_one_and_reads_an_index(
    path: str, query: dict[str, str], editor: User
) -> None:
    documents(1, assignee=editor)
    few = asked(editor, path, query)
    Document.objects.all().delete()
    documents(60, assignee=editor)
    many = asked(editor, path, query)
    assert len(many) == len(few)
    looked_up = plans(many)
    assert looked_up
    assert [line for line in looked_up if "USING" not in line] == []
    whole = [line for line in looked_up if line.startswith("SCAN") and "document_in_order" not in line]
    # What is in order is read from its beginning to the end of the page; only what is counted is read to its end.
    assert whole == [] or path in COUNTED


def test_what_is_too_many_to_count_is_not_counted(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "COUNTED", 20)
    documents(21)
    answer = as_(editor).get(BOARD)
    assert {column.count for column in answer.context["board"].columns} == {"20+"}
    assert answer.context["board"].columns[0].more == "more than 12 more documents"


@pytest.mark.parametrize("state", ["to_review", "published"])
def test_pages_of_a_state_hold_each_document_once_in_both_directions(
    state: str, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LINES", 3)
    documents(8)
    moments = Document.objects.filter(state=state).order_by("pk")[2:7]
    Document.objects.filter(pk__in=moments.values("pk")).update(since=timezone.now() - timedelta(days=3))
    client, there, back = as_(editor), [], []
    page = client.get(BOARD, {"state": state}).context["board"].page
    assert not page.before
    there += page.lines
    while page.after:
        page = client.get(BOARD, {"state": state, "after": page.after}).context["board"].page
        there += page.lines
    last = page
    back += last.lines
    while page.before:
        page = client.get(BOARD, {"state": state, "before": page.before}).context["board"].page
        back = page.lines + back
    order = ["-since", "-pk"] if state == "published" else ["since", "pk"]
    assert there == back == list(Document.objects.filter(state=state).order_by(*order))


def test_later_leads_to_those_behind_and_earlier_back(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "LINES", 3)
    documents(4)
    client = as_(editor)
    page = client.get(BOARD, {"state": "to_revise"})
    for word, shown in (("Later", ["to_revise 0"]), ("Earlier", ["to_revise 3", "to_revise 2", "to_revise 1"])):
        [address] = re.findall(rf'href="(\?[^"]*)">{word}<', page.content.decode())
        page = client.get(BOARD + html.unescape(address))
        assert [line.title for line in page.context["board"].page.lines] == [f"Night trains {name}" for name in shown]


@pytest.mark.parametrize("place", ["", "x", "MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMCAx", "é", "=" * 3000])
def test_an_address_that_makes_no_sense_shows_the_first_page(place: str, editor: User) -> None:
    documents(2)
    answer = as_(editor).get(BOARD, {"state": "to_review", "after": place})
    assert len(answer.context["board"].page.lines) == 2


def test_the_folders_that_there_are(editor: User) -> None:
    for number, name in enumerate(["Roads", "Ports", "Roads", "", "Rails"]):
        arrive(source_id=str(number), folder=name)
    Document.objects.filter(folder="Rails").update(let_go_at=timezone.now())
    assert pages.folders(10) == ["Ports", "Roads"]
    assert pages.folders(1) == ["Ports"]


def test_what_is_due_stands_before_what_has_no_day(editor: User) -> None:
    one, two, three = documents(3)[:3]
    Document.objects.update(assignee=editor)
    Document.objects.exclude(pk__in=[one.pk, two.pk, three.pk]).delete()
    Document.objects.filter(pk=two.pk).update(due=timezone.localdate())
    assert pages.for_person(Document.objects.mine(editor), 8) == [two, three, one]
