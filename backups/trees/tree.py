"""A tree: files under one prefix and the manifest that names them.

The manifest is the commit point. Files are written first, each under its fixed name; the manifest that names them,
with bytes and sha256, is replaced last and whole. What no manifest names does not count. It is signed, together with
the place where it lies: hashes that stand in it show that files are those it names, and not who has named them.

| killed                             | what is there                                  |
|------------------------------------|------------------------------------------------|
| before or while a file is written  | the old manifest; the file is written again    |
| after a file, before the manifest  | the old manifest; the same bytes written again |
| while the manifest is written      | the old manifest or the new one, never a part  |
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from backups.errors import Forged
from backups.repository.signing import SigningKeys

MANIFEST = "manifest.json"
SIGNED = "signed"  # where in it the signature stands
MANIFEST_BYTES = 64 * 1024 * 1024
FILE_BYTES = 2**30
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class TreeError(Exception):
    """A tree that cannot be used as it is; the message says why in plain words."""


class FileDamaged(TreeError):
    """A file is not the one that its manifest names."""


class Unsigned(TreeError):
    """A manifest that bears no signature of ours: whoever can write into the storage may have written it."""


@dataclass(frozen=True)
class Stored:
    """A file as it lies in its tree: name within the tree, sha256 in hex digits, size in bytes."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Tree:
    """The files of one article under `prefix`, for example `user_6/article_20251011_214423`.

    Without `keys` nothing is signed, and nothing believed to be. `told` hears of each new manifest, by the prefix.
    """

    storage: Storage
    prefix: str
    keys: SigningKeys | None = None
    told: Callable[[str], object] | None = field(default=None, compare=False, repr=False)

    def path(self, name: str) -> str:
        """The storage's name of a file. Raises TreeError for a name that might lead elsewhere."""
        if not _NAME.fullmatch(name) or ".." in name:
            raise TreeError(f"{name!r} cannot be the name of a file in a backup.")
        return f"{self.prefix}/{name}"

    def add(self, name: str, content: bytes) -> Stored:
        """Write a file, whole, replacing one of the same name."""
        self.storage.save(self.path(name), ContentFile(content))
        return Stored(name, hashlib.sha256(content).hexdigest(), len(content))

    def read(self, stored: Stored) -> bytes:
        """The content of a file. Raises Damaged when it is missing or its hash differs."""
        try:
            with self.storage.open(self.path(stored.name), "rb") as file:
                content: bytes = file.read(stored.bytes + 1)
        except FileNotFoundError as exc:
            raise FileDamaged(f"{stored.name} is missing from the backup.") from exc
        if len(content) != stored.bytes or hashlib.sha256(content).hexdigest() != stored.sha256:
            raise FileDamaged(f"{stored.name} in the backup is not the file that was saved.")
        return content

    def commit(self, manifest: Mapping[str, object], files: Mapping[str, Stored]) -> bytes:
        """Replace the manifest, naming `files`, and sign it; returns its bytes."""
        named = {name: {"sha256": file.sha256, "bytes": file.bytes} for name, file in sorted(files.items())}
        signed = self.signed({**manifest, "files": named})
        content = orjson.dumps(signed, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        self.storage.save(self.path(MANIFEST), ContentFile(content))
        if self.told:
            self.told(self.prefix)
        return content

    def signed(self, manifest: Mapping[str, object]) -> dict[str, object]:
        """A manifest with its signature, in the place of one that it had."""
        said = {name: value for name, value in manifest.items() if name != SIGNED}
        return {**said, SIGNED: self.keys.seal(self._body(said))} if self.keys else said

    def check_signature(self, manifest: Mapping[str, object]) -> None:
        """Raises Unsigned for a manifest that is not ours, or is that of another tree."""
        name = f"The manifest in {self.prefix}"
        said = {name: value for name, value in manifest.items() if name != SIGNED}
        try:
            if self.keys is None:
                raise Forged(f"{name} cannot be checked without a key.")
            self.keys.check(name, self._body(said), manifest.get(SIGNED))
        except Forged as exc:
            raise Unsigned(str(exc)) from exc

    def _body(self, said: Mapping[str, object]) -> dict[str, object]:
        """What is signed: one that is copied into another tree is none there."""
        return {"tree": self.prefix, "manifest": said}

    def manifest_bytes(self) -> bytes:
        """The manifest as it lies there. Raises TreeError where there is none."""
        try:
            with self.storage.open(self.path(MANIFEST), "rb") as file:
                content: bytes = file.read(MANIFEST_BYTES + 1)
        except FileNotFoundError as exc:
            raise TreeError(f"There is no manifest in {self.prefix}.") from exc
        if len(content) > MANIFEST_BYTES:
            raise TreeError(f"The manifest in {self.prefix} is too large to be one.")
        return content

    def manifest(self) -> dict[str, Any]:
        """The manifest as it was written. Raises TreeError where there is none, or none that can be read."""
        try:
            manifest = orjson.loads(self.manifest_bytes())
        except orjson.JSONDecodeError as exc:
            raise TreeError(f"The manifest in {self.prefix} is not valid JSON.") from exc
        if not isinstance(manifest, dict):
            raise TreeError(f"The manifest in {self.prefix} is not an object.")
        return manifest

    def files(self) -> dict[str, Stored]:
        """What the manifest names. Raises TreeError for a manifest that names files outside of its tree."""
        return self.files_in(self.manifest())

    def files_in(self, manifest: Mapping[str, object]) -> dict[str, Stored]:
        """What this manifest names, which was read before. Raises as `files` does."""
        named = manifest.get("files")
        if not isinstance(named, dict):
            raise TreeError(f"The manifest in {self.prefix} names no files.")
        return {name: self._stored(name, entry) for name, entry in named.items()}

    def _stored(self, name: str, entry: object) -> Stored:
        self.path(name)
        match entry:
            case {"sha256": str(sha256), "bytes": int(size)} if _SHA256.fullmatch(sha256) and 0 <= size < FILE_BYTES:
                return Stored(name, sha256, size)
        raise TreeError(f"The manifest in {self.prefix} says nothing usable about {name}.")

    def verify(self) -> list[str]:
        """A sentence for each file that is missing or damaged; an empty list when the tree is whole."""
        findings = []
        for stored in self.files().values():
            try:
                self.read(stored)
            except FileDamaged as exc:
                findings.append(str(exc))
        return findings
