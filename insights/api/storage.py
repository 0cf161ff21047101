"""Analytics in the API: what takes up how much, for those who may see the backups."""

from __future__ import annotations

from datetime import date, datetime

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from articles.api.asking import who_may_look
from articles.api.strict import REFUSALS, Strict
from backups.models import Generation
from insights import storage
from insights.storage import PartUsage

router = Router(tags=["analytics"])


class PartOut(Strict):
    """Bytes. What cannot be told before is null."""

    part: str = Field(description="trees, pictures, film, files, database_backups, database")
    bytes: int
    number: int | None = Field(description="of trees, pictures or objects; null: it is one thing")
    since: date | None = Field(description="about a month before; null: it was measured for the first time")
    grown: int | None = Field(description="since then; below 0 where it has shrunk")
    leaving_bytes: int | None = Field(description="that retention removes within thirty days")
    leaving: int | None


class StorageUsageOut(Strict):
    measured_at: datetime | None = Field(description="null: not yet")
    bytes: int
    parts: list[PartOut]


@router.get("/storage-usage", response={200: StorageUsageOut, **REFUSALS}, operation_id="analytics_storage_usage")
def storage_usage(request: HttpRequest) -> StorageUsageOut:
    """Backups of articles, screenshots, backups of both tiers, the database: as measured today, or yesterday."""
    who_may_look(request, Generation)
    found = storage.usage()
    return StorageUsageOut(measured_at=found.at, bytes=found.bytes, parts=[_part(part) for part in found.parts])


def _part(part: PartUsage) -> PartOut:
    return PartOut(
        part=part.part,
        bytes=part.now.bytes,
        number=part.now.number,
        since=part.since,
        grown=part.grown,
        leaving_bytes=part.leaving.bytes if part.leaving else None,
        leaving=part.leaving.number if part.leaving else None,
    )
