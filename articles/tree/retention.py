"""Which trees may go: successful ones, a while after they were finished. Nothing goes on doubt.

| the manifest says                        | verdict                              |
|------------------------------------------|--------------------------------------|
| a stage is not completed                 | stays for ever: somebody may recover |
| no site                                  | stays: its preview is its only page  |
| finished less than the time ago          | stays                                |
| laid out again after it went to the site | stays: the site has another page     |
| finished in the future, or at no time    | stays: a clock was wrong             |
| another schema, or something unreadable  | stays                                |
| all completed, on a site, long ago       | goes                                 |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.storage import Storage

from articles.tree import names
from backups.trees.removal import check_listing
from backups.trees.tree import Tree, TreeError

IN_USE = "it is in use"


@dataclass(frozen=True)
class TreeVerdict:
    """What becomes of a tree; `stays` is the reason, empty for one that goes."""

    prefix: str
    stays: str = ""


def judge(manifest: Mapping[str, object], now: datetime, keep: timedelta) -> str:
    """Why a tree stays, in a phrase; "" when it may go."""
    steps, source = manifest.get("pipeline_stages"), manifest.get("source")
    if manifest.get("schema") != 1 or not isinstance(steps, dict) or not isinstance(source, dict):
        return "its manifest is of another kind"
    known = [step for name in names.STEPS.values() if isinstance(step := steps.get(name), dict)]
    if [step.get("status") for step in known] != ["completed"] * len(names.STEPS):
        return "it is not finished"
    if not source.get("site"):
        return "its preview is its only page"
    finished = _moment(known[-1].get("timestamp"))
    if finished is None or finished > now:
        return "its time is unknown"
    laid_out = _moment(known[-2].get("timestamp"))
    if laid_out is not None and laid_out > finished:
        return "its page is newer than its post"
    return "it is young" if now - finished < keep else ""


def verdicts(
    storage: Storage, prefixes: Iterable[str], *, expected: int, in_use: Collection[str], now: datetime
) -> Iterator[TreeVerdict]:
    """A verdict for each tree. `in_use` are trees of articles that are not finished, whatever their manifests say.

    Raises ShortListing before the first verdict when the listing cannot be true.
    """
    listed, keep = list(prefixes), timedelta(days=settings.GALLEY_TREE_KEEP_DAYS)
    check_listing(len(listed), expected)
    for prefix in listed:
        try:
            reason = IN_USE if prefix in in_use else judge(Tree(storage, prefix).manifest(), now, keep)
        except TreeError:
            reason = "its manifest cannot be read"
        yield TreeVerdict(prefix, reason)


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None
