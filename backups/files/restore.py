"""Files from a backup into a folder: what would change, counted; then that.

| in the target               | missing | newer                    | overwrite | mirror    |
|-----------------------------|---------|--------------------------|-----------|-----------|
| nothing                     | create  | create                   | create    | create    |
| the same content            | same    | same                     | same      | same      |
| another content             | keep    | replace, if it is older  | replace   | replace   |
| a link, a folder, a device  | keep    | keep                     | keep      | keep      |
| what the backup has not     | –       | –                        | –         | set aside |
| … as a pattern left it out  | –       | –                        | –         | keep      |

What is replaced or set aside goes to the folder `.replaced-…` of the target. A restore that was interrupted is begun
again: what it had done is the same by then.
"""

from __future__ import annotations

import hashlib
import os
import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from backups.errors import BackupError, Damaged, Failed, Forged, Hostile, Missing
from backups.files.backup import of_source, path_of
from backups.files.excluded import Excluded
from backups.files.source import readable
from backups.files.target import Blocked, Target, check_path
from backups.progress import Progress, Started, silent
from backups.repository.manifests import Entry, Generation, content_bytes, content_sha256
from backups.repository.order import check_choice
from backups.repository.repository import Repository
from backups.storage.bulk import in_bulk

RESTORE_MODES = ("missing", "newer", "overwrite", "mirror")
RESTORE_CHANGES = ("create", "replace", "aside")
RESTORE_ACTIONS = ("create", "replace", "same", "keep", "aside")


@dataclass(frozen=True)
class RestoreStep:
    """What happens to one path: create, replace, same, keep or aside; why, where that is not plain.

    `there` is the SHA-256 of what is replaced.
    """

    path: str
    action: str
    bytes: int = 0
    entry: Entry | None = None
    why: str = ""
    there: str = ""

    def __str__(self) -> str:
        return f"{self.action:<8} {self.bytes:>15,}  {readable(self.path)}{f'  ({self.why})' if self.why else ''}"


@dataclass(frozen=True)
class RestorePlan:
    """What a restore would do, in the order of paths."""

    generation: Generation
    target: Path
    steps: list[RestoreStep]

    def counts(self) -> dict[str, int]:
        """Steps by action, zeros among them."""
        counts = Counter(step.action for step in self.steps)
        return {action: counts[action] for action in RESTORE_ACTIONS}

    def work(self) -> list[RestoreStep]:
        """The steps that change something."""
        return [step for step in self.steps if step.action in RESTORE_CHANGES]

    def differences(self) -> list[RestoreStep]:
        """The steps that change something, and what differs and stays."""
        return [step for step in self.steps if step.action != "same"]

    @property
    def fingerprint(self) -> str:
        """Tells whether two plans would do the same, to the same files."""
        digest = hashlib.sha256(os.fsencode(f"{self.generation.id} {self.target}"))
        for step in self.work():
            digest.update(os.fsencode(f"\0{step.action}\0{step.path}\0{step.there}"))
        return digest.hexdigest()


@dataclass
class Restored:
    """What a restore did, and a sentence for each file that it could not restore."""

    counts: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def choose(repository: Repository, *, source: str = "", at: datetime | None = None, name: str = "") -> Generation:
    """The generation of that name, else the newest one of the source that was made until then.

    As the storage has it, whatever was seen before. Raises Failed, Forged, and Doubtful where a newer one may be there
    that cannot be believed.
    """
    survey = repository.asking_storage().believed()
    generations = survey.generations
    if name:
        if name in survey.doubtful:
            raise Forged(survey.doubtful[name])
        generations = [each for each in generations if each.id == name]
    labels = sorted({each.source for each in generations})
    if source:
        generations = of_source(generations, source)
    elif len(labels) > 1:
        raise Failed(f"There are backups of several sources: {', '.join(labels)}. Say which one.")
    chosen = next((each for each in generations if at is None or each.made <= at), None)
    if not name:
        check_choice(survey, chosen, at, datetime.now(UTC))
    if chosen is None:
        there = generations or name or source
        raise Failed("There is no such backup." if there else "There is no backup of files yet.")
    return chosen


def plan(
    repository: Repository,
    generation: Generation,
    folder: Path,
    *,
    only: Sequence[str] = (),
    mode: str = "missing",
    started: Started = silent,
) -> RestorePlan:
    """Compare the backup with the folder, by content. Writes nothing.

    `only`: paths, folders or patterns. Raises Hostile, before anything else, for a backup that cannot be meant.
    """
    entries = [entry for entry in repository.asking_storage().entries(generation) if _meant(entry["path"], only)]
    _check(entries)
    if not entries and only:
        raise Failed("The backup has no file of that name.")
    if not folder.is_dir():
        steps = [RestoreStep(path_of(entry), "create", content_bytes(entry), entry) for entry in entries]
        return RestorePlan(generation, folder, sorted(steps, key=_by_path))
    target = Target(folder, generation.id)
    done = started(len(entries), sum(map(content_bytes, entries)))
    try:
        steps = list(in_bulk(entries, lambda entry: _compared(target, entry, mode, done)))
        if mode == "mirror":
            named = {step.path for step in steps}
            others = (path for path in target.files() if path not in named and _meant(path, only))
            steps += [_not_in_backup(path, excluded_from(generation)) for path in others]
    finally:
        target.close()
    return RestorePlan(generation, folder, sorted(steps, key=_by_path))


