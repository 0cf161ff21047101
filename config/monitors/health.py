"""For load balancers and monitors: is this web server alive, and can it do its work? They tell no secrets."""

from __future__ import annotations

from django.core.files.storage import storages
from django.db import DatabaseError, Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from articles.pipeline import worker_health
from backups.health import report as backups_health


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    """200 while the process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when database, storage and queue do their part, else 503; each with "ok" or a word on what is wrong.

    How the backups do is told beside it, and no reason to stop serving.
    """
    parts = {"database": _database(), "storage": _storage()}
    parts["queue"] = _queue() if parts["database"] == "ok" else "unknown"
    ready = set(parts.values()) == {"ok"}
    parts["backups"] = _backups() if parts["database"] == "ok" else "unknown"
    return JsonResponse({"status": "ok" if ready else "not ready", **parts}, status=200 if ready else 503)


@require_safe
@never_cache
def backupz(_request: HttpRequest) -> JsonResponse:
    """How the backups do: 200 for ok and look, 503 for alarm and damaged, and where nobody can tell.

    Each part with its state and the seconds since it was last well; no sentence, name or path: those are for who may
    see them.
    """
    try:
        report = backups_health.remembered(timezone.now())
    except Error:
        return JsonResponse({"state": "unknown", "parts": {}}, status=503)
    parts = {part.name: {"state": part.state, "age": part.age} for part in report.parts}
    return JsonResponse({"state": report.state, "parts": parts}, status=503 if report.needs_somebody else 200)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "does not answer"
    return "ok"


def _storage() -> str:
    """A folder must be writable. A bucket is not asked here: its outage delays articles, the desk goes on."""
    unwritable = getattr(storages["backups"], "unwritable", None)
    return "cannot be written" if unwritable and unwritable() else "ok"


def _queue() -> str:
    """Where workers run beside this web server it is seen how they are; elsewhere, what is left undone."""
    here = worker_health.health()
    if here.silent:
        return "a worker hangs"
    return "articles wait, and nobody takes them" if not here.busy and worker_health.nobody_works() else "ok"


def _backups() -> str:
    """As the rows know it: ok, look, alarm or damaged."""
    return backups_health.known(timezone.now()).state


PROBES = {"/healthz": healthz, "/readyz": readyz, "/healthz/backups": backupz}


class Probes(MiddlewareMixin):
    """Answers before anybody looks at host name and scheme: probes come by address, and without the proxy."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        probe = PROBES.get(request.path_info)
        return probe(request) if probe else None
