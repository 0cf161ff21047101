"""An undo brings back how it was before a restore, where nobody has changed anything since; all else stays."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.deletion import ProtectedError

from articles.models import Article, Batch, Event, StageRecord
from backups.database import backup, restore
from backups.database.comparison.policy import LATER
from backups.database.comparison.restore_policy import RESTORE_MODES
from backups.database.comparison.steps import RowStep
from backups.database.comparison.touched import TouchedRows
from backups.database.restore import Choice
from backups.database.undo import planned
from backups.repository.manifests import Generation
from backups.repository.repository import Repository
from publishing.models import Site
from tests.backups import desks

Rows = dict[str, list[dict[str, Any]]]
SEEDS = range(3)


class Restored:
    """A restore that was done, and what is known of it."""

    def __init__(self, store: Repository, alias: str, **options: Any) -> None:
        self.store, self.alias, self.touched = store, alias, list[TouchedRows]()
        with restore.planned(store, restore.choose(store), alias, **options) as plan:
            safety = restore.restore(store, plan, note=self._note)
        assert safety
        self.safety = safety

    def _note(self, _: Generation | None, touched: Iterator[TouchedRows]) -> None:
        self.touched += touched

    def plan(self) -> list[RowStep]:
        with planned(self.store, self.safety, self.touched, self.alias) as plan:
            return list(plan.steps())

    def undo(self) -> Restored:
        """Returns the undo, which can be undone as well."""
        found = object.__new__(Restored)
        found.store, found.alias, found.touched = self.store, self.alias, []
        with planned(self.store, self.safety, self.touched, self.alias) as plan:
            safety = restore.restore(self.store, plan, note=found._note)
        assert safety
        found.safety = safety
        return found


@pytest.fixture
def backed_up(sqlite_desk: str, store: Repository) -> str:
    desks.fill(sqlite_desk, 6)
    backup.backup(store, sqlite_desk)
    return sqlite_desk


@pytest.fixture
def either(desk: str, store: Repository) -> str:
    """The same on each kind of database."""
    desks.fill(desk, 6)
    backup.backup(store, desk)
    return desk


def article(alias: str, n: int) -> Any:
    return Article.objects.using(alias).filter(uid=f"{n:032x}")


def _spoil(alias: str) -> None:
    """One article is gone, two have changed, one is new."""
    article(alias, 0).delete()
    article(alias, 1).update(title="spoilt", ended_at=desks.START - timedelta(days=1))
    StageRecord.objects.using(alias).filter(article__in=article(alias, 2)).update(state="failed")
    desks.article(alias, 77, User.objects.using(alias).get(username="ben"))


@pytest.mark.dealt(2)
@pytest.mark.parametrize("mode", RESTORE_MODES)
def test_when_nobody_was_there_all_is_as_before(either: str, store: Repository, mode: str) -> None:
    _spoil(either)
    before = desks.rows(either)
    done = Restored(store, either, mode=mode)
    after = desks.rows(either)
    assert after != before

    again = done.undo()
    assert desks.rows(either) == before
    assert done.plan() == []
    again.undo()
    assert desks.rows(either) == after


def test_one_article_of_many_is_undone_alone(backed_up: str, store: Repository) -> None:
    _spoil(backed_up)
    before = desks.rows(backed_up)
    done = Restored(store, backed_up, mode="mirror", choice=Choice((f"{1:032x}",)))
    assert {step.target for step in done.plan() if step.model == "articles.Article"} == {article(backed_up, 1).get().pk}
    done.undo()
    assert desks.rows(backed_up) == before


def test_what_was_made_since_stays(backed_up: str, store: Repository) -> None:
    _spoil(backed_up)
    done = Restored(store, backed_up, mode="mirror")
    new = User(username="cleo", password="!")
    new.save(using=backed_up)
    desks.article(backed_up, 200, new)
    Site.objects.using(backed_up).create(name="Later", url="https://later.example.org", user="u")
    done.undo()
    assert article(backed_up, 200).exists()
    assert Site.objects.using(backed_up).filter(name="Later").exists()
    assert article(backed_up, 1).get().title == "spoilt"
    assert article(backed_up, 77).exists()
    assert not article(backed_up, 0).exists()


@pytest.mark.dealt(2)
@pytest.mark.parametrize("what", ["edited", "a row of it edited", "a row of it added", "a row of it deleted"])
@pytest.mark.parametrize("n", [0, 1])
def test_an_article_that_has_changed_since_stays_whole(backed_up: str, store: Repository, what: str, n: int) -> None:
    """Whether the restore had created it or changed it."""
    _spoil(backed_up)
    StageRecord.objects.using(backed_up).filter(article__in=article(backed_up, 1)).update(state="failed")
    done = Restored(store, backed_up, mode="mirror")
    records = StageRecord.objects.using(backed_up).filter(article__in=article(backed_up, n))
    match what:
        case "edited":
            article(backed_up, n).update(title="since")
        case "a row of it edited":
            records.filter(stage="article").update(state="running")
        case "a row of it added":
            Event.objects.using(backed_up).create(article=article(backed_up, n).get(), at=desks.START, message="since")
        case _:
            StageRecord.objects.using(backed_up).filter(pk=records.order_by("pk")[0].pk).delete()
    then = _of(desks.rows(backed_up), article(backed_up, n).get().pk)
    why = {step.why for step in done.plan() if step.action == "keep"}
    assert why <= {"it has changed since", "it was deleted since", LATER}
    done.undo()
    assert _of(desks.rows(backed_up), article(backed_up, n).get().pk) == then
    assert article(backed_up, 77).exists(), "and all others are as before the restore"


def test_what_somebody_refers_to_by_now_stays(backed_up: str, store: Repository) -> None:
    Article.objects.using(backed_up).all().delete()
    Batch.objects.using(backed_up).all().delete()
    User.objects.using(backed_up).filter(username="ada").delete()
    done = Restored(store, backed_up)
    ada = User.objects.using(backed_up).get(username="ada")
    desks.article(backed_up, 300, ada)
    kept = {step.model: step.why for step in done.plan() if step.action == "keep"}
    assert kept == {
        "auth.User": "something that stays refers to it",
        "auth.User_groups": LATER,
        "articles.Preferences": LATER,
    }
    done.undo()
    assert [each.owner for each in Article.objects.using(backed_up).all()] == [ada]
    assert not Batch.objects.using(backed_up).exists()


@pytest.mark.parametrize("since", ["logged in", "wrote an article"])
def test_a_person_who_stays_keeps_groups_and_preferences(backed_up: str, store: Repository, since: str) -> None:
    Article.objects.using(backed_up).all().delete()
    Batch.objects.using(backed_up).all().delete()
    User.objects.using(backed_up).filter(username="ada").delete()
    done = Restored(store, backed_up)
    people = User.objects.using(backed_up).filter(username="ada")
    if since == "logged in":
        people.update(last_login=desks.START + timedelta(days=99))
    else:
        desks.article(backed_up, 300, people.get())
    done.undo()
    assert [group.name for group in people.get().groups.all()] == ["Editors"]
    assert people.get().preferences.instructions == "Calm, please."
    assert not Batch.objects.using(backed_up).exists()


def test_what_was_deleted_since_stays_deleted(backed_up: str, store: Repository) -> None:
    _spoil(backed_up)
    done = Restored(store, backed_up, mode="mirror")
    article(backed_up, 0).delete()
    article(backed_up, 1).delete()
    done.undo()
    assert not article(backed_up, 0).exists()
    assert not article(backed_up, 1).exists()
    assert article(backed_up, 77).exists()


def test_what_an_article_needs_comes_back_with_it(backed_up: str, store: Repository) -> None:
    """Its site of before the restore was deleted since."""
    old = Site.objects.using(backed_up).create(name="Old", url="https://old.example.org", user="u")
    article(backed_up, 1).update(site=old)
    done = Restored(store, backed_up, mode="overwrite")
    Site.objects.using(backed_up).filter(name="Old").delete()
    assert [(step.model, step.action) for step in done.plan()] == [
        ("publishing.Site", "create"), ("articles.Article", "change"),
    ]  # fmt: skip
    done.undo()
    assert article(backed_up, 1).get().site == old


def test_a_name_that_another_has_by_now_is_not_taken(backed_up: str, store: Repository) -> None:
    """The restore renamed a site, and deleted another; both names of before are others' by now."""
    Site.objects.using(backed_up).filter(name="Magazine").update(name="Journal")
    Site.objects.using(backed_up).create(name="Deleted", url="https://d.example.org", user="u")
    done = Restored(store, backed_up, mode="mirror")
    assert [site.name for site in Site.objects.using(backed_up).all()] == ["Magazine"]
    for name in ("Journal", "Deleted"):
        Site.objects.using(backed_up).create(name=name, url="https://since.example.org", user="since")
    then = desks.rows(backed_up)
    assert {(step.action, step.why) for step in done.plan()} == {("keep", "there is one of its name since")}
    done.undo()
    assert desks.rows(backed_up) == then


