"""The writers' own pictures, kept as they are read out of a text and before anything names them.

Each is a tree of its own in the backup storage, by the SHA-256 of the file as it came:

    pictures/9f86d0…/picture.jpg   manifest.json

So one that comes again, with each export of a document, is known without being decoded; the second storage gets it
like any other tree; and a text brings its pictures wherever it is, also to an article that is rebuilt. What was killed
before the manifest is written again. What no text names any more goes in the end (`unused_pictures`).
"""

from __future__ import annotations

import hashlib

from articles.content import own_pictures, pictures
from articles.content.pictures import BadPicture, Picture
from articles.models import KeptPicture
from articles.tree import names
from articles.tree.storing import storing
from backups import configured
from backups.storage.port import SECOND
from backups.trees.tree import FileDamaged, Tree, TreeError

LARGEST = 20 * 2**20  # bytes of a picture as it comes
MOST_PIXELS = 200_000_000  # of all new ones in a text: ten seconds of computing
FILE = "picture.jpg"


class Keeper:
    """Keeps the pictures of one text, within what a text may ask of this machine."""

    def __init__(self) -> None:
        self._kept = set[str]()
        self._left = MOST_PIXELS

    def keep(self, content: bytes) -> str:
        """What stands for the picture in the text: its name, or why it cannot be used. Raises Unreachable."""
        name = hashlib.sha256(content).hexdigest()
        if code := self._against(name, content):
            return own_pictures.unusable(code)
        self._kept.add(name)
        return own_pictures.reference(name)

    def _against(self, name: str, content: bytes) -> str:
        """Of `own_pictures.WHY_UNUSABLE`, or "" for one that is kept."""
        if not content:
            return "empty"
        if len(content) > LARGEST:
            return "large"
        if name in self._kept:
            return ""
        if len(self._kept) == own_pictures.MOST:
            return "many"
        return "" if _is_kept(name) else self._made(name, content)

    def _made(self, name: str, content: bytes) -> str:
        try:
            self._left -= pictures.pixels(content)
            if self._left < 0:
                return "costly"
            picture = pictures.clean(content)
        except BadPicture as exc:
            return exc.code
        _write(name, picture)
        return ""


def keep_alone(content: bytes) -> str:
    """The name of a picture that comes on its own. Raises BadPicture, Unreachable."""
    if len(content) > LARGEST:
        raise BadPicture(f"it is larger than {LARGEST // 2**20} MB", "large")
    name = hashlib.sha256(content).hexdigest()
    if not _is_kept(name):
        _write(name, pictures.clean(content))
    return name


def keep_as_it_is(picture: Picture) -> str:
    """The name of one that was clean before: not a byte of it changes. Raises Unreachable."""
    name = hashlib.sha256(b"as it is:" + picture.jpeg).hexdigest()  # never that of a file as it came
    if not _is_kept(name):
        _write(name, picture)
    return name


def _write(name: str, picture: Picture) -> None:
    with storing():
        tree = _tree(name)
        stored = tree.add(FILE, picture.jpeg)
        tree.commit({"width": picture.width, "height": picture.height}, {FILE: stored})
    KeptPicture.objects.update_or_create(name=name, defaults={"bytes": stored.bytes, "unused_since": None})


def load(name: str) -> Picture:
    """From the second storage, where the first has it no more. Raises TreeError where none has it, Unreachable."""
    try:
        return _read(_tree(name))
    except TreeError:
        if SECOND not in configured.storages():
            raise
        return _read(configured.second_tree(names.picture(name)))


def _read(tree: Tree) -> Picture:
    with storing():
        said = tree.manifest()
        tree.check_signature(said)
        files = tree.files_in(said)
        if FILE not in files:
            raise FileDamaged(f"{tree.prefix} holds no picture.")
        content = tree.read(files[FILE])
    return Picture(content, int(said["width"]), int(said["height"]))


def _is_kept(name: str) -> bool:
    """Whole, in a tree of ours, and used from now on. Raises Unreachable.

    Where it is being removed just now, the update waits for that row, and what is looked at then is what is left.
    """
    unused = KeptPicture.objects.filter(name=name).exclude(unused_since=None)
    if unused.exists():
        unused.update(unused_since=None)
    try:
        _read(_tree(name))
    except TreeError:
        return False
    return True


def _tree(name: str) -> Tree:
    return configured.tree(names.picture(name))
