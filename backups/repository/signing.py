"""What stands in the storage is believed when it carries our signature, and is written in one way only.

A document is canonical JSON, `{"body": …, "key": …, "signature": …}`: sorted keys, no spaces, UTF-8, a line end. The
signature is the HMAC-SHA256 of the body; `key` tells which key made it. The first key signs, all are accepted, so a key
is changed by putting a new one in front, and the old one stays for as long as documents of its time do.

What other programs read has another form: it bears `key` and `signature`, its seal, beside what it says.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import orjson

from backups.errors import Forged

CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def canonical(value: object) -> bytes:
    """The one way to write a value. No floats: they have several."""
    return orjson.dumps(value, option=CANONICAL)


class Seal(TypedDict):
    """Which key signed, by its name, and the HMAC-SHA256 of the canonical body in hex digits."""

    key: str
    signature: str


class SigningKeys:
    """The keys of one installation, newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = {_name(key): key.encode() for key in keys}
        self._first = _name(keys[0])
        self.names = tuple(self._keys)

    def seal(self, body: Mapping[str, object]) -> Seal:
        """What stands beside `body` and shows that it is ours."""
        return {"key": self._first, "signature": self._signature(self._first, body)}

    def check(self, name: str, body: Mapping[str, object], seal: object) -> None:
        """Raises Forged unless `seal` was made of this body by one of our keys. `name` is for its sentence."""
        match seal:
            case {"key": str(key), "signature": str(signature)}:
                pass
            case _:
                raise Forged(f"{name} bears no signature.")
        if key not in self._keys:
            raise Forged(f"{name} was signed with a key that is not among ours (GALLEY_BACKUP_KEYS).")
        try:
            right = self._signature(key, body)
        except orjson.JSONEncodeError as exc:  # what can be read can be deeper than what can be written
            raise Forged(f"{name} holds what we never write: {exc}.") from exc
        if not hmac.compare_digest(signature.encode(), right.encode()):
            raise Forged(f"The signature of {name} is wrong: it was changed, or somebody else wrote it.")

    def sign(self, body: Mapping[str, object]) -> bytes:
        """The document that says `body`."""
        return canonical({"body": body, **self.seal(body)})

    def read(self, name: str, content: bytes) -> dict[str, Any]:
        """The body of a document, of which nothing is known yet but who wrote it.

        Raises Forged; `name` is for its sentence.
        """
        try:
            document = orjson.loads(content)
        except orjson.JSONDecodeError as exc:
            raise Forged(f"{name} is not valid JSON.") from exc
        match document:
            case {"body": dict(body), "key": str(), "signature": str()} if len(document) == 3:
                self.check(name, body, document)
            case _:
                raise Forged(f"{name} is not a signed document.")
        if canonical(document) != content:
            raise Forged(f"{name} is not written in the one way in which we write.")
        return body

    def _signature(self, key: str, body: Mapping[str, object]) -> str:
        return hmac.new(self._keys[key], canonical(body), hashlib.sha256).hexdigest()


def _name(key: str) -> str:
    return hashlib.sha256(b"galley.backup.name" + key.encode()).hexdigest()[:8]
