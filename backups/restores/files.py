"""Restores of files that the desk asks for, and their undos, as the queue does them.

A folder is one machine's, and the queue gives a message to whichever machine is free. So the comparison notes where it
was made, and another machine passes the message on, for half a minute or longer; then nothing is done: what was shown
stays, and may be pressed again, and an undo that was not compared yet is asked for anew. The name of a machine is its
host name: a container that was made anew is another one, and its restores are undone by `restore_files --undo`.

| killed                    | what is there                     | then                                         |
|---------------------------|-----------------------------------|----------------------------------------------|
| while comparing           | nothing has changed               | ask for it anew                              |
| before the journal        | nothing has changed               | ask for it anew                              |
| after it, at any file     | whole files or none; the journal  | Go on does the rest, and only that; or Undo  |
| after all, before the row | all of it                         | Go on finds nothing left to do               |
| while undoing             | some files as they were before    | ask for the undo anew: it finds what is left |
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.utils import timezone

from backups import configured
from backups.errors import BackupError, Failed
from backups.files import restore, undo
from backups.files.restore import Restored, RestorePlan
from backups.files.source import readable
from backups.files.target import Blocked
from backups.files.undo import Journal, UndoPlan
from backups.models import Restore
from backups.repository.manifests import FILES, Generation
from backups.restores.choice import chosen
from backups.restores.fields import RestoreFields, ShownFile

MOST_STEPS = 500  # that are kept to be shown


class NotNow(BackupError):
    """It can be done, but not by this machine, or not at this moment; nothing was done."""


def compared(job: Restore) -> RestoreFields:
    """The difference, as fields of the row. Raises NotNow, Failed, and what planning raises."""
    if job.undoes:
        _only_here(job)
        journal = _journal(job)
        if journal is None:
            raise Failed("There is nothing to undo: it had not begun.")
        return _shown(undo.plan(journal)) | {"machine": _here(), "folder": str(journal.target)}
    planned = _plan(job)
    shown = _shown(planned) | {"told": _remarks(planned.generation)}
    return shown | {"backup": planned.generation.id, "machine": _here(), "folder": str(planned.target)}


def restored(job: Restore) -> tuple[str, RestoreFields]:
    """Do what was shown, or what is left of it. Returns the state and the fields that come of it.

    Raises NotNow when nothing was done and it may be pressed again, and Failed.
    """
    _only_here(job)
    done = _undone(job) if job.undoes else _restored(job)
    fields: RestoreFields = {
        "failures": [[readable(path), why] for path, why in sorted(done.failures.items())][:MOST_STEPS]
    }
    if not done.failures:
        return Restore.State.DONE, fields
    number = "1 file was" if len(done.failures) == 1 else f"{len(done.failures):,} files were"
    if not done.counts:
        why = next(iter(done.failures.values()))
        return Restore.State.FAILED, fields | {"reason": f"Nothing was done: {number} left alone. {why}"}
    return Restore.State.PARTLY, fields | {"reason": f"{number} left alone; all others were done."}


def _restored(job: Restore) -> Restored:
    planned, journal = _plan(job), _journal(job)
    if not (journal.promised(planned) if journal else planned.fingerprint == job.fingerprint):
        raise Failed("The folder has changed since the difference was shown. Look at it once more.")
    if not job.home:
        _make(configured.restored())
    if journal is None:
        Journal.of(job.journal, planned).write(configured.journals())
    repository = configured.repository(FILES)
    with _begun(job):
        return restore.restore(repository, planned, now=datetime.now(UTC), aside=job.journal)


def _undone(job: Restore) -> Restored:
    journal = _journal(job)
    planned = undo.plan(journal) if journal else None
    if planned is None or planned.fingerprint != job.fingerprint:
        raise Failed("The folder has changed since the difference was shown. Look at it once more.")
    with _begun(job):
        return undo.undo(planned)


@contextmanager
def _begun(job: Restore) -> Iterator[None]:
    """From now on something may have been done, unless another one is at work in the folder."""
    Restore.objects.filter(pk=job.pk, began=None).update(began=timezone.now())
    try:
        yield
    except Blocked as exc:
        Restore.objects.filter(pk=job.pk).update(began=job.began)
        raise NotNow(f"{exc} Press once more when that is done.") from exc


def _plan(job: Restore) -> RestorePlan:
    source, at, name = job.source, job.moment, job.backup
    found = chosen(FILES, lambda each: restore.choose(each, source=source, at=at, name=name), at=at, name=name)
    repository, generation = found.repository, found.generation
    folder = _home(generation) if job.home else configured.restored() / job.journal
    return restore.plan(repository, generation, folder, only=job.units, mode=job.mode)


def _home(generation: Generation) -> Path:
    """The folder that a backup was made of, as its signed manifest says. Raises Failed."""
    label = str(generation.about.get("source"))
    folder = Path(label)
    if not possible_home(label):
        raise Failed(f"Where the files of “{label}” came from is not in the backup. Choose a new folder.")
    if not folder.is_dir():
        raise Failed(f"There is no folder {readable(label)} on {_here()}. Choose a new folder.")
    return folder


def _make(folder: Path) -> None:
    """A folder for nobody else, as what is restored may have been kept from them by the folders it lay in."""
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise Failed(f"{folder} cannot be made: {exc.strerror}.") from exc


def possible_home(label: str) -> bool:
    """Whether a source is called by the path of its folder."""
    return Path(label).is_absolute() and ".." not in Path(label).parts


def _journal(job: Restore) -> Journal | None:
    return Journal.read(configured.journals(), job.journal)


def _here() -> str:
    return socket.gethostname()


def is_for_another_machine(job: Restore) -> bool:
    """Whether the folder lies on another machine. One that was not compared yet has none."""
    machine = job.undoes.machine if job.undoes else job.machine
    return machine not in ("", _here())


def _only_here(job: Restore) -> None:
    if is_for_another_machine(job):
        machine = job.undoes.machine if job.undoes else job.machine
        then = f"Press once more; if {machine} is not there any more, ask for it anew." if job.machine else ""
        raise NotNow(
            f"The folder is one of the machine {machine}, which has not taken this; {_here()} has. {then}".rstrip()
        )


def _shown(planned: RestorePlan | UndoPlan) -> RestoreFields:
    steps: list[ShownFile] = [
        {"action": step.action, "path": readable(step.path), "bytes": step.bytes, "why": step.why}
        for step in planned.differences()[:MOST_STEPS]
    ]
    return {"counts": planned.counts(), "steps": steps, "fingerprint": planned.fingerprint}


def _remarks(generation: Generation) -> list[str]:
    """What the backup does not have, or not as it was then."""
    links, earlier = generation.counts.get("left_symlink", 0), generation.counts.get("earlier", 0)
    excluded = generation.counts.get("left_excluded", 0)
    remarks = []
    if excluded:
        remarks.append(f"What patterns leave out is in no backup, and does not come back: {excluded:,}.")
    if links:
        remarks.append(f"Symbolic links of the source are in no backup, and do not come back: {links:,}.")
    if earlier:
        remarks.append(f"Files that could not be read then are in the backup as they were before: {earlier:,}.")
    return remarks
