"""Which tables the database tier keeps, how a row is told apart, and what a column's value is.

The settings name the models by label, so nothing of them is imported here. `BACKUP_MODELS` are kept, with their tables
of many-to-many relations; `BACKUP_NATURAL_KEYS` says for each, and for what they refer to, which fields tell its rows
apart on any machine. A foreign key among them stands for the natural key of what it refers to.
"""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, TypeVar

from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils.dateparse import parse_date, parse_datetime, parse_time
from django.utils.timezone import is_naive, make_aware

from backups.errors import BackupError

Model = type[models.Model]
Row = dict[str, Any]  # values by column name: as JSON has them, or as Python does
LOWEST_KEY, END_OF_KEYS = -(2**63), 2**63
Found = TypeVar("Found")
Key = tuple[Any, ...]  # of a row in the target: the values of its key's columns
NaturalKeys = dict[int, list[Any]]  # by primary key; what a part refers to stands there by its own natural key


class Unkept(BackupError):
    """A model that cannot be kept as it is; the message says why."""


@dataclass(frozen=True)
class Column:
    """A column of a table: the field's `attname`, as it stands in the rows, and where it points."""

    field: models.Field[Any, Any]
    refers: str = ""  # the label of the model that it refers to

    @functools.cached_property
    def name(self) -> str:
        return self.field.attname

    @functools.cached_property
    def kind(self) -> str:
        field = self.field.target_field if isinstance(self.field, models.ForeignKey) else self.field
        return field.get_internal_type()

    @property
    def has_a_point(self) -> bool:
        return self.kind in ("DecimalField", "FloatField")

    @property
    def found_as_python_has_it(self) -> bool:
        """Whether a database that looks for a value finds what is equal in Python, and nothing less."""
        return not self.has_a_point and self.kind != "JSONField"

    @functools.cached_property
    def _read(self) -> Callable[[Any], object]:
        if isinstance(self.field, models.DecimalField):
            return functools.partial(_decimal, places=self.field.decimal_places)
        return READ[self.kind]

    @property
    def belongs(self) -> bool:
        """Whether the row goes with what it refers to."""
        return isinstance(self.field, models.ForeignKey) and self.field.remote_field.on_delete is models.CASCADE

    def value(self, raw: object) -> Any:
        """The value as Python has it, whichever database it was read from; the same for the same content.

        Raises ValueError for what cannot be one.
        """
        if raw is None:
            return None
        try:
            return self._read(raw)
        except (TypeError, ArithmeticError, OverflowError) as exc:
            raise ValueError(f"{str(raw)[:100]!r} cannot be in {self.name}.") from exc


@dataclass(frozen=True)
class Table:
    """A model as the tier sees it. `key` names the fields of its natural key, relations by their field's name."""

    label: str
    model: Model
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @functools.cached_property
    def pk(self) -> Column:
        return next(column for column in self.columns if column.field.primary_key)

    @functools.cached_property
    def references(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.refers)

    @functools.cached_property
    def key_columns(self) -> tuple[Column, ...]:
        return tuple(next(column for column in self.columns if column.field.name == name) for name in self.key)

    @functools.cached_property
    def times(self) -> tuple[str, ...]:
        """Names of the columns that hold a moment of the row's life."""
        moments = (column.name for column in self.columns if column.kind == "DateTimeField")
        return tuple(name for name in moments if name not in settings.BACKUP_AGELESS)

    @functools.cached_property
    def unique(self) -> tuple[str, ...]:
        """Names of the columns that tell a row apart by themselves, and are neither its number nor its natural key."""
        fields = {column.name: column.field for column in self.columns}
        key = [column.name for column in self.key_columns]
        return tuple(name for name, field in fields.items() if field.unique and not field.primary_key and [name] != key)

    def rows(self, alias: str) -> models.QuerySet[Any]:
        """Those of a database, past the model's own idea of which there are."""
        return self.model._base_manager.using(alias)

    @property
    def shape(self) -> list[list[str]]:
        """Names and kinds of the columns: two of one shape hold rows that can be compared as they are."""
        return [[column.name, column.kind] for column in self.columns]


def kept() -> list[Table]:
    """The tables that are kept, those before that others refer to. Raises Unkept."""
    return list(_kept(tuple(settings.BACKUP_MODELS)))


def table(label: str) -> Table:
    """Any table with a natural key. Raises Unkept."""
    return _table(_model(label))


def unit_column(table: Table) -> str:
    """By which a row belongs to a unit (an article), or is one; "" for what belongs to none."""
    unit = settings.BACKUP_UNIT["model"]
    if table.label == unit:
        return table.pk.name
    return next((column.name for column in table.references if column.refers == unit), "")


