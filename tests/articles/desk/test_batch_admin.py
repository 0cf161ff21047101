"""Batches in the desk over HTTP: who may do what, what is shown before anything begins, and how the grid stands."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from articles import formats, state_wording
from articles.batches import control, start
from articles.desk.batch_plan_page import batch_plan_page
from articles.migrations import __name__ as migrations
from articles.models import Article, Batch, ImageFile, Section
from articles.pipeline import transitions
from config.roles import EDITORS
from tests.batches import BATCH_ADD, BATCHES, DECLINED, drafted, lose, page_of, started, write
from tests.conftest import HandIn
from tests.desk import HOSTILE, LIST, RECOVER, START, as_, text
from tests.desk import page_of as article_page


@pytest.fixture(autouse=True)
def text_service(settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"


@pytest.fixture
def draft(editor: User) -> Batch:
    return drafted(editor)


@pytest.fixture
def running(editor: User) -> Batch:
    """Three styles with four rooms: the first is whole, the second lacks its third room, the last is not begun."""
    batch = started(editor)
    first, second, _ = batch.articles.order_by("pk")
    write(first, 1, 2, 3, 4)
    write(second, 1, 2, 4)
    lose(second, 3)
    return batch


def given(**fields: Any) -> dict[str, Any]:
    """What the form of a batch sends."""
    lists = {"styles": "Art Deco\nBauhaus", "sections": "Kitchen\nLibrary\nBath"}
    numbers = {"images_per_style": "1", "images_per_section": "0", "budget": ""}
    about = {"name": "Rooms", "brief": "A {section} in the style {style}", "style": "", "formatter": "template"}
    return {**about, **lists, **numbers, "site": "", **fields}


def planned(batch: Batch) -> dict[str, str]:
    """What the button Start sends of the plan that was shown."""
    return {"planned": batch_plan_page(Batch.objects.get(pk=batch.pk), {}).signature}


# Who may do what

TABLE = [  # view, method, then the status for: owner, other editor, chief, staff without rights, nobody
    ("changelist", "get", 200, 200, 200, 403, 302),
    ("add", "get", 200, 200, 200, 403, 302),
    ("change", "get", 200, 302, 200, 302, 302),
    ("change", "post", 405, 302, 405, 302, 302),
    ("edit", "get", 200, 404, 200, 404, 302),
    ("edit", "post", 200, 404, 200, 404, 302),
    ("plan", "get", 200, 404, 200, 404, 302),
    ("progress", "get", 200, 404, 200, 404, 302),
    ("start", "post", 302, 404, 302, 404, 302),
    ("pause", "post", 302, 404, 302, 404, 302),
    ("resume", "post", 302, 404, 302, 404, 302),
    ("cancel", "post", 200, 404, 200, 404, 302),
    ("history", "get", 200, 302, 200, 302, 302),
    ("delete", "get", 403, 302, 403, 403, 302),
    ("start", "get", 302, 302, 302, 302, 302),
    ("pause", "get", 302, 302, 302, 302, 302),
    ("resume", "get", 302, 302, 302, 302, 302),
    ("cancel", "get", 302, 302, 302, 302, 302),
]


@pytest.fixture
def clients(editor: User, other_editor: User, chief: User) -> dict[str, Client]:
    staff = User.objects.create_user("staff", password="a long password", is_staff=True)
    people = {"owner": editor, "other": other_editor, "chief": chief, "staff": staff}
    return {name: as_(user) for name, user in people.items()} | {"nobody": Client()}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}-{row[1]}")
def test_every_view_asks_who_it_is(row: tuple[Any, ...], clients: dict[str, Client], running: Batch) -> None:
    view, method, *expected = row
    url = reverse(f"admin:articles_batch_{view}", args=[] if view in ("changelist", "add") else [running.pk])

    found = [getattr(client, method)(url).status_code for client in clients.values()]

    assert dict(zip(clients, found, strict=True)) == dict(zip(clients, expected, strict=True))


def test_the_batch_of_somebody_else_is_as_if_it_did_not_exist(running: Batch, other_editor: User) -> None:
    client = as_(other_editor)

    assert client.get(page_of(running))["Location"] == START
    for path in (BATCHES, f"{BATCHES}?q=rooms", START, f"{LIST}?batch={running.pk}", f"{RECOVER}?batch={running.pk}"):
        seen = text(client.get(path))
        assert "Rooms" not in seen
        assert "Style 2" not in seen
    for view in ("start", "pause", "resume", "cancel"):
        client.post(page_of(running, view), {"confirmed": "yes"} | planned(running))
    running.refresh_from_db()
    assert running.state == Batch.State.RUNNING
    assert not LogEntry.objects.filter(user=other_editor).exists()


def test_a_chief_sees_the_batches_of_all_and_whose_they_are(running: Batch, chief: User) -> None:
    seen = text(as_(chief).get(BATCHES))

    assert "Rooms" in seen
    assert "ada" in seen


def test_who_may_only_look_finds_no_buttons(running: Batch, editor: User) -> None:
    Group.objects.get(name=EDITORS).permissions.remove(
        *Group.objects.get(name=EDITORS).permissions.filter(codename__in=["change_batch", "change_article"])
    )
    Batch.objects.filter(pk=running.pk).update(state=Batch.State.PAUSED, reason="ada paused it.")
    client = as_(User.objects.get(pk=editor.pk))

    for path in (page_of(running), page_of(running, "plan"), START):
        assert not re.search(r'<form method="post" action="/admin/articles', client.get(path).content.decode())
    for view in ("pause", "resume", "cancel", "start"):
        assert client.post(page_of(running, view)).status_code == 403


def test_groups_that_were_there_before_get_the_rights_that_they_have_on_articles(editor: User) -> None:
    group = Group.objects.get(name=EDITORS)
    group.permissions.remove(*group.permissions.filter(codename__endswith="_batch"))
    group.permissions.remove(*group.permissions.filter(codename="change_article"))
    migration = __import__(f"{migrations}.0007_rights_on_batches", fromlist=["give"])

    migration.give(apps, SimpleNamespace(connection=connection))

    rights = {name for name in User.objects.get(pk=editor.pk).get_all_permissions() if name.endswith("_batch")}
    assert rights == {"articles.add_batch", "articles.view_batch", "articles.delete_batch"}


# Making one


def test_nothing_begins_before_the_plan_was_seen(editor: User) -> None:
    shown = as_(editor).post(BATCH_ADD, given(), follow=True)

    batch = Batch.objects.get()
    assert (batch.owner, batch.state, batch.key) == (editor, Batch.State.DRAFT, "rooms")
    assert not Article.objects.exists()
    assert "2 articles, 6 sections, 2 pictures" in text(shown)
    assert "Start 2 articles, 6 sections, about $" in text(shown)
    assert LogEntry.objects.get().is_addition()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_list_may_be_a_file_in_any_encoding(encoding: str, editor: User) -> None:
    content = "style;country\nJugendstil;Österreich\nProvençal;Frankreich\n".encode(encoding)

    as_(editor).post(BATCH_ADD, given(styles="", styles_file=SimpleUploadedFile("styles.csv", content)))

    rows = batch_plan_page(Batch.objects.get(), {}).plan.styles.rows
    assert [row.fields for row in rows] == [
        {"style": "Jugendstil", "country": "Österreich"},
        {"style": "Provençal", "country": "Frankreich"},
    ]


def test_a_list_whose_encoding_is_not_clear_is_shown_before_it_is_taken(editor: User) -> None:
    file = SimpleUploadedFile("styles.csv", "Ærø\nTil øen.".encode("cp850"))

    asked = as_(editor).post(BATCH_ADD, given(styles="", styles_file=file))

    assert "styles.csv does not say in which encoding it is; below it is read as Mac Roman." in text(asked)
    assert "Til õen." in asked.content.decode()
    assert not Batch.objects.exists()


def test_what_is_assumed_about_a_list_is_said_before_it_begins(editor: User) -> None:
    shown = as_(editor).post(BATCH_ADD, given(styles="id;style\n1;Art Deco\n2;Bauhaus"), follow=True)

    assert "The styles stand in column 2, “style”." in text(shown)


def test_bad_input_loses_nothing(editor: User) -> None:
    file = SimpleUploadedFile("styles.csv", b"style,country\nGustavian,Sweden")

    answer = as_(editor).post(BATCH_ADD, given(name="", styles="", styles_file=file, budget="-3", style="calm"))

    body = answer.content.decode()
    assert not Batch.objects.exists()
    assert "Gustavian,Sweden" in body
    assert "A {section} in the style {style}" in body
    assert "Kitchen" in body
    assert 'value="-3"' in body
    assert 'value="calm"' in body


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"styles": ""}, "Paste the styles, a line each, or choose a file."),
        ({"sections": "  \n "}, "Paste the sections, a line each, or choose a file."),
        ({"brief": ""}, "This field is required."),
        ({"images_per_section": "7"}, "less than or equal to 6"),
        ({"budget": "0"}, "greater than or equal to 0.01"),
        ({"styles_file": SimpleUploadedFile("a.xlsx", b"PK\x03\x04\x00\x00")}, "Save the table as CSV"),
        ({"styles_file": SimpleUploadedFile("a.csv", b"")}, "This file is empty."),
        ({"styles": "x" * 1_000_001}, "at most 1000000 characters"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, Any], said: str, editor: User) -> None:
    assert said in text(as_(editor).post(BATCH_ADD, given(**fields)))
    assert not Batch.objects.exists()


def test_a_second_batch_of_a_name_leads_to_the_first(running: Batch, editor: User, other_editor: User) -> None:
    answer = as_(editor).post(BATCH_ADD, given(name="  rOOms "))

    assert "There is a batch “Rooms” already. Open it to make its lists longer" in text(answer)
    assert f'<a href="{page_of(running)}">Open it</a>' in answer.content.decode()
    assert Batch.objects.count() == 1
    assert as_(other_editor).post(BATCH_ADD, given(name="Rooms")).status_code == 302, "everybody has their own names"


def test_pressed_twice_it_is_made_once(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second request finds no namesake, because the first is not saved yet."""
    as_(editor).post(BATCH_ADD, given())
    monkeypatch.setattr("articles.desk.batch_forms.BatchForm.clean_name", lambda form: form.cleaned_data["name"])

    answer = as_(editor).post(BATCH_ADD, given())

    batch = Batch.objects.get()
    assert answer["Location"] == page_of(batch)


