"""The manifest of a generation: what it says, and what of it is believed.

    {"format": 1, "tier": "files", "id": "20250527T000750-4f1c09aa", "began": …, "made": …, "parent": … or null,
     "counts": {"files": 14730, …}, "about": {…of the tier's own…},
     "objects": [{"key", "bytes", "sha256", …}, …],
     "pages": [{"key", "bytes", "sha256", "entries"}, …]}

An entry names an object by key (relative to the tier's folder), bytes and sha256, and may say more that its tier knows.
Several entries may name one object. A manifest whose entries are many keeps them in pages: objects themselves, each a
canonical JSON list of entries, named by their own hash. So whatever a backup consists of hangs on the signed manifest,
and one that differs from its parent in a few entries shares the other pages with it.

Signed does not mean harmless: whatever is read here is held against bounds before anything is done with it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Required, TypedDict, TypeGuard, cast

import orjson

from backups.errors import Hostile
from backups.repository.signing import canonical

FORMAT = 1
MANIFEST_BYTES = 64 * 1024 * 1024
PAGE_BYTES = 64 * 1024 * 1024
PAGES = 10_000
PAGE_ENTRIES = 100_000
OBJECT_BYTES = 5 * 2**40  # what S3 takes
KEY_BYTES = 900
OBJECT_FIELDS = ("key", "bytes", "sha256", "sealed", "content_bytes", "content_sha256")
PACKED_FIELDS = ("packed", "plain_bytes", "plain_sha256")
About = dict[str, Any]  # JSON of the tier's own, such as its source

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,79}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BAD_KEY = re.compile(r"[\x00-\x1f\x7f-\x9f\\]|(?:^|/)\.{0,2}(?:/|$)")


@dataclass(frozen=True)
class Tier:
    """A kind of backup: its name, its folder in the store, and the folder of its objects within that."""

    name: str
    folder: str
    objects: str


FILES = Tier("files", "source_files", "objects")
DATABASE = Tier("database", "database_backups", "chunks")
TIERS = {tier.name: tier for tier in (FILES, DATABASE)}


class Entry(TypedDict, total=False):
    """An object by its name, and what its tier knows of it. The spelling is that of manifests that are stored."""

    key: Required[str]  # relative to the tier's folder
    bytes: Required[int]
    sha256: Required[str]  # in hex digits, of what is stored

    # Of one that is encrypted.
    sealed: str  # the name of the key that encrypted it
    content_bytes: int
    content_sha256: str

    md5: str  # of what is stored, where that is not encrypted

    # Of one that was compressed before that: how, and what it was.
    packed: str
    plain_bytes: int
    plain_sha256: str

    # Of the file tier: `backups.files.backup`.
    path: str
    raw: str
    mtime: int  # ns
    ctime: int  # ns
    inode: int
    mode: int
    unsettled: bool
    earlier: bool

    # Of the database tier: `backups.database.chains`.
    role: str
    number: int
    model: str
    rows: int
    gone: int
    after: int | None  # the key of the last row before its rows
    last: int | None  # of its rows


class Page(TypedDict):
    """An object that holds so many entries."""

    key: str
    bytes: int
    sha256: str
    entries: int


class Manifest(TypedDict):
    """The body of a manifest as it is stored. `began` and `made` are ISO 8601, in UTC."""

    format: int
    tier: str
    id: str
    began: str
    made: str
    parent: str | None
    counts: dict[str, int]
    about: About
    objects: list[Entry]
    pages: list[Page]


@dataclass(frozen=True)
class Generation:
    """A backup that is complete, as its manifest tells it. `made` is the signed time of its commit.

    `stored_at` is no part of it: when the storage says that it got the manifest.
    """

    id: str
    tier: str
    began: datetime
    made: datetime
    parent: str | None
    counts: dict[str, int]
    about: About
    objects: list[Entry]
    pages: list[Page]
    stored_at: datetime | None = field(default=None, compare=False)

    @property
    def number(self) -> int:
        """Of its source's, from 1 on; 0 for one that an earlier version made."""
        said = self.about.get("number")
        return said if _whole(said, 2**53) else 0

    @property
    def before(self) -> list[str]:
        """Ids of those that it was made after, whatever their times say."""
        return [each for each in (self.parent, self.about.get("after")) if each and isinstance(each, str)]

    @property
    def same_as(self) -> str:
        """The id of an earlier one of its source that holds the very same; "" for one with news."""
        return str(self.about.get("same_as", ""))

    @property
    def source(self) -> str:
        """What it was made of: backups of one source follow each other."""
        return str(self.about.get("source", ""))

    def digest(self) -> str:
        """By which the next one of its source names it, whatever key signs."""
        return hashlib.sha256(canonical(self.body())).hexdigest()

    def body(self) -> Manifest:
        """What is signed and stored; `read` makes the same generation of it."""
        return {
            "format": FORMAT,
            "tier": self.tier,
            "id": self.id,
            "began": _written(self.began),
            "made": _written(self.made),
            "parent": self.parent,
            "counts": self.counts,
            "about": self.about,
            "objects": self.objects,
            "pages": self.pages,
        }

    @classmethod
    def read(cls, body: Mapping[str, object], tier: Tier) -> Generation:
        """The generation that a manifest's body tells of. Raises Hostile."""
        match body:
            case {
                "format": int(version), "tier": str(name), "id": str(id_), "began": str(began), "made": str(made),
                "parent": str() | None as parent, "counts": dict(counts), "about": dict(about),
                "objects": list(objects), "pages": list(pages),
            } if len(body) == 10:  # fmt: skip
                pass
            case _:
                raise Hostile("It is not a manifest of a kind that is known here.")
        if version is True or version != FORMAT or name != tier.name:
            raise Hostile(f"It is of format {version} and tier {name!r}; format {FORMAT} and {tier.name!r} are known.")
        if not all(_ID.fullmatch(each) for each in (id_, *([parent] if parent else []))):
            raise Hostile("Its id or its parent's is not an id.")
        if not all(_whole(n, 2**53) for n in counts.values()):
            raise Hostile("One of its counts is not a number that can be.")
        if len(pages) > PAGES:
            raise Hostile(f"It claims {len(pages):,} pages; {PAGES:,} are the most.")
        for page in pages:
            check_entry(page, "pages")
            if page["bytes"] > PAGE_BYTES or not _whole(page.get("entries"), PAGE_ENTRIES):
                raise Hostile(f"It claims a page that is too large: {page['key']}.")
        for entry in objects:
            check_entry(entry, tier.objects)
        return cls(id_, name, _moment(began), _moment(made), parent, counts, about, objects, pages)


