"""What comparing and restoring write into the row of a restore, for its page to show."""

from __future__ import annotations

from typing import TypedDict

from backups.restores.groups import Group


class ShownRow(TypedDict):
    """A step of a restore of the database; `fields` are names with today's value and the backup's, for people."""

    action: str
    row: str
    fields: list[list[str]]
    why: str
    unit: int  # that it belongs to; `groups.REST` for none


class ShownFile(TypedDict):
    """A step of a restore of files."""

    action: str
    path: str
    bytes: int
    why: str


class RestoreFields(TypedDict, total=False):
    """Fields of `models.Restore`, but for its state."""

    backup: str
    counts: dict[str, int]  # rows or files by action
    told: list[str]
    steps: list[ShownRow] | list[ShownFile]  # the first ones
    groups: list[Group]  # of a restore of the database
    fingerprint: str
    machine: str
    folder: str
    failures: list[list[str]]  # path and reason of the first files
    reason: str