# The plan


def test_the_errors_come_first_with_their_lines_and_what_to_do(editor: User) -> None:
    styles = "style,country\nArt Deco,France\n,Italy\nart  deco,Spain\nBauhaus,Germany,1919,Weimar"
    batch = drafted(editor, styles=0)
    Batch.objects.filter(pk=batch.pk).update(styles=styles)

    seen = text(as_(editor).get(page_of(batch)))

    assert "3 lines cannot be used" in seen
    assert "Styles 3 , Italy The style is missing. Write it in the first column." in seen
    assert "Styles 4 art deco, Spain The same style stands in line 2 already." in seen
    assert "Start without the 3 lines that cannot be used" in seen
    assert seen.index("cannot be used") < seen.index("What Start does") < seen.index("Art Deco France")


def test_one_line_that_cannot_be_used_is_one(editor: User) -> None:
    batch = drafted(editor)
    Batch.objects.filter(pk=batch.pk).update(styles="Art Deco\nArt Deco")

    seen = text(as_(editor).get(page_of(batch)))

    assert "1 line cannot be used" in seen
    assert "Start without the line that cannot be used" in seen


def test_what_keeps_it_from_starting_stands_there_instead_of_the_button(editor: User, settings: Settings) -> None:
    settings.OPENAI_API_KEY = ""
    batch = drafted(editor, brief="A {room} in {style}")

    client = as_(editor)
    seen = text(client.get(page_of(batch)))

    assert "It cannot start like this" in seen
    assert "The brief has {room}, and no column is called so." in seen
    assert "No text service is set up here." in seen
    assert "Start 3 articles" not in seen
    answer = client.post(page_of(batch, "start"), planned(batch), follow=True)
    assert "No text service is set up here." in text(answer)
    assert not Article.objects.exists()


