"""The points in time to which one can go back, to be picked from: the newest backups, by the clock of who reads."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.utils import formats

from backups.clocks import READER, zone_mark
from backups.models import Generation
from backups.repository.manifests import DATABASE
from backups.storage.port import FIRST

MOST = 60  # for what is older there is a field for the time itself
TIMES = {DATABASE.name: "began"}  # by which a restore finds its backup; of files it is when it was made


class PointField(forms.ChoiceField):
    """Its value is a moment, or None for the newest backup."""

    def __init__(self, tier: str, **kwargs: Any) -> None:
        super().__init__(choices=partial(_points, tier), required=False, **kwargs)

    def clean(self, value: Any) -> datetime | None:
        chosen = super().clean(value)
        return datetime.fromisoformat(chosen) if chosen else None


def take_point(form: forms.Form) -> None:
    """The point that was picked is the form's `moment`; an error where a time is given as well."""
    picked = form.cleaned_data.get("point")
    if picked and form.cleaned_data.get("moment"):
        form.add_error("moment", "Pick a backup or give a time, not both.")
    elif picked:
        form.cleaned_data["moment"] = picked


def _points(tier: str) -> list[tuple[str, str]]:
    name = TIMES.get(tier, "made")
    rows = Generation.objects.filter(tier=tier, storage=FIRST, damage=[]).order_by("-placed", "-name")[:MOST]
    moments = dict.fromkeys(getattr(row, name) for row in rows)
    return [("", "The newest backup"), *((moment.isoformat(), _words(moment)) for moment in moments)]


def _words(moment: datetime) -> str:
    return f"{formats.date_format(READER.local(moment), 'l j F Y, H:i:s')} {zone_mark(moment)}".rstrip()
