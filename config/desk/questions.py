"""Questions to the desk that no database can answer, said to be so before one is asked.

Django's lists hand on what stands in an address as it comes, so a made-up year or a number of thirty digits would fail
somewhere below as a mistake of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import ValidationError
from django.http import HttpRequest

ADDRESS = "the address"
DIGITS = 18  # of the largest number that fits every column
SEARCH_WORDS, SEARCH_CHARACTERS = 30, 500  # SQLite takes a thousand conditions at most


def unanswerable(request: HttpRequest, table: ModelAdmin[Any] | None) -> str | None:
    """Why this cannot be answered, a sentence; None for what can. `table` is whose page was asked for."""
    return next(_reasons(request, table), None)


def _reasons(request: HttpRequest, table: ModelAdmin[Any] | None) -> Iterator[str]:
    asked = [(name, value) for name, values in request.GET.lists() for value in values]
    steps = request.path_info.split("/")
    for name, value in [*asked, *((ADDRESS, step) for step in steps)]:
        if "\0" in name + value:
            yield "The address holds a character that stands in no text."
        if _is_too_large(value) and (name == ADDRESS or _is_looked_up(table, name)):
            yield f"There is a number in “{name}” that is too large."
    words = request.GET.get(SEARCH_VAR, "")
    if len(words.split()) > SEARCH_WORDS or len(words) > SEARCH_CHARACTERS:
        yield f"Search for {SEARCH_WORDS} words at most."
    if not all(_is_a_day(request, name.removesuffix("__year")) for name, _ in asked if name.endswith("__year")):
        yield "There is no such day."
    if table and not all(_may_be_chosen(table, chosen) for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME)):
        yield "What was chosen is not in this list."


def _is_a_day(request: HttpRequest, field: str) -> bool:
    """The year, with month and day where they are asked for, too."""
    parts = [request.GET.get(f"{field}__{part}", "1") for part in ("year", "month", "day")]
    try:
        date(*map(int, parts))
    except (ValueError, OverflowError):
        return False
    return True


def _may_be_chosen(table: ModelAdmin[Any], chosen: str) -> bool:
    try:
        table.model._meta.pk.to_python(chosen)
    except ValidationError:
        return False
    return "\0" not in chosen and not _is_too_large(chosen)


def _is_looked_up(table: ModelAdmin[Any] | None, name: str) -> bool:
    """Whether the database is asked for it; a page's own numbers, such as of its parts, the page reads itself."""
    return table is not None and name.partition("__")[0] in {field.name for field in table.model._meta.get_fields()}


def _is_too_large(value: str) -> bool:
    return value.isdecimal() and len(value) > DIGITS
