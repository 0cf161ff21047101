"""Encryption before anything leaves the machine: an option, for storages that are not trusted.

What is encrypted depends on the content and the key alone: the same content gives the same bytes, so a repeated write
stays the same write. Each content has a key of its own, made from ours and from its SHA-256; it is cut into pieces of
1 MiB, each under AES-256-GCM with its number as the nonce, the last one marked, so that no piece can be changed, left
out, moved or added unnoticed. Names, sizes and hashes are not hidden.

    "GALLEY1\\n"  name of the key (8)  SHA-256 of the content (32)  piece + 16, piece + 16, …
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"GALLEY1\n"
HEAD = len(MAGIC) + 8 + 32
PIECE = 1024 * 1024
TAG = 16


class Undecryptable(Exception):
    """None of our keys opens this, or it is damaged; the message says which."""


class EncryptionKeys:
    """The encryption keys, newest first: the first encrypts, all decrypt. Without any, nothing is encrypted.

    Each is the URL-safe base64 of 32 bytes. Raises ValueError for others.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = {hashlib.sha256(b"galley.seal" + key.encode()).digest()[:8]: _decoded(key) for key in keys}
        self.name = next((name.hex() for name in self._keys), "")  # of the key that encrypts, "" for none
        self.names = tuple(name.hex() for name in self._keys)  # of all that decrypt

    def encrypt(self, sha256: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The encrypted form of the content that has this SHA-256."""
        name, digest = bytes.fromhex(self.name), bytes.fromhex(sha256)
        cipher = self._cipher(name, digest)
        yield MAGIC + name + digest
        for number, last, piece in _pieces(chunks, PIECE):
            yield cipher.encrypt(_nonce(number, last), piece, None)

    def decrypt(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The content again. Raises Unopenable, at the latest after the last chunk."""
        source = iter(chunks)
        head = b""
        while len(head) < HEAD:
            more = next(source, b"")
            if not more:
                raise Undecryptable("It is cut off.")
            head += more
        name, digest = head[len(MAGIC) : len(MAGIC) + 8], head[len(MAGIC) + 8 : HEAD]
        if not head.startswith(MAGIC) or name not in self._keys:
            raise Undecryptable("It was encrypted with a key that is not among GALLEY_BACKUP_ENCRYPTION_KEYS.")
        cipher = self._cipher(name, digest)
        for number, last, piece in _pieces(_after(head[HEAD:], source), PIECE + TAG):
            try:
                yield cipher.decrypt(_nonce(number, last), piece, None)
            except InvalidTag as exc:
                raise Undecryptable("It was changed after it was encrypted.") from exc

    def _cipher(self, name: bytes, digest: bytes) -> AESGCM:
        return AESGCM(hmac.new(self._keys[name], b"galley.content" + digest, hashlib.sha256).digest())


def encrypted_size(size: int) -> int:
    """How many bytes the encrypted form of so many bytes has."""
    return HEAD + size + TAG * max(1, -(-size // PIECE))


def _decoded(key: str) -> bytes:
    raw = base64.urlsafe_b64decode(key)
    if len(raw) != 32:
        raise ValueError("An encryption key has 32 bytes.")
    return raw


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _pieces(chunks: Iterable[bytes], size: int) -> Iterator[tuple[int, bool, bytes]]:
    """(number, whether it is the last, piece); there is always a last one, empty for no content."""
    waiting, number = b"", 0
    for chunk in chunks:
        waiting += chunk
        while len(waiting) > size:
            yield number, False, waiting[:size]
            waiting, number = waiting[size:], number + 1
    yield number, True, waiting
