"""A restore of files, undone: what it replaced or set aside comes back, and what it created goes, if it is unchanged.

A restore leaves a journal on its machine before it does anything: what it is about to do, and what is there. By that a
restore that was interrupted is told from one that has nothing to do with it, and each file is judged by its content:

| the restore was to | there now                      | undone                                |
|--------------------|--------------------------------|---------------------------------------|
| create             | what it wrote                  | remove                                |
|                    | nothing                        | same                                  |
|                    | anything else                  | keep                                  |
| replace            | what it wrote, or nothing      | back, out of the folder `.replaced-…` |
|                    | anything else                  | keep                                  |
| set aside          | nothing                        | back                                  |
|                    | anything                       | keep                                  |
| replace, set aside | and nothing in `.replaced-…`   | same: it was not done, or is undone   |

An undo that was interrupted is begun again: what it had done is the same by then. It needs no undo of its own, as
whatever it removes is in the backup.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backups.errors import BackupError, Failed, Hostile
from backups.files.restore import Restored, RestorePlan
from backups.files.target import Target, There
from backups.repository.manifests import content_bytes, content_sha256
from backups.storage.bulk import in_bulk
from backups.storage.folder import write_whole

JOURNAL_ENDING = ".jsonl"
UNDO_CHANGES = ("back", "remove")
UNDO_ACTIONS = ("back", "remove", "same", "keep")


def new_name(now: datetime) -> str:
    """A name that no other journal has, nor the folder `.replaced-…` of another restore."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class JournalLine:
    """What a restore was about to do: create, replace or aside. `there` is the SHA-256 of what it replaces."""

    path: str
    action: str
    bytes: int
    sha256: str
    there: str


@dataclass(frozen=True)
class Journal:
    """What a restore was about to do. `folders` were not there before; `new`: neither was the target."""

    name: str
    target: Path
    generation: str
    new: bool
    folders: list[str]
    lines: list[JournalLine]

    @classmethod
    def of(cls, name: str, planned: RestorePlan) -> Journal:
        """The journal of a restore that is about to be done; looks at the target, and writes nothing."""
        lines = [
            JournalLine(step.path, step.action, content_bytes(step.entry), content_sha256(step.entry), step.there)
            if step.entry
            else JournalLine(step.path, step.action, 0, "", "")
            for step in planned.work()
        ]
        wanted = {folder for line in lines if line.action == "create" for folder in _parents(line.path)}
        folders = sorted(folder for folder in wanted if not os.path.lexists(planned.target / folder))
        new = not planned.target.exists()
        return cls(name, planned.target.absolute(), planned.generation.id, new, folders, lines)

    def write(self, folder: Path) -> None:
        """Complete before it has its name, and safe before anything is done. Raises Failed."""
        head = {
            "format": 1, "target": str(self.target), "generation": self.generation, "new": self.new,
            "folders": self.folders,
        }  # fmt: skip
        lines = (head, *([each.action, each.path, each.bytes, each.sha256, each.there] for each in self.lines))
        try:
            write_whole(folder / f"{self.name}{JOURNAL_ENDING}", (f"{json.dumps(line)}\n".encode() for line in lines))
        except OSError as exc:
            raise Failed(f"What undoes a restore cannot be written to {folder}: {exc.strerror}.") from exc

    @classmethod
    def read(cls, folder: Path, name: str) -> Journal | None:
        """None when there is none: then nothing was done. Raises Failed, Hostile."""
        try:
            with (folder / f"{name}{JOURNAL_ENDING}").open() as file:
                head, *lines = map(json.loads, file)
            lines = [JournalLine(path, action, size, sha256, there) for action, path, size, sha256, there in lines]
            return cls(name, Path(head["target"]), head["generation"], head["new"], head["folders"], lines)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise Failed(f"What undoes the restore cannot be read from {folder}: {exc.strerror}.") from exc
        except (ValueError, TypeError, KeyError) as exc:
            raise Hostile(f"{folder / name}{JOURNAL_ENDING} does not tell of a restore.") from exc

    def promised(self, planned: RestorePlan) -> bool:
        """Whether a plan does nothing but what is left of this."""
        known = {line.path: line for line in self.lines}
        for step in planned.work():
            line = known.get(step.path)
            if line is None:
                return False
            halfway = (step.action, line.action) == ("create", "replace")  # killed between setting aside and naming
            if not halfway and (step.action, step.there) != (line.action, line.there):
                return False
        return planned.generation.id == self.generation and planned.target.absolute() == self.target


