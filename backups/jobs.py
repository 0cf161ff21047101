"""Restores that the desk asks for and the queue does. The deed is done only for the plan that was shown.

| killed                  | what is there                             | then                                          |
|-------------------------|-------------------------------------------|-----------------------------------------------|
| while comparing         | nothing has changed                       | ask for it anew                               |
| before the commit       | the safety backup; nothing has changed    | ask for it anew                               |
| right after the commit  | all of it; the row says Restoring         | ask for it anew: there is no difference left  |

Nobody waits for ever: `give_up`, which the watch over the backups calls, ends what is under way for too long.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.utils import timezone

from backups import configured, models, restoring
from backups.errors import BackupError
from backups.manifests import DATABASE
from backups.models import Restore

STEPS = 500  # that are kept to be shown
SECRET = ("password", "secret")  # in the names of fields
MISTAKE = "There was a mistake in Galley; the log says which. The difference, looked at anew, tells what is there now."
LONG = 300  # characters of a value
LONGEST = timedelta(hours=4, minutes=15)  # a step may take four hours; then the queue kills its worker
ABANDONED = {
    Restore.State.COMPARING: "It was interrupted, or never began. Nothing was changed. Ask for it anew.",
    Restore.State.CONFIRMED: "It did not begin within four hours, and will not any more. Nothing was changed. Ask for "
    "it anew.",
    Restore.State.RESTORING: "It was interrupted: either nothing was changed, or all of it was restored. Ask for it "
    "anew: where it was restored, no difference is left.",
}


def compare(pk: int) -> None:
    """Find the difference and keep it. Does nothing for one that was compared before."""
    job = Restore.objects.filter(pk=pk, state=Restore.State.COMPARING).first()
    if job is None:
        return
    try:
        repository = configured.repository(DATABASE)
        generation = restoring.choose(repository, at=job.moment, name=job.backup)
        choice = restoring.Choice(tuple(job.units))
        with restoring.planned(repository, generation, choice=choice, mode=job.mode) as plan:
            fields = {
                "backup": generation.id,
                "counts": {action: plan.total[action] for action in restoring.ACTIONS},
                "told": list(plan.staged.told),
                "steps": [_kept(step) for step in plan.steps(most=STEPS)],
                "fingerprint": plan.fingerprint,
            }
    except BackupError as exc:
        _move(pk, Restore.State.COMPARING, Restore.State.FAILED, reason=f"{exc} Nothing was changed.")
        return
    _move(pk, Restore.State.COMPARING, Restore.State.SHOWN, **fields)


def confirm(pk: int, fingerprint: str) -> bool:
    """Whether this is the plan that was shown, and nobody was quicker."""
    shown = Restore.objects.filter(pk=pk, fingerprint=fingerprint).exclude(fingerprint="")
    return bool(shown.exists()) and _move(pk, Restore.State.SHOWN, Restore.State.CONFIRMED)


def restore(pk: int) -> None:
    """Do what was shown, all of it or nothing. A second delivery of the same message does nothing."""
    if not _move(pk, Restore.State.CONFIRMED, Restore.State.RESTORING):
        return
    job = Restore.objects.get(pk=pk)
    try:
        repository = configured.repository(DATABASE)
        generation = restoring.choose(repository, name=job.backup)
        choice = restoring.Choice(tuple(job.units))
        with restoring.planned(repository, generation, choice=choice, mode=job.mode) as plan:
            safety = restoring.restore(repository, plan, fingerprint=job.fingerprint)
    except BackupError as exc:
        _move(pk, Restore.State.RESTORING, Restore.State.FAILED, reason=f"{exc} Nothing was changed.")
        return
    done = {"safety": safety.id if safety else "", "reason": ""}
    if not _move(pk, Restore.State.RESTORING, Restore.State.DONE, **done):
        _move(pk, Restore.State.FAILED, Restore.State.DONE, **done)  # it was given up too early, and is restored
    if safety:
        models.remember(safety)


def failed(pk: int) -> None:
    """A mistake of ours: nobody shall wait for it."""
    under_way = [Restore.State.COMPARING, Restore.State.RESTORING]
    Restore.objects.filter(pk=pk, state__in=under_way).update(state=Restore.State.FAILED, reason=MISTAKE)


def give_up(now: datetime) -> int:
    """End what is under way for longer than the queue lets anything run: its worker is dead, or its message was lost.

    Returns how many. One that comes back all the same changes nothing any more, except to say that it restored.
    """
    return sum(
        Restore.objects.filter(state=state, moved_at__lt=now - LONGEST).update(
            state=Restore.State.FAILED, reason=reason, moved_at=now
        )
        for state, reason in ABANDONED.items()
    )


def _move(pk: int, old: str, new: str, **fields: Any) -> bool:
    moved = Restore.objects.filter(pk=pk, state=old).update(state=new, moved_at=timezone.now(), **fields)
    return bool(moved)


def _kept(step: restoring.Step) -> dict[str, Any]:
    fields = [[name, _short(name, now), _short(name, then)] for name, (now, then) in step.fields.items()]
    what = apps.get_model(step.model)._meta.verbose_name
    return {"action": step.action, "row": f"{what} {step.target}", "fields": fields, "why": step.why}


def _short(name: str, value: str) -> str:
    """A value for people; "" for none. What opens something is neither shown nor kept."""
    if any(word in name for word in SECRET):
        return "not shown"
    if value == "None":
        return ""
    return value if len(value) <= LONG else f"{value[:LONG]}… ({len(value):,} characters)"