def test_the_rows_come_page_by_page(editor: User) -> None:
    batch = drafted(editor, styles=120, sections=60)
    client = as_(editor)

    first, last = client.get(page_of(batch)), client.get(f"{page_of(batch)}?styles=3&sections=99")

    assert "Styles 1 to 50 of 120" in text(first)
    assert "?styles=2" in first.content.decode()
    assert "Styles 101 to 120 of 120" in text(last)
    assert "Sections 51 to 60 of 60" in text(last)
    assert "?styles=2&amp;sections=99" in last.content.decode(), "the page of the other list stays"
    assert client.get(f"{page_of(batch)}?styles=-1&bad=x").status_code == 200


def test_a_budget_below_the_estimate_is_said(editor: User) -> None:
    seen = text(as_(editor).get(page_of(drafted(editor, budget=Decimal("0.01")))))

    assert "The estimate is above it" in seen


def test_start_makes_what_was_shown(draft: Batch, editor: User) -> None:
    client = as_(editor)

    shown = client.get(page_of(draft))
    assert f'value="{planned(draft)["planned"]}"' in shown.content.decode()
    answer = client.post(page_of(draft, "start"), planned(draft), follow=True)

    draft.refresh_from_db()
    assert draft.state == Batch.State.RUNNING
    assert (draft.articles.count(), draft.all_sections.count()) == (3, 12)
    assert "“Rooms” has started: 3 articles, 12 sections." in text(answer)
    assert LogEntry.objects.get().change_message == "Start: 3 articles, 12 sections."


