"""What an open page asks for every few seconds: what has changed, and nothing where nothing has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from articles.models import Article, Call, Event, ImageFile, Stage, StageRecord
from tests.conftest import HandIn
from tests.desk import LIST, as_, move, page_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stopped_clock")]
ROWS = f"{LIST}rows/"
OF_LOGIN = 4  # session, person, two for rights: what any page costs


def asked(client: Client, path: str, tag: str = "") -> tuple[int, str, int]:
    """The status, the tag, and how many queries it took."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path, headers={"If-None-Match": tag} if tag else {})
    assert bool(answer.content) == (answer.status_code == 200)
    return answer.status_code, answer["ETag"], len(queries)


def changed(article: Article) -> list[Callable[[], object]]:
    """One thing after the other that moves while an article is made."""
    record = article.records.filter(stage=Stage.ARTICLE)
    return [
        lambda: Event.objects.create(article=article, kind="saved", message="Saved"),
        lambda: record.update(state=StageRecord.State.RUNNING, started_at=timezone.now()),
        lambda: record.update(state=StageRecord.State.DONE, finished_at=timezone.now()),
        lambda: ImageFile.objects.create(article=article, role="hero", prompt="p", aspect="16:9"),
        lambda: ImageFile.objects.filter(article=article).update(sha256="1" * 64, bytes=9),
        lambda: Call.objects.create(article=article, key="text", provider="text", idempotency_key="1", sends=1),
        lambda: Call.objects.filter(article=article).update(cost=Decimal("0.25")),
        lambda: Article.objects.filter(pk=article.pk).update(title="Ports"),
        lambda: Article.objects.filter(pk=article.pk).update(status=Article.Status.DONE),
    ]


@pytest.mark.parametrize("kind", ["api", "page", "rows"])
def test_each_change_is_told_and_nothing_else(kind: str, hand_in: HandIn, editor: User) -> None:
    article, client = move(hand_in()), as_(editor)
    paths = {"api": f"/api/v1/articles/{article.pk}/progress", "page": page_of(article, "progress")}
    path = paths.get(kind, f"{ROWS}?ids={article.pk}")

    status, tag, full = asked(client, path)
    assert status == 200
    least = OF_LOGIN + (kind != "api") + 1  # a page is told by a clock: whose?
    assert (304, tag, least) == asked(client, path, tag)
    assert full > least

    for change in changed(article):
        change()
        status, newer, _ = asked(client, path, tag)
        assert (status, newer != tag) == (200, True)
        assert asked(client, path, newer)[0] == 304
        tag = newer


def test_what_is_as_it_was_is_told_again_after_a_minute(
    hand_in: HandIn, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    article, client = move(hand_in()), as_(editor)
    _, tag, _ = asked(client, page_of(article, "progress"))
    later = timezone.now() + timedelta(minutes=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    assert asked(client, page_of(article, "progress"), tag)[0] == 200


def test_nobody_learns_from_a_tag_of_what_is_not_theirs(hand_in: HandIn, editor: User, other_editor: User) -> None:
    article, stranger = move(hand_in()), as_(other_editor)
    for path in (page_of(article, "progress"), f"/api/v1/articles/{article.pk}/progress"):
        _, tag, _ = asked(as_(editor), path)
        assert stranger.get(path, headers={"If-None-Match": tag}).status_code == 404
        assert stranger.get(path).status_code == 404
    assert stranger.get(f"{ROWS}?ids={article.pk}").content == b""


def test_the_list_asks_for_the_lines_that_move(hand_in: HandIn, editor: User) -> None:
    resting, moving = hand_in(), move(hand_in())
    Article.objects.filter(pk=resting.pk).update(status=Article.Status.CANCELLED)
    client = as_(editor)

    page = client.get(LIST).content.decode()
    assert f'data-poll="{ROWS}?ids={moving.pk}"' in page
    parts = client.get(f"{ROWS}?ids={moving.pk}").content.decode()
    for name in ("stages", "state", "cost", "button"):
        part = f'data-part="{name}-{moving.pk}"'
        assert part in parts
        assert part in page
    assert str(resting.pk) not in parts.replace(str(moving.pk), "")


def test_more_lines_cost_no_more_queries(hand_in: HandIn, editor: User) -> None:
    client = as_(editor)
    articles = [move(hand_in()) for _ in range(5)]
    costs = {
        asked(client, f"{ROWS}?ids={','.join(str(each.pk) for each in some)}")[2] for some in (articles[:1], articles)
    }
    assert len(costs) == 1
    assert client.get(f"{ROWS}?ids=x,,99999999").content == b""


# How many queries a page takes at most: whoever adds one knows it.
PRICES = {"/admin/": 19, "/admin/start/": 19, LIST: 13}


@pytest.mark.parametrize("path", PRICES)
def test_what_a_page_costs(path: str, hand_in: HandIn, editor: User) -> None:
    client = as_(editor)
    move(hand_in())
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    assert len(queries) <= PRICES[path]
