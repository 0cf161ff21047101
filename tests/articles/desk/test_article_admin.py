"""The desk over HTTP: who may do what, what is said, and at what price in queries."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from articles.content.reading import encodings
from articles.desk.article_admin import ArticleAdmin
from articles.models import Article, Call, Cost, CostRecord, Event, ImageFile, Preferences, Stage, StageRecord
from config.desk import start
from publishing.models import Site
from tests.articles.content.reading.word_files import paragraph, word_file
from tests.conftest import MANUSCRIPT, HandIn
from tests.desk import ADD, HOSTILE, LIST, RECOVER, REFUSED, START, as_, deed, move, page_of, stop, text


@pytest.fixture
def stopped(hand_in: HandIn) -> Article:
    """Stopped at its upload, with everything before it done."""
    return stop(hand_in())


# Who may do what

OWNER, OTHER, CHIEF, STAFF, NOBODY = "owner", "other", "chief", "staff", "nobody"
TABLE = [  # view, method, then the status for: owner, other editor, chief, staff without rights, nobody
    ("changelist", "get", 200, 200, 200, 403, 302),
    ("add", "get", 200, 200, 200, 403, 302),
    ("change", "get", 200, 302, 200, 403, 302),
    ("change", "post", 302, 302, 302, 403, 302),
    ("history", "get", 200, 302, 200, 302, 302),
    ("delete", "get", 403, 403, 200, 403, 302),
    ("delete", "post", 403, 403, 302, 403, 302),
    ("progress", "get", 200, 404, 200, 404, 302),
    ("cancel", "post", 302, 404, 302, 404, 302),
    ("recover", "post", 200, 200, 200, 403, 302),
    ("stopped", "get", 200, 200, 200, 403, 302),
    ("sweep", "post", 302, 302, 302, 403, 302),
    ("cancel_many", "post", 200, 200, 200, 403, 302),
    ("recover", "get", 200, 200, 200, 403, 302),
    ("sweep", "get", 302, 302, 302, 302, 302),
    ("cancel", "get", 302, 302, 302, 302, 302),
    ("cancel_many", "get", 302, 302, 302, 302, 302),
]
WITHOUT_OBJECT = ("changelist", "add", "recover", "stopped", "sweep", "cancel_many")


@pytest.fixture
def clients(editor: User, other_editor: User, chief: User) -> dict[str, Client]:
    staff = User.objects.create_user("staff", password="a long password", is_staff=True)
    people = {OWNER: editor, OTHER: other_editor, CHIEF: chief, STAFF: staff}
    return {name: as_(user) for name, user in people.items()} | {NOBODY: Client()}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}-{row[1]}")
def test_every_view_asks_who_it_is(row: tuple[Any, ...], clients: dict[str, Client], stopped: Article) -> None:
    view, method, *expected = row
    args = [] if view in WITHOUT_OBJECT else [stopped.pk]
    url = reverse(f"admin:articles_article_{view}", args=args)

    found = []
    for client in clients.values():
        stop(stopped)
        data = {"ids": str(stopped.pk), "post": "yes"} if method == "post" else {}
        found.append(getattr(client, method)(url, data).status_code)
        if method == "post" and not Article.objects.filter(pk=stopped.pk).exists():
            stopped.save(force_insert=True)

    assert dict(zip(clients, found, strict=True)) == dict(zip(clients, expected, strict=True))


def test_the_article_of_somebody_else_is_as_if_it_did_not_exist(stopped: Article, other_editor: User) -> None:
    client = as_(other_editor)

    assert client.get(page_of(stopped))["Location"] == START
    for path in (LIST, f"{LIST}?q=batteries", START, reverse("admin:start")):
        assert "Home batteries" not in text(client.get(path))
    for name in ("cancel", "progress"):
        client.post(page_of(stopped, name))
    client.post(RECOVER, deed(stopped))
    assert "Home batteries" not in text(client.get(RECOVER, {"ids": stopped.pk}))
    client.post(LIST, {"action": "cancel_chosen", "_selected_action": [stopped.pk], "index": "0"})
    stopped.refresh_from_db()
    assert stopped.status == Article.Status.FAILED
    assert not LogEntry.objects.filter(user=other_editor).exists()


def test_a_chief_sees_the_articles_of_all_and_whose_they_are(stopped: Article, chief: User) -> None:
    seen = text(as_(chief).get(LIST))

    assert "Home batteries" in seen
    assert "Owner" in seen
    assert "ada" in seen


@pytest.mark.parametrize("table", ["django_q/schedule", "django_q/success", "django_q/failure", "axes/accesslog"])
def test_the_tables_of_the_machinery_are_for_superusers_only(table: str, editor: User, admin_user: User) -> None:
    editor.user_permissions.set(Permission.objects.all())

    assert as_(editor).get(f"/admin/{table}/").status_code == 403
    assert as_(admin_user).get(f"/admin/{table}/").status_code == 200
    assert table not in as_(editor).get(START).content.decode()


def test_many_articles_are_never_deleted_at_once(stopped: Article, chief: User) -> None:
    assert "delete_selected" not in as_(chief).get(LIST).content.decode()


def test_an_article_on_its_way_cannot_be_deleted(stopped: Article, chief: User) -> None:
    move(stopped)

    assert as_(chief).post(page_of(stopped, "delete"), {"post": "yes"}).status_code == 403
    assert Article.objects.filter(pk=stopped.pk).exists()


# One article


def test_a_failure_names_stage_reason_next_and_what_is_safe(stopped: Article, editor: User) -> None:
    seen = text(as_(editor).get(page_of(stopped)))

    assert "Galley could not finish “Home batteries”: WordPress refused the login (step 5 of 5)." in seen
    assert 'Reason the site did not accept the application password of user "desk".' in seen
    assert 'Next ask a chief editor to check the password of site "Magazine", then press Recover.' in seen
    assert "Saved article (2,143 words)" in seen
    assert "Not done upload." in seen
    assert stopped.tree_prefix in seen
    assert "incorrect_password" in seen


def test_recover_and_cancel_are_noted_in_the_history(stopped: Article, editor: User) -> None:
    client = as_(editor)

    client.post(RECOVER, deed(stopped))
    stopped.refresh_from_db()
    assert stopped.status == Article.Status.QUEUED
    client.post(page_of(stopped, "cancel"))
    stopped.refresh_from_db()
    assert stopped.status == Article.Status.CANCELLED

    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == ["Recover: 1 upload.", "Cancel."]


@pytest.mark.parametrize(
    ("back", "place"),
    [("/admin/?x=1", "/admin/?x=1"), ("https://evil.example/", None), ("//evil.example/", None), ("", None)],
)
def test_the_way_back_never_leads_elsewhere(back: str, place: str | None, stopped: Article, editor: User) -> None:
    answer = as_(editor).post(page_of(stopped, "cancel"), {"back": back})

    assert answer["Location"] == (place or page_of(stopped))


def test_the_fragment_says_whether_there_is_more_to_come(stopped: Article, editor: User) -> None:
    client = as_(editor)
    assert 'data-moving="no"' in client.get(page_of(stopped, "progress")).content.decode()

    move(stopped)
    moving = client.get(page_of(stopped, "progress")).content.decode()

    assert 'data-moving="yes"' in moving
    assert "<html" not in moving
    assert "<noscript><meta" in client.get(page_of(stopped)).content.decode()


def test_what_had_its_effect_cannot_be_changed_any_more(stopped: Article, editor: User) -> None:
    client = as_(editor)

    client.post(page_of(stopped), {"title": "Batteries at home", "site": "", "formatter": "claude"})

    stopped.refresh_from_db()
    assert stopped.title == "Batteries at home"
    assert stopped.formatter == "auto"
    assert stopped.status == Article.Status.FAILED


def test_save_and_recover_saves_and_shows_the_plan(stopped: Article, editor: User) -> None:
    change = {"title": "Batteries at home", "site": "", "_recover": "x"}
    asked = as_(editor).post(page_of(stopped), change, follow=True)

    stopped.refresh_from_db()
    assert (stopped.title, stopped.status) == ("Batteries at home", Article.Status.FAILED)
    assert "Recover 1 article" in text(asked)
    assert "Batteries at home" in text(asked)


def test_nothing_changes_while_it_runs(stopped: Article, editor: User) -> None:
    move(stopped)

    answer = as_(editor).post(page_of(stopped), {"title": "Too late", "site": ""}, follow=True)

    stopped.refresh_from_db()
    assert stopped.title == "Home batteries"
    assert "Nothing was changed" in text(answer)


def test_a_form_that_was_open_when_it_was_recovered_changes_nothing(
    stopped: Article, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody presses Recover between the reading and the writing of the form."""
    monkeypatch.setattr(
        "articles.desk.article_forms.ChangeForm.clean", lambda form: move(stopped) and form.cleaned_data
    )

    answer = as_(editor).post(page_of(stopped), {"title": "Too late", "site": ""}, follow=True)

    stopped.refresh_from_db()
    assert stopped.title == "Home batteries"
    assert "Nothing was changed" in text(answer)