@dataclass(frozen=True)
class Survey:
    """What a look at the manifests found: the generations, newest first, and what lies or is missing beside them."""

    generations: list[Generation] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)  # id → why, of manifests that cannot be believed
    lacking: dict[str, str] = field(default_factory=dict)  # id → why it should be there
    stored: dict[str, datetime] = field(default_factory=dict)  # id → when the storage got what is unusable
    strays: list[str] = field(default_factory=list)  # names of files that are no manifests

    @property
    def doubtful(self) -> dict[str, str]:
        """A sentence for each backup that was there and cannot be had."""
        return self.unusable | self.lacking


def check_entry(entry: object, folder: str) -> None:
    """Raises Hostile unless the entry names an object below `folder` with possible bytes and sha256."""
    match entry:
        case {"key": str(key), "bytes": int(size), "sha256": str(sha256)}:
            pass
        case _:
            raise Hostile("One of its entries names no object with bytes and sha256.")
    if not key.startswith(f"{folder}/") or not possible_key(key):
        raise Hostile(f"It names an object that would lie elsewhere: {key[:100]!r}.")
    if not _whole(size, OBJECT_BYTES) or not _SHA256.fullmatch(sha256):
        raise Hostile(f"It says nothing usable about {key[:100]!r}.")


def object_of(entry: Entry) -> Entry:
    """What an entry says of its object, without what its tier knows of it."""
    return cast(Entry, {name: value for name, value in entry.items() if name in OBJECT_FIELDS + PACKED_FIELDS})


def content_sha256(entry: Entry) -> str:
    """Of what `Repository.read` returns, encrypted or not."""
    return entry.get("content_sha256", entry["sha256"])


def content_bytes(entry: Entry) -> int:
    """Of what `Repository.read` returns, encrypted or not."""
    return entry.get("content_bytes", entry["bytes"])


def possible_key(key: str) -> bool:
    """Whether every storage takes this key for what it is, within its folder and in this very spelling."""
    try:
        short = len(key.encode()) <= KEY_BYTES and all(len(step.encode()) <= 240 for step in key.split("/"))
    except UnicodeEncodeError:
        return False
    return short and not _BAD_KEY.search(key) and unicodedata.normalize("NFC", key) == key


def check_collisions(entries: Iterable[Entry]) -> None:
    """Raises Hostile when two entries name one object and differ, or differ in upper and lower case alone."""
    seen: dict[str, tuple[str, int, str]] = {}
    for entry in entries:
        this = (entry["key"], entry["bytes"], entry["sha256"])
        if seen.setdefault(unicodedata.normalize("NFC", entry["key"].casefold()), this) != this:
            raise Hostile(f"It names two different objects that some storages take for one: {entry['key'][:100]!r}.")


def write_page(entries: list[Entry]) -> bytes:
    """The page that holds these entries; equal ones give equal bytes, so that pages can be shared."""
    return canonical(entries)


def read_page(content: bytes, page: Page, folder: str) -> list[Entry]:
    """The entries of a page. Raises Hostile."""
    try:
        entries = orjson.loads(content)
    except orjson.JSONDecodeError as exc:
        raise Hostile(f"{page['key']} is not valid JSON.") from exc
    if not isinstance(entries, list) or len(entries) != page["entries"]:
        raise Hostile(f"{page['key']} does not hold the {page['entries']:,} entries that its manifest claims.")
    for entry in entries:
        check_entry(entry, folder)
    return entries


def _whole(number: object, limit: int) -> TypeGuard[int]:
    """Whether it is a whole number within the limit; JSON's true is none, though Python takes it for 1."""
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= limit


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Hostile(f"{text[:40]!r} is not a time.") from exc
    if moment.tzinfo is None:
        raise Hostile(f"{text[:40]!r} is a time of no time zone.")
    return moment
