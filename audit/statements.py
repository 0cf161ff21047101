"""The SQL of the triggers, for both databases: what is written down when a row comes, changes or goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import cast

from django.apps import apps
from django.db.models import Field, ForeignKey, Model

from audit.acting import OFF, Door
from audit.models import LONGEST_VALUE, Change
from audit.watched import GIVEN, WATCHED, Given, Watched

INSERT, UPDATE, DELETE = "INSERT", "UPDATE", "DELETE"
COLUMNS = ("uid", "at", "door", "who", "through", "why", "model", "row", "name", "deed", "field", "before", "after")
LONGEST_NAME = 200  # characters
EMPTY = "''"


@dataclass(frozen=True)
class Dialect:
    """How a database says what the other one says otherwise. `hand` is a part of the actor: its door, its name …"""

    hand: Callable[[str], str]
    uid: str
    now: str


SQLITE = Dialect(
    lambda part: f"galley_actor('{part}')", "lower(hex(randomblob(16)))", "strftime('%Y-%m-%d %H:%M:%f', 'now')"
)
# Whoever comes past the desk has said nothing of themselves: their role in the database is known.
_NOT_SAID = {"door": f"'{Door.OUTSIDE.value}'", "who": "session_user::text"}
_SAID = "nullif(current_setting('galley.actor', true), '')::json"
POSTGRESQL = Dialect(
    lambda part: f"coalesce({_SAID}->>'{part}', {_NOT_SAID.get(part, EMPTY)})",
    "replace(gen_random_uuid()::text, '-', '')",
    "clock_timestamp()",
)


@dataclass(frozen=True)
class Trigger:
    """One deed on one table; of an update the columns that count."""

    table: str
    deed: str
    columns: tuple[str, ...]
    label: str

    @property
    def name(self) -> str:
        return f"{self.table}_{self.deed.lower()}_audit"

    @property
    def event(self) -> str:
        of = f" OF {', '.join(map(_quoted, self.columns))}" if self.columns else ""
        return f"{self.deed}{of} ON {_quoted(self.table)}"

    def statements(self, dialect: Dialect) -> list[str]:
        """What it writes, in this order."""
        if given := GIVEN.get(self.label):
            return [_of_given(given, self, dialect)]
        watched, model = WATCHED[self.label], apps.get_model(self.label)
        if self.deed == UPDATE:
            return [_of_field(watched, model, name, dialect) for name in _fields(watched)]
        row = "NEW" if self.deed == INSERT else "OLD"
        deed = Change.Deed.CREATED if self.deed == INSERT else Change.Deed.DELETED
        return [_noted(self.label, row, _called(model, watched.name, row), deed, "", EMPTY, EMPTY, [], dialect)]


@cache
def triggers() -> dict[tuple[str, str], Trigger]:
    """All there are, by table and deed."""
    return {(each.table, each.deed): each for each in _triggers()}


def _triggers() -> Iterator[Trigger]:
    for label, watched in WATCHED.items():
        model = apps.get_model(label)
        table = model._meta.db_table
        columns = tuple(_column(_field(model, name)) for name in _fields(watched))
        yield Trigger(table, UPDATE, columns, label)
        if watched.comes:
            yield Trigger(table, INSERT, (), label)
        if watched.goes:
            yield Trigger(table, DELETE, (), label)
    for label in GIVEN:
        table = apps.get_model(label)._meta.db_table
        yield Trigger(table, INSERT, (), label)
        yield Trigger(table, DELETE, (), label)


def _fields(watched: Watched) -> tuple[str, ...]:
    return (*watched.noted, *watched.secret, *watched.by_people)


def _of_field(watched: Watched, model: type[Model], name: str, dialect: Dialect) -> str:
    field, label = _field(model, name), model._meta.label
    before, after = (EMPTY, EMPTY) if name in watched.secret else (_value(field, "OLD"), _value(field, "NEW"))
    only = [f"OLD.{_quoted(_column(field))} IS DISTINCT FROM NEW.{_quoted(_column(field))}"]
    if name in watched.by_people:
        only.append(f"{dialect.hand('door')} <> '{Door.DESK.value}'")
    called = _called(model, watched.name, "NEW")
    return _noted(label, "NEW", called, Change.Deed.CHANGED, name, before, after, only, dialect)


def _of_given(given: Given, trigger: Trigger, dialect: Dialect) -> str:
    """Told of the one who is given something, in the name of what is given."""
    through = apps.get_model(trigger.label)
    row = "NEW" if trigger.deed == INSERT else "OLD"
    deed = Change.Deed.ADDED if trigger.deed == INSERT else Change.Deed.REMOVED
    called = _called(through, tuple(f"{given.receiver}__{name}" for name in WATCHED[given.to].name), row)
    thing = _value(_field(through, given.thing), row)
    before, after = (EMPTY, thing) if trigger.deed == INSERT else (thing, EMPTY)
    receiver = f"{row}.{_quoted(_column(_field(through, given.receiver)))}"
    return _noted(given.to, row, called, deed, given.field, before, after, [], dialect, key=receiver)


def _noted(
    label: str,
    row: str,
    called: str,
    deed: Change.Deed,
    field: str,
    before: str,
    after: str,
    only: list[str],
    dialect: Dialect,
    *,
    key: str = "",
) -> str:
    """An INSERT of one change, made where all of `only` holds."""
    who = [dialect.hand(part) for part in ("door", "who", "through", "why")]
    key = key or f"{row}.{_quoted(_key(apps.get_model(label)))}"
    what = [f"'{label}'", f"CAST({key} AS TEXT)", called, f"'{deed.value}'", f"'{field}'", before, after]
    wanted = " AND ".join([f"{who[0]} <> '{OFF}'", *only])
    columns, values = ", ".join(map(_quoted, COLUMNS)), ", ".join([dialect.uid, dialect.now, *who, *what])
    return f"INSERT INTO {_quoted(Change._meta.db_table)} ({columns}) SELECT {values} WHERE {wanted}"


def _value(field: Field[object, object], row: str) -> str:
    """As text; of a relation what the other row is called."""
    column = f"{row}.{_quoted(_column(field))}"
    if isinstance(field, ForeignKey):
        other = _other(field)
        names = WATCHED[other._meta.label].name if other._meta.label in WATCHED else ("name",)
        return f"coalesce({_of_other(other, names, column)}, {EMPTY})"
    return f"coalesce(substr(CAST({column} AS TEXT), 1, {LONGEST_VALUE}), {EMPTY})"


def _called(model: type[Model], names: tuple[str, ...], row: str) -> str:
    """What a row is called: by the first of these names that says anything."""
    found = []
    for name in names:
        own, _, others = name.partition("__")
        field = _field(model, own)
        column = f"{row}.{_quoted(_column(field))}"
        found.append(_of_other(_other(field), (others,), column) if others else f"CAST({column} AS TEXT)")
    return f"coalesce(substr({_first(found)}, 1, {LONGEST_NAME}), {EMPTY})"


def _of_other(model: type[Model], names: tuple[str, ...], key: str) -> str:
    said = _first([f"CAST({_quoted(_column(_field(model, name)))} AS TEXT)" for name in names])
    table, pk = _quoted(model._meta.db_table), _quoted(_key(model))
    return f"(SELECT {said} FROM {table} WHERE {pk} = {key})"  # noqa: S608  our own names


def _first(values: list[str]) -> str:
    return f"coalesce({', '.join(f'nullif({value}, {EMPTY})' for value in values)}, {EMPTY})"


def _field(model: type[Model], name: str) -> Field[object, object]:
    return cast("Field[object, object]", model._meta.get_field(name))


def _quoted(name: str) -> str:
    return f'"{name}"'


def _column(field: Field[object, object]) -> str:
    return str(field.column)


def _key(model: type[Model]) -> str:
    return str(model._meta.pk.column)


def _other(field: Field[object, object]) -> type[Model]:
    return cast(type[Model], field.related_model)
