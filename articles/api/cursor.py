"""Where a page of a list ended: the next one begins behind it, whatever has arrived since."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any, NamedTuple, Self, TypeVar

from django.db.models import Q, QuerySet
from ninja.errors import HttpError

Rows = TypeVar("Rows", bound=QuerySet[Any])


class Cursor(NamedTuple):
    """The last row of a page of rows with a `created_at`, the newest first, and of one moment the later one first."""

    at: datetime
    pk: int

    def __str__(self) -> str:
        return urlsafe_b64encode(f"{self.at.isoformat()} {self.pk}".encode()).decode()

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError."""
        at, _, pk = urlsafe_b64decode(text.encode()).decode().partition(" ")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not pk.isdecimal() or len(pk) > 18:
            raise ValueError(text)
        return cls(moment, int(pk))

    def rows_behind(self, rows: Rows) -> Rows:
        same = Q(created_at=self.at, pk__gte=self.pk)
        return rows.filter(created_at__lte=self.at).exclude(same)


def read_cursor(said: str | None) -> Cursor | None:
    """As a request says it. Raises HttpError."""
    try:
        return Cursor.read(said) if said else None
    except ValueError as exc:
        raise HttpError(422, "This is no cursor of ours. Send it as another page has told it.") from exc