@dataclass(frozen=True)
class UndoStep:
    """What an undo does to one path: back, remove, same or keep; why, where that is not plain."""

    path: str
    action: str
    bytes: int = 0
    why: str = ""


@dataclass(frozen=True)
class UndoPlan:
    """What an undo would do, in the order of paths."""

    journal: Journal
    steps: list[UndoStep]

    def counts(self) -> dict[str, int]:
        """Steps by action, zeros among them."""
        counts = Counter(step.action for step in self.steps)
        return {action: counts[action] for action in UNDO_ACTIONS}

    def work(self) -> list[UndoStep]:
        """The steps that change something."""
        return [step for step in self.steps if step.action in UNDO_CHANGES]

    def differences(self) -> list[UndoStep]:
        """The steps that change something, and what differs and stays."""
        return [step for step in self.steps if step.action != "same"]

    @property
    def fingerprint(self) -> str:
        """Tells whether two plans would undo the same, of the same restore."""
        digest = hashlib.sha256(self.journal.name.encode())
        for step in self.work():
            digest.update(os.fsencode(f"\0{step.action}\0{step.path}"))
        return digest.hexdigest()


def plan(journal: Journal) -> UndoPlan:
    """Compare the target with what the restore did, by content. Writes nothing."""
    if not journal.target.is_dir():
        return UndoPlan(journal, [])
    with _opened(journal) as target:
        steps = list(in_bulk(journal.lines, lambda line: _judged(target, line)))
    return UndoPlan(journal, sorted(steps, key=lambda step: step.path))


def undo(planned: UndoPlan) -> Restored:
    """Do what was planned. What has changed since then is kept, and said. Raises Blocked, as `restore` does."""
    restored, journal = Restored(), planned.journal
    if not journal.target.is_dir():
        return restored
    lines = {line.path: line for line in journal.lines}
    with _opened(journal) as target:
        target.claim()
        target.sweep()

        def one(step: UndoStep) -> tuple[UndoStep, str]:
            try:
                return step, _done(target, lines[step.path], step)
            except BackupError as exc:
                return step, str(exc)
            except OSError as exc:
                return step, f"It cannot be moved or removed: {exc.strerror}."

        for step, failure in in_bulk(planned.work(), one):
            if failure:
                restored.failures[step.path] = failure
            else:
                restored.counts[step.action] += 1
                restored.bytes += step.bytes
        for folder, _, _ in os.walk(journal.target / target.aside, topdown=False):
            target.remove_folder(os.path.relpath(folder, journal.target))
        for path in sorted(journal.folders, reverse=True):  # those within before those around them
            target.remove_folder(path)
        os.sync()
    if journal.new:
        with contextlib.suppress(OSError):  # somebody has put something there
            journal.target.rmdir()
    return restored


def _done(target: Target, line: JournalLine, step: UndoStep) -> str:
    """Why it was not done; "" when it was."""
    if _judged(target, line).action != step.action:
        return "It has changed meanwhile, and was kept."
    if step.action == "remove":
        target.remove(step.path)
    else:
        target.put_back(step.path, over=line.action == "replace" and target.stat(step.path) is not None)
    return ""


def _judged(target: Target, line: JournalLine) -> UndoStep:
    path = line.path
    try:
        there, aside = target.stat(path), f"{target.aside}/{path}"
        if line.action == "create":
            if there is None:
                return UndoStep(path, "same")
            if _as_written(target, line, there):
                return UndoStep(path, "remove", line.bytes)
            return UndoStep(path, "keep", there.size, "it has changed since")
        kept = target.stat(aside)
        if kept is None:
            if line.action == "replace" and line.there != line.sha256 and _as_written(target, line, there):
                return UndoStep(path, "keep", line.bytes, f"what it replaced is not in {target.aside} any more")
            return UndoStep(path, "same")
        if there is None or target.identity(path) == target.identity(aside):
            return UndoStep(path, "back", kept.size)
        if line.action == "replace" and _as_written(target, line, there):
            return UndoStep(path, "back", kept.size)
        return UndoStep(path, "keep", there.size, "it has changed since")
    except BackupError as exc:
        return UndoStep(path, "keep", 0, str(exc))


def _as_written(target: Target, line: JournalLine, there: There | None) -> bool:
    return bool(there and there.is_file and there.size == line.bytes and target.sha256(line.path) == line.sha256)


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


@contextlib.contextmanager
def _opened(journal: Journal) -> Iterator[Target]:
    target = Target(journal.target, journal.name)
    try:
        yield target
    finally:
        target.close()