def test_pressed_twice_it_starts_once(draft: Batch, editor: User) -> None:
    client, button = as_(editor), planned(draft)
    client.post(page_of(draft, "start"), button)

    again = client.post(page_of(draft, "start"), button, follow=True)

    assert "“Rooms” runs already." in text(again)
    assert Section.objects.count() == 12
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize("change", [{"styles": "One more\nStyle 1"}, {"brief": "Another"}, {"images_per_section": 6}])
def test_a_plan_that_has_changed_is_shown_again(change: dict[str, Any], draft: Batch, editor: User) -> None:
    button = planned(draft)
    Batch.objects.filter(pk=draft.pk).update(**change)

    for sent in (button, {}):
        answer = as_(editor).post(page_of(draft, "start"), sent)
        assert "Nothing has begun. The plan is not what you saw before" in text(answer)
        assert planned(draft)["planned"] in answer.content.decode()
    assert not Article.objects.exists()


def test_a_longer_list_adds_only_what_is_new(running: Batch, editor: User) -> None:
    client = as_(editor)
    longer = given(styles="Style 1\nStyle 2\nStyle 3\nStyle 4", sections="Room 1\nRoom 2\nRoom 3\nRoom 4\nRoom 5")

    shown = client.post(page_of(running, "edit"), longer, follow=True)

    assert "1 article more, 13 sections" in text(shown)  # 4 + 1 new, 3 in each of those before, 5 that are missing
    assert "3 articles that are there already; of them only what is missing is made" in text(shown)
    assert "Its lists were changed, and not started since. Show the plan" in text(client.get(page_of(running)))
    client.post(page_of(running, "start"), planned(running))
    assert running.articles.count() == 4
    assert running.all_sections.count() == 20
    assert running.all_sections.filter(state=Section.State.DONE).count() == 7
    assert "Its lists were changed" not in text(client.get(page_of(running)))


def test_finished_articles_that_get_more_are_said(running: Batch, editor: User) -> None:
    running.articles.filter(batch_key="style 1").update(status=Article.Status.DONE)
    Batch.objects.filter(pk=running.pk).update(sections="Room 1\nRoom 2\nRoom 3\nRoom 4\nAttic")

    seen = text(as_(editor).get(page_of(running, "plan")))

    assert "1 article is finished already and gets further sections. A draft that is on a site gets the new" in seen


