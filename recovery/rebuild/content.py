"""What lies in a tree, as far as it is believed.

A manifest must bear our signature; one without is a stranger's, and taken only where a person says so (`strangers`).
It is read against a strict schema, once, every file is read and compared with its hash before it counts, text is
cleaned again, and no name leads out of the tree.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.core.files.storage import Storage
from PIL import Image
from pydantic import BaseModel, ValidationError

from articles.content import markup
from articles.tree import names
from articles.tree.schema import Manifest
from articles.tree.storing import storing
from backups.storage import backup_storage
from backups.trees.tree import MANIFEST, FileDamaged, Stored, Tree, TreeError, Unsigned
from recovery.rebuild import strangers

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Found:
    """A manifest and the files that it names. `flaw` is why it is not ours: then it holds what is taken of a
    stranger's alone.
    """

    tree: Tree
    manifest: Manifest
    files: dict[str, Stored]
    flaw: str = ""

    @property
    def things(self) -> set[str]:
        """What of the article is done, by names: stages, pictures and sections."""
        steps = {stage: self.manifest.pipeline_stages.get(name) for stage, name in names.STEPS.items()}
        done = {str(stage) for stage, step in steps.items() if step and step.status == "completed"}
        earlier = {entry.file for entry in self.manifest.source.earlier_files}
        return done | earlier | {name for name in self.files if name.endswith(".jpg") or names.is_section(name)}


@dataclass(frozen=True)
class Content:
    """A tree, its manifest, and the files that are whole: the cleaned texts of those that are texts of the article, and
    width and height of the pictures, by their names.
    """

    tree: Tree
    manifest: Manifest
    files: dict[str, Stored]
    lacking: tuple[str, ...]  # sentences about files that are missing or damaged
    texts: dict[str, str]
    sizes: dict[str, tuple[int, int]]


def trees(storage: Storage | None = None) -> Iterator[str]:
    """The prefix of every article's tree that has a manifest, in the first storage or another. Raises Unreachable."""
    storage = storage or backup_storage()
    for owner in sorted(name for name in _folders(storage, "") if name.startswith("user_")):
        yield from trees_of(owner, storage)


def trees_of(owner: str, storage: Storage | None = None) -> Iterator[str]:
    """Those in one owner's folder: `user_6`."""
    storage = storage or backup_storage()
    for folder in sorted(_folders(storage, owner)):
        prefix = f"{owner}/{folder}"
        if names.PREFIX.fullmatch(prefix) and _has_manifest(storage, prefix):
            yield prefix


def batch_uids(storage: Storage | None = None) -> Iterator[str]:
    """Of every batch that has a manifest of its own in the first storage or another. Raises Unreachable."""
    storage = storage or backup_storage()
    if names.BATCHES in _folders(storage, ""):
        uids = sorted(_folders(storage, names.BATCHES))
        yield from (uid for uid in uids if _has_manifest(storage, names.batch(uid)))


def _folders(storage: Storage, path: str) -> list[str]:
    with storing():
        return list(storage.listdir(path)[0])


def _has_manifest(storage: Storage, prefix: str) -> bool:
    with storing():
        return storage.exists(f"{prefix}/{MANIFEST}")


def read(tree: Tree, model: type[Model]) -> Model:
    """The manifest of a tree, which is ours. Raises TreeError, and Unsigned for one that is not."""
    said = tree.manifest()
    tree.check_signature(said)
    return _believed(tree, said, model)


def find(tree: Tree) -> Found:
    """What the manifest of an article's tree says. Raises TreeError for one that nobody could take."""
    said = tree.manifest()
    manifest, files = _believed(tree, said, Manifest), tree.files_in(said)
    try:
        tree.check_signature(said)
    except Unsigned as exc:
        return Found(tree, *strangers.taken(manifest, files), flaw=str(exc))
    return Found(tree, manifest, files)


def read_content(found: Found) -> Content:
    """One read for each file. Raises TreeError, and what the storage raises when it does not answer."""
    tree = found.tree
    files, lacking = _whole_files(tree, found.files)
    texts = {
        name: _text(tree, stored)
        for name, stored in files.items()
        if names.is_section(name) or name in (names.ARTICLE, names.OPENING)
    }
    sizes = {name: _size(tree, stored) for name, stored in files.items() if name.endswith(".jpg")}
    return Content(tree, found.manifest, files, tuple(lacking), texts, sizes)


def _believed(tree: Tree, said: Mapping[str, object], model: type[Model]) -> Model:
    try:
        return model.model_validate(said)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TreeError(f"The manifest in {tree.prefix} cannot be used: {where}: {first['msg']}.") from exc


def _whole_files(tree: Tree, named: Mapping[str, Stored]) -> tuple[dict[str, Stored], list[str]]:
    """The files that are what the manifest says, and a sentence about each that is not."""
    whole, lacking = {}, []
    for name, stored in named.items():
        try:
            tree.read(stored)
        except FileDamaged as exc:
            lacking.append(str(exc))
        else:
            whole[name] = stored
    for name, stored in named.items():
        if name not in whole and _restored_from_twin(tree, stored, whole):
            whole[name] = stored
    return whole, lacking


def _restored_from_twin(tree: Tree, lost: Stored, whole: dict[str, Stored]) -> bool:
    """A picture lies in its tree twice, as it is and in base64: while one of them is whole, the other is made of it."""
    twin, is_jpeg = names.twin(lost.name), not names.is_base64(lost.name)
    if twin not in whole:
        return False
    content = tree.read(whole[twin])
    try:
        content = base64.b64decode(content, validate=True) if is_jpeg else base64.b64encode(content)
    except ValueError:
        return False
    return hashlib.sha256(content).hexdigest() == lost.sha256 and tree.add(lost.name, content) == lost


def _text(tree: Tree, stored: Stored) -> str:
    html = markup.clean_text(tree.read(stored).decode(errors="replace"))
    # The title stands first in the file, and on its own in the row.
    return re.sub(r"\A\s*<h1[^>]*>.*?</h1>\s*", "", html, flags=re.DOTALL)


def _size(tree: Tree, stored: Stored) -> tuple[int, int]:
    """Width and height of a picture, from its header. Raises TreeError for what is none."""
    try:
        with Image.open(io.BytesIO(tree.read(stored)), formats=["JPEG"]) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError) as exc:
        raise TreeError(f"{stored.name} in {tree.prefix} is not a picture.") from exc


def moment(text: str | None) -> datetime | None:
    """A time with its zone, as manifests write it; None for anything else."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else None
