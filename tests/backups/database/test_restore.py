"""What was lost comes back as it was; what is there is touched as far as the mode says, and all of it or nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from articles.models import Article, Attempt, Batch, Event, Preferences, StageRecord
from backups import configured
from backups.database import backup
from backups.database import restore as database_restore
from backups.database.comparison.steps import RowStep
from backups.database.restore import Choice, Conflicting, OutOfDate, choose, planned
from backups.database.write import Writing
from backups.repository.manifests import DATABASE, Generation
from backups.repository.repository import Repository
from publishing.models import Site
from tests.backups import desks
from tests.backups.desks import Copies


def plan_of(store: Repository, alias: str, **options: Any) -> tuple[Counter[str], list[RowStep], list[str]]:
    generation = options.pop("generation", None) or choose(store)
    with planned(store, generation, alias, **options) as plan:
        return plan.total, list(plan.steps()), plan.told


def restore(store: Repository, alias: str, **options: Any) -> Generation | None:
    generation = options.pop("generation", None) or choose(store)
    with planned(store, generation, alias, **options) as plan:
        return database_restore.restore(store, plan)


@pytest.fixture
def lost(desk: str, copies: Copies, store: Repository) -> dict[str, list[dict[str, Any]]]:
    """Everything that was in the database of which `store` has the backup: a full one, and one of changes."""
    desks.fill(desk)
    backup.backup(store, desk)
    first, second, *_ = Article.objects.using(desk).order_by("pk")
    first.delete()
    Article.objects.using(desk).filter(pk=second.pk).update(title="changed since")
    desks.article(desk, 99, User.objects.using(desk).get(username="ada"))
    backup.backup(store, desk)
    return desks.rows(desk)


@pytest.mark.dealt(2)
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
    before, made = desks.rows(desk), backup.backup(store, desk).generation
    Article.objects.using(desk).first().delete()  # type: ignore[union-attr]
    backup.backup(store, desk)

    with copies.desk() as empty:
        restore(store, empty, generation=choose(store, at=made.began))
        assert desks.rows(empty) == before


def test_one_article_comes_back_with_all_that_belongs_to_it(desk: str, store: Repository) -> None:
    desks.fill(desk)
    before = desks.rows(desk)
    backup.backup(store, desk)
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
    backup.backup(store, desk)
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


@pytest.mark.dealt(2)
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
    backup.backup(store, desk)
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
    backup.backup(store, desk)
    _tamper(desk)
    before = desks.rows(desk)

    safety = restore(store, desk, mode="mirror")
    assert desks.rows(desk) != before
    assert choose(store).about["source"] == backup.SOURCE  # and not the safety backup
    restore(store, desk, mode="mirror", generation=safety)
    assert desks.rows(desk) == before


def test_numbers_that_others_have_taken(desk: str, copies: Copies, store: Repository) -> None:
    """The target has other people and articles under the numbers of the backup."""
    desks.fill(desk, 4)
    wanted = {row["uid"]: row for row in desks.rows(desk)["articles.Article"]}
    backup.backup(store, desk)
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


def test_numbers_and_names_that_cross(desk: str, copies: Copies, store: Repository) -> None:
    """What the backup has under one number the target has under another, and the other way round."""
    desks.fill(desk, 4)
    backup.backup(store, desk)
    with copies.desk() as other:
        Group.objects.using(other).filter(name="Editors").update(name="Guests")
        Group.objects.using(other).create(name="Editors")
        Site.objects.using(other).create(name="Other", url="https://other.example.org", user="u")
        _, zoe, _ = (User.objects.using(other).create(username=name) for name in ("ben", "zoe", "ada"))
        zoe.groups.add(Group.objects.using(other).get(name="Guests"))
        desks.article(other, 3, zoe)  # in the backup it has number 4, is ada's, and this number is another's
        desks.article(other, 0, zoe)
        restore(store, other, mode="overwrite")

        assert by_name(other).items() >= by_name(desk).items()
        assert {user.username: [group.name for group in user.groups.all()] for user in User.objects.using(other)} == {
            "ada": ["Editors"], "ben": [], "zoe": ["Guests"],
        }  # fmt: skip
        assert plan_of(store, other, mode="overwrite")[0].keys() == {"same"}
        eva = User.objects.using(other).create(username="eva")  # numbers go on behind those that came back
        eva.groups.add(Group.objects.using(other).create(name="New"))
        Preferences.objects.using(other).create(user=eva)
        batch = Batch.objects.using(other).create(owner=eva, name="N", key="n", brief="b", styles="s", sections="t")
        site = Site.objects.using(other).create(name="New", url="https://new.example.org", user="u")
        desks.article(other, 60, eva, site, batch)


def by_name(alias: str) -> dict[str, Any]:
    """Articles with what belongs to them, told without any number."""
    return {
        article.uid: (
            article.owner.username,
            article.site and article.site.name,
            article.batch and (article.batch.owner.username, article.batch.key),
            *((article.title, article.created_at, article.ended_at, article.components, article.tree_prefix)),
            sorted((each.stage, str(each.details)) for each in article.records.all()),
            sorted((each.key, str(each.answer)) for each in article.calls.all()),
            sorted((each.role, each.file.name) for each in article.images.all()),
            sorted((each.index, each.batch and each.batch.key) for each in article.sections.all()),
            sorted((each.asked_at, each.asked_by and each.asked_by.username) for each in article.attempts.all()),
            sorted((each.at, each.message) for each in article.events.all()),
        )
        for article in Article.objects.using(alias)
    }


@pytest.mark.parametrize(
    ("here", "action"),
    [
        ({"ended_at": -timedelta(seconds=1)}, "change"),
        ({"ended_at": timedelta(0)}, "keep"),  # as old: what is here stays
        ({"ended_at": timedelta(seconds=1)}, "keep"),
        ({"ended_at": -timedelta(seconds=1), "scheduled_at": timedelta(days=9999)}, "change"),  # a plan is no age
        ({"ended_at": -timedelta(seconds=1), "queued_at": timedelta(days=1)}, "keep"),
        ({"ended_at": None}, "change"),
    ],
)
def test_the_newer_of_two_stays(
    sqlite_desk: str, store: Repository, here: dict[str, timedelta | None], action: str
) -> None:
    """By the latest of all its times that has passed."""
    desks.fill(sqlite_desk, 1)
    backup.backup(store, sqlite_desk)
    articles = Article.objects.using(sqlite_desk)
    ended = articles.get().ended_at
    assert ended
    times = {name: ended + shift if shift is not None else None for name, shift in here.items()}
    articles.update(title="here", **times)
    [step] = plan_of(store, sqlite_desk, mode="newer")[1]
    assert (step.model, step.action) == ("articles.Article", action)
    restore(store, sqlite_desk, mode="newer")
    assert articles.get().title == ("here" if action == "keep" else desks.SCRIPTS[0])


def test_what_cannot_come_back_stops_everything(desk: str, store: Repository) -> None:
    desks.fill(desk, 4)
    backup.backup(store, desk)
    first, second, *_ = Article.objects.using(desk).order_by("pk")
    prefix = first.tree_prefix
    Event.objects.using(desk).all().delete()
    first.delete()
    Article.objects.using(desk).filter(pk=second.pk).update(tree_prefix=prefix)
    before = desks.rows(desk)

    with pytest.raises(Conflicting, match=r"tree_prefix .* belongs to number"):
        restore(store, desk)
    assert desks.rows(desk) == before


def test_interrupted_in_the_middle_leaves_everything_as_it_was(
    desk: str, store: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.fill(desk)
    backup.backup(store, desk)
    _tamper(desk)
    before = desks.rows(desk)
    write: Callable[..., None] = Writing._write
    calls = iter(range(100))

    def breaks(*args: Any) -> None:
        if next(calls) == 3:
            raise KeyboardInterrupt
        write(*args)

    monkeypatch.setattr(Writing, "_write", breaks)
    with pytest.raises(KeyboardInterrupt):
        restore(store, desk, mode="mirror")
    assert desks.rows(desk) == before


def test_a_database_that_changes_after_the_difference_was_shown_is_left_alone(desk: str, store: Repository) -> None:
    desks.fill(desk, 3)
    backup.backup(store, desk)
    first, second, _ = Article.objects.using(desk).order_by("pk")
    first.delete()
    with planned(store, choose(store), desk) as plan:
        second.delete()
        with pytest.raises(OutOfDate):
            database_restore.restore(store, plan)
    assert Article.objects.using(desk).count() == 1


def test_what_is_laid_out_beside_leaves_nothing_in_the_temporary_folder(
    desk: str, store: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even when it is killed: the file has lost its name by then."""
    desks.fill(desk, 3)
    backup.backup(store, desk)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with planned(store, choose(store), desk) as plan:
        assert plan.total["same"] > 0
        assert list(scratch.iterdir()) == []


