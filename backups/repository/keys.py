"""Which key signs and opens which backups, which one is missing, and when an old one may go.

A key that is not the first of its setting is needed as long as one backup is that it signs or opens. Retention removes
those in time. What the newest ones need of an old key, later ones store anew: the database with its next full backup,
files as each day's share of them is read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import orjson

from backups.errors import Damaged, Hostile, Missing, TooLarge
from backups.repository import prune
from backups.repository.manifests import MANIFEST_BYTES, Entry, Generation
from backups.repository.prune import Retention
from backups.repository.repository import Repository
from backups.storage.bulk import in_bulk

Does = Literal["signs", "opens"]
LONGEST = 64  # letters of a key's name


@dataclass
class KeyUse:
    """Of one key, within one tier."""

    does: Does
    name: str
    at_hand: bool
    is_first: bool  # the one with which all that is new is signed or encrypted
    backups: int = 0
    objects: int = 0  # that it opens
    newest: datetime | None = None  # of the last backup that needs it
    pinned: int = 0
    needed_now: list[str] = field(default_factory=list)  # sources whose last backup needs it

    def until(self, retention: Retention) -> datetime | None:
        """When the last backup that needs it has grown old; None while that cannot be told, or nothing needs it."""
        if self.newest is None or self.needed_now or self.pinned:
            return None
        return self.newest + timedelta(days=max(retention.days, 31 * retention.months))


def uses(repository: Repository) -> list[KeyUse]:
    """Those at hand in their order, then those that are missing. Reads every manifest twice. Raises StorageError."""
    return _Counting(repository.asking_storage()).uses()


class _Counting:
    def __init__(self, repository: Repository) -> None:
        self.repository, self.pinned = repository, prune.pins(repository)
        self.survey = repository.survey()
        self.needed = _needed(self.survey.generations)
        self.found: dict[tuple[Does, str], KeyUse] = {}
        for name in repository.signing_keys.names:
            self._use("signs", name, at_hand=True)
        for name in repository.encryption_keys.names:
            self._use("opens", name, at_hand=True)

    def uses(self) -> list[KeyUse]:
        known = {each.id: each for each in self.survey.generations}
        for id_, key in in_bulk([*known, *self.survey.unusable], lambda id_: (id_, self._signer(id_))):
            if id_ in known:
                self._count(self._use("signs", key), known[id_])
            elif key and key not in self.repository.signing_keys.names:
                self._use("signs", key).backups += 1  # all that is known of it
        sealed: dict[str, set[str]] = {}
        for each in known.values():
            mine: dict[str, set[str]] = {}
            for entry in self._entries(each):
                if key := entry.get("sealed", ""):
                    mine.setdefault(key, set()).add(entry["key"])
            for key, objects in mine.items():
                self._count(self._use("opens", key), each)
                sealed.setdefault(key, set()).update(objects)
        for key, objects in sealed.items():
            self._use("opens", key).objects = len(objects)
        return list(self.found.values())

    def _use(self, does: Does, name: str, *, at_hand: bool = False) -> KeyUse:
        is_first = at_hand and all(each.does != does for each in self.found.values())
        return self.found.setdefault((does, name), KeyUse(does, name, at_hand, is_first))

    def _count(self, use: KeyUse, generation: Generation) -> None:
        use.backups += 1
        until, now = self.needed[generation.id]
        use.newest = max(until, use.newest or until)
        use.pinned += generation.id in self.pinned
        if now and generation.source not in use.needed_now:
            use.needed_now.append(generation.source)

    def _signer(self, id_: str) -> str:
        """The name of the key that a manifest says has signed it; "" for what is no signed document."""
        try:
            path = self.repository.path(f"manifests/{id_}.json")
            document = orjson.loads(self.repository.object_store.get(path, MANIFEST_BYTES))
        except (Missing, TooLarge, orjson.JSONDecodeError):
            return ""
        key = document.get("key") if isinstance(document, dict) else ""
        return key if isinstance(key, str) and len(key) <= LONGEST else ""

    def _entries(self, generation: Generation) -> Iterator[Entry]:
        """As far as they can be had: what is damaged is for verification to tell."""
        try:
            yield from self.repository.entries(generation)
        except (Damaged, Hostile):
            return


def _needed(generations: list[Generation]) -> dict[str, tuple[datetime, bool]]:
    """By id: when the last one that builds on it was made, and whether that is the last of its source."""
    found: dict[str, tuple[datetime, bool]] = {}
    sources: set[str] = set()
    for each in generations:  # newest first: what builds on it comes before it
        made, now = found.get(each.id, (each.made, False))
        found[each.id] = made, now = max(made, each.made), now or each.source not in sources
        sources.add(each.source)
        if each.parent and each.about.get("needs_parent"):
            before = found.get(each.parent, (made, False))
            found[each.parent] = max(made, before[0]), now or before[1]
    return found
