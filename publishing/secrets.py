"""Secrets at rest: encrypted in the column, decrypted only where they are used.

Reference: cryptography's MultiFernet: the first key encrypts, every key decrypts.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db.models import CharField, JSONField, Model, TextField

from backups.redaction import black_out, know

# Columns of all models in which a service, a site or a machine is quoted.
SAID_BY_OTHERS = frozenset(
    {"answer", "damage", "detail", "details", "error", "failures", "findings", "kept"}
    | {"message", "reason", "told", "trial", "turns", "unread", "values"}
)
ALSO = {("recovery.Mail", "subject"), ("recovery.Mail", "text"), ("recovery.Mail", "html")}


class Undecipherable(Exception):
    """None of the keys in the settings opens this secret."""


def _keys() -> MultiFernet:
    derived = [
        base64.urlsafe_b64encode(hashlib.sha256(b"galley.secrets" + key.encode()).digest())
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
    return MultiFernet([*map(Fernet, settings.GALLEY_ENCRYPTION_KEYS), *map(Fernet, derived)])


def encrypt(secret: str) -> str:
    know(secret)
    return _keys().encrypt(secret.encode()).decode()


def decrypt(token: str) -> str:
    """The secret again, which is blacked out from now on. Raises Undecipherable."""
    with _deciphering():
        secret = _keys().decrypt(token.encode()).decode()
    know(secret)
    return secret


def reencrypt(token: str) -> str:
    """The same secret under the newest key. Raises Undecipherable."""
    with _deciphering():
        return _keys().rotate(token.encode()).decode()


def reencrypt_all() -> tuple[int, list[Model]]:
    """Every secret of the desk under the newest key: whatever stands in a column named `encrypted_…`, of any model.

    Returns how many there are, and the rows of those that no key opens. What somebody enters meanwhile stays.
    """
    done, unreadable = 0, list[Model]()
    for model, column in _columns():
        for row in model._base_manager.exclude(**{column: ""}):
            there = {column: getattr(row, column)}
            try:
                renewed = {column: reencrypt(there[column])}
            except Undecipherable:
                unreadable.append(row)
            else:
                done += model._base_manager.filter(pk=row.pk, **there).update(**renewed)
    return done, unreadable


def black_out_rows() -> int:
    """Take every secret that the settings and the desk hold out of what others have said, in rows of any model.

    Today none gets there; a release before might have kept what a service repeated. Returns how many rows were changed.
    """
    for model, column in _columns():
        for row in model._base_manager.exclude(**{column: ""}):
            with suppress(Undecipherable):
                getattr(row, column.removeprefix("encrypted_"), None)  # whoever reads a secret makes it known
    return sum(_black_out(model, columns) for model, columns in _said_by_others())


def _black_out(model: type[Model], columns: list[str]) -> int:
    done = 0
    for row in model._base_manager.values("pk", *columns).iterator(chunk_size=500):
        held = {column: json.dumps(row[column], ensure_ascii=False) for column in columns}
        without = {column: black_out(text) for column, text in held.items()}
        changed = {column: json.loads(text) for column, text in without.items() if text != held[column]}
        if changed:
            done += model._base_manager.filter(pk=row["pk"]).update(**changed)
    return done


def _said_by_others() -> Iterator[tuple[type[Model], list[str]]]:
    for model in apps.get_models():
        columns = [
            field.name
            for field in model._meta.concrete_fields
            if isinstance(field, TextField | CharField | JSONField)
            and (field.name in SAID_BY_OTHERS or (model._meta.label, field.name) in ALSO)
        ]
        if columns:
            yield model, columns


def _columns() -> Iterator[tuple[type[Model], str]]:
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if field.name.startswith("encrypted_"):
                yield model, field.name


@contextmanager
def _deciphering() -> Iterator[None]:
    try:
        yield
    except InvalidToken as exc:
        raise Undecipherable("the stored password cannot be read with the present keys; enter it again") from exc
