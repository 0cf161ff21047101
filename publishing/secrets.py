"""Secrets at rest: encrypted in the column, decrypted only where they are used.

Reference: cryptography's MultiFernet: the first key encrypts, every key decrypts.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

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


@contextmanager
def _deciphering() -> Iterator[None]:
    try:
        yield
    except InvalidToken as exc:
        raise Undecipherable("the stored password cannot be read with the present keys; enter it again") from exc
