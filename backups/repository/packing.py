"""Chunks of the database are compressed before they are stored, each a file of zstandard: `zstd -d` gives its JSON.

What earlier versions have stored is not, and is read as it is. An entry says which it is, and how much it holds: a few
bytes can be unpacked into very many.
"""

from __future__ import annotations

import hashlib

import zstandard

from backups.errors import Hostile
from backups.repository.manifests import Entry, content_bytes

ZSTD = "zstd"  # as entries say it
LEVEL = 1  # of prose three quarters go; the next levels save little more, and cost up to twice as much
WINDOW = 2**27  # bytes of a frame that are looked back upon; more is asked for by nobody of ours


def pack(content: bytes) -> bytes:
    """Compressed, and with a checksum of its own; the same by the same version of the library."""
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True).compress(content)


def packed_entry(stored: Entry, content: bytes) -> Entry:
    """The entry of what was compressed from `content`."""
    return {
        **stored,
        "packed": ZSTD,
        "plain_bytes": len(content),
        "plain_sha256": hashlib.sha256(content).hexdigest(),
    }


def plain_bytes(entry: Entry) -> int:
    """How much an entry says that it holds, unpacked."""
    return entry["plain_bytes"] if entry.get("packed") else content_bytes(entry)


def unpack(entry: Entry, content: bytes) -> bytes:
    """What was compressed; all else as it is. Raises Hostile for what is not what its entry says."""
    if not entry.get("packed"):
        return content
    if entry["packed"] != ZSTD:
        raise Hostile(f"{entry['key']} is compressed in a way that is not known here: {str(entry['packed'])[:20]!r}.")
    try:
        if zstandard.get_frame_parameters(content).content_size != entry["plain_bytes"]:
            raise Hostile(f"{entry['key']} does not hold as much as its manifest claims.")
        return zstandard.ZstdDecompressor(max_window_size=WINDOW).decompress(content)
    except zstandard.ZstdError as exc:
        raise Hostile(f"{entry['key']} cannot be unpacked: {exc}.") from exc
