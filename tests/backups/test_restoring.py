"""What was lost comes back as it was; what is there is touched as far as the mode says, and all of it or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections

from articles.models import Article, Attempt, Event, StageRecord
from backups import database, restoring
from backups.comparing import Step
from backups.manifests import Generation
from backups.repository import Repository
from backups.restoring import Choice
from publishing.models import Site
from tests.backups import desks
from tests.backups.desks import Copies


def plan_of(store: Repository, alias: str, **options: Any) -> tuple[Counter[str], list[Step], list[str]]:
    generation = options.pop("generation", None) or restoring.choose(store)
    with restoring.planned(store, generation, alias, **options) as plan:
        return plan.total, list(plan.steps()), plan.staged.told


def restore(store: Repository, alias: str, **options: Any) -> Generation | None:
    generation = options.pop("generation", None) or restoring.choose(store)
    with restoring.planned(store, generation, alias, **options) as plan:
        return restoring.restore(store, plan)


@pytest.fixture
def lost(desk: str, copies: Copies, store: Repository) -> dict[str, list[dict[str, Any]]]:
    """Everything that was in the database of which `store` has the backup: a full one, and one of changes."""
    desks.fill(desk)
    database.backup(store, desk)
    first, second, *_ = Article.objects.using(desk).order_by("pk")
    first.delete()
    Article.objects.using(desk).filter(pk=second.pk).update(title="changed since")
    desks.article(desk, 99, User.objects.using(desk).get(username="ada"))
    database.backup(store, desk)
    return desks.rows(desk)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_lost_database_comes_back_as_it_was(
    lost: dict[str, list[dict[str, Any]]], store: Repository, kind: str, request: pytest.FixtureRequest
) -> None:
    others: Copies = request.getfixturevalue(f"{kind}_copies")
    with others.desk() as empty:
        assert restore(store, empty) is not None
        assert desks.rows(empty) == lost

        counts, steps, told = plan_of(store, empty, mode="mirror")
        assert counts == Counter(same=sum(map(len, lost.values())))
        assert (steps, told) == ([], [])
        new = desks.article(empty, 100, User.objects.using(empty).get(username="ada"))
        assert new.pk > max(row["id"] for row in lost["articles.Article"])  # the numbers go on behind those of before


def test_an_earlier_point_in_time(desk: str, copies: Copies, store: Repository) -> None:
    desks.fill(desk, 3)
    before, made = desks.rows(desk), database.backup(store, desk).generation
    Article.objects.using(desk).first().delete()  # type: ignore[union-attr]
    database.backup(store, desk)

    with copies.desk() as empty:
        restore(store, empty, generation=restoring.choose(store, at=made.began))
        assert desks.rows(empty) == before


def test_one_article_comes_back_with_all_that_belongs_to_it(desk: str, store: Repository) -> None:
    desks.fill(desk)
    before = desks.rows(desk)
    database.backup(store, desk)
    first, second, *_ = Article.objects.using(desk).order_by("pk")
    uid = first.uid
    first.delete()
    Article.objects.using(desk).filter(pk=second.pk).update(title="changed since")

    _, steps, _ = plan_of(store, desk, choice=Choice((uid,)), mode="overwrite")
    assert {step.action for step in steps} == {"create"}
    restore(store, desk, choice=Choice((uid,)))

    after = desks.rows(desk)
    [row] = [row for row in after["articles.Article"] if row["uid"] == uid]
    assert row in before["articles.Article"]
    assert after["articles.StageRecord"] == before["articles.StageRecord"]
    assert Article.objects.using(desk).get(pk=second.pk).title == "changed since"


def test_articles_of_a_time(desk: str, store: Repository) -> None:
    desks.fill(desk)
    database.backup(store, desk)
    Article.objects.using(desk).all().delete()
    begin = desks.START + timedelta(minutes=3)

    restore(store, desk, choice=Choice(begin=begin, end=begin + timedelta(minutes=4)))
    assert [int(uid, 16) for uid in Article.objects.using(desk).order_by("uid").values_list("uid", flat=True)] == [
        3, 4, 5, 6, 7,
    ]  # fmt: skip


def _tamper(alias: str) -> None:
    articles = Article.objects.using(alias).order_by("pk")
    first, second, third, *_ = articles
    first.delete()
    articles.filter(pk=second.pk).update(title="later", ended_at=second.created_at + timedelta(days=1))
    articles.filter(pk=third.pk).update(title="earlier", ended_at=None)
    desks.article(alias, 77, User.objects.using(alias).get(username="ben"))


@pytest.mark.parametrize(
    ("mode", "second", "third", "new"),
    [
        ("missing", "later", "earlier", True),
        ("newer", "later", desks.SCRIPTS[2], True),
        ("overwrite", desks.SCRIPTS[1], desks.SCRIPTS[2], True),
        ("mirror", desks.SCRIPTS[1], desks.SCRIPTS[2], False),
    ],
)
def test_modes(desk: str, store: Repository, mode: str, second: str, third: str, new: bool) -> None:
    desks.fill(desk)
    before = desks.rows(desk)
    database.backup(store, desk)
    _tamper(desk)

    restore(store, desk, mode=mode)
    titles = dict(Article.objects.using(desk).values_list("uid", "title"))
    assert (titles[f"{1:032x}"], titles[f"{2:032x}"]) == (second, third)
    assert f"{0:032x}" in titles
    assert (f"{77:032x}" in titles) == new
    if mode == "mirror":
        assert desks.rows(desk) == before


def test_what_was_restored_can_be_undone(desk: str, store: Repository) -> None:
    desks.fill(desk)
    database.backup(store, desk)
    _tamper(desk)
    before = desks.rows(desk)

    safety = restore(store, desk, mode="mirror")
    assert desks.rows(desk) != before
    assert restoring.choose(store).about["source"] == database.SOURCE  # and not the safety backup
    restore(store, desk, mode="mirror", generation=safety)
    assert desks.rows(desk) == before


def test_numbers_that_others_have_taken(desk: str, copies: Copies, store: Repository) -> None:
    """The target has other people and articles under the numbers of the backup."""
    desks.fill(desk, 4)
    wanted = {row["uid"]: row for row in desks.rows(desk)["articles.Article"]}
    database.backup(store, desk)
    with copies.desk() as other:
        User(username="zoe", password="!").save(using=other)
        ada = User(username="ada", password="!")
        ada.save(using=other)
        Site.objects.using(other).create(name="Other", url="https://other.example.org", user="u")
        theirs = desks.article(other, 50, ada)
        before = desks.rows(other)

        restore(store, other)
        after = desks.rows(other)
        for row in before["articles.Article"]:
            assert row in after["articles.Article"]
        back = {article.uid: article for article in Article.objects.using(other).exclude(pk=theirs.pk)}
        assert back.keys() == wanted.keys()
        for uid, article in back.items():
            assert article.pk == wanted[uid]["id"] or wanted[uid]["id"] == theirs.pk
            assert article.owner.username == ("ada" if int(uid, 16) % 2 else "ben")
            assert article.site is None or article.site.name == "Magazine"
            assert article.records.count() == 5
        assert plan_of(store, other)[0]["create"] == 0  # and a second time finds all of it


def test_what_cannot_come_back_stops_everything(desk: str, store: Repository) -> None:
    desks.fill(desk, 4)
    database.backup(store, desk)
    first, second, *_ = Article.objects.using(desk).order_by("pk")
    prefix = first.tree_prefix
    Event.objects.using(desk).all().delete()
    first.delete()
    Article.objects.using(desk).filter(pk=second.pk).update(tree_prefix=prefix)
    before = desks.rows(desk)

    with pytest.raises(restoring.Conflicting, match=r"tree_prefix .* belongs to number"):
        restore(store, desk)
    assert desks.rows(desk) == before


def test_interrupted_in_the_middle_leaves_everything_as_it_was(
    desk: str, store: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.fill(desk)
    database.backup(store, desk)
    _tamper(desk)
    before = desks.rows(desk)
    write: Callable[..., None] = restoring._Writing._write
    calls = iter(range(100))

    def breaks(*args: Any) -> None:
        if next(calls) == 3:
            raise KeyboardInterrupt
        write(*args)

    monkeypatch.setattr(restoring._Writing, "_write", breaks)
    with pytest.raises(KeyboardInterrupt):
        restore(store, desk, mode="mirror")
    assert desks.rows(desk) == before


def test_a_database_that_changes_after_the_difference_was_shown_is_left_alone(desk: str, store: Repository) -> None:
    desks.fill(desk, 3)
    database.backup(store, desk)
    first, second, _ = Article.objects.using(desk).order_by("pk")
    first.delete()
    with restoring.planned(store, restoring.choose(store), desk) as plan:
        second.delete()
        with pytest.raises(restoring.Moved):
            restoring.restore(store, plan)
    assert Article.objects.using(desk).count() == 1


def test_the_backup_of_an_earlier_version_comes_back(
    desk: str, copies: Copies, store: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then without Article.spent, with a column that is gone now, and with a model that is gone."""
    desks.fill(desk, 3)
    with connections[desk].cursor() as cursor:
        cursor.execute("UPDATE articles_article SET spent = 0")
    before = desks.rows(desk)
    from backups import snapshots, tables

    real = snapshots.Snapshot.between

    def earlier(self: Any, table: tables.Table, *args: Any, **options: Any) -> snapshots.Page:
        page = real(self, table, *args, **options)
        swap = table.label == "articles.Article"
        texts = [text.replace(b'"spent":', b'"outlay":') if swap else text for text in page.texts]
        return snapshots.Page(page.pks, page.tokens, page.hashes, texts, page.keys)

    shape = tables.Table.shape.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(snapshots.Snapshot, "between", earlier)
    monkeypatch.setattr(
        tables.Table, "shape", property(lambda t: [["outlay" if n == "spent" else n, k] for n, k in shape(t)])
    )
    database.backup(store, desk)
    monkeypatch.undo()

    with copies.desk() as empty:
        _, _, told = plan_of(store, empty)
        assert told == [
            "articles.Article.spent is new since this backup: it gets its default.",
            "articles.Article.outlay is not there any more: it is left out.",
        ]
        restore(store, empty)
        assert desks.rows(empty) == before
    Article.objects.using(desk).update(spent=3, title="x")
    restore(store, desk, mode="overwrite")
    assert {article.spent for article in Article.objects.using(desk)} == {3}  # nothing is known of it: it stays


def test_people_come_back_as_members_of_their_groups(desk: str, copies: Copies, store: Repository) -> None:
    desks.fill(desk, 1)
    database.backup(store, desk)
    with copies.desk() as empty:
        restore(store, empty)
        assert [group.name for group in User.objects.using(empty).get(username="ada").groups.all()] == ["Editors"]
        assert Attempt.objects.using(empty).get().asked_by == User.objects.using(empty).get(username="ben")
        assert StageRecord.objects.using(empty).count() == 5