@functools.cache
def _kept(labels: tuple[str, ...]) -> tuple[Table, ...]:
    tables = {}
    for label in labels:
        model = _model(label)
        through = [field.remote_field.through for field in model._meta.local_many_to_many]
        for one in (model, *(each for each in through if each is not None)):
            if one._meta.auto_created or one is model:
                tables[one._meta.label] = _table(one)
    for each in tables.values():
        for column in each.references:
            if column.refers not in tables:
                table(column.refers)  # it needs a natural key of its own
    return tuple(_in_order(tables))


def _in_order(tables: dict[str, Table]) -> Iterable[Table]:
    left = dict(tables)
    while left:
        ready = [
            each
            for each in left.values()
            if not any(column.refers in left and column.refers != each.label for column in each.references)
        ]
        if not ready:
            raise Unkept(f"{', '.join(left)} refer to each other in a circle.")
        for each in ready:
            yield left.pop(each.label)


def _model(label: str) -> Model:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError) as exc:
        raise Unkept(f"There is no model {label!r}.") from exc


@functools.cache
def _table(model: Model) -> Table:
    label, meta = model._meta.label, model._meta
    columns = []
    for field in meta.local_concrete_fields:
        column = Column(
            field, str(field.remote_field.model._meta.label) if isinstance(field, models.ForeignKey) else ""
        )
        if column.kind not in READ and column.kind != "DecimalField":
            raise Unkept(f"{label}.{field.name} is a {column.kind}, which is not kept.")
        columns.append(column)
    if meta.pk.get_internal_type() not in WHOLE_NUMBERS or len(meta.parents):
        raise Unkept(f"{label} has no primary key that is a number.")
    key = settings.BACKUP_NATURAL_KEYS.get(label)
    if key is None and meta.auto_created:
        key = [field.name for field in meta.local_concrete_fields if field.is_relation]
    if not key:
        raise Unkept(f"{label} has no natural key in BACKUP_NATURAL_KEYS.")
    return Table(label, model, tuple(columns), tuple(key))


# What a value is, from either database's JSON. Each raises ValueError, TypeError or ArithmeticError for what is none


def _moment(raw: object) -> datetime:
    found = parse_datetime(raw) if isinstance(raw, str) else None
    if found is None:
        raise ValueError(f"{raw!r} is not a time.")
    return make_aware(found, UTC) if is_naive(found) else found.astimezone(UTC)


def _day(raw: str) -> date:
    return _not_none(parse_date(raw))


def _hour(raw: str) -> time:
    return _not_none(parse_time(raw))


def _not_none(found: Found | None) -> Found:
    if found is None:
        raise ValueError("It is not a time.")
    return found


def _number(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not LOWEST_KEY <= raw < END_OF_KEYS:
        raise ValueError(f"{raw!r} is not a whole number.")
    return raw


def _flag(raw: object) -> bool:
    if raw not in (0, 1):
        raise ValueError(f"{raw!r} is neither true nor false.")
    return bool(raw)


def _decimal(raw: object, places: int) -> Decimal:
    found = Decimal(str(raw)).quantize(Decimal(1).scaleb(-places))
    if not found.is_finite():
        raise ValueError(f"{raw!r} is not a number.")
    return found


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise TypeError
    raw.encode()  # half a character, which JSON can spell, is none
    return raw


def _json(raw: object) -> object:
    return raw


WHOLE_NUMBERS = {
    "AutoField", "BigAutoField", "SmallAutoField", "IntegerField", "BigIntegerField", "SmallIntegerField",
    "PositiveIntegerField", "PositiveBigIntegerField", "PositiveSmallIntegerField",
}  # fmt: skip
TEXTS = {"CharField", "TextField", "FileField", "SlugField", "URLField", "EmailField", "GenericIPAddressField"}
READ: dict[str, Callable[[Any], object]] = {  # by kind; a DecimalField is read by `_decimal`, with its places
    **dict.fromkeys(WHOLE_NUMBERS, _number),
    **dict.fromkeys(TEXTS, _text),
    "BooleanField": _flag,
    "DateTimeField": _moment,
    "DateField": _day,
    "TimeField": _hour,
    "FloatField": float,
    "JSONField": _json,
    "UUIDField": uuid.UUID,
}


def sql_list(numbers: Iterable[int]) -> str:
    """Whole numbers for an IN of SQL, in which nothing is for none."""
    return ", ".join(str(int(number)) for number in numbers) or "NULL"


def comparable(value: Any) -> Any:
    """A value that two equal contents have in common: JSON without the order of its names."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value
