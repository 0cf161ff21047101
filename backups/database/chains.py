"""Generations of the database tier that belong together: a full one and what has changed since.

A chunk, readable JSON with a row a line, compressed (`packing`); `keys` are the natural keys of what its rows refer to:

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
from typing import TypedDict, TypeGuard

import orjson

from backups.database import maps
from backups.database.snapshot import Identity
from backups.database.tables import END_OF_KEYS, LOWEST_KEY, NaturalKeys, Row
from backups.errors import Damaged, Hostile, Missing
from backups.repository.manifests import Entry, Generation, Survey, content_bytes
from backups.repository.packing import plain_bytes, unpack
from backups.repository.repository import Repository

CHUNK_ROLE, MAP_ROLE = "chunk", "map"  # roles of entries
MOST_CHUNK_BYTES = 2**30  # of one that is believed; what is written is far smaller
MOST_CHUNK_ROWS = 100_000
FULL, CHANGES = "full", "changes"  # kinds of generations


@dataclass(frozen=True)
class Chunk:
    """Rows of one model as they are restored. `gone` are keys of rows that were deleted before."""

    model: str
    rows: list[Row]
    gone: list[int]
    keys: dict[str, NaturalKeys]  # by relation: of what the rows refer to


class About(TypedDict, total=False):
    """What the manifest of a backup of a database says of it."""

    source: str  # whose database it is: backups of one source build on each other
    kind: str
    why: str  # a full one was made; "" for one of changes
    identity: Identity
    migrations: dict[str, str]  # the last one, by app
    rows: dict[str, int]  # by model
    drift: dict[str, list[int]]  # the first keys, by model
    needs_parent: bool
    same_as: str  # the parent, where nothing has changed since; the next one builds on that, too


def of_source(generations: Iterable[Generation], source: str) -> list[Generation]:
    """Those of one database, in the same order."""
    return [generation for generation in generations if generation.about.get("source") == source]


def chain(survey: Survey, newest: Generation) -> list[Generation]:
    """A generation and all that it builds on, the full one first. Raises Damaged where one cannot be had, Hostile."""
    known = {generation.id: generation for generation in survey.generations}
    found = [newest]
    while found[-1].about.get("kind") != FULL:
        id_ = found[-1].parent or ""
        parent = known.get(id_)
        if parent is None and id_ in survey.doubtful:
            raise Damaged(f"The backup {found[-1].id} builds on {id_}, which cannot be had. {survey.doubtful[id_]}")
        if parent is None or parent in found:
            raise Damaged(f"The backup {found[-1].id} builds on {id_}, which is not there.")
        if (follows := found[-1].about.get("follows")) and follows != parent.digest():
            raise Damaged(f"The backup {found[-1].id} builds on another {id_} than the one that is there.")
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


def chunk_text(model: str, rows: bytes, gone: list[int], keys: dict[str, NaturalKeys]) -> bytes:
    """A chunk as it is stored, of rows as JSON with commas and line ends between them."""
    head = orjson.dumps(
        {"format": 1, "model": model, "keys": keys, "gone": gone},
        option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS,
        default=str,
    )
    return b"".join((head[:-1], b',"rows":[\n', rows, b"\n]}\n"))  # at once: each copy of it has to be paid for


def read_text(repository: Repository, entry: Entry) -> bytes:
    """The JSON of a chunk. Raises as `read_chunk` does."""
    if any(size > MOST_CHUNK_BYTES for size in (content_bytes(entry), plain_bytes(entry))):
        raise Hostile(f"{entry['key']} claims {plain_bytes(entry):,} bytes.")
    return unpack(entry, repository.read(entry))


def read_chunk(repository: Repository, entry: Entry) -> Chunk:
    """The chunk of an entry. Raises Damaged, Missing, and Hostile for one that says what cannot be."""
    content = read_text(repository, entry)
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
    if len(rows) > MOST_CHUNK_ROWS or not all(isinstance(row, dict) for row in rows) or not all(map(is_key, gone)):
        raise Hostile(f"{entry['key']} is no chunk of a database.")
    try:
        known = {str(name): {int(pk): list(key) for pk, key in of.items()} for name, of in keys.items()}
    except (AttributeError, TypeError, ValueError) as exc:
        raise Hostile(f"{entry['key']} is no chunk of a database.") from exc
    return Chunk(model, rows, gone, known)


def entries_of(repository: Repository, generation: Generation, role: str) -> Iterator[Entry]:
    """The chunks or maps of a generation, in their order. Raises Hostile, Damaged, Missing."""
    return (entry for entry in repository.entries(generation) if entry.get("role") == role)


def read_map(repository: Repository, links: list[Generation], have: maps.SavedMap = maps.NONE_SAVED) -> maps.Map:
    """The map of the last of a chain; `have`, of one of its earlier generations, saves reading what came before.

    Raises Damaged, Missing, Hostile.
    """
    known, found = have
    ids = [link.id for link in links]
    start = ids.index(known) + 1 if known in ids else 0
    if not start:
        found = {}
    for link in links[start:]:
        full = link.about["kind"] == FULL
        news: maps.Map = {}
        for entry in entries_of(repository, link, MAP_ROLE):
            news.setdefault(str(entry.get("model")), {}).update(maps.read_part(repository.read(entry), entry))
        gone: dict[str, list[int]] = {}
        for entry in entries_of(repository, link, CHUNK_ROLE):
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
    """Whether it can be a row's primary key: a whole number of 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and LOWEST_KEY <= value < END_OF_KEYS
