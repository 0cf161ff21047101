"""What takes up how much, how it grows, and what goes by itself: measured once a day, from rows, so that a question
costs one query and no storage is listed for it.

Trees are as large as the rows of their files say; manifests come on top. Backups are as large as the last verification
has found them, which looks at all objects each day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import F, IntegerField, Q, QuerySet, Sum, Value
from django.db.models.functions import Length

from articles.models import Article, DeskSettings, ImageFile, KeptPicture, Section, StageRecord
from articles.tree import unused_pictures
from backups.clocks import DESK
from backups.models import Generation, Verification
from backups.storage.port import FIRST
from insights.models import StorageMeasure
from publishing.models import PublishTask, Shot

Part = StorageMeasure.Part
AHEAD = timedelta(days=30)  # over which growth is told, and what leaves by itself
TELLS_OF = timedelta(days=90)


@dataclass(frozen=True)
class Size:
    bytes: int
    number: int | None = None


@dataclass(frozen=True)
class PartUsage:
    """`grown` since `since`: the nearest to a month before that is known; None: it was measured for the first time."""

    part: str
    now: Size
    leaving: Size | None  # by itself, within a month; None: nobody knows before
    since: date | None
    grown: int | None  # bytes; below 0: it has shrunk


@dataclass(frozen=True)
class StorageUsage:
    """`at`: when it was measured; None: it was not yet."""

    at: datetime | None
    parts: list[PartUsage]

    @property
    def bytes(self) -> int:
        return sum(part.now.bytes for part in self.parts)


# Asked


def usage() -> StorageUsage:
    """As it was measured last (one query)."""
    measures = list(StorageMeasure.objects.filter(day__gte=DESK.today() - TELLS_OF).order_by("day"))
    of_parts = {part: [each for each in measures if each.part == part] for part in Part}
    told = [_told(part, known) for part, known in of_parts.items() if known]
    return StorageUsage(max((each.at for each in measures), default=None), told)


def _told(part: str, known: list[StorageMeasure]) -> PartUsage:
    last = known[-1]
    before = [each for each in known[:-1] if each.day <= last.day - AHEAD][-1:] or known[:-1][:1]
    leaving = None if last.leaving_bytes is None else Size(last.leaving_bytes, last.leaving)
    size = Size(last.bytes, last.number)
    if not before:
        return PartUsage(part, size, leaving, None, None)
    return PartUsage(part, size, leaving, before[0].day, last.bytes - before[0].bytes)


# Measured


def measure(now: datetime) -> None:
    """What there is today, once more if need be. A backup that nobody has verified yet is not known."""
    found = {
        Part.TREES: _trees(now),
        Part.PICTURES: _pictures(now),
        Part.FILM: _film(now),
        Part.DATABASE: (Size(database_bytes()), None),
    }
    for part, tier in ((Part.FILES, Generation.Tier.FILES), (Part.DATABASE_BACKUPS, Generation.Tier.DATABASE)):
        seen = Verification.objects.filter(tier=tier, storage=FIRST, kind=Verification.Kind.QUICK).first()
        if seen:
            found[part] = (Size(seen.bytes_seen, seen.objects_seen), None)
    for part, (size, leaving) in found.items():
        StorageMeasure.objects.update_or_create(
            day=DESK.day(now),
            part=part,
            defaults={
                "at": now,
                "bytes": size.bytes,
                "number": size.number,
                "leaving_bytes": leaving.bytes if leaving else None,
                "leaving": leaving.number if leaving else None,
            },
        )


def database_bytes(using: str = DEFAULT_DB_ALIAS) -> int:
    """All of its tables and indexes; on SQLite the file without its log, with the room that was freed in it."""
    with connections[using].cursor() as cursor:
        if connections[using].vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])


def _trees(now: datetime) -> tuple[Size, Size]:
    there = Article.objects.filter(Q(attempt__gt=0) | Q(manifest_due=None), tree_expired_at=None).order_by()
    old = now + AHEAD - timedelta(days=settings.GALLEY_TREE_KEEP_DAYS)
    leaving = there.filter(status=Article.Status.DONE, site__isnull=False, ended_at__lte=old)
    return _of_trees(there), _of_trees(leaving)


def _of_trees(articles: QuerySet[Article]) -> Size:
    encoded = (F("bytes") + 2) / Value(3, output_field=IntegerField()) * 4
    pictures = ImageFile.objects.filter(article__in=articles).order_by()
    parts = [
        _sum(StageRecord.objects.filter(article__in=articles)),
        _sum(Section.objects.filter(article__in=articles)),
        _sum(pictures),
        pictures.exclude(base64_sha256="").aggregate(sum=Sum(encoded))["sum"],
    ]
    return Size(sum(int(part or 0) for part in parts), articles.count())


def _sum(
    files: QuerySet[StageRecord] | QuerySet[Section] | QuerySet[ImageFile] | QuerySet[KeptPicture],
) -> int | None:
    total: int | None = files.order_by().aggregate(sum=Sum("bytes"))["sum"]
    return total


def _pictures(now: datetime) -> tuple[Size, Size]:
    kept, going = KeptPicture.objects.order_by(), unused_pictures.going(now + AHEAD).order_by()
    return Size(_sum(kept) or 0, kept.count()), Size(_sum(going) or 0, going.count())


def _film(now: datetime) -> tuple[Size, Size]:
    kept, shots = DeskSettings.now(), Shot.objects.order_by()
    stopped = Q(task__status=PublishTask.Status.FAILED)
    soon = [now + AHEAD - timedelta(days=days) for days in (kept.keeps_film_of_failed, kept.keeps_film)]
    leaving = shots.filter(stopped & Q(at__lt=soon[0]) | ~stopped & Q(at__lt=soon[1]))
    return _of_film(shots), _of_film(leaving)


def _of_film(shots: QuerySet[Shot]) -> Size:
    return Size(shots.aggregate(sum=Sum(Length("jpeg")))["sum"] or 0, shots.count())
