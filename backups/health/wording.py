"""How the backups do, in words: of each finding what is so and what ends it; the report as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from shlex import quote

from backups import configured
from backups.health.bucket_findings import (
    BucketElsewhere,
    BucketFinding,
    HostWanted,
    OnDiskOfDatabase,
    PublicAccessOpen,
    QuestionForbidden,
    QuestionRefused,
    QuestionUnanswered,
    RuleDeletesBackups,
    VersioningOff,
)
from backups.health.findings import (
    BackupDamaged,
    DatabaseUnscheduled,
    DrillFailed,
    DrillFinding,
    Finding,
    FirstBackupAwaited,
    KitFinding,
    KitNeverPrinted,
    KitOutdated,
    KitUntried,
    ManifestsUnusable,
    MoreBackupsDamaged,
    NeverBackedUp,
    NeverChecked,
    NeverDrilled,
    NoneUsable,
    NotBackedUpSince,
    NotDrilledSince,
    NothingAskedFor,
    NothingToTry,
    OldBackupsDamaged,
    RowsDrifted,
    SourceUnscheduled,
    StorageFinding,
    StorageUnread,
    TierFinding,
    TimeAhead,
    TreeFinding,
    TreesDamaged,
    TreesUnread,
    UploadsUnfinished,
)
from backups.health.report import Facts, Part, Report
from backups.health.second import wording as second
from backups.health.second.findings import SecondFinding
from backups.health.states import Action
from backups.repository.manifests import DATABASE

# What somebody presses in the desk.
BUTTONS = {
    Action.BACK_UP_DATABASE: "Back up now",
    Action.TRY_RESTORE: "Try a restore now",
    Action.CHECK_STORAGE: "Look now",
    Action.COPY: "Copy now",
}
DRILL, CHECK = "backup_drill", "backup_status"
READ_TREES = "verify_backups --tier trees --all"
PRINT = "recovery_kit --with-secrets --file FILE"
# What a question to the bucket is about.
ABOUT = {
    "get_bucket_versioning": "whether it keeps versions",
    "get_public_access_block": "who may reach it",
    "get_bucket_lifecycle_configuration": "its rules",
    "list_multipart_uploads": "what is unfinished",
}
# By the fields of `Facts`; people's scripts read them in the JSON.
FACTS = {
    "rows": "rows",
    "files": "files",
    "earlier": "as they were before",
    "excluded": "left out by patterns",
    "drifted": "drifted",
    "read_percent": "% of objects read in 30 days",
    "damaged": "damaged",
    "orphans": "orphans",
    "pending": "rows not yet backed up",
    "seconds": "seconds for it",
    "restored": "rows and files",
    "differences": "differences",
    "unfinished": "unfinished uploads",
    "behind": "backups behind",
    "trees_behind": "trees behind",
    "behind_seconds": "seconds behind",
}
ONLY_IF_ANY = {"earlier", "excluded", "drifted", "damaged"}


@dataclass(frozen=True)
class Words:
    """What is so; what to do about it; the command of `manage.py` that ends it. The last two may be ""."""

    sentence: str
    advice: str = ""
    command: str = ""

    @property
    def text(self) -> str:
        """All but the command."""
        return f"{self.sentence} {self.advice}".strip()


def words(finding: Finding) -> Words:
    """The same wherever they are read: page, mail, terminal and JSON."""
    if isinstance(finding, TierFinding):
        return _of_tier(finding)
    if isinstance(finding, TreeFinding):
        return _of_trees(finding)
    if isinstance(finding, KitFinding):
        return _of_kit(finding)
    if isinstance(finding, SecondFinding):
        return Words(*second.said(finding))
    return _of_drill(finding) if isinstance(finding, DrillFinding) else _of_storage(finding)


def sentences(part: Part) -> list[str]:
    """What is so and what to do, of each finding."""
    return [words(finding).text for finding in part.findings]


def text(part: Part) -> str:
    """Some lines for a terminal."""
    facts = ", ".join(f"{value:,} {name}" for name, value in _facts(part.facts).items())
    facts = f"{timedelta(seconds=part.age)} h ago, {facts}" if part.age is not None else facts
    lines = [f"{part.name:<9} {part.state:<8} {facts}"]
    for each in map(words, part.findings):
        lines.append(f"    {each.text}")
        if each.command:
            lines.append(f"        manage.py {each.command}")
    return "\n".join(lines)


def summary(report: Report) -> dict[str, object]:
    """For JSON: `state`, `at`, `terms`, and by the name of each part its `state`, `age`, facts and `sentences`."""
    parts = {
        part.name: {"state": part.state, "age": part.age, **_facts(part.facts), "sentences": sentences(part)}
        for part in report.parts
    }
    return {"state": report.state, "at": report.at.isoformat(), "terms": configured.terms(), **parts}


def _facts(facts: Facts) -> dict[str, int]:
    """What is known, by its phrase."""
    known = {name: value for name, value in asdict(facts).items() if value is not None}
    return {FACTS[name]: value for name, value in known.items() if value or name not in ONLY_IF_ANY}


def _of_tier(finding: TierFinding) -> Words:
    match finding:
        case NothingAskedFor():
            return Words("There is no backup yet.", command="backup_files SOURCE")
        case NeverBackedUp(tier, source):
            return Words(f"There is no backup{_of(source)} yet.", command=_backup(tier, source))
        case FirstBackupAwaited(tier, source):
            sentence = f"There is no backup{_of(source)} yet. Its schedule makes the first one."
            return Words(sentence, command=_backup(tier, source))
        case NotBackedUpSince(tier, began, source):
            sentence = f"The last good backup{_of(source)} is of {_at(began)}: it did not run since."
            return Words(sentence, command=_backup(tier, source))
        case NoneUsable(tier, source):
            return Words(f"None of the backups{_of(source)} can be restored.", command=_backup(tier, source))
        case TimeAhead(tier, name, made, source):
            sentence = (
                f"The newest backup{_of(source)}, {name}, is of {_at(made)}, which lies ahead: a clock was wrong."
            )
            return Words(sentence, "Set the clock right, and make another one.", _backup(tier, source))
        case DatabaseUnscheduled():
            return Words("No schedule backs it up.")
        case SourceUnscheduled(source, began):
            return Words(f"No schedule backs up {source}, of which the last good backup is of {_at(began)}.")
        case RowsDrifted(number):
            rows = "1 row" if number == 1 else f"{number:,} rows"
            return Words(f"{rows} had changed without a backup noticing, until the last full one.")
        case BackupDamaged():
            return _damaged(finding)
        case MoreBackupsDamaged(backups=number):
            return Words(f"{number:,} more backups are damaged.")
        case ManifestsUnusable(tier, number, why):
            manifests = "A manifest" if number == 1 else f"{number:,} manifests"
            sentence = f"{manifests} cannot be believed, so nothing old is removed: {why}"
            return Words(sentence, command=f"verify_backups --tier {tier}")
        case OldBackupsDamaged():
            return _old(finding)


def _damaged(finding: BackupDamaged) -> Words:
    sentence = f"The backup {finding.name} is damaged: {finding.why}"
    if finding.others:
        sentence += f" {finding.others:,} more {'build' if finding.others > 1 else 'builds'} on it."
    if finding.pinned:
        command = f"prune_backups --tier {finding.tier} --unpin {finding.name}"
        return Words(f"{sentence} It is pinned.", command=command)
    return Words(sentence, command=_backup(finding.tier, finding.source))


def _old(finding: OldBackupsDamaged) -> Words:
    are, them, they_go = ("backups are", "them", "they go") if finding.backups > 1 else ("backup is", "it", "it goes")
    return Words(
        f"{finding.backups:,} old {are} damaged: not every day up to {_at(finding.until)} can be restored. "
        f"Nothing newer needs {them}, and {they_go} when old enough.",
        command=f"prune_backups --tier {finding.tier} --apply",
    )


def _of_drill(finding: DrillFinding) -> Words:
    match finding:
        case NeverDrilled():
            return Words("No restore was tried yet.", command=DRILL)
        case NothingToTry():
            return Words("No restore was tried yet: there is no backup.")
        case NotDrilledSince(at):
            return Words(f"No restore was tried since {_at(at)}.", command=DRILL)
        case DrillFailed(at, why):
            return Words(f"The drill of {_at(at)} did not pass: {why}", command=DRILL)


def _of_trees(finding: TreeFinding) -> Words:
    match finding:
        case TreesDamaged(number, first, why):
            trees = "The files of an article are" if number == 1 else f"The files of {number:,} articles are"
            sentence = f"{trees} damaged or missing, and no other copy is at hand; {first}: {why}"
            return Words(sentence, "Recover it: what can be made again is.", READ_TREES)
        case TreesUnread(at):
            return Words(f"The files of articles were not read since {_at(at)}.", command=READ_TREES)


def _of_kit(finding: KitFinding) -> Words:
    match finding:
        case KitNeverPrinted():
            sentence = "No recovery kit was printed: with the machine its keys are lost, and all backups with them."
            return Words(sentence, "Print it, and keep it in another place.", PRINT)
        case KitOutdated(printed_at, changed):
            have = "has" if len(changed) == 1 else "have"
            sentence = f"The recovery kit was printed on {_at(printed_at)}; {', '.join(changed)} {have} changed since."
            return Words(sentence, "Print it again, and keep the old one while it opens older backups.", PRINT)
        case KitUntried(printed_at):
            sentence = f"No restore was tried with nothing but the recovery kit of {_at(printed_at)}."
            return Words(sentence, command=f"{DRILL} --kit FILE")


def _of_storage(finding: StorageFinding) -> Words:
    match finding:
        case NeverChecked():
            return Words("Nobody has looked at the storage yet.", command=CHECK)
        case StorageUnread(why):
            return Words(why, command=CHECK)
        case UploadsUnfinished(number):
            sentence = f"{number:,} uploads were never finished, and cost money."
            return Words(sentence, "A lifecycle rule ends them.")
        case _:
            return _of_bucket(finding)


def _of_bucket(finding: BucketFinding) -> Words:
    match finding:
        case OnDiskOfDatabase():
            sentence = "The backups lie on the disk of the database, and are lost with it."
            return Words(sentence, "Set GALLEY_STORAGE_URL to another.")
        case VersioningOff(bucket):
            return Words(
                "Versioning is off: what is deleted is gone for ever.",
                "Switch it on: aws s3api put-bucket-versioning "
                f"--bucket {bucket} --versioning-configuration Status=Enabled",
            )
        case PublicAccessOpen(bucket):
            return Words(
                "Public access is not blocked.",
                f"Block it: aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration "
                "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
            )
        case RuleDeletesBackups(rule, prefix):
            return Words(
                f"The rule {rule or 'without a name'} deletes objects of the backups below {prefix!r}.",
                "Retention is manage.py prune_backups alone: remove that rule, or restrict it to other folders.",
            )
        case BucketElsewhere(endpoint):
            return Words(
                f"The store sends us on{f' to {endpoint}' if endpoint else ''}: no request reaches the bucket.",
                "Set endpoint_url and region_name in GALLEY_STORAGE_URL to those of the bucket.",
            )
        case HostWanted():
            return Words(
                "The store wants the bucket's name in its host: no request reaches the bucket.",
                "Set addressing_style=virtual in GALLEY_STORAGE_URL.",
            )
        case QuestionForbidden(question):
            sentence = f"The bucket does not let us see {_about(question)}."
            return Words(sentence, f"Give our key the right for {question}.")
        case QuestionRefused(question, error):
            return Words(f"The bucket does not say {_about(question)}: {error}.")
        case QuestionUnanswered(question, why):
            return Words(f"The bucket does not say {_about(question)}: {why}")


def _about(question: str) -> str:
    """One that another version has asked keeps its name."""
    return ABOUT.get(question, question)


def _of(source: str) -> str:
    return f" of {source}" if source else ""


def _backup(tier: str, source: str) -> str:
    """The command that makes a backup."""
    return "backup_database" if tier == DATABASE.name else f"backup_files {quote(source) if source else 'SOURCE'}"


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