def test_the_change_of_a_running_batch_leaves_its_progress_alone(
    running: Batch, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A section is written between the reading and the writing of the form."""
    later = running.revision + 7
    clean = "articles.desk.batch_forms.BatchForm.clean_name"
    monkeypatch.setattr(clean, lambda form: Batch.objects.update(revision=later) and form.cleaned_data["name"])

    sent = given(styles=running.styles, sections=running.sections, budget="12.50", name="Another name")
    answer = as_(editor).post(page_of(running, "edit"), sent, follow=True)

    running.refresh_from_db()
    assert (running.budget, running.revision, running.state) == (Decimal("12.50"), later, Batch.State.RUNNING)
    assert running.name == "Rooms", "it is what makes it the same batch"
    assert "Saved. It counts for what is not made yet." in text(answer)


def test_only_what_was_never_started_can_be_deleted(draft: Batch, editor: User) -> None:
    client = as_(editor)
    assert "Delete" in text(client.get(page_of(draft)))

    client.post(page_of(draft, "delete"), {"post": "yes"})

    assert not Batch.objects.exists()


# The page of one that was started


def test_it_says_how_far_what_is_missing_how_long_and_how_much(running: Batch, editor: User) -> None:
    Batch.objects.filter(pk=running.pk).update(budget=Decimal(20), started_at=timezone.now() - timedelta(minutes=2))

    seen = text(as_(editor).get(page_of(running)))

    assert "7 of 12 3.5 per min about 1 min left $3.50 of $20.00" in seen
    assert "1 article stopped , 1 section is missing." in seen
    assert "Recover 1 article" in seen
    assert "Room 3: The picture service declined the prompt." in seen
    assert "Complete 1 Partial 1 Only basic content 0 Failed 0 Not begun 1" in seen


def test_every_section_has_a_cell_that_says_how_it_is(running: Batch, editor: User) -> None:
    _, second, third = running.articles.order_by("pk")
    Article.objects.filter(pk=third.pk).update(
        status=Article.Status.RUNNING, lease_until=timezone.now() + timedelta(hours=1)
    )
    third.sections.filter(index=1).update(state=Section.State.RUNNING)

    body = as_(editor).get(page_of(running)).content.decode()

    assert len(re.findall(r"data-cell=", body)) == 12
    cell = f'<td data-cell="{second.pk}-3" class="cell missing"><a href="{article_page(second)}#section-3" '
    assert f'{cell}title="Room 3: missing"><span aria-hidden="true">✗</span>' in body
    assert '<span class="visually-hidden">Room 3: missing</span>' in body
    assert f'data-cell="{second.pk}-2" class="cell done"' in body
    assert f'data-cell="{third.pk}-1" class="cell running"' in body
    assert f'data-cell="{third.pk}-2" class="cell waiting"' in body
    assert '<th scope="row">' in body
    assert f'data-revision="{running.revision}"' in body


def test_a_line_keeps_the_name_of_its_style(running: Batch, editor: User) -> None:
    """The text service gives the article a title of its own."""
    running.articles.filter(batch_key="style 2").update(title="Of light and stone")

    body = as_(editor).get(page_of(running)).content.decode()

    assert body.count('title="Of light and stone">Style 2</a>') == 2  # in the grid, and in what is missing


def test_the_parts_come_without_the_grid_which_events_keep_true(running: Batch, editor: User) -> None:
    body = as_(editor).get(page_of(running, "progress")).content.decode()

    assert 'data-part="batch-head"' in body
    assert 'data-part="batch-missing"' in body
    assert "batch-grid" not in body
    assert "<html" not in body


def test_a_section_that_nobody_writes_any_more_waits(running: Batch, editor: User) -> None:
    third = running.articles.get(batch_key="style 3")
    third.sections.filter(index=1).update(state=Section.State.RUNNING)

    assert f'data-cell="{third.pk}-1" class="cell waiting"' in as_(editor).get(page_of(running)).content.decode()


def test_sections_that_were_added_later_stand_in_their_columns(running: Batch, editor: User) -> None:
    """Behind the others in articles that were there, in the order of the list in new ones."""
    Batch.objects.filter(pk=running.pk).update(styles="Style 4", sections="Attic\nRoom 1")
    start.start_batch(running, editor)

    page = as_(editor).get(page_of(running)).context["page"]

    for row in page.rows:
        named = [(cell.heading if cell else None) for cell in row.cells]
        assert [name for name in named if name] == [c for c, name in zip(page.columns, named, strict=True) if name]
    assert sorted(page.columns) == ["Attic", "Room 1", "Room 2", "Room 3", "Room 4"]


EVERYTHING = ["Style 1", "Style 2", "Style 3"]


@pytest.mark.parametrize(
    ("show", "names"),
    [
        ("complete", ["Style 1"]),
        ("partial", ["Style 2"]),
        ("basic", []),
        ("failed", []),
        ("waiting", ["Style 3"]),
        ("x", EVERYTHING),
    ],
)
def test_rows_are_filtered_by_how_complete_they_are(show: str, names: list[str], running: Batch, editor: User) -> None:
    shown = as_(editor).get(f"{page_of(running)}?show={show}")

    assert [row.article.title for row in shown.context["page"].rows] == names
    if not names:
        assert "No article is like that. Show all" in text(shown)


def test_fifty_styles_are_on_a_page(editor: User) -> None:
    batch = started(editor, styles=55, sections=2)

    seen = as_(editor).get(f"{page_of(batch)}?page=2")

    assert "Articles 51 to 55 of 55" in text(seen)
    assert len(re.findall("data-cell", seen.content.decode())) == 10


@pytest.mark.parametrize("view", ["page", "plan", "list", "start"])
def test_queries_do_not_grow_with_the_batch(
    view: str, editor: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_(editor)

    def made(styles: int) -> str:
        batch = started(editor, f"Batch of {styles}", styles=styles, sections=6)
        for article in batch.articles.all():
            write(article, 1, 2)
            lose(article, 3)
        return {"page": page_of(batch), "plan": page_of(batch, "plan"), "list": BATCHES, "start": START}[view]

    path = made(3)
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)

    path = made(30)

    with django_assert_num_queries(len(few)):
        client.get(path)


def test_pause_resume_and_cancel_are_noted_and_say_what_they_did(running: Batch, editor: User) -> None:
    client = as_(editor)

    def pressed(view: str, **sent: str) -> tuple[str, str]:
        said = text(client.post(page_of(running, view), sent, follow=True))
        running.refresh_from_db()
        return running.state, said

    state, said = pressed("pause")
    assert state == "paused"
    assert "Paused. ada paused it." in said
    assert "“Rooms” is paused by now. Nothing was done." in pressed("pause")[1]
    assert "The batch Rooms is paused. ada paused it. See Resume" in text(client.get(START))

    assert pressed("resume")[0] == "running"
    state, said = pressed("cancel")
    assert state == "running", "it asks first"
    assert "5 sections that are not written" in said
    assert "7 sections with their pictures. Nothing is deleted." in said
    state, said = pressed("cancel", confirmed="yes")
    assert state == "cancelled"
    assert "“Rooms” is cancelled; all that is saved stays." in said
    assert pressed("resume")[0] == "running"

    notes = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
    assert list(notes) == ["Pause.", "Resume.", "Cancel.", "Resume."]


def test_a_batch_that_its_budget_has_paused_is_given_more_and_goes_on(running: Batch, editor: User) -> None:
    client = as_(editor)
    Batch.objects.update(state="paused", cause=Batch.BUDGET, budget=Decimal("0.33"), reason="No room.")
    for page in (page_of(running), START):
        seen = client.get(page).content.decode()
        assert 'name="budget" value="0.50"' in seen
        assert "Raise and resume" in seen

    refused = client.post(page_of(running, "resume"), {"budget": "much"}, follow=True)
    assert "The budget is as it was. Enter a number." in text(refused)
    running.refresh_from_db()
    assert (running.state, running.budget) == ("paused", Decimal("0.33"))

    assert "goes on, with another budget" in text(
        client.post(page_of(running, "resume"), {"budget": "0.50"}, follow=True)
    )
    running.refresh_from_db()
    assert (running.state, running.budget) == ("running", Decimal("0.50"))


def test_what_slows_a_batch_is_said(running: Batch, editor: User) -> None:
    error = DECLINED | {"kind": "Busy", "provider": "text", "reason": "{it} has too much to do", "thing": ""}
    third = running.articles.filter(batch_key="style 3")
    third.update(status=Article.Status.WAITING, next_at=timezone.now() + timedelta(minutes=1), error=error)

    seen = text(as_(editor).get(page_of(running)))

    busy = "The text service was too busy for the request: it has too much to do."
    assert f"Slow just now. 1 article waiting: {busy}" in seen


def test_a_page_without_scripts_loads_itself_again_while_it_runs(running: Batch, editor: User) -> None:
    client = as_(editor)
    assert (
        '<noscript><meta http-equiv="refresh" content="10"></noscript>' in client.get(page_of(running)).content.decode()
    )

    control.pause(running, editor)

    assert "<noscript><meta" not in client.get(page_of(running)).content.decode()


def test_all_that_is_missing_is_recovered_after_its_plan(running: Batch, editor: User) -> None:
    client = as_(editor)

    asked = client.get(f"{RECOVER}?batch={running.pk}&back={page_of(running)}")

    second = running.articles.get(batch_key="style 2")
    assert "Recover 1 article" in text(asked)
    assert "3 sections" in text(asked), "used again"
    assert "1 section" in text(asked), "done again"
    answer = client.post(
        RECOVER, {"ids": str(second.pk), "planned": "||", "confirmed": "yes", "back": page_of(running)}, follow=True
    )
    assert answer.redirect_chain[0][0] == page_of(running)
    assert set(second.sections.values_list("state", flat=True)) == {"done", "pending"}
    second.refresh_from_db()
    assert second.status in ("draft", "queued")


def test_recover_pressed_late_does_not_wake_a_batch(running: Batch, editor: User) -> None:
    """The article went on, and was finished, after the page was opened: there is nothing to do."""
    second = running.articles.get(batch_key="style 2")
    Article.objects.filter(pk=second.pk).update(status=Article.Status.DONE, error=None)
    Batch.objects.filter(pk=running.pk).update(state=Batch.State.DONE)

    assert not transitions.resume(second, editor)

    running.refresh_from_db()
    assert running.state == Batch.State.DONE


# The list, the start page, and articles of batches


def test_the_list_says_how_each_stands(running: Batch, draft_of_another_name: Batch, editor: User) -> None:
    Batch.objects.filter(pk=running.pk).update(budget=Decimal(20))
    client = as_(editor)

    seen = text(client.get(BATCHES))

    assert "7 of 12 sections Running 1 complete, 1 partial, 1 not begun" in seen
    assert "$3.50 of $20.00" in seen
    assert 'aria-label="Sections written"' in client.get(BATCHES).content.decode()
    assert "nothing made yet" not in text(client.get(f"{BATCHES}?state=running"))
    assert "No batch fits" in text(client.get(f"{BATCHES}?state=cancelled"))


@pytest.fixture
def draft_of_another_name(editor: User) -> Batch:
    return drafted(editor, "Gardens")


def test_an_empty_list_says_what_to_do(editor: User) -> None:
    assert "There are no batches yet." in text(as_(editor).get(BATCHES))
    assert "Make the first one" in text(as_(editor).get(BATCHES))


def test_the_start_page_shows_a_batch_as_one_line(running: Batch, hand_in: HandIn, editor: User) -> None:
    hand_in()
    Batch.objects.filter(pk=running.pk).update(started_at=timezone.now() - timedelta(minutes=2))

    answer = as_(editor).get(START)

    assert "Rooms 7 7 of 12 sections, about 1 min left" in text(answer)
    assert "Style 3" not in text(answer)
    assert "Tariffs and AI" in text(answer)
    assert 'data-moving="yes"' in answer.content.decode()


def test_the_list_of_articles_is_filtered_by_batch_and_completeness(
    running: Batch, hand_in: HandIn, editor: User
) -> None:
    hand_in()
    started(editor, "Gardens")
    client = as_(editor)

    def titles(query: str) -> list[str]:
        return sorted(str(article) for article in client.get(f"{LIST}?{query}").context["cl"].result_list)

    assert titles(f"batch={running.pk}") == ["Style 1", "Style 2", "Style 3"]
    assert titles(f"batch={running.pk}&completeness=partial") == ["Style 2"]
    assert titles("completeness=complete") == ["Style 1"]
    assert len(titles("batch=x&completeness=y")) == 7
    assert "Only basic content" not in text(client.get(LIST))


def test_the_page_of_an_article_lists_its_sections(running: Batch, editor: User) -> None:
    second = running.articles.get(batch_key="style 2")
    for n, sha256 in ((1, "a" * 64), (2, "")):
        ImageFile.objects.create(article=second, role=f"section_3_{n}", prompt="p", aspect="21:9", sha256=sha256)

    answer = as_(editor).get(article_page(second))

    seen = text(answer)
    assert '<li id="section-3" class="missing">' in answer.content.decode()
    assert "3 Room 3 ✗ missing 1 of 2 pictures The picture service declined the prompt." in seen
    assert "1 Room 1 ● done 240 words" in seen
    assert "of the batch Rooms" in seen
    assert "Saved opening and 3 of 4 sections" in seen
    assert "Stopped: sections missing" in text(as_(editor).get(f"{LIST}?batch={running.pk}"))


def test_progress_counts_sections(running: Batch) -> None:
    third = Article.objects.filter(batch=running, batch_key="style 3").with_progress().get()
    assert state_wording.progress(third) == "Article, 0 of 4 sections"
    write(third, 1)
    assert state_wording.progress(Article.objects.with_progress().get(pk=third.pk)) == "Article, 1 of 4 sections"


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(0.2, "about 1 min left"), (28, "about 28 min left"), (60, "about 1 h left"), (160, "about 2 h 40 min left")],
)
def test_the_time_left_is_about(minutes: float, said: str) -> None:
    assert formats.left(timedelta(minutes=minutes)) == said


def test_hostile_names_are_text_everywhere(editor: User, chief: User) -> None:
    batch = drafted(editor, HOSTILE[:100], brief=HOSTILE)
    rows = f'style,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n'
    Batch.objects.filter(pk=batch.pk).update(styles=HOSTILE, sections=f"Room\n{HOSTILE}\n{HOSTILE}")
    _no_markup(editor, chief, [page_of(batch), page_of(batch, "edit"), page_of(batch, "plan")])
    start.start_batch(batch, editor)
    article = batch.articles.get()
    write(article, 1)
    lose(article, 2)
    article.sections.update(error=DECLINED | {"reason": HOSTILE})
    Batch.objects.filter(pk=batch.pk).update(state=Batch.State.PAUSED, reason=HOSTILE, styles=rows)

    pages = [page_of(batch), page_of(batch, "plan"), page_of(batch, "history"), BATCHES, START, LIST]
    _no_markup(
        editor, chief, [*pages, f"{LIST}?batch={batch.pk}", article_page(article), f"{RECOVER}?batch={batch.pk}"]
    )
    asked = as_(editor).post(page_of(batch, "cancel"))
    resumed = as_(editor).post(page_of(batch, "resume"), follow=True)
    again = as_(editor).post(BATCH_ADD, given(name=HOSTILE[:100]))
    for answer in (asked, resumed, again):
        assert "<script>alert" not in answer.content.decode()


def _no_markup(editor: User, chief: User, paths: list[str]) -> None:
    for user in (editor, chief):
        for path in paths:
            answer = as_(user).get(path)
            assert answer.status_code == 200, path
            assert "<script>alert" not in answer.content.decode(), path
            assert "<img src=x" not in answer.content.decode(), path


def test_the_pages_keep_to_the_policy_and_to_the_words_of_the_desk(
    running: Batch, draft_of_another_name: Batch, editor: User
) -> None:
    client = as_(editor)

    for path in (BATCHES, BATCH_ADD, page_of(running), page_of(running, "edit"), page_of(draft_of_another_name)):
        answer = client.get(path)
        inline = r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)(?![^>]*application/json)"
        assert not re.search(inline, answer.content.decode()), path
        machinery = r"\b(([Tt]ask|[Ww]orker|[Ee]xception|UUID)s?|null|None|Traceback)\b"
        assert not re.search(machinery, text(answer)), path


# Long articles


def test_an_idea_may_be_written_section_by_section(editor: User) -> None:
    add = "/admin/articles/article/add/"
    client = as_(editor)
    assert 'name="is_long"' in client.get(add).content.decode()
    sent = {"idea": "Night trains", "is_long": "on", "manuscript": "", "formatter": "auto", "style": "", "site": ""}

    client.post(add, sent)
    assert Article.objects.get().is_long

    said = text(client.post(add, sent | {"idea": "", "manuscript": "# A text\n\nOf mine."}))
    assert "Only an idea is written section by section." in said
