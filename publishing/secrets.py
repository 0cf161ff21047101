"""Secrets at rest: encrypted in the column, decrypted only where they are used.

Reference: cryptography's MultiFernet: the first key encrypts, every key decrypts.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db.models import Model

from backups.redaction import know


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