def restore(
    repository: Repository, planned: RestorePlan, *, now: datetime, aside: str = "", started: Started = silent
) -> Restored:
    """Do what was planned. What has changed in the target since then is kept, and said.

    What is replaced goes to `.replaced-` and `aside`, or the time. Raises Blocked while another one is at work there.
    """
    work = planned.work()
    try:
        planned.target.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise Failed(f"{planned.target} cannot be made: {exc.strerror}.") from exc
    target = Target(planned.target, aside or f"{now:%Y%m%dT%H%M%S}")
    restored = Restored()
    try:
        target.claim()
        target.sweep()
        done = started(len(work), sum(step.bytes for step in work))
        writing = _Writing(repository, target, _colliding([step.path for step in work]), done)
        for step, failure in in_bulk(work, writing.one):
            if failure:
                restored.failures[step.path] = failure
            else:
                restored.counts[step.action] += 1
                restored.bytes += step.bytes
        os.sync()  # once for all: until then an interrupted restore is simply begun again
    finally:
        target.close()
    return restored


@dataclass
class _Writing:
    repository: Repository
    target: Target
    colliding: set[str]
    done: Progress
    placed: set[tuple[int, int]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, step: RestoreStep) -> tuple[RestoreStep, str]:
        """The step, and why it could not be done."""
        try:
            if step.entry is None:
                self.target.set_aside(step.path)
            elif step.path in self.colliding:
                with self.lock:  # names that this file system may take for one: never the second over the first
                    if self.target.identity(step.path) in self.placed:
                        raise Blocked("This file system takes its name for that of another file of the backup.")
                    self.placed.add(self._put(step, step.entry))
            else:
                self._put(step, step.entry)
        except (Damaged, Missing, Blocked, Hostile) as exc:
            return step, str(exc)
        except OSError as exc:
            return step, f"It cannot be written: {exc.strerror}."
        finally:
            self.done(1, step.bytes)
        return step, ""

    def _put(self, step: RestoreStep, entry: Entry) -> tuple[int, int]:
        return self.target.put(
            step.path,
            self.repository.stream(entry),
            mtime=entry["mtime"],
            mode=entry["mode"],
            replace=step.action == "replace",
        )


def _compared(target: Target, entry: Entry, mode: str, done: Progress) -> RestoreStep:
    path, size = path_of(entry), content_bytes(entry)
    try:
        there = target.stat(path)
        if there is None:
            return RestoreStep(path, "create", size, entry)
        if not there.is_file:
            return RestoreStep(path, "keep", size, entry, "something that is no file is in its place")
        sha256 = target.sha256(path) if mode != "missing" or there.size == size else ""
        if sha256 == content_sha256(entry):
            return RestoreStep(path, "same", size, entry)
        if mode == "missing" or (mode == "newer" and there.mtime >= entry["mtime"]):
            return RestoreStep(path, "keep", size, entry, "it differs")
        return RestoreStep(path, "replace", size, entry, there=sha256)
    except BackupError as exc:
        return RestoreStep(path, "keep", size, entry, str(exc))
    finally:
        done(1, size)


def excluded_from(generation: Generation) -> Excluded:
    """What was left out of a backup when it was made, as its signed manifest says."""
    patterns = generation.about.get("exclude", [])
    return Excluded([each for each in patterns if isinstance(each, str)] if isinstance(patterns, list) else [])


def _not_in_backup(path: str, excluded: Excluded) -> RestoreStep:
    return RestoreStep(path, "keep", why="it is in no backup") if excluded(path) else RestoreStep(path, "aside")


def _check(entries: list[Entry]) -> None:
    """Raises Hostile for names that lead elsewhere or come twice, and for times and modes that are none."""
    seen: set[str] = set()
    for entry in entries:
        match entry:
            case {"path": str(), "mtime": int(mtime), "mode": int(mode)} if abs(mtime) < 2**63 and 0 <= mode < 2**16:
                pass
            case _:
                raise Hostile(f"The backup says nothing usable about {str(entry.get('path'))[:100]!r}.")
        try:
            path = check_path(path_of(entry))
        except (ValueError, TypeError) as exc:
            raise Hostile(f"The backup says nothing usable about {entry['path'][:100]!r}.") from exc
        if path in seen:
            raise Hostile(f"The backup names {path[:100]!r} twice.")
        seen.add(path)
    for path in seen:
        folder = path
        while folder := folder.rpartition("/")[0]:
            if folder in seen:
                raise Hostile(f"The backup names {folder[:100]!r} as a file and as a folder.")


def _colliding(paths: list[str]) -> set[str]:
    """Paths that differ in upper and lower case, or in how letters are composed, and in nothing else."""
    folded = [unicodedata.normalize("NFC", path.casefold()) for path in paths]
    often = {name for name, number in Counter(folded).items() if number > 1}
    return {path for path, name in zip(paths, folded, strict=True) if name in often}


def _meant(path: str, only: Sequence[str]) -> bool:
    return not only or any(
        path == each or path.startswith(f"{each.rstrip('/')}/") or fnmatchcase(path, each) for each in only
    )


def _by_path(step: RestoreStep) -> str:
    return step.path