def test_a_number_that_another_has_by_now_is_not_taken(backed_up: str, store: Repository) -> None:
    sites = Site.objects.using(backed_up)
    gone = sites.create(name="Deleted", url="https://d.example.org", user="u")
    desks.article(backed_up, 77, User.objects.using(backed_up).get(username="ben"), gone)
    done = Restored(store, backed_up, mode="mirror")
    sites.create(pk=gone.pk, name="Since", url="https://since.example.org", user="since")
    done.undo()
    assert sites.get(pk=gone.pk).name == "Since"
    assert article(backed_up, 77).get().site.name == "Deleted"


def test_nothing_new_gets_the_number_of_what_a_restore_has_deleted(either: str, store: Repository) -> None:
    ben = User.objects.using(either).get(username="ben")
    gone = desks.article(either, 77, ben)
    Restored(store, either, mode="mirror")
    assert desks.article(either, 78, ben).pk > gone.pk


def test_what_changes_after_the_difference_was_shown_stops_it(backed_up: str, store: Repository) -> None:
    _spoil(backed_up)
    done = Restored(store, backed_up, mode="mirror")
    with planned(store, done.safety, done.touched, backed_up) as plan:
        article(backed_up, 1).update(title="since")
        with pytest.raises(restore.OutOfDate):
            restore.restore(store, plan)
    assert article(backed_up, 1).get().title == "since"


