"""What the page of a publish task shows, in words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.dateparse import parse_datetime

from articles import call_keys
from articles.failures import Failure
from articles.models import Cost
from publishing import execution_log, keeping, publish_tasks
from publishing.keeping import Finding
from publishing.models import PublishTask, Way

Status = PublishTask.Status
# In the order in which they come; `configuring_seo` and `publishing` where they were asked for.
STEPS = {
    Status.LOGGING_IN: "Signing in",
    Status.UPLOADING_IMAGES: "Pictures",
    Status.CREATING_POST: "Post",
    Status.CONFIGURING_SEO: "Search engines",
    Status.PUBLISHING: "For readers",
}
FIELDS = {
    "title": "title",
    "content": "text",
    "featured_media": "picture on top",
    "categories": "categories",
    "tags": "tags",
    "excerpt": "excerpt",
    "comments": "comments",
    "slug": "address",
    "author": "author",
    "status": "publication",
    "date": "time of publication",
    "alt_text": "alt texts in the media library",
    "seo_title": "title for search engines",
    "seo_description": "description for search engines",
    "seo_keyword": "focus keyword",
}
WHY = {
    "categories": "the user may not make them there",
    "tags": "the user may not make them there",
    "alt_text": "this way cannot say them; they stand in the text",
    "content": "the site has cleaned it, as it does with what its authors write",
    "slug": "another post had this address",
    "author": "there is none of this name, or our user may not write for others",
    **dict.fromkeys(("seo_title", "seo_description", "seo_keyword"), "no plugin there keeps it"),
}
WHY_CHANGED = {"alt_text": "somebody has written another one there, which stays"}


FRAMES = {
    "signed_in": "Signed in",
    "picture": "A picture",
    "draft": "The post",
    "steered": "The agent at work",
    "failed": "Where it stopped",
}
LINES = 100  # of its log; programs read all of them
ORDER = ["dropped", "changed", "kept"]  # what somebody may have to look at first


@dataclass(frozen=True)
class Step:
    """`kind` is done, running, failed or todo."""

    label: str
    kind: str
    number: str = ""

    @property
    def mark(self) -> str:
        return {"done": "✓", "running": "◐", "failed": "✗", "todo": "○"}[self.kind]


@dataclass(frozen=True)
class Kept:
    """A line of what the site has kept: `state` is kept, changed or dropped."""

    state: str
    said: str


@dataclass(frozen=True)
class Frame:
    """A picture of the film, by its address."""

    label: str
    at: datetime
    url: str


@dataclass(frozen=True)
class Line:
    """A line of the log: `level` is info, warning or error."""

    said: str
    at: datetime
    level: str


@dataclass(frozen=True)
class Turn:
    said: str
    at: datetime | None


@dataclass(frozen=True)
class TaskPage:
    task: PublishTask
    state: str
    steps: list[Step]
    failure: Failure | None
    turns: list[Turn]
    kept: list[Kept]
    actions: list[str]
    film: list[Frame] = field(default_factory=list)
    log: list[Line] = field(default_factory=list)  # the newest first
    cost: Cost | None = None  # of what was paid for; None: nothing was

    @property
    def is_moving(self) -> bool:
        return self.task.is_open


def task_page(task: PublishTask) -> TaskPage:
    """Without a query, of a task with its article and site."""
    return TaskPage(
        task=task,
        state=state(task),
        steps=_steps(task),
        failure=Failure.read(task.failure) if task.failure else None,
        turns=[_turn(turn) for turn in task.turns],
        kept=sorted(map(_kept, keeping.read(task.kept)), key=lambda kept: ORDER.index(kept.state)),
        actions=publish_tasks.actions(task),
    )


def film(task: PublishTask) -> list[Frame]:
    """The failing one first (a query, without the pictures)."""
    shots = task.film.values_list("pk", "step", "at")
    frames = [
        Frame(FRAMES.get(step, step), at, reverse("admin:publishing_publishtask_shot", args=[task.pk, pk]))
        for pk, step, at in shots
    ]
    return sorted(frames, key=lambda frame: frame.label != FRAMES["failed"])


def log(task: PublishTask) -> list[Line]:
    """The newest lines first (a query)."""
    lines = task.log.order_by("-pk")[:LINES]
    return [Line(execution_log.sentence(line), line.at, line.level) for line in lines]


def cost(task: PublishTask) -> Cost | None:
    """What its agent has cost (a query, where there may have been one)."""
    turns = task.article.calls.filter(key__startswith=call_keys.agent_task(task.pk))
    ways = {task.way, *(turn["to"] for turn in task.turns)}
    return turns.cost() if Way.COMPUTER_USE in ways else None


def state(task: PublishTask) -> str:
    if task.cancelled:
        return "Cancelled"
    if task.status == Status.PENDING and task.error:
        return "Tries again by itself"
    said = str(task.get_status_display())
    return f"{said}: {task.current_step}" if task.current_step and task.is_open else said


def _steps(task: PublishTask) -> list[Step]:
    asked = {Status.CONFIGURING_SEO: task.asked.asks_for_seo, Status.PUBLISHING: task.asked.is_for_readers}
    wanted = [status for status in STEPS if asked.get(status, True)]
    if task.way == Way.PREVIEW or task.site_id is None:
        wanted = [Status.CREATING_POST]
    pictures = max(task.total_steps - len(wanted), 0)
    steps, before = [], 0
    for status in wanted:
        size = pictures if status == Status.UPLOADING_IMAGES else 1
        done = min(max(task.completed_steps - before, 0), size)
        before += size
        steps.append(Step(STEPS[status], _kind(task, status, done >= size), _number(status, done, size)))
    if task.status == Status.FAILED and not task.cancelled:
        at = next((number for number, step in enumerate(steps) if step.kind != "done"), len(steps) - 1)
        steps[at] = replace(steps[at], kind="failed")
    return steps


def _kind(task: PublishTask, status: str, is_done: bool) -> str:
    if task.status == Status.COMPLETED or (is_done and task.total_steps):
        return "done"
    return "running" if task.status == status else "todo"


def _number(status: str, done: int, size: int) -> str:
    return f"{done} of {size}" if status == Status.UPLOADING_IMAGES and size else ""


def _turn(turn: dict[str, Any]) -> Turn:
    before = f"{Way(turn['from']).label}: " if turn["from"] else ""
    reason = turn["reason"].replace("{it}", "it")
    return Turn(f"By {Way(turn['to']).label}, because {before}{reason}", parse_datetime(turn["at"]))


def _kept(finding: Finding) -> Kept:
    said = FIELDS[finding["field"]]
    if finding["names"]:
        said += (
            f" “{finding['names'][0]}”" if finding["field"].startswith("seo_") else f" {', '.join(finding['names'])}"
        )
    if finding["state"] == "changed" and finding["found"]:
        said += f": “{finding['found']}” there"
    why = WHY | (WHY_CHANGED if finding["state"] == "changed" else {})
    if finding["state"] != "kept" and (reason := why.get(finding["field"])):
        said += f" ({reason})"
    return Kept(finding["state"], said)
