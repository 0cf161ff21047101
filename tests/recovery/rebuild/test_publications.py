"""A publication that was asked for comes back with its article: the same site, way, wishes, person and moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from articles.models import Article
from articles.pipeline import transitions
from articles.tree.due import due, write_due
from backups import configured
from backups.trees.tree import SIGNED, TreeError
from publishing import publish_tasks
from publishing.models import PublishTask, Site, Way
from publishing.options import Options
from recovery.rebuild.article import rebuild
from recovery.rebuild.content import find
from recovery.rebuild.publications import make_tasks
from tests.conftest import HandIn
from tests.doubles.server import Doubles
from tests.publishing.conftest import Drive, new_site
from tests.publishing.conftest import magazine as magazine
from tests.publishing.conftest import memory as memory
from tests.publishing.memory_site import MemorySite
from tests.recovery.rebuild.loss import differences, edit, lose_the_database, rebuild_all, settled, state

pytestmark = pytest.mark.django_db(transaction=True)

LATER = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
EVERYTHING = Options(
    publish_at=LATER,
    tags=("Freight", "Größe <b>", "x" * 100, *(f"Tag {number}" for number in range(17))),
    categories=("News",),
    excerpt="“Trains”\n" + "é" * 990,
    slug="home-batteries-2",
    author="Ada Łé",
    comments="closed",
    seo_optimization=True,
    seo_title="T" * 300,
    seo_description="D" * 300,
    focus_keyword="batteries",
    over="f" * 64,
)
WISHES = [Options(), Options(publish_immediately=True, tags=("Freight",)), EVERYTHING]


def lost(*kept: type[Any]) -> list[str]:
    write_due()
    before = state()
    lose_the_database(*kept)
    rebuild_all()
    return differences(settled(before), state())


@pytest.mark.parametrize("wishes", WISHES)
def test_of_an_unfinished_article_it_waits_as_before(
    wishes: Options, hand_in: HandIn, magazine: Site, editor: User, chief: User
) -> None:
    article = hand_in(idea="Home batteries")
    other = new_site("https://weekly.example.org", name="Weekly")
    publish_tasks.submit(article, magazine, chief, publisher=Way.XMLRPC, options=wishes)
    publish_tasks.submit(article, other, editor, options=wishes)
    publish_tasks.submit(article, None, None)

    assert lost(Site) == []
    first, second, third = PublishTask.objects.order_by("pk")
    assert (first.site, first.publisher, first.asked, first.asked_by) == (magazine, "xmlrpc", wishes, _again("chief"))
    assert (second.site, third.site, third.asked_by) == (other, None, None)
    assert {task.status for task in (first, second, third)} == {"idle"}


def _again(name: str) -> User:
    return User.objects.get(username=name)


def test_with_its_site_gone_it_waits_for_the_one_to_be_filled_in(hand_in: HandIn, magazine: Site, chief: User) -> None:
    publish_tasks.submit(hand_in(idea="Home batteries"), magazine, chief, options=EVERYTHING)

    assert lost() == []
    task = PublishTask.objects.get()
    assert task.site
    assert (task.site.url, task.site, task.asked) == ("", task.article.site, EVERYTHING)


@pytest.fixture
def whole(services: Doubles, monkeypatch: pytest.MonkeyPatch, hand_in: HandIn) -> Callable[[Site], Article]:
    """Makes an article whose stages are the real ones."""
    services.configure(image_width=480, image_bytes=4000)
    monkeypatch.setattr("articles.stages.images.POLL_SECONDS", (0.001,))
    return lambda site: hand_in(manuscript="# Trains\n\nThey run again.", formatter="template", site=site)


def test_of_a_finished_article_it_is_done_when_a_person_lets_it_go_on(
    memory: MemorySite, magazine: Site, whole: Callable[[Site], Article], run: Drive, chief: User
) -> None:
    article = run(whole(magazine))
    assert article.status == Article.Status.DONE
    wishes = Options(publish_immediately=True, tags=("Freight",))
    publish_tasks.submit(article, magazine, chief, options=wishes)

    assert lost(Site) == []
    task = PublishTask.objects.get()
    assert (task.status, task.was_done, task.article.status) == ("pending", True, Article.Status.FAILED)
    transitions.resume(task.article, _again("chief"), transitions.Work())
    run(task.article)
    task.refresh_from_db()
    assert (task.status, task.asked) == ("completed", wishes)
    assert [post["status"] for post in memory.posts.values()] == ["publish"]


def test_one_that_had_begun_begins_anew(hand_in: HandIn, magazine: Site, chief: User) -> None:
    article = hand_in(idea="Home batteries")
    publish_tasks.submit(article, magazine, chief, options=EVERYTHING)
    PublishTask.objects.update(status="creating_post", started_at=timezone.now(), completed_steps=3, total_steps=5)
    Article.objects.update(**due())

    assert lost(Site) == []
    task = PublishTask.objects.get()
    assert (task.status, task.completed_steps, task.started_at) == ("pending", 0, None)


def _finished(article: Article, run: Drive) -> None:
    run(article)


def _cancelled(article: Article, run: Drive) -> None:
    transitions.cancel(article, None)


@pytest.mark.parametrize("end", [_finished, _cancelled])
def test_what_has_ended_is_not_asked_for_again(
    end: Callable[..., None],
    memory: MemorySite,
    magazine: Site,
    whole: Callable[[Site], Article],
    run: Drive,
    chief: User,
) -> None:
    article = whole(magazine)
    publish_tasks.submit(article, magazine, chief, options=EVERYTHING)
    end(article, run)

    assert lost(Site) == []
    assert not PublishTask.objects.open().exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("publisher", "pigeon"),
        ("options", {"tags": ["x" * 101]}),
        ("options", {"slug": "../x"}),
        ("asked_by", "not a name!"),
        ("status", "completed"),
    ],
)
def test_what_no_door_would_take_is_refused(
    name: str, value: object, hand_in: HandIn, magazine: Site, chief: User
) -> None:
    article = hand_in(idea="Home batteries")
    publish_tasks.submit(article, magazine, chief, options=EVERYTHING)
    prefix = article.tree_prefix
    edit(configured.tree(prefix), lambda said: said["source"]["publish_tasks"][0].update({name: value}))
    lose_the_database(Site)

    with pytest.raises(TreeError, match="The publications in the manifest cannot be used: 0"):
        rebuild(prefix)
    assert not Article.objects.exists()


def test_a_stranger_asks_for_nothing(hand_in: HandIn, magazine: Site, chief: User) -> None:
    article = hand_in(manuscript="# Trains\n\nThey run.")
    publish_tasks.submit(article, magazine, chief, options=EVERYTHING)
    prefix = article.tree_prefix
    edit(configured.tree(prefix), lambda said: said.pop(SIGNED), signed=False)
    lose_the_database(Site)

    rebuilt = rebuild(prefix, unsigned=True)
    assert not rebuilt.is_ours
    assert not PublishTask.objects.exists()


def test_what_is_there_already_stays_one(hand_in: HandIn, magazine: Site, chief: User) -> None:
    """Of a row that a backup of the database has brought, and that its tree has told of."""
    article = hand_in(idea="Home batteries")
    task, _ = publish_tasks.submit(article, magazine, chief, options=EVERYTHING)
    PublishTask.objects.filter(pk=task.pk).update(created_at=task.created_at - timedelta(days=1))
    write_due()
    make_tasks(article, find(article.tree).manifest)
    assert PublishTask.objects.get().pk == task.pk
