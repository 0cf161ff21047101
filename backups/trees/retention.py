"""Which trees may go: successful ones, a while after they were finished. Nothing goes on doubt.

| the manifest says                        | verdict                              |
|------------------------------------------|--------------------------------------|
| a stage is not completed                 | stays for ever: somebody may recover |
| no site                                  | stays: its preview is its only page  |
| finished less than the time ago          | stays                                |
| finished in the future, or at no time    | stays: a clock was wrong             |
| another schema, or something unreadable  | stays                                |
| all completed, on a site, long ago       | goes                                 |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.files.storage import Storage

from backups.trees.tree import MANIFEST, Tree, TreeError

KEEP = timedelta(days=7)
STEPS = 5
SHORT = 0.9  # a listing that shows less than this share of what is expected is not believed


class ShortListing(Exception):
    """The storage shows far fewer trees than there must be; the message says how many."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a tree; `stays` is the reason, empty for one that goes."""

    prefix: str
    stays: str = ""


def judge(manifest: dict[str, Any], now: datetime, keep: timedelta = KEEP) -> str:
    """Why a tree stays, in a phrase; "" when it may go."""
    steps, source = manifest.get("pipeline_stages"), manifest.get("source")
    if manifest.get("schema") != 1 or not isinstance(steps, dict) or not isinstance(source, dict):
        return "its manifest is of another kind"
    statuses = [step.get("status") for step in steps.values() if isinstance(step, dict)]
    if statuses != ["completed"] * STEPS:
        return "it is not finished"
    if not source.get("site"):
        return "its preview is its only page"
    finished = _moment(steps.get("step5_wordpress_upload", {}).get("timestamp"))
    if finished is None or finished > now:
        return "its time is unknown"
    return "it is young" if now - finished < keep else ""


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def verdicts(
    storage: Storage, prefixes: Iterable[str], *, expected: int, in_use: set[str], now: datetime
) -> Iterator[Verdict]:
    """A verdict for each tree. `in_use` are trees of articles that are not finished, whatever their manifests say.

    Raises ShortListing before the first verdict when the listing cannot be true.
    """
    listed = list(prefixes)
    if len(listed) < expected * SHORT or (expected and not listed):
        raise ShortListing(f"The storage lists {len(listed):,} backups where {expected:,} are expected.")
    for prefix in listed:
        try:
            reason = "it is in use" if prefix in in_use else judge(Tree(storage, prefix).manifest(), now)
        except TreeError:
            reason = "its manifest cannot be read"
        yield Verdict(prefix, reason)


def remove(storage: Storage, prefix: str) -> int:
    """Remove a tree, its manifest last, so that a run that dies in between is finished by the next. Returns files."""
    names = [name for name in storage.listdir(prefix)[1] if name != MANIFEST]
    for name in names:
        storage.delete(f"{prefix}/{name}")
    storage.delete(f"{prefix}/{MANIFEST}")
    return len(names) + 1
