"""How a site wants its posts: what counts where whoever publishes says nothing, and what somebody says comes first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from articles.models import Article
from publishing import publish_tasks
from publishing.models import PublishTask, Site
from publishing.options import Options
from tests.desk import as_
from tests.publishing.conftest import Drive, Ready
from tests.publishing.memory_site import MemorySite
from tests.publishing.test_api import submit, with_token_of

pytestmark = pytest.mark.django_db
WISHES = Options(publish_immediately=True, tags=("Freight",), comments="closed", seo_optimization=True)
AT = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture
def magazine(magazine: Site) -> Site:
    magazine.standing = WISHES.saved()
    magazine.save()
    return magazine


@pytest.fixture
def article(memory: MemorySite, magazine: Site, ready: Ready, run: Drive) -> Article:
    return run(ready(magazine))


def asked(article: Article) -> Options:
    return PublishTask.objects.filter(article=article).latest("pk").asked


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ({}, {}),
        ({"tags": []}, {"tags": ()}),
        ({"publish_immediately": False}, {"publish_immediately": False}),
        ({"publish_at": AT}, {"publish_immediately": False, "publish_at": AT}),
        ({"comments": "", "tags": ["Rail"]}, {"comments": "", "tags": ("Rail",)}),
    ],
)
def test_what_is_said_comes_first(said: dict[str, Any], changed: dict[str, Any]) -> None:
    assert WISHES.but(said) == Options(**{**WISHES.__dict__, **changed})


def test_what_is_only_handed_in_stays_a_draft(article: Article) -> None:
    assert asked(article) == Options(tags=("Freight",), comments="closed", seo_optimization=True)


def test_a_program_that_says_nothing_gets_what_the_site_wants(article: Article, editor: User) -> None:
    program = with_token_of(editor)
    assert submit(program, article).status_code == 202
    assert asked(article) == WISHES


def test_a_program_that_says_something_gets_it(article: Article, editor: User) -> None:
    answer = submit(with_token_of(editor), article, options={"publish_immediately": False, "tags": ["Rail"]})
    assert answer.status_code == 202
    assert asked(article) == Options(tags=("Rail",), comments="closed", seo_optimization=True)


@pytest.mark.parametrize(
    ("words", "changed"),
    [([], {}), (["--draft"], {"publish_immediately": False}), (["--tags", "Rail"], {"tags": ("Rail",)})],
)
def test_the_command_says_what_it_is_told(article: Article, words: list[str], changed: dict[str, Any]) -> None:
    call_command("publish", str(article.pk), *words)
    assert asked(article) == Options(**{**WISHES.__dict__, **changed})


def test_the_page_begins_with_what_the_site_wants(article: Article, editor: User) -> None:
    page = as_(editor).get("/admin/articles/article/publish/", {"ids": str(article.pk)}).content.decode()
    assert 'value="Freight"' in page
    assert '<option value="closed" selected>' in page
    assert '<option value="now" selected>' in page


def test_who_submits_without_options_gets_what_the_site_wants(article: Article, magazine: Site, editor: User) -> None:
    publish_tasks.submit(article, magazine, editor)
    assert asked(article) == WISHES
