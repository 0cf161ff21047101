"""Maps of a database: of each row the primary key, a token that changes with the row, and the hash of its content.

    {"articles.Article": {0: Block, 1: Block, …}, …}            a block holds the rows of 1,024 possible keys in a row

An incremental backup is the difference between the map of the last backup and what is there now. On PostgreSQL the
token is the row's xmin, on SQLite its content's hash. `digests`, one for each sixteen keys, are SQLite's alone: they
tell where nothing has changed without looking at each row, and stay on the machine.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from backups.database.digests import BLOCK_BITS, BLOCK_KEYS
from backups.database.tables import END_OF_KEYS, LOWEST_KEY
from backups.errors import Hostile
from backups.repository.manifests import Entry

WORD = 8  # bytes of a key, a token and a hash each
PART_BLOCKS = 100  # in one object of the storage
_HEAD = struct.Struct(">qI")
_STATE = struct.Struct(">qII")


@dataclass(slots=True)
class Block:
    """Rows by ascending key; the three are as long as each other."""

    pks: bytes
    tokens: bytes
    hashes: bytes
    digests: bytes = b""

    def __len__(self) -> int:
        return len(self.pks) // WORD

    def rows(self) -> Iterator[tuple[int, bytes, bytes]]:
        for n, (pk,) in enumerate(struct.iter_unpack(">q", self.pks)):
            at = slice(n * WORD, n * WORD + WORD)
            yield pk, self.tokens[at], self.hashes[at]

    def tokens_by_pk(self, low: int = LOWEST_KEY, high: int = END_OF_KEYS) -> dict[int, bytes]:
        """Of all rows, or of those from one key up to another."""
        pks = numbers(self.pks)
        places = range(bisect_left(pks, low), bisect_left(pks, high))
        return {pks[n]: self.tokens[n * WORD : n * WORD + WORD] for n in places}


Blocks = dict[int, Block]  # of a table, by number
Map = dict[str, Blocks]  # by model


class SavedMap(NamedTuple):
    """The map that this machine has, and of which generation it is: "" for none."""

    generation: str
    map: Map


class MapPart(NamedTuple):
    """A piece of a map as it is stored, and how many rows it tells of."""

    content: bytes
    rows: int


NONE_SAVED = SavedMap("", {})


def numbers(words: bytes) -> tuple[int, ...]:
    """Keys, or tokens of PostgreSQL, out of 8 bytes each."""
    return struct.unpack(f">{len(words) // WORD}q", words)


def words(some: Sequence[int]) -> bytes:
    """Numbers, 8 bytes each: what `numbers` reads."""
    return struct.pack(f">{len(some)}q", *some)


def word(number: int) -> bytes:
    return number.to_bytes(WORD, "big", signed=True)


def blocks_of(rows: Iterable[tuple[int, bytes, bytes]]) -> Blocks:
    """The blocks of rows in the order of their keys."""
    found: Blocks = {}
    for pk, token, content in rows:
        block = found.get(pk >> BLOCK_BITS)
        if block is None:
            block = found[pk >> BLOCK_BITS] = Block(b"", b"", b"")
        block.pks += word(pk)
        block.tokens += token
        block.hashes += content
    return found


def gathered(pieces: Iterable[Block]) -> Blocks:
    """The blocks of pieces in the order of their keys, which begin and end anywhere."""
    found: Blocks = {}
    for piece in pieces:
        at = 0
        for number, pks in itertools.groupby(numbers(piece.pks), lambda pk: pk >> BLOCK_BITS):
            part = slice(at, at := at + WORD * len(list(pks)))
            block = found.setdefault(number, Block(b"", b"", b""))
            block.pks += piece.pks[part]
            block.tokens += piece.tokens[part]
            block.hashes += piece.hashes[part]
    return found


def changed(blocks: Blocks, rows: Iterable[tuple[int, bytes, bytes]], gone: Iterable[int]) -> Blocks:
    """The blocks with these rows put in or replaced, and those that are gone left out."""
    news: dict[int, dict[int, tuple[bytes, bytes] | None]] = {}
    for pk, token, content in rows:
        news.setdefault(pk >> BLOCK_BITS, {})[pk] = (token, content)
    for pk in gone:
        news.setdefault(pk >> BLOCK_BITS, {})[pk] = None
    found = dict(blocks)
    for number, new in news.items():
        if number in found and (same := _replaced(found[number], new)):
            found[number] = same
            continue
        old = {pk: (token, content) for pk, token, content in found[number].rows()} if number in found else {}
        merged = sorted((pk, both) for pk, both in (old | new).items() if both is not None)
        found.pop(number, None)
        found |= blocks_of((pk, token, content) for pk, (token, content) in merged)
    return found


def _replaced(block: Block, new: dict[int, tuple[bytes, bytes] | None]) -> Block | None:
    """The block with rows replaced that it has; None when some are new or gone."""
    places = dict(zip(numbers(block.pks), range(0, len(block.pks), WORD), strict=True))
    tokens, hashes = bytearray(block.tokens), bytearray(block.hashes)
    for pk, both in new.items():
        if both is None or pk not in places:
            return None
        at = slice(places[pk], places[pk] + WORD)
        tokens[at], hashes[at] = both
    return Block(block.pks, bytes(tokens), bytes(hashes))


def size(blocks: Blocks) -> int:
    """How many rows they tell of."""
    return sum(map(len, blocks.values()))


def pks(blocks: Blocks) -> set[int]:
    return {pk for block in blocks.values() for (pk,) in struct.iter_unpack(">q", block.pks)}


# As objects of the storage


def parts(blocks: Blocks) -> Iterator[MapPart]:
    """The blocks in pieces of bounded size."""
    numbers = sorted(blocks)
    for at in range(0, len(numbers), PART_BLOCKS):
        some = {number: blocks[number] for number in numbers[at : at + PART_BLOCKS]}
        content = (_HEAD.pack(n, len(b)) + b.pks + b.tokens + b.hashes for n, b in some.items())
        yield MapPart(b"".join(content), size(some))


def read_part(content: bytes, entry: Entry) -> Blocks:
    """The blocks of one object. Raises Hostile for what is no map."""
    found: Blocks = {}
    at = 0
    while at < len(content):
        if len(content) - at < _HEAD.size:
            raise Hostile(f"{entry['key']} is not a map of rows.")
        number, rows = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        length = rows * WORD
        block = Block(*(content[at + k * length : at + (k + 1) * length] for k in range(3)))
        at += 3 * length
        if len(block.hashes) != length or number in found or not _can_be(number, block):
            raise Hostile(f"{entry['key']} is not a map of rows.")
        found[number] = block
    if size(found) != entry.get("rows"):
        raise Hostile(f"{entry['key']} does not hold the rows that its manifest claims.")
    return found


def _can_be(number: int, block: Block) -> bool:
    """Whether these are rows of this block, by ascending key."""
    pks = numbers(block.pks)
    inside = 0 < len(pks) <= BLOCK_KEYS and all(pk >> BLOCK_BITS == number for pk in pks)
    return inside and all(a < b for a, b in itertools.pairwise(pks))


# As a file of this machine: a cache, which is believed when its hash is right


def save(file: Path, generation: str, found: Map) -> None:
    """Keep the map of a generation, digests and all; on a disk that takes nothing, nothing is kept."""
    head = {
        "generation": generation,
        "tables": {label: len(blocks) for label, blocks in found.items()},
    }
    body = [orjson.dumps(head), b"\n"]
    for blocks in found.values():
        for number, block in sorted(blocks.items()):
            body.append(_STATE.pack(number, len(block), len(block.digests)))
            body += (block.pks, block.tokens, block.hashes, block.digests)
    digest = hashlib.sha256()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        with part.open("wb") as out:
            for piece in body:
                digest.update(piece)
                out.write(piece)
            out.write(digest.digest())
        part.rename(file)
    except OSError:
        pass  # the next run reads the map from the storage


def saved(file: Path) -> SavedMap:
    """What `save` has written, if it is whole."""
    try:
        content = file.read_bytes()
    except OSError:
        return NONE_SAVED
    body, check = memoryview(content)[:-32], content[-32:]
    if hashlib.sha256(body).digest() != check:
        return NONE_SAVED
    end = content.index(b"\n")
    head = orjson.loads(content[:end])
    at = end + 1
    found: Map = {}
    for label, count in head["tables"].items():
        blocks = found[label] = {}
        for _ in range(count):
            number, rows, digests = _STATE.unpack_from(content, at)
            at += _STATE.size
            cuts = [at + k * rows * WORD for k in range(4)]
            at = cuts[3] + digests
            pks, tokens, hashes = (content[a:b] for a, b in itertools.pairwise(cuts))
            blocks[number] = Block(pks, tokens, hashes, content[cuts[3] : at])
    return SavedMap(head["generation"], found)