@pytest.fixture
def pictures(stopped: Article) -> dict[str, ImageFile]:
    """One stored, one being made, two not begun."""
    stopped.records.filter(stage=Stage.IMAGES).update(state=StageRecord.State.FAILED)
    made = {
        role: ImageFile.objects.create(article=stopped, role=role, prompt=f"a {role}", aspect="21:9")
        for role in ("hero", "section_1", "section_2", "section_3")
    }
    ImageFile.objects.filter(pk=made["hero"].pk).update(sha256="a" * 64, bytes=3, width=16, height=9)
    Call.objects.create(article=stopped, key="image:section_1", provider="p", state="received", answer={})
    return made


def test_prompts_can_be_changed_of_pictures_that_nobody_makes_yet(
    pictures: dict[str, ImageFile], stopped: Article, editor: User
) -> None:
    client = as_(editor)
    seen = client.get(page_of(stopped)).content.decode()
    assert "a section_2" in seen
    assert "a section_1</textarea>" not in seen
    assert "a hero</textarea>" not in seen

    sent = {"title": "T", "site": "", "images-TOTAL_FORMS": "2", "images-INITIAL_FORMS": "2"}
    for number, role in enumerate(("section_2", "section_3")):
        sent |= {f"images-{number}-id": str(pictures[role].pk), f"images-{number}-article": str(stopped.pk)}
        sent |= {f"images-{number}-prompt": f"a calmer {role}", f"images-{number}-alt_text": ""}
    client.post(page_of(stopped), sent)

    prompts = dict(stopped.images.values_list("role", "prompt"))
    assert prompts["section_2"] == "a calmer section_2"
    assert prompts["section_3"] == "a calmer section_3"
    assert prompts["hero"] == "a hero"


