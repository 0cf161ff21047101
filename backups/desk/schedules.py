"""The schedules of the backups, as somebody with the right may change them: whether and when they run, never what."""

from __future__ import annotations

from datetime import datetime, time

from django import forms
from django.http import QueryDict
from django_q.models import Schedule

from backups import configured, tasks
from backups.clocks import DESK
from backups.desk.hours import AT_AN_HOUR, hour_of, noted
from backups.storage.port import SECOND

FOR_EVER = -1  # how often the queue repeats one that is not told a number
RUN = {
    f"{task.__module__}.{task.__name__}"
    for task in (
        tasks.backup_database,
        tasks.backup_files,
        tasks.copy,
        tasks.verify,
        tasks.remove_old,
        tasks.try_restore,
        tasks.watch,
    )
}
EVERY = {
    Schedule.HOURLY: "every hour",
    Schedule.DAILY: "every day",
    Schedule.WEEKLY: "every week",
    Schedule.BIWEEKLY: "every two weeks",
    Schedule.MONTHLY: "every month",
}


def schedules() -> list[Schedule]:
    """Ours alone: whoever could name another function could have anything run."""
    ours = Schedule.objects.filter(func__in=RUN)
    if SECOND not in configured.storages():
        ours = ours.exclude(func="backups.tasks.copy")
    return list(ours.order_by("func", "pk"))


def title(schedule: Schedule) -> str:
    name = str(schedule.name or schedule.func.rpartition(".")[2].replace("_", " ")).removeprefix("Galley: ")
    return name[:1].upper() + name[1:]


def every(schedule: Schedule) -> str:
    """How often it runs, as a phrase."""
    if schedule.schedule_type == Schedule.MINUTES:
        return f"every {schedule.minutes or 1} minutes"
    return EVERY.get(schedule.schedule_type, "as the operator has set it")


class ScheduleForm(forms.Form):
    runs = forms.BooleanField(label="Runs", required=False)
    at = forms.TimeField(
        label="At",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": "Enter an hour, such as 03:00."},
    )

    def __init__(self, data: QueryDict | None = None, *, schedule: Schedule) -> None:
        initial = {"runs": schedule.repeats != 0, "at": hour_of(schedule)}
        super().__init__(data, initial=initial, auto_id=f"schedule-{schedule.pk}-%s")
        self.schedule = schedule
        if schedule.schedule_type not in AT_AN_HOUR:
            del self.fields["at"]

    def clean_at(self) -> time | None:
        at: time | None = self.cleaned_data["at"]
        if at is None and self.cleaned_data.get("runs"):
            raise forms.ValidationError("Enter an hour, such as 03:00.")
        return at

    def save(self, now: datetime) -> str:
        """Write what was changed, and nothing else: the queue moves the schedule on meanwhile.

        Returns that as a phrase, "" for nothing.
        """
        fields: dict[str, int | str | datetime] = {}
        changes = []
        runs, at = self.cleaned_data["runs"], self.cleaned_data.get("at")
        if "runs" in self.changed_data:
            fields["repeats"] = FOR_EVER if runs else 0
            changes.append("switched on" if runs else "switched off")
        if "at" in self.changed_data and at:
            fields |= {"next_run": self._next(at, now), "cron": noted(at)}
            changes.append(f"at {at:%H:%M}")
        if fields:
            Schedule.objects.filter(pk=self.schedule.pk, func__in=RUN).update(**fields)
        return ", ".join(changes)

    def _next(self, at: time, now: datetime) -> datetime:
        """The first time ahead at this hour; on the same day of the week or the month as before."""
        daily = self.schedule.schedule_type == Schedule.DAILY
        day = DESK.day(now if daily else self.schedule.next_run)
        moment = DESK.at(day, at)
        while moment <= now:
            moment = self.schedule.calculate_next_run(moment)
            moment = DESK.at(DESK.day(moment), at)
        return moment
