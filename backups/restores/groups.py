"""The difference that a restore would make, by what it is about: an article with its pictures and calls, in a line.

The first of them are kept with the restore, to be shown and ticked; each counts all of its rows, however few are shown.
"""

from __future__ import annotations

from collections import Counter
from typing import TypedDict

from django.apps import apps
from django.conf import settings

from backups.database.comparison.steps import DatabasePlan

MOST_GROUPS = 300
REST = 0  # the number of what belongs to no unit
STAYS = ""  # counted in place of a model: rows that differ, and stay


class Group(TypedDict):
    """`unit` is its number, REST for what belongs to none; `title` is that of the backup."""

    unit: int
    title: str
    says: str  # "article, 4 pictures, 6 calls"


def groups(plan: DatabasePlan) -> list[Group]:
    """The newest first; what belongs to none comes last."""
    rows: dict[int, Counter[str]] = {}
    for unit, model, stays, number in plan.rows_by_unit():
        rows.setdefault(unit or REST, Counter())[STAYS if stays else model] += number
    numbers = sorted(rows.keys() - {REST}, reverse=True)[:MOST_GROUPS] + [REST] * (REST in rows)
    return [Group(unit=unit, title=_title(plan, unit), says=_says(rows[unit])) for unit in numbers]


def _title(plan: DatabasePlan, unit: int) -> str:
    model, name = settings.BACKUP_UNIT["model"], settings.BACKUP_UNIT["title"]
    return str(plan.staged.value(model, unit, name) or "") if unit else ""


def _says(rows: Counter[str]) -> str:
    """The article first, then what else there is in the order of the backup; what stays comes last."""
    order, unit = list(settings.BACKUP_MODELS), settings.BACKUP_UNIT["model"]
    stays = rows[STAYS]
    labels = rows.keys() - {STAYS}
    known = sorted(labels, key=lambda label: (label != unit, order.index(label) if label in order else len(order)))
    said = [_counted(label, rows[label]) for label in known]
    if stays:
        said.append(f"{'1 row stays as it is' if stays == 1 else f'{stays:,} rows stay as they are'}")
    return ", ".join(said)


def _counted(label: str, number: int) -> str:
    meta = apps.get_model(label)._meta
    name = settings.BACKUP_WORDS.get(label, str(meta.verbose_name))
    if number == 1:
        return name
    plural = str(meta.verbose_name_plural) if name == str(meta.verbose_name) else f"{name}s"
    return f"{number:,} {plural}"
