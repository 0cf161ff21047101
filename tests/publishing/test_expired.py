"""A finished article whose backup is gone goes out all the same, and what lies on the site is not bought again."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from articles.models import Article
from publishing import publish_tasks
from publishing.publishers import hybrid
from tests.publishing.conftest import Drive, Impostor, Ready, new_site
from tests.publishing.memory_site import MemorySite

pytestmark = pytest.mark.django_db


@pytest.fixture
def finished(
    ready: Ready, run: Drive, impostor: Impostor, monkeypatch: pytest.MonkeyPatch, storage_folder: Path
) -> Article:
    """On a site, with the addresses of its pictures on a server that has them; its tree is gone."""
    memory = MemorySite()
    monkeypatch.setattr(hybrid, "WAYS", memory.ways("rest"))
    article = run(ready(new_site("https://magazine.example.org")))
    for image in article.images.all():
        picture = article.tree.read(image.stored)
        impostor.says(f"GET /{image.role}.jpg", picture)
        article.images.filter(pk=image.pk).update(wordpress_url=f"{impostor.url}/{image.role}.jpg")
    for name in ("03_hero", "03_section_1"):
        for end in (".jpg", "_base64.txt"):
            (storage_folder / article.tree_prefix / f"{name}{end}").unlink()
    Article.objects.filter(pk=article.pk).update(tree_expired_at=timezone.now())
    article.refresh_from_db()
    return article


def test_pictures_are_fetched_from_the_site(finished: Article, run: Drive, editor: User) -> None:
    publish_tasks.submit(finished, finished.site, editor, may_cost=True)
    article = run(finished)
    assert article.status == Article.Status.DONE, article.error
    assert not article.calls.filter(key__startswith="image:").exists(), "nothing was bought"
    for image in article.images.all():
        assert len(article.tree.read(image.stored)) == image.bytes
        article.tree.read(image.stored_base64)
    assert article.events.filter(kind="fetched").count() == 2


@pytest.mark.parametrize("answer", [(200, b"another picture"), (404, b""), (200, b"x" * 3_000_000)])
def test_what_is_another_picture_there_is_made_again(
    finished: Article, run: Drive, editor: User, impostor: Impostor, answer: tuple[int, bytes]
) -> None:
    impostor.says("GET /hero.jpg", answer[1], answer[0])
    publish_tasks.submit(finished, finished.site, editor, may_cost=True)
    article = run(finished)
    assert article.events.filter(kind="damaged").exists()
    [fetched] = article.events.filter(kind="fetched")
    assert "section" in fetched.message


def test_a_site_that_is_down_is_waited_for(finished: Article, run: Drive, editor: User, impostor: Impostor) -> None:
    impostor.says("GET /hero.jpg", b"", 503)
    publish_tasks.submit(finished, finished.site, editor, may_cost=True)
    article = run(finished)
    assert article.status == Article.Status.WAITING
    assert not article.events.filter(kind="damaged").exists()
