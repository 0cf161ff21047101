"""What stands around the fields of the form of a new article: its tabs, the fold, the file that is kept in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.contrib.admin.helpers import AdminForm, Fieldset
from django.contrib.auth.models import User
from django.forms import BoundField

from articles.desk.article_forms import SOURCES
from articles.handing_in.submit_form import SubmitForm
from articles.models import Preferences

WITH_IDEAS = "Give one of these three: an idea, a text pasted here, or a file."
WITHOUT_IDEAS = "Paste a finished text, or choose a file. (Ideas need a text service, and none is set up here.)"


@dataclass(frozen=True)
class WritingPage:
    said: str
    sources: list[Fieldset]
    rest: list[Fieldset]
    preferred: str
    is_open: bool
    kept: str  # the name of the file that lies in the form


def writing_page(adminform: AdminForm, user: User) -> WritingPage:
    """One query."""
    form = cast(SubmitForm, adminform.form)
    fieldsets: list[Any] = list(adminform)  # the stubs lack their names
    rest = [fieldset for fieldset in fieldsets if fieldset.name not in SOURCES]
    return WritingPage(
        said=WITH_IDEAS if settings.OPENAI_API_KEY else WITHOUT_IDEAS,
        sources=[fieldset for fieldset in fieldsets if fieldset.name in SOURCES],
        rest=rest,
        preferred=preferred(user),
        is_open=is_open(form, [field.field.name for set_ in rest for line in set_ for field in line]),
        kept=form.kept_name,
    )


def preferred(user: User) -> str:
    """What this person's preferences say, in a line (one query)."""
    row = Preferences.objects.filter(user=user).first() or Preferences(user=user)
    said = [
        f"style “{row.style}”" if row.style else "",
        f"design {row.design.title()}" if row.design else "",
        f"byline “{row.byline}”" if row.byline else "",
    ]
    return "As your preferences say: " + (", ".join(filter(None, said)) or "nothing but your colours") + "."


def is_open(form: SubmitForm, names: Iterable[str]) -> bool:
    """Whether something in the fold is not as usual: an address or a person has said it, or it cannot be so."""
    if not form.is_bound:
        return any(form.initial.get(name) for name in names)
    return any(_differs(form[name]) for name in names)


def _differs(field: BoundField) -> bool:
    return bool(field.errors) or field.name in field.form.changed_data
