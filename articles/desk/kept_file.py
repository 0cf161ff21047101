"""A chosen file that stays in a form while something is asked about it: browsers forget what was chosen."""

from __future__ import annotations

import base64
import binascii
import zlib

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile

_MOST = 5 * 1024 * 1024  # characters; a request has room for little more


def packed(file: UploadedFile[bytes]) -> str:
    """A file for a hidden field; "" for one that has no room in it."""
    file.seek(0)
    found = base64.b64encode(zlib.compress(f"{file.name}\0".encode() + file.read())).decode()
    return found if len(found) <= _MOST else ""


def unpacked(value: str) -> UploadedFile[bytes] | None:
    """The file that `packed` has packed; None for anything else, as whoever sends a form may write into it."""
    try:
        room = settings.MANUSCRIPT_BYTES + 1024
        name, sign, content = zlib.decompressobj().decompress(base64.b64decode(value), room).partition(b"\0")
        return SimpleUploadedFile(name.decode(), content) if sign else None
    except (binascii.Error, zlib.error, ValueError):
        return None
