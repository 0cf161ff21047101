"""What the queue's schedules call. A task never raises. Any of them may run twice at once, harmlessly."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.utils import timezone

from backups import catalogue, configured
from backups.database import backup as database_backup
from backups.errors import BackupError
from backups.files import backup
from backups.health import drill, intervals, retention, storage_check, tree_care
from backups.health import watch as health_watch
from backups.health.second import copies
from backups.models import Generation
from backups.repository.manifests import DATABASE, FILES, TIERS, Tier
from backups.repository.verify import deep, quick, today
from backups.restores import database
from backups.storage.pace import Closed

AGAIN = timedelta(hours=1)  # after which a restore is tried that had no backup yet
PASSES, PAUSE = 30, 1  # times that a message is passed on to the machine that has the folder, and seconds between them

log = structlog.get_logger("galley.backups")


def backup_database() -> None:
    """What has changed since the last backup; everything, once a week."""
    try:
        outcome = database_backup.backup(configured.repository(DATABASE))
        catalogue.remember(outcome.generation)
        if outcome.drift:
            log.error("rows had changed without a backup noticing", rows=outcome.drifted)
        copy()
    except BackupError as exc:
        log.error("the database was not backed up; it is tried again", reason=str(exc))  # noqa: TRY400  a sentence
    except Exception:
        log.exception("the database was not backed up; it is tried again")
    look()


def backup_files(folder: str) -> None:
    """A folder of files; its schedule is made by the operator, who knows which."""
    try:
        outcome = backup.backup(
            configured.repository(FILES),
            Path(folder),
            exclude=settings.GALLEY_BACKUP_EXCLUDE,
            started=configured.within_hours,
        )
        catalogue.remember(outcome.generation)
        if outcome.incomplete:
            log.error("some files are not in the backup as they are now", findings=len(outcome.findings))
        copy()
    except Closed as exc:
        _later(folder)
        log.info("files wait for their hours", folder=folder, reason=str(exc))
    except BackupError as exc:
        log.error("files were not backed up; it is tried again", reason=str(exc))  # noqa: TRY400  a sentence
    except Exception:
        log.exception("files were not backed up; it is tried again")


def _later(folder: str) -> None:
    """Its schedule goes on as soon as its hours begin, and from then on at that time."""
    now, hours = timezone.now(), configured.hours()
    if hours:
        intervals.hasten("backups.tasks.backup_files", hours.begin(now), str(Path(folder)))


def copy() -> None:
    """What the second storage lacks, if there is one. A tier that cannot be copied does not keep the other one."""
    for tier in TIERS.values() if copies.is_wanted() else ():
        try:
            copied = copies.copy(tier, timezone.now(), started=configured.within_hours)
            if copied.generations or copied.mended:
                log.info("copied", tier=tier.name, backups=len(copied.generations), bytes=copied.bytes)
        except Closed as exc:
            log.info("copies wait for their hours", reason=str(exc))
            return  # which end for all of them
        except BackupError as exc:
            log.error("a tier was not copied; it is tried again", tier=tier.name, reason=str(exc))  # noqa: TRY400  a sentence
        except Exception:
            log.exception("a tier was not copied; it is tried again", tier=tier.name)
    try:
        for done in copies.copy_trees(timezone.now(), configured.within_hours) if copies.is_wanted() else ():
            if done.trees or done.removed:
                log.info("copied", tier=tree_care.TREES, trees=done.trees, files=done.files, removed=done.removed)
    except Closed as exc:
        log.info("copies wait for their hours", reason=str(exc))
    except Exception:
        log.exception("trees were not copied; it is tried again")


def verify() -> None:
    """That all objects are there, and what today's thirtieth of them holds; in each storage by itself."""
    for storage, tier in _everywhere():
        try:
            repository, now = configured.repository(tier, storage), timezone.now()
            known, doubted = catalogue.known(tier.name, storage), catalogue.doubted(tier.name, storage)
            for verdict in (quick(repository, known=known, doubted=doubted), deep(repository, today(now))):
                catalogue.record(verdict, repository, now)
                if not verdict.whole:
                    reasons = len(verdict.sentences)
                    log.error("backups are damaged", storage=storage, tier=tier.name, reasons=reasons)
        except Exception:
            log.exception("backups were not verified; it is tried again tomorrow", storage=storage, tier=tier.name)
    try:
        for read in tree_care.verify(today(timezone.now())):
            if read.mended:
                log.warning("files of trees came back from the other storage", files=len(read.mended))
            if not read.whole:
                log.error("trees are damaged", trees=len(read.damage))
    except Exception:
        log.exception("trees were not read; it is tried again tomorrow")
    look()


