"""Generations of the database tier that belong together: a full one and what has changed since.

A chunk, readable JSON with a row a line; `keys` are the natural keys of what its rows refer to:

    {"format":1,"model":"articles.Article","keys":{"owner":{"6":["ada"]}},"gone":[17],"rows":[
    {"id":18,"uid":"…","owner_id":6,…},
    {"id":19,…}
    ]}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard

import orjson

from backups.database import maps
from backups.errors import Damaged, Hostile, Missing
from backups.repository.manifests import Entry, Generation, content_bytes
from backups.repository.repository import Repository

CHUNK, MAP = "chunk", "map"  # roles of entries
CHUNK_BYTES = 2**30
CHUNK_ROWS = 100_000
FULL, CHANGES = "full", "changes"  # kinds of generations


@dataclass(frozen=True)
class Chunk:
    """Rows of one model as they are restored. `gone` are keys of rows that were deleted before."""

    model: str
    rows: list[dict[str, Any]]
    gone: list[int]
    keys: dict[str, dict[int, list[Any]]]


def of_source(generations: Iterable[Generation], source: str) -> list[Generation]:
    return [generation for generation in generations if generation.about.get("source") == source]


def chain(generations: Iterable[Generation], newest: Generation) -> list[Generation]:
    """A generation and all that it builds on, the full one first. Raises Damaged when one is missing, and Hostile."""
    known = {generation.id: generation for generation in generations}
    found = [newest]
    while found[-1].about.get("kind") != FULL:
        parent = known.get(found[-1].parent or "")
        if parent is None or parent in found:
            raise Damaged(f"The backup {found[-1].id} builds on {found[-1].parent}, which is not there.")
        found.append(parent)
    for link in found:
        _check(link)
    return found[::-1]


def _check(generation: Generation) -> None:
    """Raises Hostile for a manifest that does not say of what kind it is, and of which tables and columns."""
    match generation.about:
        case {"kind": "full" | "changes", "identity": {"shapes": dict(shapes), **identity}}:
            columns = [column for shape in shapes.values() for column in (shape if isinstance(shape, list) else [None])]
            named = all(isinstance(each, list) and [*map(type, each)] == [str, str] for each in columns)
            if named and is_key(identity.get("xid", 0)):
                return
    raise Hostile(f"The backup {generation.id} does not say what it was made of.")


def at(generations: Iterable[Generation], moment: datetime | None) -> Generation:
    """The newest generation whose database was read before a moment. Raises Missing."""
    for generation in generations:
        if moment is None or generation.began <= moment:
            return generation
    raise Missing(
        "There is no backup of the database." if moment is None else f"There is no backup of before {moment}."
    )


def chunk_text(model: str, rows: bytes, gone: list[int], keys: dict[str, dict[int, list[Any]]]) -> bytes:
    head = orjson.dumps(
        {"format": 1, "model": model, "keys": keys, "gone": gone},
        option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS,
        default=str,
    )
    return b"".join((head[:-1], b',"rows":[\n', rows, b"\n]}\n"))  # at once: each copy of it has to be paid for


def read_chunk(repository: Repository, entry: Entry) -> Chunk:
    """Raises Damaged, Missing, and Hostile for a chunk that says what cannot be."""
    if content_bytes(entry) > CHUNK_BYTES:
        raise Hostile(f"{entry['key']} claims {content_bytes(entry):,} bytes.")
    content = repository.read(entry)
    try:
        body = json.loads(content)  # orjson would take numbers beyond 64 bits for floats
    except (ValueError, RecursionError) as exc:
        raise Hostile(f"{entry['key']} is not valid JSON.") from exc
    match body:
        case {"format": 1, "model": str(model), "keys": dict(keys), "gone": list(gone), "rows": list(rows)}:
            pass
        case _:
            raise Hostile(f"{entry['key']} is no chunk of a database.")
    if model != entry.get("model") or len(rows) != entry.get("rows") or len(gone) != entry.get("gone"):
        raise Hostile(f"{entry['key']} does not hold what its manifest claims.")
    if len(rows) > CHUNK_ROWS or not all(isinstance(row, dict) for row in rows) or not all(map(is_key, gone)):
        raise Hostile(f"{entry['key']} is no chunk of a database.")
    try:
        known = {str(name): {int(pk): list(key) for pk, key in of.items()} for name, of in keys.items()}
    except (AttributeError, TypeError, ValueError) as exc:
        raise Hostile(f"{entry['key']} is no chunk of a database.") from exc
    return Chunk(model, rows, gone, known)


def role(repository: Repository, generation: Generation, wanted: str) -> Iterator[Entry]:
    return (entry for entry in repository.entries(generation) if entry.get("role") == wanted)


def read_map(repository: Repository, links: list[Generation], have: tuple[str, maps.Map] = ("", {})) -> maps.Map:
    """The map of the last of a chain; `have`, of one of its earlier generations, saves reading what came before."""
    known, found = have
    ids = [link.id for link in links]
    start = ids.index(known) + 1 if known in ids else 0
    if not start:
        found = {}
    for link in links[start:]:
        full = link.about["kind"] == FULL
        news: maps.Map = {}
        for entry in role(repository, link, MAP):
            news.setdefault(str(entry.get("model")), {}).update(maps.read_part(repository.read(entry), entry))
        gone: dict[str, list[int]] = {}
        for entry in role(repository, link, CHUNK):
            if entry.get("gone"):
                gone.setdefault(entry["model"], []).extend(read_chunk(repository, entry).gone)
        if full:
            found = news
            continue
        for model in news.keys() | gone.keys():
            rows = (row for _, block in sorted(news.get(model, {}).items()) for row in block.rows())
            found[model] = maps.changed(found.get(model, {}), rows, gone.get(model, []))
    return found


def is_key(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