def test_every_artefact_has_its_links(hand_in: HandIn, run: Callable[[Article], Article], editor: User) -> None:
    article = run(hand_in())
    client = as_(editor)

    seen = client.get(page_of(article)).content.decode()

    for name in article.tree.files():
        address = reverse("artefact", args=[article.uid, name])
        assert f'"{address}"' in seen, name
        assert f'"{address}?download"' in seen, name
        assert client.get(address).status_code == 200
    assert reverse("artefact", args=[article.uid, "manifest.json"]) in seen
    assert f'<iframe class="page" sandbox src="{reverse("preview", args=[article.uid])}"' in seen


def test_a_possible_double_charge_is_said(stopped: Article, editor: User) -> None:
    Call.objects.create(
        article=stopped,
        key="image:hero",
        provider="pictures",
        sends=2,
        lost_answers=1,
        state="done",
        answer={},
    )

    seen = text(as_(editor).get(page_of(stopped)))

    assert "The hero image May have been charged twice" in seen


def test_a_manifest_that_cannot_be_read_is_a_sentence(stopped: Article, editor: User) -> None:
    Article.objects.filter(pk=stopped.pk).update(attempt=1)

    assert f"There is no manifest in {stopped.tree_prefix}." in text(as_(editor).get(page_of(stopped)))


