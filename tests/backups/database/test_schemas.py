"""Backups of other versions: made by the models of then, from a database that the migrations of then have made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connections, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState, StateApps
from pytest_django import Settings

from articles.models import Article, Call, StageRecord
from audit import triggers
from backups.database import backup, tables
from backups.database import restore as database_restore
from backups.repository.repository import Repository
from publishing.models import ExecutionLog, PublishTask, Site
from tests.backups import desks
from tests.backups.database.test_restore import plan_of, restore
from tests.backups.desks import Copies

BEFORE_BATCHES = ("articles", "0005_indexes_for_a_million")
NEW_OF_SITES = ["closed_ways", "design", "encrypted_web_secret", "hero", "publisher", "standing", "trial"]
NEW_OF_SITES += ["typography", "ways"]
TASKS = ("publishing.PublishTask", "publishing.ExecutionLog")
MONEY = ("articles.DeskSettings", "articles.SpentDay", "articles.CostRecord")
BEFORE_TASKS = ("publishing", "0002_site_rebuilt_from")
AUTH = "0012_alter_user_first_name_max_length"
NEW = ["alone", "batch_fields", "batch_id", "batch_key", "byline", "cancelled_with", "design"]
NEW += ["earlier_files", "earlier_manuscripts", "is_long", "manifest_due", "spent"]
WORKLIST = tuple(f"worklist.{name}" for name in ("Document", "Version", "Entry", "Note", "Reply"))
WORKLIST += tuple(f"worklist.Drive{name}" for name in ("Account", "Folder", "File"))
WEBHOOKS = ("webhooks.Webhook",)
AUDIT = ("audit.Change",)
FILTERS = ("articles.SavedFilter", "recovery.Handover", "recovery.Snooze")
LATER = ("articles", "9999_costs_of_sections")


@contextmanager
def version(
    apps: StateApps, settings: Settings, *, without: tuple[str, ...] = (), also: str = "", **keys: list[str]
) -> Iterator[None]:
    """The database tier as a version with these models has it; `keys`: what named rows then, by `app_Model`."""
    labels = [label for label in settings.BACKUP_MODELS if label not in without] + [also] * bool(also)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "apps", apps)
        patch.setattr(settings, "BACKUP_MODELS", labels)
        for label, key in {also: ["name"], **{name.replace("_", "."): key for name, key in keys.items()}}.items():
            patch.setitem(settings.BACKUP_NATURAL_KEYS, label, key)
        tables._kept.cache_clear()
        yield
    tables._kept.cache_clear()


@pytest.mark.dealt(2)
def test_the_backup_of_an_earlier_version_comes_back(
    desk: str, store: Repository, copies: Copies, settings: Settings
) -> None:
    """Of before there were batches, and with a column that is gone since."""
    executor = MigrationExecutor(connections[desk])
    executor.migrate([BEFORE_BATCHES, BEFORE_TASKS])
    state = executor.loader.project_state([BEFORE_BATCHES, BEFORE_TASKS, ("auth", AUTH)])
    outlay = migrations.AddField("article", "outlay", models.IntegerField(default=3))
    _really(outlay, state, desk)
    then = state.apps
    ada = then.get_model("auth.User").objects.using(desk).create(username="ada", date_joined=desks.START)
    site = then.get_model("publishing.Site").objects.using(desk).create(name="S", url="https://s.example.org", user="u")
    for n in range(3):
        values = {"uid": f"{n:032x}", "tree_prefix": f"{n}", "title": desks.SCRIPTS[n], "created_at": desks.START}
        made = then.get_model("articles.Article").objects.using(desk).create(owner=ada, site=site, idea="i", **values)
        then.get_model("articles.Event").objects.using(desk).create(article=made, at=desks.START, kind="k", message="m")
    without = ("articles.Batch", "articles.Section", *MONEY, *TASKS, *WORKLIST, *WEBHOOKS, *AUDIT, *FILTERS)
    with version(then, settings, without=without):
        backup.backup(store, desk)
        before = desks.rows(desk)

    with copies.desk() as now:
        told = plan_of(store, now)[2]
        restore(store, now)
        after = desks.rows(now)
        Article.objects.using(now).update(spent=3, title="x")
        restore(store, now, mode="overwrite")
        assert {article.spent for article in Article.objects.using(now)} == {3}  # nothing is known of it: it stays
        assert [article.title for article in Article.objects.using(now).order_by("pk")] == desks.SCRIPTS[:3]
    new = {column.name: column.field.get_default() for column in tables.table("articles.Article").columns}
    wanted = [{**new, **{k: v for k, v in row.items() if k != "outlay"}} for row in before["articles.Article"]]
    for row in (*after["articles.Article"], *wanted):
        assert row.pop("manifest_due"), "from now on"
    assert after["articles.Article"] == wanted
    assert after["articles.Event"] == [row | {"provider": ""} for row in before["articles.Event"]]
    words = [
        *(f"publishing.Site.{name} is new since this backup: it gets its default." for name in NEW_OF_SITES),
        "articles.DeskSettings is not in this backup.",
        "articles.SpentDay is not in this backup.",
        "articles.Preferences.byline is new since this backup: it gets its default.",
        "articles.Preferences.design is new since this backup: it gets its default.",
        "articles.Preferences.time_zone is new since this backup: it gets its default.",
        "articles.Preferences.worklist_mail is new since this backup: it gets its default.",
        "articles.Batch is not in this backup.",
        *(f"{label} is not in this backup." for label in (*FILTERS, *WEBHOOKS, *AUDIT)),
        *(f"articles.Article.{name} is new since this backup: it gets its default." for name in NEW),
        "articles.Article.outlay is not there any more: it is left out.",
        "articles.CostRecord is not in this backup.",
        *(
            f"articles.Call.{name} is new since this backup: it gets its default."
            for name in ("address", "counted_on", "reserved")
        ),
        "articles.Section is not in this backup.",
        *(
            f"articles.ImageFile.{name} is new since this backup: it gets its default."
            for name in ("after", "given", "opens", "own")
        ),
        "articles.Attempt.cause is new since this backup: it gets its default.",
        "articles.Event.provider is new since this backup: it gets its default.",
        "publishing.PublishTask is not in this backup.",
        "publishing.ExecutionLog is not in this backup.",
        *(f"{label} is not in this backup." for label in WORKLIST),
    ]
    assert sorted(told) == sorted(words)  # in whichever order, tables by what they refer to


def test_the_backup_of_a_later_version_says_what_it_leaves_out(
    desk: str, store: Repository, copies: Copies, settings: Settings
) -> None:
    """A table and a column that nobody knows here."""
    desks.fill(desk, 3)
    before = desks.rows(desk)
    state = MigrationExecutor(connections[desk]).loader.project_state()
    _really(migrations.AddField("article", "outlay", models.IntegerField(default=3)), state, desk)
    topic = migrations.CreateModel(
        "Topic", [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=9))]
    )
    _really(topic, state, desk)
    MigrationRecorder(connections[desk]).record_applied(*LATER)
    state.apps.get_model("articles.Topic").objects.using(desk).create(name="t")
    with version(state.apps, settings, also="articles.Topic"):
        backup.backup(store, desk)

    with copies.desk() as now:
        assert plan_of(store, now)[2] == [
            "It was made by a later version of the desk, with articles 9999_costs_of_sections: what only that knows is "
            "left out.",
            "articles.Topic is not kept by this version: its rows are left out.",
            "articles.Article.outlay is not known here: it is left out.",
        ]
        restore(store, now)
        assert desks.rows(now) == before


@pytest.mark.dealt(2)
def test_what_only_a_later_version_has_a_place_for(
    desk: str, store: Repository, copies: Copies, settings: Settings
) -> None:
    """What can be said here takes its place; a row that would be another one is left out, and what needs it."""
    desks.fill(desk, 4)
    state = MigrationExecutor(connections[desk]).loader.project_state()
    _really(migrations.AlterField("article", "title", models.CharField(max_length=900, blank=True)), state, desk)
    _really(migrations.AlterField("article", "word_count", models.CharField(max_length=9, default="0")), state, desk)
    triggers.take_down(connections[desk])  # as `migrate` does
    long = models.CharField(max_length=900, unique=True)
    _really(migrations.AlterField("site", "name", long), state, desk, app="publishing")
    MigrationRecorder(connections[desk]).record_applied(*LATER)
    topics = ContentType.objects.using(desk).create(app_label="articles", model="topic")
    see = Permission.objects.using(desk).create(content_type=topics, codename="view_topic", name="Can view topic")
    Group.objects.using(desk).get(name="Editors").permissions.add(see)
    User.objects.using(desk).get(username="ada").user_permissions.add(see)
    articles = state.apps.get_model("articles.Article").objects.using(desk)
    first, second, third, fourth = articles.order_by("pk").values_list("pk", flat=True)
    articles.filter(pk=first).update(status="frozen", design="comic", word_count="many")
    other = Site.objects.using(desk).create(name="Magazine " * 30, url="https://other.example.org", user="desk")
    articles.filter(pk=second).update(title="ab" * 200, site=other.pk)
    StageRecord.objects.using(desk).filter(article=third, stage="images").update(stage="translate")
    for number, way in ((third, "telepathy"), (fourth, "rest")):
        task = PublishTask.objects.using(desk).create(article_id=number, publisher=way, status="completed")
        ExecutionLog.objects.using(desk).create(task=task, step="completed", code="completed")
    with version(state.apps, settings):
        backup.backup(store, desk)

    with copies.desk() as now:
        with database_restore.planned(store, database_restore.choose(store), now) as plan:
            told = plan.told
            assert database_restore.restore(store, plan) is not None
            assert plan.told == told  # counted once, although it was compared twice
        assert plan_of(store, now, mode="overwrite")[0].keys() == {"same"}
        words = [
            "It was made by a later version of the desk, with articles 9999_costs_of_sections: what only that knows is "
            "left out.",
            *_away("auth.Group_permissions"),
            *_away("auth.User_user_permissions"),
            "publishing.Site.name is longer than 50 characters in 1 row: this one is left out.",
            "articles.Article.design has a value that is not known here (comic) in 1 row: classic takes its place.",
            "articles.Article.word_count is of another kind in 4 rows: 0 takes its place.",
            "articles.Article.status has a value that is not known here (frozen) in 1 row: draft takes its place.",
            f"articles.Article.site_id refers to what is not here (publishing.Site {other.pk}) in 1 row: nothing takes "
            "its place.",
            "articles.Article.title is longer than 300 characters in 1 row: its beginning stays.",
            "articles.StageRecord.stage has a value that is not known here (translate) in 1 row: this one is left out.",
            "publishing.PublishTask.publisher has a value that is not known here (telepathy) in 1 row: this one is "
            "left out.",
            "publishing.ExecutionLog.task_id refers to what is not here (publishing.PublishTask 1) in 1 row: this one "
            "is left out.",
        ]
        assert sorted(told) == sorted(words)
        back = Article.objects.using(now).order_by("pk")
        assert [(each.status, each.design, each.word_count) for each in back][:2] == [
            ("draft", "classic", 0), ("done", "classic", 0),
        ]  # fmt: skip
        assert back[1].title == "ab" * 150
        assert back[2].records.count() == 4
        assert [task.publisher for task in PublishTask.objects.using(now)] == ["rest"]
        assert ExecutionLog.objects.using(now).get().task.publisher == "rest"
        assert User.objects.using(now).get(username="ada").groups.get().permissions.exists()


def _away(label: str) -> list[str]:
    why = "refers to what is not here (articles topic view_topic) in 1 row: this one is left out."
    return [f"{label}.permission_id {why}"]


@pytest.mark.dealt(2)
def test_what_an_earlier_version_could_leave_empty(
    desk: str, store: Repository, copies: Copies, settings: Settings
) -> None:
    """Also a column of another name, and one that names rows since."""
    desks.fill(desk, 3)
    state = MigrationExecutor(connections[desk]).loader.project_state()
    _really(migrations.AlterField("article", "spent", models.FloatField(null=True)), state, desk)
    _really(migrations.RenameField("article", "byline", "signature"), state, desk)
    _really(migrations.RemoveConstraint("call", "one_call_per_generation"), state, desk)
    _really(migrations.RemoveField("call", "generation"), state, desk)
    _really(migrations.AlterField("call", "provider", models.CharField(max_length=100, null=True)), state, desk)
    articles = MigrationRecorder.Migration.objects.using(desk).filter(app="articles").order_by("name")
    articles.filter(pk=articles.last().pk).delete()  # type: ignore[union-attr]
    state.apps.get_model("articles.Article").objects.using(desk).update(spent=None, signature="By Ada")
    state.apps.get_model("articles.Call").objects.using(desk).update(provider=None)
    with version(state.apps, settings, articles_Call=["article", "key"]):
        backup.backup(store, desk)

    with copies.desk() as now:
        told = plan_of(store, now)[2]
        assert restore(store, now) is not None
        assert plan_of(store, now, mode="overwrite")[0].keys() == {"same"}
        assert told == [
            "articles.Article.byline is new since this backup: it gets its default.",
            "articles.Article.signature is not there any more: it is left out.",
            "articles.Call.generation is new since this backup: it gets its default.",
            "articles.Article.spent is empty, which cannot be here, in 3 rows: 0 takes its place.",
            "articles.Call.provider is empty, which cannot be here, in 3 rows: nothing takes its place.",
        ]
        assert {(each.byline, str(each.spent)) for each in Article.objects.using(now)} == {("", "0.000000")}
        assert {(each.provider, each.generation) for each in Call.objects.using(now)} == {("", 1)}


def _really(operation: Operation, state: ProjectState, alias: str, app: str = "articles") -> None:
    """A migration in the state and in the database."""
    before = state.clone()
    operation.state_forwards(app, state)
    with connections[alias].schema_editor() as editor:
        operation.database_forwards(app, editor, before, state)
