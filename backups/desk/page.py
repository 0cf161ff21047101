"""What the desk's page of the backups says. From the rows alone: it must show while no storage answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.paginator import Page, Paginator
from django_q.models import Schedule

from backups import configured
from backups.database.backup import SOURCE
from backups.database.chains import FULL
from backups.desk import schedules
from backups.desk.schedules import ScheduleForm
from backups.health import report, wording
from backups.health.findings import Finding
from backups.health.report import DRILL, KIT, STORAGE, Facts, Part
from backups.health.states import ALARM, DAMAGED, LOOK, OK, Action, State
from backups.health.tree_care import TREES
from backups.models import Generation, Look
from backups.repository.manifests import DATABASE, FILES
from backups.storage.port import FIRST, SECOND

LINES = 50  # of a tier on one page
WORDS = {OK: "OK", LOOK: "Look", ALARM: "Late", DAMAGED: "Damaged"}
# What has no schedule of its own cannot be late: it did not do what it should.
FAILED = {DRILL, STORAGE}
RUNS = {**report.RUNS, DRILL: "backups.tasks.try_restore", SECOND: "backups.tasks.copy"}
# What this page alone can advise, because it has the place for it.
ADVICE = {
    Action.MAKE_SCHEDULE: "Switch it on under Schedules, below. Where there is none, the operator makes one.",
}


@dataclass(frozen=True)
class Button:
    """`what` it begins (a key of `admin.NOW`), and its words."""

    what: str
    label: str


@dataclass(frozen=True)
class Problem:
    """A sentence, and what ends it: advice, a command of the operator's, a button of this page. Any may be lacking."""

    sentence: str
    advice: str
    command: str
    button: Button | None


@dataclass(frozen=True)
class Line:
    """One of the parts; `when` and `next` are None for what nobody knows."""

    name: str
    kind: str
    state: State
    word: str
    problems: list[Problem]
    facts: Facts
    when: datetime | None = None
    next: datetime | None = None

    @property
    def current(self) -> int:
        """Files that the backup has as they are."""
        return (self.facts.files or 0) - (self.facts.earlier or 0)


@dataclass(frozen=True)
class Row:
    """A backup in the list of its tier."""

    generation: Generation

    @property
    def kind(self) -> str:
        about = self.generation.about
        if self.generation.tier == FILES.name:
            return str(about.get("source", ""))
        if about.get("source") != SOURCE:
            return str(about.get("source", ""))
        return "everything" if about.get("kind") == FULL else "what had changed"

    @property
    def things(self) -> int:
        counts = self.generation.counts
        return int(counts.get("rows" if self.generation.tier == DATABASE.name else "files", 0))

    @property
    def stored(self) -> int:
        """Bytes that it added to the storage."""
        return int(self.generation.counts.get("stored_bytes", 0))


@dataclass(frozen=True)
class Listing:
    tier: str
    thing: str
    page: Page[Generation]

    @property
    def rows(self) -> Iterator[Row]:
        return map(Row, self.page.object_list)


@dataclass(frozen=True)
class Scheduled:
    schedule: Schedule
    form: ScheduleForm

    @property
    def title(self) -> str:
        return schedules.title(self.schedule)

    @property
    def every(self) -> str:
        return schedules.every(self.schedule)

    @property
    def runs(self) -> bool:
        return bool(self.schedule.repeats)


@dataclass(frozen=True)
class BackupsPage:
    lines: list[Line]
    looked_at: datetime | None
    listings: list[Listing]
    schedules: list[Scheduled]
    terms: list[str]

    @property
    def is_new(self) -> bool:
        return not any(listing.page.paginator.count for listing in self.listings)


def backups_page(now: datetime, asked: dict[str, str], bound: ScheduleForm | None = None) -> BackupsPage:
    """All of it, in as many queries however many backups there are. `bound`: a form that was not accepted."""
    look = Look.objects.first()
    ours = schedules.schedules()
    forms = [
        Scheduled(each, bound if bound and bound.schedule.pk == each.pk else ScheduleForm(schedule=each))
        for each in ours
    ]
    return BackupsPage(
        lines=[_line(part, now, ours) for part in report.asked(now, look).parts],
        looked_at=look.at if look else None,
        listings=[_listing(tier, asked) for tier in (DATABASE.name, FILES.name)],
        schedules=forms,
        terms=configured.terms(),
    )


def _line(part: Part, now: datetime, ours: list[Schedule]) -> Line:
    due = [each.next_run for each in ours if each.func == RUNS.get(part.name) and each.repeats]
    name = part.name.capitalize()
    if part.name == STORAGE:
        name = "Bucket" if "bucket_name" in settings.STORAGES["backups"]["OPTIONS"] else "Folder"
    if part.name == TREES:
        name = "Articles"
    if part.name == SECOND:
        name = "Second storage"
    if part.name == KIT:
        name = "Recovery kit"
    word = "Failed" if part.name in FAILED and part.state == ALARM else WORDS[part.state]
    if part.name in (FILES.name, TREES) and part.state == OK and part.age is None:
        word = "Nothing"  # nobody has asked for one, or there is none
    return Line(
        name=name,
        kind=part.name,
        state=part.state,
        word=word,
        problems=list(map(_problem, part.findings)),
        facts=part.facts,
        when=None if part.age is None else now - timedelta(seconds=part.age),
        next=min(due, default=None),
    )


def _problem(finding: Finding) -> Problem:
    words, action = wording.words(finding), finding.action
    label = wording.BUTTONS.get(action) if action else None
    return Problem(
        words.sentence,
        advice=words.advice or (ADVICE.get(action, "") if action else ""),
        command=words.command,
        button=Button(action, label) if action and label else None,
    )


def _listing(tier: str, asked: dict[str, str]) -> Listing:
    of_tier = Generation.objects.filter(tier=tier, storage=FIRST)
    page = Paginator(of_tier, LINES).get_page(asked.get(tier))
    return Listing(tier, "row" if tier == DATABASE.name else "file", page)


def last_good() -> datetime | None:
    """Of when the newest good backup of the database is (two queries)."""
    newest = report.last_good()
    return newest.began if newest else None
