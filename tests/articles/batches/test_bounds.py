"""Too much is refused at every door alike, with what was given, what is possible and what to do; and costs little."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from articles import bounds
from articles.batches import lists
from articles.batches.plan import plan_batch
from articles.models import Article, Batch
from articles.tree import schema
from tests.batches import BATCH_ADD, drafted, page_of
from tests.desk import as_, text

pytestmark = pytest.mark.django_db

BEYOND = [  # brief, styles, sections, what is said
    (
        "{section}",
        "A\nB\nC",
        "1\n2\n3\n4",
        "3 styles with 4 sections each are 12 sections; a batch may have 10. Make several batches of them, or",
    ),
    (
        "{section}",
        "\n".join(map(str, range(7))),
        "1",
        "The list of styles has 7 lines; 5 are possible. Make a second batch from line 6 on.",
    ),
    (
        "{section}",
        "A",
        "section,b,c,d\n1,2,3,4",
        "The list of sections has 4 columns; 3 are possible. Take away those that the brief does not use.",
    ),
    (
        "{section} {style} " + "{style}" * 20,
        "A\n" + "B" * 9,
        "Room",
        "With the words of the longest lines the brief has 195 characters; 100 are possible. Shorten the brief, or",
    ),
    (
        "{section}",
        "A",
        "section," + "x" * 140_000 + "\n1,2",
        "Sections: The first line has 140,008 characters. Shorten the names of its columns.",
    ),
]


@pytest.fixture(autouse=True)
def small(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OPENAI_API_KEY = "sk-test"
    for name, most in {"MOST_CELLS": 10, "MOST_LINES": 5, "MOST_COLUMNS": 3, "LONGEST_FILLED": 100}.items():
        monkeypatch.setattr(bounds, name, most)


def _by_form(user: User, tmp_path: Path, brief: str, styles: str, sections: str) -> str:
    given = {"name": "Rooms", "brief": brief, "styles": styles, "sections": sections, "formatter": "template"}
    client = as_(user)
    seen = text(client.post(BATCH_ADD, given | {"images_per_style": 0, "images_per_section": 0}, follow=True))
    assert "It cannot start like this" in seen
    batch = Batch.objects.get()
    assert client.post(page_of(batch, "start"), {"planned": "x"}).status_code == 200
    assert not client.get(page_of(batch)).context["plan_page"].may_start
    return seen


def _by_shell(user: User, tmp_path: Path, brief: str, styles: str, sections: str) -> str:
    (tmp_path / "styles").write_text(styles)
    (tmp_path / "sections").write_text(sections)
    files = ["--styles", str(tmp_path / "styles"), "--sections", str(tmp_path / "sections")]
    options = ["--owner", user.username, "--brief", brief, *files, "--without-bad-lines"]
    with pytest.raises(CommandError) as refused:
        call_command("batch", "start", "Rooms", *options, stdout=StringIO(), stderr=StringIO())
    return str(refused.value)


def _by_api(user: User, tmp_path: Path, brief: str, styles: str, sections: str) -> str:
    batch = drafted(user, brief=brief, styles=0, sections=0)
    Batch.objects.filter(pk=batch.pk).update(styles=styles, sections=sections)
    answer = as_(user).post(
        f"/api/v1/batches/{batch.pk}/start", {"without_bad_lines": True}, content_type="application/json"
    )
    assert answer.status_code == 409
    return str(answer.json()["message"])


@pytest.mark.parametrize("door", [_by_form, _by_shell, _by_api])
@pytest.mark.parametrize("beyond", BEYOND, ids=["cells", "lines", "columns", "brief", "header"])
def test_too_much_is_refused_at_every_door_with_the_same_sentence(
    door: Callable[..., str], beyond: tuple[str, str, str, str], editor: User, tmp_path: Path
) -> None:
    *given, said = beyond

    assert said in door(editor, tmp_path, *given)
    assert not Article.objects.exists()


def test_numbers_of_sections_have_an_end(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made keeps its number, however often the list is changed."""
    monkeypatch.setattr(bounds, "MOST_SECTIONS", 4)
    batch = drafted(editor, styles=1, sections=1)
    article = Article.objects.create(owner=editor, batch=batch, batch_key="style 1", idea="x", tree_prefix="user_1/x")
    for index in (1, 3):
        article.sections.create(batch=batch, index=index, heading=f"Old {index}", key=f"old {index}", state="done")
    Batch.objects.filter(pk=batch.pk).update(sections="New\nNewer")
    batch.refresh_from_db()

    problems = plan_batch(batch).problems

    assert problems == (
        "An article would get a section with the number 5; 4 are possible, those that were taken out of the list among "
        "them. Make a second batch of the further sections.",
    )


def test_whoever_reads_back_is_not_narrower() -> None:
    assert schema.MOST_SECTIONS >= bounds.MOST_SECTIONS


OVERLONG = [
    "x" * 140_000,
    "style," + "x" * 140_000 + "\na,b",
    'style,period\na,"' + "x" * 140_000,
    ",".join(["style", *(f"column {n}" for n in range(4000))]) + "\na,b",
    "a," * 70_000,
]


@pytest.mark.parametrize("overlong", OVERLONG, ids=["line", "header", "quote", "columns", "commas"])
@pytest.mark.parametrize("listed", ["styles", "sections"])
@pytest.mark.parametrize("started", [False, True])
def test_every_page_of_a_batch_with_an_overlong_line_is_there(
    overlong: str, listed: str, started: bool, editor: User
) -> None:
    fields: dict[str, Any] = {"started_at": "2026-01-01T00:00Z", "state": "running"} if started else {}
    batch = drafted(editor, **fields)
    overlong = overlong.replace("style", listed.removesuffix("s"))
    Batch.objects.filter(pk=batch.pk).update(**{listed: overlong})
    client = as_(editor)

    for view in ("change", "plan", "edit", "progress"):
        assert client.get(page_of(batch, view)).status_code == 200
    assert client.post(f"/api/v1/batches/{batch.pk}/start").status_code == 409
    assert len(client.get(page_of(batch, "plan")).content) < 100_000


def test_a_list_costs_no_more_than_what_is_written_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns times lines would be a thousand times as much."""
    monkeypatch.setattr(bounds, "MOST_LINES", 5000)
    for columns, lines in ((4000, 2500), (40, 2500)):
        monkeypatch.setattr(bounds, "MOST_COLUMNS", 50)
        given = "\n".join([",".join(["style", *(f"c{n}" for n in range(columns))]), *(str(n) for n in range(lines))])
        tracemalloc.start()
        lists.read(given, "style")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100 * len(given)


def test_lines_that_cannot_be_used_are_counted_to_an_end() -> None:
    listed = lists.read("A\n" * 100_000, "style")

    assert len(listed.bad) <= bounds.MOST_LINES
    assert "100,000 lines" in listed.problem


def test_a_plan_costs_the_same_queries_for_more_lines(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_LINES", 5000)
    monkeypatch.setattr(bounds, "MOST_CELLS", 50_000)
    client, seen = as_(editor), []
    for styles in (60, 600):
        batch = drafted(editor, f"{styles} houses", styles=styles)
        client.get(page_of(batch))
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(page_of(batch))
        seen.append((len(captured), len(answer.content)))

    assert seen[0][0] == seen[1][0]
    assert seen[1][1] < seen[0][1] * 1.05
