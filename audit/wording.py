"""Sentences about changes, and their values as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field, Model
from django.utils import formats, timezone

from audit.acting import Door
from audit.models import Change
from audit.watched import WATCHED

# What no one may read, by the words that people have for it.
SECRETS = {
    "encrypted_web_secret": "password of the login page",
    "encrypted_secret": "secret",
    "encrypted_login": "login",
    "sha256": "secret",
}
NOTHING = "nothing"


def who(change: Change) -> str:
    """`ada`, `ada, with the token “nightly”`, `root, by manage.py site`, `the desk itself`."""
    match change.door:
        case Door.PROGRAM:
            return f"{change.who}, with the token “{change.through}”,"
        case Door.COMMAND:
            return f"{change.who}, by manage.py {change.through},".replace(" ,", ",")
        case Door.OUTSIDE:
            return f"Somebody past the desk, as {change.who} of the database,"
        case Door.DESK:
            return "The desk itself"
        case _:
            return change.who


def what(change: Change) -> str:
    """What was done, without who did it: `changed “address” of the site “Magazine”`."""
    thing = f"the {model_words(change.model)} “{change.name or change.row}”"
    field = field_words(change)
    match change.deed:
        case Change.Deed.CREATED:
            return f"made {thing}"
        case Change.Deed.DELETED:
            return f"removed {thing}"
        case Change.Deed.ADDED:
            return f"gave {thing} “{change.after}” ({field})"
        case Change.Deed.REMOVED:
            return f"took “{change.before}” ({field}) from {thing}"
        case _:
            return f"changed the {field} of {thing}" if is_secret(change) else f"changed “{field}” of {thing}"


def model_words(label: str) -> str:
    model = _model(label)
    return _lower(str(model._meta.verbose_name)) if model else label


def field_words(change: Change) -> str:
    if change.field in SECRETS:
        return SECRETS[change.field]
    field = _field(change)
    return _lower(str(field.verbose_name)) if field else change.field.replace("_", " ")


def _lower(name: str) -> str:
    """Within a sentence: but for abbreviations."""
    return name if name[1:2].isupper() else f"{name[:1].lower()}{name[1:]}"


def is_secret(change: Change) -> bool:
    watched = WATCHED.get(change.model)
    return watched is not None and change.field in watched.secret


def value_words(change: Change, value: str) -> str:
    """`on`, `4.5`, `29 Nov 2026, 10:00 CET`, the label of a choice, or as it is."""
    field = _field(change)
    if not value or field is None or field.is_relation:
        return value or NOTHING
    try:
        read = field.to_python({"true": "True", "false": "False"}.get(value, value))
    except (ValidationError, ValueError):
        return value
    return str(dict(field.flatchoices).get(read) or _words(read, value))


def _words(read: Any, value: str) -> str:
    match read:
        case bool():
            return "on" if read else "off"
        case Decimal():
            return f"{read.normalize():f}"
        case datetime():
            moment = read if timezone.is_aware(read) else read.replace(tzinfo=UTC)
            return formats.date_format(timezone.localtime(moment, timezone.get_current_timezone()), "j M Y, H:i T")
        case _:
            return value


def _model(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except LookupError:  # of another version
        return None


def _field(change: Change) -> Field[Any, Any] | None:
    model = _model(change.model)
    try:
        return cast("Field[Any, Any]", model._meta.get_field(change.field)) if model else None
    except FieldDoesNotExist:
        return None
