"""Whatever changes a watched row is noted once, with the change, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import IntegrityError, connections, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from audit import triggers, wording
from audit.acting import Actor, Door, acting, because, off
from audit.models import Change, Refused
from audit.statements import triggers as fired
from audit.watched import WATCHED
from backups.database.connections import connected
from publishing.models import Site
from tests.audit import rows
from tests.backups.conftest import copies as copies
from tests.backups.conftest import desk as desk
from tests.backups.conftest import postgres_copies as postgres_copies
from tests.backups.conftest import postgres_template as postgres_template
from tests.backups.conftest import sqlite_copies as sqlite_copies
from tests.backups.conftest import sqlite_template as sqlite_template
from tests.backups.desks import Copies

ADA = Actor(Door.PERSON, "ada")
PEOPLE = cycle([ADA, Actor(Door.PROGRAM, "ben", "nightly"), Actor(Door.COMMAND, "root", "site")])
THE_DESK = Actor(Door.DESK)
EDITORS = "Editors"

Write = Callable[[models.Model, str, Any, str], None]


def since(mark: int, alias: str) -> list[Change]:
    return list(Change.objects.using(alias).filter(pk__gt=mark).order_by("pk"))


def newest(alias: str) -> int:
    return Change.objects.using(alias).order_by("-pk").values_list("pk", flat=True).first() or 0


def said(changes: list[Change]) -> list[tuple[str, ...]]:
    return [(each.who, each.model, each.name, each.deed, each.field, each.before, each.after) for each in changes]


@contextmanager
def taken_back(alias: str) -> Iterator[None]:
    with transaction.atomic(using=alias):
        yield
        transaction.set_rollback(True, using=alias)


def _saved(row: models.Model, name: str, value: Any, alias: str) -> None:
    setattr(row, name, value)
    row.save(using=alias)


def _updated(row: models.Model, name: str, value: Any, alias: str) -> None:
    type(row)._base_manager.using(alias).filter(pk=row.pk).update(**{name: value})


def _updated_with_others(row: models.Model, name: str, value: Any, alias: str) -> None:
    setattr(row, name, value)
    type(row)._base_manager.using(alias).bulk_update([row], [name])


def _by_sql(row: models.Model, name: str, value: Any, alias: str) -> None:
    field: Any = row._meta.get_field(name)
    key = value.pk if isinstance(value, models.Model) else value
    with connections[alias].cursor() as cursor:
        cursor.execute(
            f'UPDATE "{row._meta.db_table}" SET "{field.column}" = %s WHERE id = %s',  # noqa: S608
            [field.get_db_prep_save(key, connections[alias]), row.pk],
        )


WAYS: list[Write] = [_saved, _updated, _updated_with_others, _by_sql]


def _read(field: Any, kept: str) -> Any:
    """A value out of the words in which a database has it."""
    if not kept or field.is_relation:
        return kept
    if isinstance(field, models.JSONField):
        return json.loads(kept)
    read = field.to_python({"true": "True", "false": "False"}.get(kept, kept))
    return read.replace(tzinfo=UTC) if isinstance(read, datetime) and timezone.is_naive(read) else read


def _plain(row: models.Model, value: Any) -> Any:
    """The same of a value that a row has; nothing is the empty word."""
    if isinstance(value, models.Model):
        return rows.text(row, "", value)
    return "" if value is None else value


def test_each_change_of_each_field_by_each_way_is_one_line(desk: str) -> None:
    for label, watched in WATCHED.items():
        for name in (*watched.noted, *watched.secret, *watched.by_people):
            for write in WAYS:
                with taken_back(desk), acting(lambda: THE_DESK):
                    _change(label, name, write, next(PEOPLE), desk)


def _change(label: str, name: str, write: Write, who: Actor, alias: str) -> None:
    row = rows.make(label, alias)
    before, after = getattr(row, name), rows.other(row, name, alias)
    mark = newest(alias)
    with acting(lambda: who):
        write(row, name, after, alias)
    told = since(mark, alias)

    assert [(each.model, each.row, each.deed, each.field) for each in told] == [
        (label, str(row.pk), "changed", name)
    ], write
    assert (told[0].door, told[0].who, told[0].through) == (who.door, who.who, who.through)
    if name in WATCHED[label].secret:
        assert (told[0].before, told[0].after) == ("", "")
    else:
        kept = [_read(row._meta.get_field(name), each) for each in (told[0].before, told[0].after)]
        assert kept == [_plain(row, before), _plain(row, after)], (label, name, write)
    assert wording.what(told[0])
    everything = Change.objects.using(alias).values_list()
    assert not [line for line in everything if rows.SECRET in repr(line)], "a secret was kept"


def test_rows_that_come_and_go_are_one_line_each(desk: str) -> None:
    for label, watched in WATCHED.items():
        with taken_back(desk), acting(lambda: ADA):
            mark = newest(desk)
            row = rows.make(label, desk)
            pk = str(row.pk)
            row.delete(using=desk)
            told = [(each.who, each.row, each.deed) for each in since(mark, desk) if each.model == label]
        assert told == [("ada", pk, "created")] * watched.comes + [("ada", pk, "deleted")] * watched.goes, label


def test_what_the_desk_does_all_day_is_not_noted(desk: str) -> None:
    for label, watched in WATCHED.items():
        for name in watched.by_people:
            with taken_back(desk), acting(lambda: THE_DESK):
                row = rows.make(label, desk)
                after, mark = rows.other(row, name, desk), newest(desk)
                _updated(row, name, after, desk)
                assert since(mark, desk) == []


def test_whom_is_given_what(desk: str) -> None:
    with acting(lambda: ADA):
        ben, mark = User.objects.using(desk).create(username="ben"), newest(desk)
        editors = Group.objects.using(desk).get(name=EDITORS)
        right = Permission.objects.using(desk).get(codename="delete_site")
        ben.groups.add(editors)
        ben.user_permissions.set([right])
        editors.permissions.add(right)
        ben.groups.clear()
        editors.delete()
    told = said(since(mark, desk))
    assert told[:4] == [
        ("ada", "auth.User", "ben", "added", "groups", "", EDITORS),
        ("ada", "auth.User", "ben", "added", "user_permissions", "", right.name),
        ("ada", "auth.Group", EDITORS, "added", "permissions", "", right.name),
        ("ada", "auth.User", "ben", "removed", "groups", EDITORS, ""),
    ]
    assert told[-1] == ("ada", "auth.Group", EDITORS, "deleted", "", "", "")
    assert ("ada", "auth.Group", EDITORS, "removed", "permissions", right.name, "") in told


def test_many_rows_at_once_are_a_line_each_and_what_is_taken_back_is_none(desk: str) -> None:
    for number in range(30):
        Site.objects.using(desk).create(name=f"S{number}", url="https://s.example.org", user="u")
    mark = newest(desk)
    with taken_back(desk):
        Site.objects.using(desk).update(user="x")
        assert len(since(mark, desk)) == 30
    assert since(mark, desk) == []
    for site in Site.objects.using(desk).iterator():  # written to while they are read
        Site.objects.using(desk).filter(pk=site.pk).update(user="y")
    assert len(since(mark, desk)) == 30
    Site.objects.using(desk).update(user="y")
    assert len(since(mark, desk)) == 30, "nothing was changed"


def test_who_acts_and_why_is_of_each_thread_and_ends(desk: str) -> None:
    site = rows.make("publishing.Site", desk)
    mark = newest(desk)
    with acting(lambda: ADA), because("It has moved."):
        _updated(site, "user", "a", desk)

        def meanwhile() -> None:
            _updated(site, "user", "b", desk)
            connections[desk].close()

        thread = threading.Thread(target=meanwhile)
        thread.start()
        thread.join()
    _updated(site, "user", "c", desk)
    told = since(mark, desk)
    assert [(each.who, each.why, each.after) for each in told] == [
        ("ada", "It has moved.", "a"),
        ("", "", "b"),
        ("", "", "c"),
    ]
    assert [each.door for each in told] == ["person", "desk", "desk"]


def test_names_of_any_length_are_kept_and_stop_nothing(desk: str) -> None:
    with acting(lambda: Actor(Door.COMMAND, "w" * 400, "t" * 400, "y" * 4000)):
        site = rows.make("publishing.Site", desk)
        _updated(site, "standing", {"tags": ["x" * 5000]}, desk)
    told = since(0, desk)[-1]
    assert (len(told.who), len(told.through), len(told.why), len(told.after)) == (150, 150, 1000, 1000)


def test_nothing_that_was_noted_can_be_altered_or_removed(desk: str) -> None:
    rows.make("publishing.Site", desk)
    noted = Change.objects.using(desk)
    change, before = noted.order_by("-pk")[0], list(noted.values())
    for deed in (
        change.save,
        change.delete,
        noted.delete,
        lambda: noted.update(who="x"),
        lambda: noted.create(who="x"),
    ):
        with pytest.raises(Refused):
            deed()  # type: ignore[no-untyped-call]
    for sql in ("UPDATE audit_change SET who = 'x'", "DELETE FROM audit_change"):
        with pytest.raises(IntegrityError), connections[desk].cursor() as cursor:
            cursor.execute(sql)
    with pytest.raises(IntegrityError):
        Change._base_manager.using(desk).all().delete()
    assert list(noted.values()) == before


def test_what_is_not_to_be_noted_leaves_nothing(desk: str) -> None:
    with off():
        rows.make("publishing.Site", desk)
    assert not Change.objects.using(desk).filter(model="publishing.Site").exists()


def test_the_migration_takes_them_along_and_tables_may_change(desk: str) -> None:
    site = rows.make("publishing.Site", desk)
    MigrationExecutor(connections[desk]).migrate([("audit", None)])
    _updated(site, "user", "x", desk)  # which a trigger would refuse without its table
    MigrationExecutor(connections[desk]).migrate([("audit", "0001_changes")])
    triggers.after_migrations(desk)
    _updated(site, "user", "y", desk)
    assert [each.after for each in since(0, desk)] == ["y"]

    triggers.before_migrations(desk, plan=["something"])
    _updated(site, "user", "z", desk)
    assert len(since(0, desk)) == 1, "tables may be any that they ever were"
    call_command("migrate", database=desk, verbosity=0)
    _updated(site, "user", "a", desk)
    assert len(since(0, desk)) == 2


# Past the desk, on PostgreSQL


@contextmanager
def _past_the_desk(url: str) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        yield connection


def test_what_goes_past_the_desk_is_noted_as_such(postgres_copies: Copies) -> None:
    url = postgres_copies.url()
    with connected(url) as alias:
        site = rows.make("publishing.Site", alias)
        ben = User.objects.using(alias).create(username="ben")
        article = rows.make("articles.Article", alias)
        mark = newest(alias)
        with acting(lambda: ADA):
            _updated(site, "user", "a", alias)  # this connection has said who acts, and takes it back
        with _past_the_desk(url) as prompt:
            prompt.execute(
                "UPDATE auth_user SET is_superuser = true, password = %s WHERE username = 'ben'", [rows.SECRET]
            )
            prompt.execute("UPDATE articles_article SET status = 'done' WHERE id = %s", [article.pk])
            for sql in ("UPDATE audit_change SET who = 'x'", "DELETE FROM audit_change"):
                with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
                    prompt.execute(sql.encode())
        told = since(mark, alias)
        assert {each.who for each in told[1:]} == {"postgres"}
        assert [(each.door, each.model, each.row, each.field, each.before, each.after) for each in told] == [
            ("person", "publishing.Site", str(site.pk), "user", "u", "a"),
            ("outside", "auth.User", str(ben.pk), "is_superuser", "false", "true"),
            ("outside", "auth.User", str(ben.pk), "password", "", ""),
            ("outside", "articles.Article", str(article.pk), "status", "draft", "done"),
        ]


def test_whoever_has_acted_is_forgotten_by_the_connection(postgres_copies: Copies) -> None:
    with connected(postgres_copies.url()) as alias:
        site = rows.make("publishing.Site", alias)
        for alone in (True, False):
            with acting(lambda: ADA):
                if alone:
                    _updated(site, "user", "a", alias)
                else:
                    with transaction.atomic(using=alias):
                        _updated(site, "user", "b", alias)
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT current_setting('galley.actor', true)")
                assert cursor.fetchone()[0] in ("", None)


def test_a_trigger_that_is_gone_or_was_altered_comes_back(postgres_copies: Copies) -> None:
    with connected(postgres_copies.url()) as alias:
        with connections[alias].cursor() as cursor:
            cursor.execute("DROP FUNCTION publishing_site_update_audit() CASCADE")
            cursor.execute(
                "CREATE OR REPLACE FUNCTION auth_group_insert_audit() RETURNS trigger LANGUAGE plpgsql "
                "AS $$ BEGIN RETURN NULL; END $$"
            )
        call_command("migrate", database=alias, verbosity=0)
        mark = newest(alias)
        site = rows.make("publishing.Site", alias)
        _updated(site, "user", "a", alias)
        rows.make("auth.Group", alias)
        told = [(each.model, each.deed) for each in since(mark, alias)]
        assert told == [
            ("publishing.Site", "created"),
            ("publishing.Site", "changed"),
            ("auth.Group", "created"),
        ]


def test_every_table_that_is_watched_is_there() -> None:
    assert {apps.get_model(label)._meta.db_table for label in WATCHED} <= {table for table, _ in fired()}
