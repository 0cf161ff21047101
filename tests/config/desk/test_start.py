"""The start page names whatever needs somebody: backups to whoever may end it, and publications that stopped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from articles.models import Article
from publishing.models import PublishTask, Site
from tests.backups import desks
from tests.conftest import HandIn
from tests.desk import REFUSED, START, as_, stop, text


@pytest.fixture
def site(db: None) -> Site:
    return Site.objects.create(name="Magazine", url="https://magazine.example.org", user="desk")


def stopped(article: Article, site: Site, **fields: object) -> PublishTask:
    values = {"status": "failed", "error": REFUSED, "completed_at": timezone.now(), "publisher": "rest"}
    return PublishTask.objects.create(article=article, site=site, **values | fields)


def test_backups_that_are_late_are_named_to_whoever_may_end_it(hand_in: HandIn, chief: User, editor: User) -> None:
    hand_in()
    assert "Backups:" not in text(as_(chief).get(START))

    desks.awaited_since(timezone.now() - timedelta(days=9))

    assert "Backups: the database was never backed up." in text(as_(chief).get(START))
    assert "Backups:" not in text(as_(editor).get(START))


def test_publications_that_stopped_are_counted(hand_in: HandIn, site: Site, editor: User, other_editor: User) -> None:
    article = hand_in()
    Article.objects.filter(pk=article.pk).update(status="done", ended_at=timezone.now())
    stopped(article, site)
    assert "1 publication stopped within the last week; the article is finished otherwise." in text(
        as_(editor).get(START)
    )
    assert "publication stopped" not in text(as_(other_editor).get(START))

    stopped(article, site, status="completed", error=None)  # a later one made it good
    assert "publication stopped" not in text(as_(editor).get(START))

    other = Site.objects.create(name="Weekly", url="https://weekly.example.org", user="desk")
    stopped(article, other, cancelled=True)
    stopped(article, other, completed_at=timezone.now() - timedelta(days=8))
    assert "publication stopped" not in text(as_(editor).get(START))


def test_what_stopped_with_its_article_is_said_once(hand_in: HandIn, site: Site, editor: User) -> None:
    article = stop(hand_in(site=site))
    stopped(article, site)
    said = text(as_(editor).get(START))

    assert "1 article stopped" in said
    assert "publication stopped" not in said


def test_a_group_says_when_it_was_last_seen_and_how_often_lately(hand_in: HandIn, editor: User) -> None:
    one, two, three = (stop(hand_in()) for _ in range(3))
    for article, ago in ((one, 200), (two, 90), (three, 12)):
        Article.objects.filter(pk=article.pk).update(ended_at=timezone.now() - timedelta(minutes=ago))

    assert "the last 12 min ago , 1 of them within an hour" in text(as_(editor).get(START))
