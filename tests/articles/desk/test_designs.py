"""Whose design an article has: its own, the site's, the editor's, and Classic where nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django import Settings

from articles.batches.start import start_batch
from articles.handing_in.submit_form import SubmitForm
from articles.models import Article, Batch, Preferences
from articles.tree import manifest
from publishing.models import Site
from tests.conftest import MANUSCRIPT


@pytest.fixture
def site(db: None) -> Site:
    site = Site(name="Magazine", url="https://magazine.example.org", user="desk", design="modern")
    site.secret = "word"
    site.save()
    return site


@pytest.mark.parametrize(
    ("chosen", "of_site", "preferred", "had"),
    [
        ("essay", True, "classic", "essay"),
        ("", True, "essay", "modern"),
        ("", False, "essay", "essay"),
        ("", False, "", "classic"),
    ],
)
def test_the_nearest_wish_counts(
    editor: User, site: Site, chosen: str, of_site: bool, preferred: str, had: str
) -> None:
    Preferences.objects.create(user=editor, design=preferred, byline="By Ada")
    given = {"manuscript": MANUSCRIPT, "formatter": "template", "design": chosen, "site": site.pk if of_site else ""}

    form = SubmitForm(given, user=editor)

    assert form.is_valid(), form.errors
    article = form.submit()
    assert (article.design, article.byline) == (had, "By Ada")
    source = manifest.build(article)[0]["source"]
    assert (source["design"], source["byline"]) == (had, "By Ada")


def test_an_emptied_byline_stays_empty(editor: User) -> None:
    Preferences.objects.create(user=editor, byline="By Ada")
    form = SubmitForm({"manuscript": MANUSCRIPT, "formatter": "template", "byline": ""}, user=editor)
    assert form.is_valid(), form.errors
    assert form.submit().byline == ""


def test_the_shell_chooses_too(editor: User, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(MANUSCRIPT)
    call_command("submit", owner=editor.username, manuscript=path, design="essay", byline="By Ada, 12 March")
    article = Article.objects.get()
    assert (article.design, article.byline) == ("essay", "By Ada, 12 March")


@pytest.mark.parametrize(("chosen", "had"), [("essay", "essay"), ("", "modern")])
def test_articles_of_a_batch_have_one(editor: User, site: Site, settings: Settings, chosen: str, had: str) -> None:
    settings.OPENAI_API_KEY = "key"
    lists = {"styles": "Art Deco", "sections": "Kitchen", "brief": "The {section}."}
    batch = Batch.objects.create(owner=editor, name="Rooms", key="rooms", site=site, design=chosen, **lists)
    start_batch(batch, editor)
    assert Article.objects.get().design == had