@pytest.mark.dealt(2)
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_others_do_each_article_is_undone_whole_or_stays_whole(
    either: str, store: Repository, seed: int
) -> None:
    dice = random.Random(seed)
    _at_random(either, dice, "before")
    before = desks.rows(either)
    done = Restored(store, either, mode=dice.choice(RESTORE_MODES))
    restored = desks.rows(either)
    _at_random(either, dice, "since")
    since = desks.rows(either)
    done.undo()
    after = desks.rows(either)

    for pk in {row["id"] for rows in (before, restored, since, after) for row in rows["articles.Article"]}:
        touched = _of(restored, pk) != _of(since, pk)
        assert _of(after, pk) == _of(since if touched else before, pk), f"article {pk}"
    for label in ("auth.User", "publishing.Site", "articles.Batch"):
        was, then, now, last = (
            {row["id"]: row for row in rows[label]} for rows in (before, restored, since, after)
        )  # fmt: skip
        for pk in was.keys() | then.keys() | now.keys():
            if then.get(pk) != now.get(pk):
                assert last.get(pk) == now.get(pk) or (pk not in now and last[pk] == was[pk]), f"{label} {pk}"
            else:
                assert last.get(pk) in (was.get(pk), now.get(pk)), f"{label} {pk}"
    assert done.plan() == [] or {step.action for step in done.plan()} == {"keep"}


def _at_random(alias: str, dice: random.Random, word: str) -> None:
    for n in range(dice.randrange(8)):
        articles = Article.objects.using(alias)
        some = dice.choice([*articles.order_by("pk")])
        people = User.objects.using(alias).order_by("pk")
        match dice.randrange(9):
            case 0:
                some.delete()
            case 1:
                articles.filter(pk=some.pk).update(title=f"{word} {n}", ended_at=desks.START + timedelta(days=n))
            case 2:
                StageRecord.objects.using(alias).filter(article=some, stage="images").update(state=f"{word[:5]}{n}")
            case 3:
                Event.objects.using(alias).create(article=some, at=desks.START, message=f"{word} {n}")
            case 4:
                desks.article(alias, dice.randrange(1000, 9999), dice.choice([*people]))
            case 5:
                site = Site.objects.using(alias).create(name=f"{word} {n}", url="https://x.example.org", user="u")
                articles.filter(pk=some.pk).update(site=site)
            case 6:
                made = User(username=f"{word} {n}", password="!")
                made.save(using=alias)
                articles.filter(pk=some.pk).update(owner=made)
            case 7:
                Site.objects.using(alias).order_by("pk").update(user=f"{word} {n}")
            case _:
                try:
                    dice.choice([*people]).delete()
                except ProtectedError:
                    people.update(email=f"{word}{n}@example.org")


def _of(rows: Rows, pk: int) -> Rows:
    """What belongs to an article."""
    return {
        label: [row for row in some if row.get("article_id", row["id"] if label == "articles.Article" else None) == pk]
        for label, some in rows.items()
    }
