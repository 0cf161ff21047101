"""Which of the writers' own pictures texts name, and the removal of those that none names any more.

A picture is unused from when a look finds no text that names it. It goes when it was so for as long as backups of the
database are kept, thirty days at least, and while no backup of the database is older than that: a restore of any of
them finds the pictures of its texts. Its row is locked while its files go, and a text that brings it once more waits
for that row (`kept_pictures`): it is kept before, or made anew after.

| killed                              | what is there                                                     |
|-------------------------------------|-------------------------------------------------------------------|
| between the files of a picture      | its row, unused as before: the next removal goes on               |
| after them, before its row is gone  | the same                                                          |
| after a picture was kept, before    | no row: the next look makes it, and it is unused from then on, or |
| anything names it                   | not                                                               |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, cast

from django.conf import settings
from django.core.files.storage import Storage
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Exists, OuterRef, QuerySet, TextField
from django.db.models.functions import Cast
from django.dispatch import Signal

from articles.content import own_pictures
from articles.models import Article, ImageFile, KeptPicture
from articles.providers.errors import Unreachable
from articles.tree import names
from articles.tree.storing import storing
from backups import configured
from backups.models import Generation, note_removed
from backups.storage import backup_storage, second_storage
from backups.storage.django_folder import LocalStorage
from backups.storage.port import SECOND
from backups.trees.removal import remove
from backups.trees.tree import Tree, TreeError

LEAST = timedelta(days=30)  # a form with a text may be open for long
AT_ONCE = 500
_NAME = re.compile(r"[0-9a-f]{64}")

naming = Signal()  # with `alias`, a database; receivers return texts that may name pictures, the newest first


def named(alias: str = DEFAULT_DB_ALIAS) -> set[str]:
    """The names of all pictures that texts of a database name."""
    return {name for texts in _texts(alias) for text in texts for name in own_pictures.names_in(text)}


def newest_named(alias: str, most: int) -> list[str]:
    """Those of the newest texts, so many of each kind."""
    return [
        name
        for texts in _texts(alias)
        for name in islice((name for text in texts for name in own_pictures.names_in(text)), most)
    ]


def _texts(alias: str) -> Iterator[Iterable[str]]:
    articles = Article.objects.using(alias).order_by("-pk")
    yield naming_texts(articles, "manuscript")
    yield naming_texts(articles, "earlier_manuscripts")
    for column in ("own", "given"):
        taken = ImageFile.objects.using(alias).exclude(**{column: ""}).order_by("-pk").values_list(column, flat=True)
        yield (own_pictures.reference(name) for name in taken.iterator(chunk_size=AT_ONCE))
    for _, texts in naming.send(sender=None, alias=alias):
        yield cast("Iterable[str]", texts)


def naming_texts(rows: QuerySet[Any], field: str) -> Iterator[str]:
    """Of a column of texts those that may name a picture."""
    texts = rows.annotate(naming=Cast(field, TextField())).filter(naming__contains=own_pictures.reference(""))
    yield from texts.values_list("naming", flat=True).iterator(chunk_size=AT_ONCE)


def look(now: datetime) -> None:
    """Bring the rows to what is kept, and to which of it is named. Raises Unreachable."""
    known = set(KeptPicture.objects.values_list("name", flat=True))
    here, there = _stored()
    if not (known or here or there):
        return  # all texts would be read for nothing
    in_use = named()
    found = {name: configured.tree(names.picture(name)) for name in here - known}
    # What texts name and the second storage alone has is to be brought from there.
    found |= {name: configured.second_tree(names.picture(name)) for name in (there & in_use) - known - here}
    for name, tree in found.items():
        KeptPicture.objects.get_or_create(name=name, defaults={"bytes": _bytes(tree)})
    rows = list(KeptPicture.objects.values_list("name", "unused_since"))
    _mark([name for name, since in rows if since is None and name not in in_use], now)
    _mark([name for name, since in rows if since is not None and name in in_use], None)


def _mark(pictures: list[str], since: datetime | None) -> None:
    for begin in range(0, len(pictures), AT_ONCE):
        KeptPicture.objects.filter(name__in=pictures[begin : begin + AT_ONCE]).update(unused_since=since)


def _stored() -> tuple[set[str], set[str]]:
    """What the first storage has, and the second, if there is one that answers. Raises Unreachable."""
    with storing():
        here = listed(backup_storage())
    there = set[str]()
    if SECOND in configured.storages():
        with suppress(Unreachable), storing():
            there = listed(second_storage())
    return here, there


def listed(storage: Storage) -> set[str]:
    """The names of those that a storage has anything of."""
    try:
        return {name for name in storage.listdir(names.PICTURES)[0] if _NAME.fullmatch(name)}
    except FileNotFoundError:
        return set()


def _bytes(tree: Tree) -> int:
    try:
        with storing():
            return sum(file.bytes for file in tree.files().values())
    except TreeError:
        return 0  # killed before it was whole


def going(by: datetime) -> QuerySet[KeptPicture]:
    """Those that may go by then, as far as is known now."""
    older = Generation.objects.filter(tier=Generation.Tier.DATABASE, began__lt=OuterRef("unused_since"))
    keep = max(timedelta(days=settings.GALLEY_BACKUP_KEEP_DAYS), LEAST)
    return KeptPicture.objects.filter(~Exists(older), unused_since__lte=by - keep).order_by("pk")


def take_away(picture: KeptPicture) -> int | None:
    """Remove it, unless a text has brought it again since it was fetched: then None. Returns files.

    Raises Unreachable.
    """
    with transaction.atomic():
        same = KeptPicture.objects.select_for_update().filter(pk=picture.pk, unused_since=picture.unused_since)
        if not same.exists():
            return None
        with storing():
            files = _removed(backup_storage(), picture.tree.prefix)
        note_removed(picture.tree.prefix)
        same.delete()
    return files


def _removed(storage: Storage, prefix: str) -> int:
    try:
        files = remove(storage, prefix)
        if isinstance(storage, LocalStorage):
            storage.delete(prefix)  # the folder, which the next look would take for a picture
    except FileNotFoundError:
        return 0
    return files
