"""The log of a task: lines with their facts, and the sentence of each, made when somebody reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from django.contrib.auth.models import AbstractBaseUser
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from articles.failures import Failure
from articles.providers.errors import SavedError
from backups import partitions
from backups.clocks import DESK
from publishing.models import ExecutionLog, PublishTask, Way

Code, Level = ExecutionLog.Code, ExecutionLog.Level
LEVELS = {
    **dict.fromkeys((Code.TURNED, Code.WAITS, Code.CANCELLED), Level.WARNING),
    Code.STOPPED: Level.ERROR,
}


def write(tasks: Iterable[int], code: ExecutionLog.Code, step: str, values: Mapping[str, Any] | None = None) -> None:
    """A line for each task. To be called in the transaction that makes it so."""
    now = timezone.now()
    day = DESK.day(now)
    same = {"at": now, "day": day, "level": LEVELS.get(code, Level.INFO), "step": step, "code": code}
    lines = [ExecutionLog(task_id=pk, **same, values=dict(values or {})) for pk in tasks]
    if lines:
        partitions.make_room(ExecutionLog._meta.db_table, [day], DEFAULT_DB_ALIAS)
        ExecutionLog.objects.bulk_create(lines)


def name_of(user: AbstractBaseUser | None) -> str:
    """Of whoever asked, as it was then; "" for nobody in particular."""
    return user.get_username() if user else ""


def sentence(line: ExecutionLog) -> str:
    """For people: "Signing in", "Goes on by XML-RPC, because …"."""
    by = f" by {who}" if (who := line.values.get("by")) else ""
    match line.code:
        case Code.ASKED:
            return f"Asked for{by}"
        case Code.BEGAN:
            return "A worker has begun"
        case Code.STEP:
            at = line.values.get("at", "")
            return f"{PublishTask.Status(line.step).label}{f': {at}' if at else ''}"
        case Code.TURNED:
            return f"Goes on by {Way(line.values['to']).label}, because {line.values['reason']}"
        case Code.WAITS | Code.STOPPED if line.values:
            return f"{Failure.read(cast(SavedError, line.values)).sentence}"
        case Code.RESUMED:
            return f"Goes on, as somebody wanted{by}"
        case _:
            return str(Code(line.code).label)