def remove_old() -> None:
    """Backups that retention does not keep. What a tier refuses to remove does not keep the other one's."""
    for storage, tier in _everywhere():
        try:
            if Generation.objects.filter(tier=tier.name, storage=storage).exists():
                pruned = retention.remove_old(tier, timezone.now(), storage, apply=True)
                log.info("old backups are removed", tier=tier.name, backups=len(pruned.gone), bytes=pruned.bytes)
        except BackupError as exc:
            log.error("no old backup was removed; it is tried again", tier=tier.name, reason=str(exc))  # noqa: TRY400  a sentence
        except Exception:
            log.exception("no old backup was removed; it is tried again", tier=tier.name)


def try_restore() -> None:
    """The drill of the week. On a new desk it comes before the first backup, and once more soon after it."""
    try:
        now, found = timezone.now(), []
        for storage in configured.storages():
            rows, files = configured.repository(DATABASE, storage), configured.repository(FILES, storage)
            found += drill.drill(rows, files, now=now)
        if not found:
            intervals.hasten("backups.tasks.try_restore", now + AGAIN)
            log.info("there is no backup yet whose restore could be tried; it is tried again in an hour")
        drill.record(found, now)
        for each in found:
            if not each.passed:
                log.error("a restore was tried and did not pass", tier=each.tier, reason=each.differences[0])
    except Exception:
        log.exception("no restore was tried; it is tried again next week")


def _everywhere() -> list[tuple[str, Tier]]:
    """Each storage with each tier."""
    return [(storage, tier) for storage in configured.storages() for tier in TIERS.values()]


def look() -> None:
    """At the storage and the bucket, for those who read the desk's page: it asks the rows alone."""
    try:
        look = storage_check.check(timezone.now())
        if look.unread:
            log.error("the backups could not be compared with what is there", reason=look.unread)
    except Exception:
        log.exception("nobody could look at the backups; it is tried again after the next one")


def watch() -> None:
    """Over all of these: that they ran, and found nothing wrong; and over restores, whose worker may be dead."""
    try:
        now = timezone.now()
        database.give_up(now)
        health_watch.watch(now)
    except Exception:
        log.exception("nobody watched the backups; it is tried again in some minutes")


def compare(restore: int, passed: int = 0) -> None:
    """The difference that a restore would make, for somebody at the desk."""
    try:
        if not _passed_on("compare", restore, passed):
            database.compare(restore)
    except Exception:
        log.exception("a backup was not compared", restore=restore)
        database.failed(restore)


def restore(restore: int, passed: int = 0) -> None:
    """What somebody at the desk has seen and confirmed."""
    try:
        if not _passed_on("restore", restore, passed):
            database.restore(restore)
    except Exception:
        log.exception("nothing was restored", restore=restore)
        database.failed(restore)


def _passed_on(task: str, restore: int, times: int) -> bool:
    """Whether this is for another machine, and somebody else may get the message. It is not passed on for ever."""
    if times >= PASSES or not database.is_for_another_machine(restore):
        return False
    time.sleep(PAUSE)
    try:
        database.ask(task, restore, times + 1)
    except Exception:
        log.exception("a restore was not passed on to its machine", restore=restore)
        return False  # its page says so, and it may be pressed again
    return True
