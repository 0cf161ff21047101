"""A day and a time as somebody types them, by the reader's clock, into the browser's own field for both."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import formats

from backups.clocks import DESK, READER

FIRST_YEAR, FAR_YEAR = 1970, 3000  # the first and the last days of all years have no time in every zone


def within_the_calendar(moment: date) -> None:
    """A validator, of days and of times."""
    thing = "time" if isinstance(moment, datetime) else "day"
    if moment.year >= FAR_YEAR:
        raise ValidationError(f"Choose a {thing} before the year {FAR_YEAR}.")
    if moment.year < FIRST_YEAR:
        raise ValidationError(f"Choose a {thing} after the year {FIRST_YEAR - 1}.")


class DayField(forms.DateField):
    default_validators = [within_the_calendar]

    def __init__(self, **kwargs: Any) -> None:
        kwargs["widget"] = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
        super().__init__(**kwargs)


class MomentField(forms.DateTimeField):
    """A time that is not touched stays the moment that it is: with its seconds, and where the clocks show it twice."""

    default_validators = [within_the_calendar]

    def __init__(self, **kwargs: Any) -> None:
        kwargs["widget"] = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(**kwargs)
        self._shown: datetime | None = None

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        bound = super().get_bound_field(form, field_name)
        self._shown = bound.initial if isinstance(bound.initial, datetime) else None
        bound.help_text = f"{bound.help_text} {whose_time()}".lstrip()
        return bound

    def to_python(self, value: Any) -> datetime | None:
        if self._shown and value == self.widget.format_value(self.prepare_value(self._shown)):
            return self._shown
        try:
            return super().to_python(value)
        except ValidationError as exc:
            if exc.code == "ambiguous_timezone" and exc.params:
                raise ValidationError(_change_of_clocks(exc.params["datetime"]), code=exc.code) from exc
            raise


def whose_time() -> str:
    """`In the time of the desk, Europe/Berlin.`"""
    zone = str(READER.zone())
    of = "In the time of the desk" if zone == str(DESK.zone()) else "In your time zone"
    return f"{of}, {zone.replace('_', ' ')}."


def _change_of_clocks(typed: datetime) -> str:
    """Why this is no moment, with times around it that are one."""
    first, second = (typed.replace(tzinfo=READER.zone(), fold=fold).utcoffset() for fold in (0, 1))
    if first is None or second is None:
        raise AssertionError(f"{READER.zone()} tells no offset.")
    others = " or ".join(_hour(typed + by, typed) for by in (-abs(first - second), abs(first - second)))
    on = f"on {formats.date_format(typed, 'j F Y')}"
    if first < second:
        said = f"There is no {typed:%H:%M} {on}: the clocks go forward then."
    else:
        said = f"{typed:%H:%M} comes twice {on}: the clocks go back then."
    return f"{said} Choose another time, such as {others}."


def _hour(moment: datetime, beside: datetime) -> str:
    return formats.date_format(moment, "H:i" if moment.date() == beside.date() else "j M, H:i")
