"""How an article stands, in the words of the desk: its state, its five steps, how far it came.

Everything is read from rows fetched before (`ArticleQuerySet.with_progress`): no function here asks the database then.
"""

from __future__ import annotations

from dataclasses import dataclass

from articles.failures import Failure
from articles.formats import count, due_at
from articles.models import Article, Stage, StageRecord

MARKS = {"done": "✓", "failed": "✗", "running": "◐", "waiting": "◔", "pending": "○"}
STEP_WORDS = {
    "done": "done",
    "failed": "stopped",
    "running": "running",
    "waiting": "waiting",
    "pending": "not begun",
}


@dataclass(frozen=True)
class Step:
    """One stage in the strip: `kind` is a key of MARKS."""

    label: str
    kind: str

    @property
    def mark(self) -> str:
        return MARKS[self.kind]

    @property
    def words(self) -> str:
        return f"{self.label}: {STEP_WORDS[self.kind]}"

    @property
    def is_current(self) -> bool:
        return self.kind in ("failed", "running", "waiting")


def steps(article: Article) -> list[Step]:
    """The five stages. The first unfinished one of an article that moves by itself counts as waiting or running."""
    records = {record.stage: record for record in article.records.all()}
    kinds = [_kind(records.get(stage)) for stage in Stage]
    if article.status == Article.Status.WAITING and "pending" in kinds:
        kinds[kinds.index("pending")] = "waiting"
    return [Step(stage.label, kind) for stage, kind in zip(Stage, kinds, strict=True)]


def _kind(record: StageRecord | None) -> str:
    return record.state if record else "pending"


def current(article: Article) -> StageRecord | None:
    """The stage at which it is, or will go on; None when all are done."""
    return next((record for record in article.records.all() if record.state != StageRecord.State.DONE), None)


def progress(article: Article) -> str:
    """`Images 2 of 4`, `Article, 15 of 24 sections`, or only the stage where there is nothing to count; "" when all
    stages are done.
    """
    record = current(article)
    if record is None:
        return ""
    label = str(Stage(record.stage).label)
    written, planned = article.sections_written
    if record.stage == Stage.ARTICLE and planned:
        return f"{label}, {written:,} of {count(planned, 'section')}"
    images = list(article.images.all())
    if record.stage == Stage.IMAGES and images:
        return f"{label} {sum(image.is_stored for image in images)} of {len(images)}"
    if record.stage == Stage.UPLOAD and article.site_id and images:
        return f"{label}, images {sum(image.wordpress_media_id is not None for image in images)} of {len(images)}"
    return label


def state(article: Article) -> str:
    """`Running: Images 2 of 4`, `Stopped: login refused`, `Waiting: tries again at 10:43`, `Done` …"""
    match article.status:
        case Article.Status.RUNNING:
            return f"Running: {progress(article)}" if progress(article) else "Running"
        case Article.Status.QUEUED:
            return (
                f"Queued: goes on with {progress(article)}"
                if article.attempt
                else "Queued: begins as soon as a worker is free"
            )
        case Article.Status.WAITING if article.is_scheduled:
            return f"Scheduled: begins {due_at(article.next_at)}"
        case Article.Status.WAITING:
            return f"Waiting: tries again {due_at(article.next_at)}"
        case Article.Status.FAILED:
            return f"Stopped: {Failure.read(article.error).short}"
        case _:
            return str(article.get_status_display())


POSTS = {"publish": "Published", "private": "Published", "future": "Planned"}  # by WordPress's status; else a draft


def link_words(article: Article) -> str:
    """What its link leads to, of an article whose records were fetched."""
    if not article.site:
        return "Preview"
    status = article.record(Stage.UPLOAD).details.get("status")
    return f"{POSTS.get(status, 'Draft')} on {article.site}"
