"""A tree of one storage in another one: its files first, its manifest last and as it is, so that it is whole there.

What is not what its manifest names is not copied, and a manifest without our signature is not either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.files.base import ContentFile

from backups.trees.tree import MANIFEST, FileDamaged, Stored, Tree, TreeError

Reaching = Callable[[], AbstractContextManager[None]]


def copy_tree(
    source: Tree,
    target: Tree,
    reaching: Reaching = nullcontext,
    sending: Callable[[int], object] = lambda _bytes: None,
) -> int:
    """Returns how many files were written, with the manifest; 0 where it was there as it is.

    `reaching` is around whatever is asked of the target; `sending` hears of the bytes that go there next. Raises
    TreeError, and what storages raise.
    """
    content, said = source.manifest_bytes(), source.manifest()
    source.check_signature(said)
    with reaching():
        there, known = _there(target)
    if content == there:
        return 0
    lacking = [file for name, file in source.files_in(said).items() if known.get(name) != file]
    for file in lacking:
        read = source.read(file)
        sending(len(read))
        with reaching():
            target.add(file.name, read)
    if source.manifest_bytes() != content:
        raise TreeError(f"The files in {source.prefix} were changed meanwhile.")
    with reaching():
        target.storage.save(target.path(MANIFEST), ContentFile(content))
    return len(lacking) + 1


def mend(
    tree: Tree,
    other: Tree,
    files: Mapping[str, Stored],
    *,
    still: Callable[[], bool] = lambda: True,
    reaching: Reaching = nullcontext,
) -> list[str]:
    """Bring back from the other storage what is missing or damaged of these files. Returns the names of what came.

    `still` is asked before each: whether they are those that the tree should have. The first no ends it. `reaching` is
    around whatever is asked of the other one.
    """
    mended = []
    for name, file in sorted(files.items()):
        try:
            tree.read(file)
        except FileDamaged:
            try:
                with reaching():
                    content = other.read(file)
            except FileDamaged:
                continue  # there as well
            if not still():
                break
            tree.add(name, content)
            mended.append(name)
    return mended


def bring(source: Tree, target: Tree, reaching: Reaching = nullcontext) -> int:
    """Bring all of a tree that is left: its files first, its manifest last and as it is.

    Unlike `copy_tree` it leaves out what is damaged or missing, as nobody has a better copy; `reaching` is around
    whatever is asked of the source. Returns how many files were written. Raises TreeError for a manifest that is not
    ours, and what storages raise.
    """
    with reaching():
        content, said = source.manifest_bytes(), source.manifest()
    source.check_signature(said)
    came = mend(target, source, source.files_in(said), reaching=reaching)
    target.storage.save(target.path(MANIFEST), ContentFile(content))
    return len(came) + 1


def mend_manifest(tree: Tree, other: Tree) -> bool:
    """Bring back a manifest that is missing or is not ours, where the other one is. Whether it came."""
    try:
        tree.check_signature(tree.manifest())
    except TreeError:
        try:
            other.check_signature(other.manifest())
        except TreeError:
            return False
        tree.storage.save(tree.path(MANIFEST), ContentFile(other.manifest_bytes()))
        return True
    return False


def _there(target: Tree) -> tuple[bytes, dict[str, Stored]]:
    """The manifest and what it names; nothing for one that is not ours."""
    try:
        said: dict[str, Any] = target.manifest()
        target.check_signature(said)
        return target.manifest_bytes(), target.files_in(said)
    except TreeError:
        return b"", {}