def test_people_come_back_as_members_of_their_groups(desk: str, copies: Copies, store: Repository) -> None:
    desks.fill(desk, 1)
    backup.backup(store, desk)
    with copies.desk() as empty:
        restore(store, empty)
        assert [group.name for group in User.objects.using(empty).get(username="ada").groups.all()] == ["Editors"]
        assert Attempt.objects.using(empty).get().asked_by == User.objects.using(empty).get(username="ben")
        assert StageRecord.objects.using(empty).count() == 5


def test_what_is_chosen_by_words(sqlite_copies: Copies, sqlite_desk: str, settings: Settings, tmp_path: Path) -> None:
    """By number, uid and title; by days, of which each counts in full; as it was at a time."""
    settings.VAR_DIR = tmp_path / "var"
    store, articles = configured.repository(DATABASE), Article.objects.using(sqlite_desk)
    desks.fill(sqlite_desk, 6)
    for article in articles.all():
        articles.filter(pk=article.pk).update(
            created_at=datetime(2025, 5, 20 + article.pk, 23, 59, 59, 999_999, UTC), title=f"title {article.pk}"
        )
    first = backup.backup(store, sqlite_desk).generation
    articles.get(pk=6).delete()
    last = backup.backup(store, sqlite_desk).generation
    empty = sqlite_copies.url()

    def chosen(*words: str) -> tuple[str, list[int]]:
        told = StringIO()
        call_command("restore_database", "--into", empty, "--json", *words, stdout=told)
        said = json.loads(told.getvalue())
        assert said["counts"]["change"] == said["counts"]["conflict"] == said["counts"]["delete"] == 0
        return said["backup"], [step["pk"] for step in said["steps"] if step["model"] == "articles.Article"]

    assert chosen("--articles", "2", f"{4:032x}", "title 3") == (last.id, [2, 3, 5])
    assert chosen("--from", "2025-05-22", "--to", "2025-05-24") == (last.id, [2, 3, 4])
    assert chosen("--from", "2025-05-24") == (last.id, [4, 5])
    assert chosen("--to", "2025-05-22T12:00") == (last.id, [1])
    assert chosen("--to", "2025-05-23", "--articles", "1", "title 5") == (last.id, [1])
    assert chosen("--at", first.began.isoformat(), "--articles", "6") == (first.id, [6])
    assert chosen("--at", last.began.isoformat()) == (last.id, [1, 2, 3, 4, 5])
    assert chosen("--at", f"{last.began:%Y-%m-%d}")[0] == last.id  # the day's end
    assert chosen("--backup", first.id)[0] == first.id
    with pytest.raises(CommandError, match="no article 6"):
        chosen("--articles", "6", "1")
    with pytest.raises(CommandError, match="no backup of before"):
        chosen("--at", (first.began - timedelta(microseconds=1)).isoformat())


def test_whose_files_retention_has_removed_is_told(sqlite_desk: str, store: Repository) -> None:
    desks.fill(sqlite_desk, 3)
    first, second, *_ = Article.objects.using(sqlite_desk).order_by("pk")
    Article.objects.using(sqlite_desk).filter(pk=first.pk).update(tree_expired_at=desks.START, title="Tides")
    backup.backup(store, sqlite_desk)

    assert plan_of(store, sqlite_desk, choice=Choice((second.uid,)))[2] == []
    [told] = plan_of(store, sqlite_desk, choice=Choice((first.uid, second.uid)))[2]
    assert told.startswith("Without pictures: Tides. Retention removed their files 7 days after")