# Many articles


def test_select_all_means_all_that_the_filter_shows(hand_in: HandIn, editor: User) -> None:
    stop(hand_in())
    stop(hand_in())
    move(hand_in())

    asked = as_(editor).post(
        f"{LIST}?state=stopped",
        {"action": "cancel_chosen", "_selected_action": ["1"], "select_across": "1", "index": "0"},
    )

    assert "Cancel 2 articles" in text(asked)


# The list and the start page


@pytest.mark.parametrize("path", [START, LIST, "/admin/start/"])
def test_queries_do_not_grow_with_the_articles(
    path: str, hand_in: HandIn, editor: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_(editor)
    fill(hand_in, 5)
    client.get(path)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(path)

    fill(hand_in, 45)

    with django_assert_num_queries(len(few)):
        client.get(path)


def fill(hand_in: HandIn, number: int) -> None:
    """Of every kind a share; each fifth stops, each fifth is done, the others are on their way."""
    for n in range(number):
        article = hand_in()
        ImageFile.objects.create(article=article, role="hero", prompt="p", aspect="16:9")
        if n % 5 == 0:
            stop(article)
        if n % 5 == 1:
            Article.objects.filter(pk=article.pk).update(status="done", ended_at=timezone.now(), link="/preview/x/")


def test_problems_are_told_apart_by_provider_stage_code_and_site(hand_in: HandIn, editor: User) -> None:
    site = Site(name="Magazine", url="https://magazine.example.org", user="desk")
    site.secret = "x"
    site.save()
    for _ in range(2):
        stop(hand_in(site=site))
    stop(hand_in(), provider="pictures", code="declined", reason="{it} declined the prompt", stage="images")
    client = as_(editor)

    seen = text(client.get(START))

    assert (
        '2 articles stopped at Upload: the site did not accept the application password of user "desk" (site Magazine)'
        in seen
    )
    assert "1 article stopped at Images: the picture service declined the prompt." in seen
    link = re.search(rb'href="([^"]*\?problem=[^"]*)"', client.get(START).content)
    assert link
    filtered = client.get(link[1].decode())
    assert len(filtered.context["cl"].result_list) == 2
    Article.objects.update(status="cancelled")
    assert "No article fits" in text(client.get(link[1].decode()))


def test_states_are_said_in_words(hand_in: HandIn, editor: User) -> None:
    stop(hand_in())
    running = move(hand_in())
    running.records.filter(stage__in=["article", "prompts"]).update(state="done")
    running.records.filter(stage="images").update(state="running")
    for n in range(4):
        ImageFile.objects.create(
            article=running, role=f"section_{n}", prompt="p", aspect="21:9", sha256="a" * 64 if n < 2 else ""
        )
    waiting = hand_in()
    at = timezone.now() + timedelta(minutes=5)
    Article.objects.filter(pk=waiting.pk).update(status="waiting", attempt=1, next_at=at, error=REFUSED)
    done = hand_in()
    Article.objects.filter(pk=done.pk).update(status="done", link="/preview/x/")

    seen = text(as_(editor).get(LIST))

    assert "Stopped: login refused" in seen
    assert "Running: Images 2 of 4" in seen
    assert "Waiting: tries again at" in seen
    assert "Preview ↗" in seen


def test_the_start_page_of_a_new_editor_says_what_to_do(editor: User) -> None:
    client = as_(editor)

    assert "Write your first article" in text(client.get(START))
    assert "There are no articles yet. Write the first one" in text(client.get(LIST))
    assert "No article fits" in text(client.get(f"{LIST}?q=nothing"))


def test_a_queue_that_nobody_works_on_is_said(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    assert "Nothing has begun" not in text(as_(editor).get(START))

    article.attempts.update(asked_at=timezone.now() - timedelta(minutes=5))

    assert "Nothing has begun since" in text(as_(editor).get(START))


@pytest.mark.usefixtures("stopped_clock")
def test_an_article_that_stops_while_its_page_is_made_is_shown_with_its_form(
    hand_in: HandIn, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would ask for the form afterwards: what is stopped does not move."""
    article = hand_in()
    ImageFile.objects.create(article=article, role="hero", aspect="16:9", prompt="A lobby")
    chosen = ArticleAdmin.get_inlines

    def stopping(*args: Any) -> list[Any]:
        inlines = chosen(*args)
        stop(article)
        return inlines

    with monkeypatch.context() as patch:
        patch.setattr(ArticleAdmin, "get_inlines", stopping)
        answer = as_(editor).get(page_of(article))

    assert (answer.status_code, answer.headers["Location"]) == (302, page_of(article))
    assert "A lobby" in as_(editor).get(page_of(article)).content.decode()


def test_costs_of_today_are_those_of_the_editor(stopped: Article, editor: User, other_editor: User) -> None:
    for age in (timedelta(), timedelta(days=2)):
        CostRecord.objects.create(
            article=stopped.uid, key="text", provider="p", cost="1.25", owner=editor, day=timezone.localdate() - age
        )

    assert start.start(editor).cost_today == Cost(Decimal("1.25"))
    assert start.start(other_editor).cost_today == Cost()


@pytest.mark.parametrize("hour", range(24))
def test_the_greeting_fits_the_hour(hour: int) -> None:
    greeting = start.greeting(timezone.now().replace(hour=hour))

    assert greeting == ("Good evening" if hour < 5 or hour > 17 else "Good morning" if hour < 12 else "Good afternoon")


def test_hostile_titles_and_answers_are_text_everywhere(stopped: Article, editor: User, chief: User) -> None:
    Article.objects.filter(pk=stopped.pk).update(
        title=HOSTILE,
        error=REFUSED | dict.fromkeys(("kind", "reason", "mend", "detail", "provider", "thing"), HOSTILE),
    )
    StageRecord.objects.filter(article=stopped).update(maker=HOSTILE, details={"reason": HOSTILE})
    Event.objects.create(article=stopped, kind="x", message=HOSTILE, detail=HOSTILE)
    ImageFile.objects.create(article=stopped, role="hero", prompt=HOSTILE, alt_text=HOSTILE, aspect="16:9")
    error = {**REFUSED, "reason": HOSTILE}
    Call.objects.create(article=stopped, key=f"text:{HOSTILE}"[:60], provider=HOSTILE, model=HOSTILE, error=error)
    User.objects.filter(pk=editor.pk).update(first_name=HOSTILE, username="ada<script>")
    chosen = {"action": "recover_chosen", "_selected_action": [stopped.pk], "index": "0"}

    for user in (editor, chief):
        client = as_(user)
        pages = [client.get(path) for path in (START, LIST, page_of(stopped), page_of(stopped, "progress"))]
        pages += [client.get(page_of(stopped, "history")), client.post(LIST, chosen)]
        pages += [
            client.get(RECOVER, {"ids": stopped.pk}),
            client.get(reverse("admin:articles_article_stopped")),
            client.post(RECOVER, deed(stopped), follow=True),
            client.post(page_of(stopped, "cancel"), follow=True),
        ]
        for page in pages:
            assert page.status_code == 200
            assert "<script>alert" not in page.content.decode()
            assert "<img src=x" not in page.content.decode()
        stop(stopped)
        Article.objects.filter(pk=stopped.pk).update(title=HOSTILE)


def test_no_page_speaks_of_the_machinery(
    stopped: Article, hand_in: HandIn, run: Callable[[Article], Article], editor: User
) -> None:
    done, moving = run(hand_in()), move(hand_in())
    client = as_(editor)

    paths = [START, LIST, ADD, "/admin/articles/preferences/add/", *(page_of(a) for a in (stopped, done, moving))]
    for path in paths:
        words = text(client.get(path))
        assert not re.search(r"\b(([Tt]ask|[Ww]orker|[Ee]xception|UUID)s?|null|None|Traceback)\b", words), path
        assert done.uid not in words


def test_no_page_carries_inline_scripts_or_styles(stopped: Article, editor: User) -> None:
    client = as_(editor)

    for path in (START, LIST, ADD, page_of(stopped), page_of(stopped, "history"), "/admin/articles/preferences/add/"):
        answer = client.get(path)
        body = answer.content.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)(?![^>]*application/json)", body), path
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        assert "unsafe-inline" not in answer["Content-Security-Policy"]


# Write an article


def handed(**fields: Any) -> dict[str, Any]:
    defaults = {"formatter": "auto", "style": "", "brand_primary": "#1a4d8f", "brand_accent": "#b3541e", "site": ""}
    return {"idea": "", "manuscript": "", **defaults, **fields}


UNCLEAR = "Ærø\n\nTil øen.".encode("cp850")


def test_a_pasted_manuscript_is_handed_in(editor: User) -> None:
    answer = as_(editor).post(ADD, handed(manuscript=MANUSCRIPT))

    article = Article.objects.get()
    assert answer["Location"] == page_of(article)
    assert (article.owner, article.status, article.records.count()) == (editor, Article.Status.QUEUED, 5)
    assert LogEntry.objects.get().is_addition()


def test_a_file_is_handed_in(editor: User) -> None:
    as_(editor).post(ADD, handed(file=SimpleUploadedFile("a.md", MANUSCRIPT.encode("utf-16"))))

    assert Article.objects.get().manuscript == MANUSCRIPT


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Give an idea or a manuscript."),
        ({"idea": "x", "manuscript": "y"}, "Give one of them"),
        ({"manuscript": MANUSCRIPT, "formatter": "nobody"}, "Select a valid choice"),
        ({"manuscript": "---\ntitle: x\n---\n"}, "has no text below its front matter"),
        ({"manuscript": "# The last ferry"}, "has no text below its title"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(fields: dict[str, str], said: str, editor: User) -> None:
    answer = as_(editor).post(ADD, handed(**fields, style="first person"))

    assert said in text(answer)
    assert "first person" in answer.content.decode()
    if "manuscript" in fields:
        assert fields["manuscript"].split("\n")[0] in answer.content.decode()
    assert not Article.objects.exists()


def test_the_text_of_a_file_comes_back_when_something_else_is_wrong(editor: User) -> None:
    answer = as_(editor).post(ADD, handed(file=SimpleUploadedFile("a.md", MANUSCRIPT.encode()), formatter="nobody"))

    assert "A ship that waits earns nothing." in answer.content.decode()


def test_a_file_whose_encoding_is_not_clear_is_kept_and_asked_about(editor: User) -> None:
    client = as_(editor)
    asked = client.post(ADD, handed(file=SimpleUploadedFile("ferry.txt", UNCLEAR), style="first person"))

    form = asked.context["adminform"].form
    kept, choices = form.data["kept_file"], [value for value, _ in form.fields["encoding"].widget.choices]
    assert "ferry.txt does not say in which encoding it is. Choose the lines that read right." in text(asked)
    assert "Give an idea" not in text(asked), "a file was given"
    assert len(choices) == 2
    assert all(UNCLEAR.decode(each).split("\n")[0] in text(asked) for each in choices)
    assert "first person" in asked.content.decode()
    assert not Article.objects.exists()

    client.post(ADD, handed(kept_file=kept, encoding=choices[1]))

    article = Article.objects.get()
    assert (article.manuscript, article.manuscript_name) == (UNCLEAR.decode(choices[1]), "ferry.txt")
    assert article.events.filter(message=f"The file was read as {encodings.words(choices[1])}").exists()


def test_another_file_takes_the_place_of_the_kept_one(editor: User) -> None:
    client = as_(editor)
    asked = client.post(ADD, handed(file=SimpleUploadedFile("ferry.txt", UNCLEAR)))
    kept = asked.context["adminform"].form.data["kept_file"]

    client.post(ADD, handed(kept_file=kept, encoding="cp850", file=SimpleUploadedFile("b.md", MANUSCRIPT.encode())))
    client.post(ADD, handed(kept_file=kept, encoding="cp850", manuscript=MANUSCRIPT))

    assert {article.manuscript.strip() for article in Article.objects.all()} == {MANUSCRIPT.strip()}
    assert Article.objects.count() == 2


@pytest.mark.parametrize("kept", ["x", "eJw=", "%%%", base64.b64encode(zlib.compress(b"no name")).decode()])
def test_what_no_browser_sends_as_a_kept_file_is_no_file(kept: str, editor: User) -> None:
    assert "Give an idea or a manuscript" in text(as_(editor).post(ADD, handed(kept_file=kept)))


def test_a_word_document_is_handed_in(editor: User) -> None:
    as_(editor).post(ADD, handed(file=SimpleUploadedFile("ferry.docx", word_file(paragraph("It left.")))))

    article = Article.objects.get()
    assert (article.manuscript, article.manuscript_name) == ("<p>It left.</p>", "ferry.docx")


def test_ideas_are_asked_for_only_where_they_can_be_written(editor: User, settings: Settings) -> None:
    assert 'name="idea"' not in as_(editor).get(ADD).content.decode()

    settings.OPENAI_API_KEY = "sk-test"

    assert 'name="idea"' in as_(editor).get(ADD).content.decode()


# Preferences


def test_preferences_are_everybodys_own(editor: User, other_editor: User, chief: User) -> None:
    client = as_(editor)
    assert client.get("/admin/articles/preferences/")["Location"].endswith("/add/")

    colours = {"brand_primary": "#111111", "brand_accent": "#222222", "stop_mail": "daily"}
    client.post("/admin/articles/preferences/add/", {"instructions": "Be brief.", "style": "calm", **colours})

    mine = Preferences.objects.get()
    assert (mine.user, mine.instructions) == (editor, "Be brief.")
    own = client.get("/admin/articles/preferences/")["Location"]
    assert "Be brief." in text(client.get(own))
    assert client.get("/admin/articles/preferences/add/").status_code == 403
    for somebody in (other_editor, chief):
        assert as_(somebody).get(own)["Location"] == START
        as_(somebody).post(own, {"instructions": "Be long.", "style": "", **colours})
    mine.refresh_from_db()
    assert mine.instructions == "Be brief."


def test_recover_at_the_top_takes_the_form_along(stopped: Article, editor: User) -> None:
    """Pressed after a change below, it must not throw the change away."""
    page = as_(editor).get(page_of(stopped)).content.decode()

    assert '<button class="main-button" form="article_form" name="_recover" value="yes">Recover</button>' in page
    assert 'id="article_form"' in page


@pytest.mark.parametrize(
    "given", [{}, {"idea": "x", "manuscript": "A text."}, {"manuscript": " "}, {"file": b"%PDF-1.4"}]
)
def test_what_is_wrong_with_what_was_given_is_said_once(
    editor: User, settings: Settings, given: dict[str, Any]
) -> None:
    settings.OPENAI_API_KEY = "sk-test"
    if "file" in given:
        given = {"file": SimpleUploadedFile("a.txt", given["file"])}
    errors = as_(editor).post(ADD, handed(**given)).context["adminform"].form.errors
    assert sum(map(len, errors.values())) == 1, errors


def test_what_is_handed_in_again_begins_with_what_was_given(
    stopped: Article, editor: User, other_editor: User, chief: User
) -> None:
    Article.objects.filter(pk=stopped.pk).update(style="calm", brand_primary="#123456", manuscript="# Ours alone")
    for person, sees in ((editor, True), (chief, True), (other_editor, False)):
        page = as_(person).get(f"{ADD}?copy={stopped.pk}").content.decode()
        assert ("# Ours alone" in page, 'value="calm"' in page, "#123456" in page) == (sees, sees, sees)
    assert as_(editor).get(f"{ADD}?copy=x").status_code == 200
