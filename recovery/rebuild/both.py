"""Trees that lie in two storages. A desk comes back from both: of each tree the manifest that tells more counts, and
what the first storage has lost is brought there from the second. So with the first one gone, all of them come from the
second, and lie in the first when the desk is back.

| killed                       | what is there                              | the next restore       |
|------------------------------|--------------------------------------------|------------------------|
| while a tree is brought      | some of its files, no manifest or the last | brings what is lacking |
| between two of them          | whole trees                                | brings the others      |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from articles.tree import names, unused_pictures
from articles.tree.schema import BatchManifest
from articles.tree.storing import storing
from backups import configured
from backups.errors import BackupError
from backups.storage import backup_storage, second_storage
from backups.storage.bulk import in_bulk
from backups.storage.django_folder import LocalStorage
from backups.storage.port import FIRST, SECOND
from backups.trees import copying
from backups.trees.tree import MANIFEST, Stored, Tree, TreeError
from recovery.rebuild.content import Found, batch_uids, find, read, trees
from recovery.second_trees import reaching_second

THREADS = 8  # that bring trees; each has a connection of its own


@dataclass(frozen=True)
class Gathered:
    """A tree as a restore uses it, or why it cannot be used. `lacked`: the first storage has not all of it."""

    prefix: str
    found: Found | None
    why: str = ""  # a sentence
    lacked: bool = False


@dataclass(frozen=True)
class Storages:
    """Those that trees come from. Raises Unreachable for the first one, and BackupError for the second."""

    second: bool

    def gathered(self, *, apply: bool) -> Iterator[Gathered]:
        """Each article's tree, by its prefix. With `apply` the first storage has all of it by then."""
        prefixes = sorted({*(trees() if self._first_is_there() else ()), *self._in_second()})
        done = in_bulk(prefixes, lambda prefix: self._gathered(prefix, apply=apply), threads=THREADS)
        yield from sorted(done, key=lambda each: each.prefix)

    def batches(self) -> list[str]:
        """Bring the trees of batches that the first storage lacks. Returns the uids of all."""
        uids = set(batch_uids() if self._first_is_there() else ())
        if self.second:
            with reaching_second():
                uids |= set(batch_uids(second_storage()))
            for uid in sorted(uids):
                _bring_batch(names.batch(uid))
        return sorted(uids)

    def pictures(self, *, apply: bool) -> tuple[int, list[str]]:
        """How many of the writers' own pictures the second storage has and the first lacks; with `apply` they come.

        And a sentence for each that cannot be used. Those that no text names come as well: the keeper knows them.
        """
        if not self.second:
            return 0, []
        with reaching_second():
            there = sorted(unused_pictures.listed(second_storage()))
        done = list(in_bulk(there, lambda name: _bring_picture(name, apply=apply), threads=THREADS))
        return sum(came for came, _ in done), sorted(why for _, why in done if why)

    def mend(self, found: Found) -> None:
        """Bring what is damaged or missing of a tree that is about to be read as a whole."""
        if self.second:
            self._bring(found, found.files)

    def _first_is_there(self) -> bool:
        """A folder that is to take the place of a lost one is made with the first file. Alone, it must be there."""
        storage = backup_storage()
        return not self.second or not isinstance(storage, LocalStorage) or Path(storage.location).is_dir()

    def _in_second(self) -> list[str]:
        if not self.second:
            return []
        with reaching_second():
            return list(trees(second_storage()))

    def _gathered(self, prefix: str, *, apply: bool) -> Gathered:
        tree = configured.tree(prefix)
        with storing():
            here, why = _look(tree)
        there = self._there(prefix)
        if there is None:
            return Gathered(prefix, here, why)
        if here and not _tells_more(there, here):
            return Gathered(prefix, here, lacked=self._lacks_files(here, apply=apply))
        if not apply:
            return Gathered(prefix, there, lacked=True)
        with storing():
            copying.bring(there.tree, tree, reaching_second)
        return Gathered(prefix, replace(there, tree=tree), lacked=True)

    def _there(self, prefix: str) -> Found | None:
        """What the second storage has of it, if that can be used."""
        if not self.second:
            return None
        with reaching_second():
            return _look(configured.second_tree(prefix))[0]

    def _lacks_files(self, here: Found, *, apply: bool) -> bool:
        """Whether the first storage lists not all of its files; with `apply` these are brought."""
        with storing():
            listed = set(here.tree.storage.listdir(here.tree.prefix)[1])
        missing = {name: file for name, file in here.files.items() if name not in listed}
        if missing and apply:
            self._bring(here, missing)
        return bool(missing)

    def _bring(self, here: Found, files: Mapping[str, Stored]) -> None:
        with storing():
            copying.mend(here.tree, configured.second_tree(here.tree.prefix), files, reaching=reaching_second)


def storages(storage: str) -> tuple[Storages, str]:
    """Those of a restore from `storage`: the second is needed for one from it, is not asked for one from the first
    alone, and else goes along if it answers; a sentence says where it does not. Raises BackupError.
    """
    if storage == FIRST or SECOND not in configured.storages():
        return Storages(second=False), ""
    try:
        with reaching_second():
            second_storage().exists(MANIFEST)
    except BackupError as exc:
        if storage == SECOND:
            raise
        return Storages(second=False), f"What of trees only the second storage has. {exc}"
    return Storages(second=True), ""


def _look(tree: Tree) -> tuple[Found | None, str]:
    """What can be used of a tree; else a sentence that says why it cannot."""
    try:
        found = find(tree)
    except TreeError as exc:
        return None, str(exc)
    return (None, found.flaw) if found.flaw else (found, "")


def _tells_more(there: Found, here: Found) -> bool:
    """The second storage is told after the first; so it knows more only where the first was put back."""
    texts = len(there.manifest.source.earlier_manuscripts) - len(here.manifest.source.earlier_manuscripts)
    return texts > 0 or (texts == 0 and here.things < there.things)


def _bring_picture(name: str, *, apply: bool) -> tuple[bool, str]:
    """Whether the first storage lacks it, and why it cannot come; its manifest comes last, so with that it is whole."""
    tree, other = configured.tree(names.picture(name)), configured.second_tree(names.picture(name))
    with storing():
        if tree.storage.exists(tree.path(MANIFEST)):
            return False, ""
    try:
        with reaching_second():
            if not other.storage.exists(other.path(MANIFEST)):
                return False, ""  # killed while it was copied: the first storage had it
            other.check_signature(other.manifest())
        if apply:
            with storing():
                copying.bring(other, tree, reaching_second)
    except TreeError as exc:
        return False, str(exc)
    return True, ""


def _bring_batch(prefix: str) -> None:
    """Where the first storage has no manifest of ours. One that cannot be used there either is named later."""
    try:
        with storing():
            read(configured.tree(prefix), BatchManifest)
    except TreeError:
        with suppress(TreeError), storing():
            copying.bring(configured.second_tree(prefix), configured.tree(prefix), reaching_second)
