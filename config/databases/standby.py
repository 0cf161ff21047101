"""Pages that only tell may be read from a standby of the database, while it is known to be behind by seconds at most.

Nothing is decided by what it says: rights, sessions and whatever is written are the first one's, and so is each page of
somebody who has just changed something. Where the standby is away, too far behind, or breaks a page off, the first one
answers.
"""

# ruff: noqa: ARG002  Django hands over more than a router needs
from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connections
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

STANDBY = "standby"
TOLD = {"articles", "publishing", "insights", "worklist"}  # apps whose rows these pages show
PAGES = {
    *("admin:insights", "admin:insights_csv"),
    *(f"admin:{table}_changelist" for table in ("articles_article", "articles_batch", "publishing_publishtask")),
}
OPERATIONS = {
    *(f"api/v1/analytics/{sums}" for sums in ("cost-usage", "provider-comparison", "recommendations", "storage-usage")),
    "api/v1/monitoring/statistics",
}
WROTE = "galley_wrote"  # the cookie of somebody who has just changed something
SAFE = ("GET", "HEAD", "OPTIONS")
LOOK_SECONDS = 1.0  # between two looks at how far it is behind
AWAY_SECONDS = 30.0  # until one that was away is asked again

log = structlog.get_logger("galley.standby")
_reads: ContextVar[bool] = ContextVar("reads_from_standby", default=False)


class Router:
    """Where a query goes."""

    def db_for_read(self, model: type[Model], **_: Any) -> str | None:
        return STANDBY if _reads.get() and model._meta.app_label in TOLD else None

    def db_for_write(self, model: type[Model], **_: Any) -> str:
        """Rows that were read from the standby, too, are written to the first."""
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Model, other: Model, **_: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool:
        return db != STANDBY


@contextmanager
def reading() -> Iterator[None]:
    """What is only told comes from the standby."""
    token = _reads.set(True)
    try:
        yield
    finally:
        _reads.reset(token)


@dataclass
class Behind:
    """How far the standby is behind, held against places of the first one's log, each with the moment it was there.

    The time of the last transaction would not tell: it grows old while nothing happens, and a standby that hears
    nothing more has replayed all that it has heard.
    """

    places: deque[tuple[float, int]] = field(default_factory=deque)  # monotonic seconds; bytes of the log

    def seconds(self, now: float, first: int, standby: int) -> float | None:
        """At most so many; None where nobody knows. `first` and `standby` are how far each is in the log."""
        self.places.append((now, first))
        while len(self.places) > 1 and self.places[1][1] <= standby:
            self.places.popleft()
        at, place = self.places[0]
        while self.places and now - self.places[0][0] > 2 * settings.GALLEY_STANDBY_LAG:
            self.places.popleft()  # who is further behind than that is too far behind
        return now - at if place <= standby else None


class _Look:
    """What is known of the standby, for all threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._behind = Behind()
        self._at = self._next = 0.0
        self.seconds: float | None = None  # when it was looked at

    def may_be_read(self) -> bool:
        """Two small queries a second at most; nobody waits for somebody else's."""
        if time.monotonic() >= self._next and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        since = time.monotonic() - self._at  # a look may take long, for the others as well
        return self.seconds is not None and self.seconds + since <= settings.GALLEY_STANDBY_LAG

    def is_away(self) -> None:
        self.seconds, self._behind = None, Behind()
        self._next = time.monotonic() + AWAY_SECONDS

    def _look(self) -> None:
        now = time.monotonic()
        try:
            first, _ = _place(DEFAULT_DB_ALIAS, "pg_current_wal_lsn()")
            standby, follows = _place(STANDBY, "pg_last_wal_replay_lsn()")
        except Error:
            log.warning("the standby is away; the first database answers", exc_info=True)
            self.is_away()
            return
        self._at, self._next = now, now + LOOK_SECONDS
        # One that has been promoted goes its own way, and its places mean something else.
        self.seconds = self._behind.seconds(now, first, standby) if follows else None


def _place(alias: str, function: str) -> tuple[int, bool]:
    """How far a database is in its log, in bytes, and whether it follows another. Raises Error.

    A function that is not for it is not called: PostgreSQL refuses the first one's to a standby.
    """
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT pg_wal_lsn_diff({function}, '0/0')::bigint, pg_is_in_recovery()")
        place, follows = cursor.fetchone()
    return int(place or 0), bool(follows)


look = _Look()


def _only_tells(request: HttpRequest) -> bool:
    """It is for one of the pages, of somebody who has not just changed something."""
    match = request.resolver_match
    if match is None or request.method not in SAFE or WROTE in request.COOKIES:
        return False
    return match.view_name in PAGES or match.route in OPERATIONS


class ReadsFromStandby(MiddlewareMixin):
    """Answers these pages from the standby, whole, with their templates; breaks nothing where it fails."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        if STANDBY not in settings.DATABASES or not _only_tells(request) or not look.may_be_read():
            return None
        try:
            with reading():
                response: HttpResponseBase = view(request, *args, **kwargs)
                if callable(render := getattr(response, "render", None)):
                    render()
        except (OperationalError, InterfaceError):
            log.warning("the standby broke a page off; the first database answers", exc_info=True)
            look.is_away()
            connections[STANDBY].close()
            return None
        return response

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if STANDBY in settings.DATABASES and request.method not in SAFE:
            response.set_cookie(WROTE, "1", max_age=2 * settings.GALLEY_STANDBY_LAG, httponly=True, samesite="Lax",
                                secure=settings.SESSION_COOKIE_SECURE)  # fmt: skip
        return response
