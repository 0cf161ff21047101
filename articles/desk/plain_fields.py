"""Fields of forms without Django's pictograms."""

from __future__ import annotations

from django import forms
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper


def plain(field: forms.Field | None) -> forms.Field | None:
    """The choice of a related row alone: the pictograms beside Django's lead away from the form."""
    if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
        field.widget = field.widget.widget
    return field
