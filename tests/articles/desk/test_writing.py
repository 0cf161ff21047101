"""The form of a new article: its tabs, the fold, files that come together, and what is pasted."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from pytest_django import Settings

from articles.desk.writing import several
from articles.handing_in.submit_form import SubmitForm
from articles.models import Article, Design, Preferences
from publishing.models import Site
from tests.articles.content.reading.pictured import photograph
from tests.articles.content.reading.word_files import paragraph, word_file
from tests.desk import ADD, LIST, START, as_, text

FILES, PASTED = "/admin/articles/article/files/", "/admin/articles/article/pasted/"
WORD = word_file(paragraph("Night ferries", "berschrift1") + paragraph("They cross by night."))
UNCLEAR = "# Ærø\n\n¤ ¦ ¨ ´ ¸ ¼ ½".encode("latin-1")
READ_WRONG = b"%PDF-1.7 \x00\x01"


def file(name: str, content: bytes = b"# Orchards\n\nThey bloom in May.") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def shown(page: Any) -> dict[str, str]:
    """The fields of the page that shows what was read, as a browser would send them back."""
    html = page.content.decode()
    hidden = re.findall(r'<input type="hidden" name="((?:kept|encoding)-\d+|confirmed|lost)" value="([^"]*)"', html)
    ticked = re.findall(r'<input type="checkbox" name="(take-\d+)" id="[^"]*" checked', html)
    return dict(hidden) | dict.fromkeys(ticked, "on")


# The form


def test_idea_text_and_file_are_there_each_without_a_script(editor: User, settings: Settings) -> None:
    settings.OPENAI_API_KEY = "x"

    html = as_(editor).get(ADD).content.decode()

    assert re.findall(r'data-tab="(\w+)"', html) == ["Idea", "Text", "File"]
    assert html.index('name="idea"') < html.index('name="manuscript"') < html.index('name="file"')


def test_what_else_is_asked_is_folded_and_says_what_the_preferences_say(editor: User) -> None:
    client = as_(editor)
    assert "As your preferences say: nothing but your colours." in text(client.get(ADD))
    Preferences.objects.create(user=editor, style="calm", design=Design.MODERN, byline="By Ada")

    page = client.get(ADD)

    assert "As your preferences say: style “calm”, design Modern, byline “By Ada”." in text(page)
    assert '<details class="rest">' in page.content.decode()


@pytest.mark.parametrize("said", [{"scheduled_at": "2030-01-01T09:00"}, {"style": "loud"}])
def test_the_fold_is_open_where_something_is_not_as_usual(said: dict[str, str], editor: User) -> None:
    client = as_(editor)
    assert '<details class="rest" open>' in client.get(ADD, said).content.decode()
    assert '<details class="rest" open>' in client.post(ADD, said).content.decode()


# Files


def test_one_file_fills_the_form(editor: User) -> None:
    client = as_(editor)

    page = client.post(FILES, {"files": [file("ferries.docx", WORD)]})

    assert "“ferries.docx” is kept here" in text(page)
    assert f'action="{ADD}"' in page.content.decode()
    assert not Article.objects.exists()
    kept = re.search(r'name="kept_file" value="([^"]+)"', page.content.decode())
    assert kept
    client.post(ADD, {"kept_file": kept[1], "formatter": "auto"})
    article = Article.objects.get()
    assert (article.working_title, article.manuscript_name) == (
        "<h1>Night ferries</h1><p>They cross by night.</p>",
        "ferries.docx",
    )


def test_several_files_are_shown_and_then_become_an_article_each(editor: User) -> None:
    site = Site.objects.create(name="Magazine", url="https://magazine.example.org", user="desk")
    client = as_(editor)

    page = client.post(FILES, {"files": [file("a.md"), file("b.docx", WORD), file("c.pdf.txt", READ_WRONG)]})

    seen = text(page)
    assert "Orchards a.md, 4 words" in seen
    assert "Night ferries b.docx, 4 words" in seen
    assert "c.pdf.txt Left out" in seen
    assert "This is a PDF" in seen
    assert "Hand in 2 articles" in seen
    assert not Article.objects.exists()

    response = client.post(FILES, {**shown(page), "formatter": "template", "site": str(site.pk), "style": "calm"})

    assert response["Location"] == LIST
    said = text(client.get(LIST))
    assert "2 articles are handed in." in said
    assert "“c.pdf.txt” was left out." in said
    found = Article.objects.order_by("pk").values_list("manuscript_name", "site", "style", "formatter", "owner")
    assert list(found) == [(name, site.pk, "calm", "template", editor.pk) for name in ("a.md", "b.docx")]


def test_a_picture_that_cannot_be_used_is_told_before_and_after_the_text_is_handed_in(editor: User) -> None:
    small = base64.b64encode(photograph(size=(60, 60))).decode()
    dawn = f"# Tides\n\nThe sea.\n\n![At dawn](data:image/png;base64,{small})".encode()
    why = "The picture “At dawn” cannot be used: it is smaller than 200 pixels."
    client = as_(editor)

    page = client.post(FILES, {"files": [file("tides.md", dawn), file("a.md")]})
    assert text(page).count(why) == 1

    client.post(ADD, {"manuscript": dawn.decode(), "formatter": "template"})
    assert why in text(client.get(Article.objects.get().get_absolute_url()))


def test_one_that_cannot_be_read_yet_holds_the_others_back_and_loses_none(editor: User) -> None:
    client = as_(editor)
    page = client.post(FILES, {"files": [file("a.md"), file("old.txt", UNCLEAR)]})
    assert "old.txt does not say in which encoding it is" in text(page)

    again = client.post(FILES, {**shown(page), "formatter": "auto"})

    assert "Nothing is handed in yet." in text(again)
    assert not Article.objects.exists()
    assert shown(again) == shown(page)

    client.post(FILES, {**shown(again), "encoding-1": "cp1252", "formatter": "auto"})
    assert list(Article.objects.order_by("pk").values_list("manuscript_name", flat=True)) == ["a.md", "old.txt"]
    assert Article.objects.get(manuscript_name="old.txt").manuscript.startswith("# Ærø")


def test_one_may_be_left_out(editor: User) -> None:
    client = as_(editor)
    sent = shown(client.post(FILES, {"files": [file("a.md"), file("b.md")]}))
    del sent["take-0"]

    client.post(FILES, {**sent, "formatter": "auto"})

    assert Article.objects.get().manuscript_name == "b.md"
    assert "“a.md” was left out." in text(client.get(LIST))


def test_what_is_asked_once_is_checked_for_all(editor: User) -> None:
    client = as_(editor)
    sent = shown(client.post(FILES, {"files": [file("a.md"), file("b.md")]}))

    page = client.post(FILES, {**sent, "formatter": "auto", "scheduled_at": "2001-01-01T09:00"})

    assert "See what is wrong under “Page, site and time”." in text(page)
    assert "This time is over." in text(page)
    assert not Article.objects.exists()


def test_all_are_handed_in_or_none(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = as_(editor)
    sent = shown(client.post(FILES, {"files": [file("a.md"), file("b.md")]}))
    submit = SubmitForm.submit

    def fails_later(form: Any) -> Article:
        if Article.objects.exists():
            raise OSError
        return submit(form)

    monkeypatch.setattr(SubmitForm, "submit", fails_later)
    with pytest.raises(OSError):  # noqa: PT011  ours, above
        client.post(FILES, {**sent, "formatter": "auto"})

    assert not Article.objects.exists()


def test_more_than_there_is_room_for_is_said(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "MOST", 2)
    monkeypatch.setattr(several, "ROOM", 100)

    seen = text(as_(editor).post(FILES, {"files": [file("a.md"), file("b.md"), file("c.md")]}))

    assert "Hand them in afterwards: c.md." in seen
    assert "b.md Left out" in seen
    assert "It has no room here beside the others." in seen


def test_what_takes_too_long_to_read_is_left_for_later(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "PATIENCE", -1.0)

    seen = text(as_(editor).post(FILES, {"files": [file("a.md"), file("b.md")]}))

    assert "Hand them in afterwards: a.md, b.md." in seen


@pytest.mark.parametrize("kept", ["", "nonsense", "eJwDAAAAAAE="])
def test_a_page_that_somebody_has_made_up_hands_nothing_in(kept: str, editor: User) -> None:
    page = as_(editor).post(FILES, {"confirmed": "yes", "kept-0": kept, "take-0": "on", "formatter": "auto"})

    assert page.status_code == 200
    assert not Article.objects.exists()


def test_only_those_who_may_write_see_where_files_go(editor: User) -> None:
    client = as_(editor)
    assert FILES in client.get(START).content.decode()
    staff = as_(User.objects.create_user("staff", password="a long password", is_staff=True))

    assert staff.get(FILES).status_code == 403
    assert staff.post(PASTED, {"html": "<h2>a</h2>"}).status_code == 403
    assert FILES not in staff.get(START).content.decode()


# Paste


def test_what_is_pasted_comes_back_as_markdown(editor: User) -> None:
    client = as_(editor)

    assert client.post(PASTED, {"html": "<h2>A</h2><ul><li>b</li></ul>"}).json() == {"text": "## A\n\n- b"}
    assert client.post(PASTED, {"html": "<p>only words</p>"}).json() == {"text": ""}
    assert client.post(PASTED, {"html": "<b>" + "x" * 1_000_001}).json() == {"text": ""}
    assert client.get(PASTED)["Location"] == reverse("admin:articles_article_changelist")
