"""The trees of articles and batches in the second storage: copied when they change, compared a thirtieth a day.

Whoever writes a manifest notes that the second storage has not that tree as it is (`TreeCopy`); a copy goes by these
notes, so it costs what has changed. A process that dies between the manifest and its note is made up for by the keeper,
who reads each tree in both storages once in thirty days: what is missing or damaged in one comes from the other.

Retention takes a tree there when it has taken it here, and the row says so. Where the row was deleted, and its tree was
removed here on purpose, it goes there once the backups of the database that know the row are gone as well
(GALLEY_BACKUP_KEEP_DAYS); so does a picture that no text has named for long. Nothing else is removed: not what is
missing here, and not what no row knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from articles.models import Article, Batch, KeptPicture
from articles.providers.errors import Unreachable
from articles.tree import manifest, names
from articles.tree.storing import storing
from backups import configured
from backups.errors import BackupError
from backups.health.second.copies import TreesCopied, is_wanted
from backups.health.tree_care import TreesVerdict
from backups.models import TreeCopy, note_changed
from backups.progress import Started, silent
from backups.storage import backup_storage, second_storage
from backups.trees import copying
from backups.trees.removal import remove
from backups.trees.tree import MANIFEST, Stored, TreeError

Row = Article | Batch | KeptPicture  # what has a tree
AT_ONCE = 500  # trees that are fetched with one query


def copy(*, now: datetime, started: Started = silent, **_: Any) -> TreesCopied:
    """Bring the second storage up to date. Raises Unreachable for the first, BackupError for the second."""
    copied = TreesCopied()
    _note_unknown(now)
    waiting = TreeCopy.objects.filter(copied_at=None).order_by("since")
    done = started(0, 0)
    for each in waiting.iterator(chunk_size=AT_ONCE):
        _copy(each, now, copied)
        done(0, 0)
    _remove(now, copied)
    return copied


def _remove(now: datetime, copied: TreesCopied) -> None:
    expired = Article.objects.filter(tree_prefix=OuterRef("prefix"), tree_expired_at__isnull=False)
    for each in TreeCopy.objects.filter(Exists(expired)).order_by("pk"):
        with reaching_second():
            remove(second_storage(), each.prefix, still=partial(_is_expired, each.prefix))
        each.delete()
        copied.removed += 1
    for each in TreeCopy.objects.filter(removed_at__lt=now - timedelta(days=settings.GALLEY_BACKUP_KEEP_DAYS)):
        if _is_forgotten(each):
            with reaching_second():
                remove(second_storage(), each.prefix, still=partial(_is_forgotten, each))
            each.delete()
            copied.removed += 1


def _is_forgotten(each: TreeCopy) -> bool:
    """Whether no row knows it and the first storage has it no more, as it was removed there on purpose."""
    if _is_known(each.prefix) or not TreeCopy.objects.filter(pk=each.pk, removed_at=each.removed_at).exists():
        return False
    with storing():
        return not backup_storage().exists(f"{each.prefix}/{MANIFEST}")


@contextmanager
def reaching_second() -> Iterator[None]:
    """What the second storage says is said with its name."""
    try:
        with storing():
            yield
    except Unreachable as exc:
        raise BackupError(f"The second storage: {exc.detail or exc.reason}") from exc


def _note_unknown(now: datetime) -> None:
    """Those of before there was a second storage."""
    known = TreeCopy.objects.filter(prefix=OuterRef("tree_prefix"))
    articles = Article.objects.filter(Q(attempt__gt=0) | Q(manifest_due=None), ~Exists(known), tree_expired_at=None)
    prefixes = list(articles.values_list("tree_prefix", flat=True))
    batches = {names.batch(uid) for uid in Batch.objects.filter(manifest_due=None).values_list("uid", flat=True)}
    prefixes += sorted(batches - set(TreeCopy.objects.filter(prefix__in=batches).values_list("prefix", flat=True)))
    prefixes += _own_pictures()
    rows = [TreeCopy(prefix=prefix, since=now) for prefix in prefixes]
    TreeCopy.objects.bulk_create(rows, batch_size=AT_ONCE, ignore_conflicts=True)


def _own_pictures() -> list[str]:
    """Those of writers, also without a row: they are copied once, as they never change."""
    known = set(TreeCopy.objects.filter(prefix__startswith=f"{names.PICTURES}/").values_list("prefix", flat=True))
    storage = backup_storage()
    with storing():
        try:
            there = {names.picture(name) for name in storage.listdir(names.PICTURES)[0]}
        except FileNotFoundError:
            return []
        return [prefix for prefix in sorted(there - known) if storage.exists(f"{prefix}/{MANIFEST}")]


def _copy(each: TreeCopy, now: datetime, copied: TreesCopied) -> None:
    """One that is written anew meanwhile is copied by the next round."""
    try:
        with storing():
            tree, other = configured.tree(each.prefix), configured.second_tree(each.prefix)
            files = copying.copy_tree(tree, other, reaching_second, configured.send)
    except TreeError as exc:
        if _is_expected(each.prefix):
            copied.left[each.prefix] = f"{each.prefix}: {exc}"
        elif not _is_known(each.prefix):  # its row was deleted, and its tree with it: what is there is what there was
            TreeCopy.objects.filter(pk=each.pk, since=each.since).update(copied_at=now)
        return
    copied.trees += bool(files)
    copied.files += files
    TreeCopy.objects.filter(pk=each.pk, since=each.since).update(copied_at=now)


def _is_known(prefix: str) -> bool:
    uid = prefix.rpartition("/")[2]
    return (
        Article.objects.filter(tree_prefix=prefix).exists()
        or (prefix == names.batch(uid) and Batch.objects.filter(uid=uid).exists())
        or (prefix == names.picture(uid) and KeptPicture.objects.filter(name=uid).exists())
    )


def _is_expected(prefix: str) -> bool:
    """Whether nobody works on it just now, so that it has to be whole."""
    running = Article.objects.filter(tree_prefix=prefix, status=Article.Status.RUNNING)
    return _is_known(prefix) and not running.exists() and not _is_expired(prefix)


def _is_expired(prefix: str) -> bool:
    return Article.objects.filter(tree_prefix=prefix, tree_expired_at__isnull=False).exists()


def is_there(row: Row) -> bool:
    """Whether the second storage has the tree as it is, for all that is noted."""
    return is_copied(row.tree.prefix)


def is_copied(prefix: str) -> bool:
    """The same of the tree with this prefix."""
    return TreeCopy.objects.filter(prefix=prefix).exclude(copied_at=None).exists()


def mend(row: Row, *, still: Callable[[], bool]) -> list[str]:
    """Bring back from the second storage what the first has lost of a tree. Returns the names of what came.

    `still` is asked before each: whether the row is as it was, so that nothing goes over a later file.
    """
    prefix = row.tree.prefix
    if not is_wanted():
        return []
    tree, other = row.tree, configured.second_tree(prefix)
    current = is_there(row)
    try:
        with storing():
            came = [MANIFEST] if current and still() and copying.mend_manifest(tree, other) else []
            return came + copying.mend(tree, other, _named(row), still=still)
    except Unreachable:
        return []  # whoever reads it next says which storage it is


def _named(row: Row) -> dict[str, Stored]:
    """What its manifest names, and what the row says; nothing of a manifest that is not ours."""
    files: dict[str, Stored] = {}
    if isinstance(row, Article) and row.manifest_due is None:
        files |= {each.name: each for each in manifest.build(row)[1].values()}
    try:
        said = row.tree.manifest()
        row.tree.check_signature(said)
        return files | row.tree.files_in(said)
    except TreeError:
        return files


def compare(row: Row, verdict: TreesVerdict) -> None:
    """Read the tree in the second storage, too. What is not there as it is here is copied anew."""
    prefix = row.tree.prefix
    if not is_wanted() or prefix in verdict.damage:
        return
    tree, other = row.tree, configured.second_tree(prefix)
    try:
        with storing():
            damaged = copying.mend(other, tree, tree.files())
            copying.copy_tree(tree, other)
    except (TreeError, Unreachable):
        note_changed(prefix)  # the next copy says why
        return
    known = is_there(row)
    verdict.mended += [f"{prefix}: {name} was sent to the second storage anew." for name in damaged if known]
