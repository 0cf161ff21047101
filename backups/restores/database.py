"""Restores that the desk asks for and the queue does. The deed is done only for the plan that was shown.

Of the database (those of files are in `files`):

| killed                  | what is there                             | then                                          |
|-------------------------|-------------------------------------------|-----------------------------------------------|
| while comparing         | nothing has changed                       | ask for it anew                               |
| before the commit       | the safety backup; nothing has changed    | ask for it anew                               |
| right after the commit  | all of it; the row says Restored          |                                               |

Nobody waits for ever: `give_up`, which the watch over the backups calls, ends what is under way for too long.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Unpack

from django.apps import apps
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from backups import catalogue
from backups.database import restore as database_restore
from backups.database import undo
from backups.database.comparison.steps import ACTIONS, DatabasePlan, RowStep
from backups.errors import BackupError
from backups.models import Restore
from backups.repository.manifests import DATABASE, FILES
from backups.restores import choice, files
from backups.restores.fields import RestoreFields, ShownRow
from backups.restores.groups import REST, groups

MOST_STEPS = 500  # that are kept to be shown
SECRET_NAMES = ("password", "secret")  # in the names of fields
OUR_MISTAKE = (
    "There was a mistake in Galley; the log says which. The difference, looked at anew, tells what is there now."
)
MOST_CHARACTERS = 300  # characters of a value
STEP_SECONDS = 4 * 60 * 60  # that a step may take; then the queue kills its worker
GIVEN_UP_AFTER = timedelta(seconds=STEP_SECONDS, minutes=15)
ABANDONED = [
    (Q(state=Restore.State.COMPARING), "It was interrupted, or never began. Nothing was changed. Ask for it anew."),
    (Q(state=Restore.State.CONFIRMED), "It did not begin within four hours, and will not any more. Ask for it anew."),
    (Q(state=Restore.State.RESTORING, began=None), "It was interrupted, and nothing was changed. Ask for it anew."),
    (
        Q(state=Restore.State.RESTORING),
        "It was interrupted. What was done until then stays: go on, or undo it.",
    ),
]


def ask(step: str, pk: int, passed: int = 0) -> None:
    """Let the queue "compare" or "restore"; `passed` says how often the message was for another machine."""
    async_task(f"backups.tasks.{step}", pk, passed, q_options={"timeout": STEP_SECONDS})


def is_for_another_machine(pk: int) -> bool:
    job = Restore.objects.filter(pk=pk, tier=FILES.name).select_related("undoes").first()
    return job is not None and files.is_for_another_machine(job)


def compare(pk: int) -> None:
    """Find the difference and keep it. Does nothing for one that was compared before."""
    job = Restore.objects.filter(pk=pk, state=Restore.State.COMPARING).first()
    if job is None:
        return
    try:
        fields = files.compared(job) if job.tier == FILES.name else _compared(job)
    except BackupError as exc:
        _move(pk, Restore.State.COMPARING, Restore.State.FAILED, reason=f"{exc} Nothing was changed.")
        return
    _move(pk, Restore.State.COMPARING, Restore.State.SHOWN, **fields)


def confirm(pk: int, fingerprint: str) -> bool:
    """Whether this is the plan that was shown, or one that was begun and goes on, and nobody was quicker."""
    job = Restore.objects.filter(pk=pk, fingerprint=fingerprint).exclude(fingerprint="").first()
    if job is None or not (job.state == Restore.State.SHOWN or job.may_go_on):
        return False
    return _move(pk, job.state, Restore.State.CONFIRMED, reason="")


def restore(pk: int) -> None:
    """Do what was shown. A second delivery of the same message does nothing."""
    if not _move(pk, Restore.State.CONFIRMED, Restore.State.RESTORING):
        return
    job = Restore.objects.get(pk=pk)
    try:
        state, done = files.restored(job) if job.tier == FILES.name else _restored(job)
    except files.NotNow as exc:
        state = Restore.State.PARTLY if job.began else Restore.State.SHOWN
        _move(pk, Restore.State.RESTORING, state, reason=str(exc))
        return
    except BackupError as exc:
        job.refresh_from_db(fields=["began"])
        stays = "What was done until then stays." if job.began else "Nothing was changed."
        _move(pk, Restore.State.RESTORING, Restore.State.FAILED, reason=f"{exc} {stays}")
        return
    fields: RestoreFields = {"reason": "", **done}
    if not _move(pk, Restore.State.RESTORING, state, **fields):
        _move(pk, Restore.State.FAILED, state, **fields)  # it was given up too early


def _compared(job: Restore) -> RestoreFields:
    with _plan(_chosen(job), job) as plan:
        return {
            "backup": plan.generation.id,
            "counts": {action: plan.total[action] for action in ACTIONS},
            "told": plan.told,
            "steps": [_shown_step(step) for step in plan.steps(most=MOST_STEPS)],
            "groups": groups(plan),
            "fingerprint": plan.fingerprint,
        }


def _restored(job: Restore) -> tuple[str, RestoreFields]:
    """All of it or nothing; the row says so in the same transaction."""
    found = _chosen(job)
    with _plan(found, job) as plan:
        safety = database_restore.restore(found.repository, plan, fingerprint=job.fingerprint, note=job.note)
    if safety:
        catalogue.remember(safety)
    return Restore.State.DONE, {}


def _chosen(job: Restore) -> choice.Choice:
    at, name = job.moment, job.backup
    return choice.chosen(DATABASE, lambda each: database_restore.choose(each, at=at, name=name), at=at, name=name)


def _plan(found: choice.Choice, job: Restore) -> AbstractContextManager[DatabasePlan]:
    repository, generation = found.repository, found.generation
    if job.undoes:
        return undo.planned(repository, generation, job.undoes.what_it_touched())
    wanted = database_restore.Choice(tuple(job.units))
    return database_restore.planned(repository, generation, choice=wanted, mode=job.mode)


def failed(pk: int) -> None:
    """A mistake of ours: nobody shall wait for it."""
    under_way = [Restore.State.COMPARING, Restore.State.RESTORING]
    Restore.objects.filter(pk=pk, state__in=under_way).update(state=Restore.State.FAILED, reason=OUR_MISTAKE)


def give_up(now: datetime) -> int:
    """End what is under way for longer than the queue lets anything run: its worker is dead, or its message was lost.

    Returns how many. One that comes back all the same changes nothing any more, except to say that it restored.
    """
    late = Restore.objects.filter(moved_at__lt=now - GIVEN_UP_AFTER)
    end = {"state": Restore.State.FAILED, "moved_at": now}
    return sum(late.filter(which).update(reason=reason, **end) for which, reason in ABANDONED)


def _move(pk: int, old: str, new: str, **fields: Unpack[RestoreFields]) -> bool:
    moved = Restore.objects.filter(pk=pk, state=old).update(state=new, moved_at=timezone.now(), **fields)
    return bool(moved)


def _shown_step(step: RowStep) -> ShownRow:
    fields = [[name, _for_people(name, now), _for_people(name, then)] for name, (now, then) in step.fields.items()]
    what = apps.get_model(step.model)._meta.verbose_name
    row = f"{what} {step.target}"
    return {"action": step.action, "row": row, "fields": fields, "why": step.why, "unit": step.unit or REST}


def _for_people(name: str, value: str) -> str:
    """A value for people; "" for none. What opens something is neither shown nor kept."""
    if any(word in name for word in SECRET_NAMES):
        return "not shown"
    if value == "None":
        return ""
    return value if len(value) <= MOST_CHARACTERS else f"{value[:MOST_CHARACTERS]}… ({len(value):,} characters)"
