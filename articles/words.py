"""How an article stands, in the words of the desk: its state, its five steps, how far it came.

Everything is read from rows fetched before (`ArticleQuerySet.with_progress`): no function here asks the database then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import formats, timezone

from articles.models import Article, Stage, StageRecord

# What a failure is called where there is room for two or three words only. The codes are those of ProviderError;
# what is not here is named by its kind.
SHORT = {
    "login": "login refused",
    "rights": "rights are missing",
    "undecipherable": "password cannot be read",
    "401": "key refused",
    "403": "access refused",
    "invalid_api_key": "key refused",
    "authentication_error": "key refused",
    "no_credit": "no credit left",
    "402": "no credit left",
    "429": "too many requests",
    "declined": "request declined",
    "refusal": "request declined",
    "content_filter": "request declined",
    "not_configured": "service not set up",
    "timeout": "no answer in time",
    "too_slow": "took too long",
    "connect": "not reachable",
    "broken": "connection broke off",
    "certificate": "certificate not valid",
    "private_address": "address not allowed",
    "redirects": "address leads nowhere",
    "bad_picture": "picture cannot be used",
    "no_picture": "picture not accepted",
    "expired": "picture address expired",
    "too_large": "answer too large",
    "too_long": "article too long",
    "too_short": "article too short",
    "shortened": "page lost some text",
    "cut_off": "answer cut off",
    "manuscript": "manuscript cannot be read",
    "storage": "backup storage failed",
    "database": "database failed",
    "damaged": "a saved file is damaged",
    "dropped": "parts of the draft dropped",
    "crashes": "interrupted too often",
    "bug": "a mistake in Galley",
    "sections": "sections missing",
    "pace": "it is not our turn yet",
}
BY_KIND = {
    "Unreachable": "not reachable",
    "Busy": "no room there",
    "Refused": "access refused",
    "Rejected": "request declined",
    "Garbled": "answer cannot be used",
    "Mistake": "a mistake in Galley",
}
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
            return f"Queued: goes on with {progress(article)}" if article.attempt else "Queued: begins in a moment"
        case Article.Status.WAITING if article.is_scheduled:
            return f"Scheduled: begins {_at(article.next_at)}"
        case Article.Status.WAITING:
            return f"Waiting: tries again {_at(article.next_at)}"
        case Article.Status.FAILED:
            return f"Stopped: {problem(article.error or {})}"
        case _:
            return str(article.get_status_display())


def problem(error: dict[str, Any]) -> str:
    """A failure in two or three words, from what was saved of it."""
    code = str(error.get("code") or "")
    return SHORT.get(code) or BY_KIND.get(str(error.get("kind")), "see why")


def why(error: dict[str, Any] | None) -> str:
    """The reason of a failure as a phrase that stands alone: `The picture service declined the prompt`."""
    error = error or {}
    reason = str(error.get("reason") or "")
    return f"{error.get('provider') or 'Galley'} {reason[3:]}" if reason.startswith("it ") else reason


def link_words(article: Article) -> str:
    """What its link leads to."""
    return f"Draft on {article.site}" if article.site else "Preview"


def _at(moment: datetime | None) -> str:
    if moment is None or moment <= timezone.now():
        return "now"
    return f"at {clock(moment)}"


def clock(moment: datetime) -> str:
    """`10:43` today, `20 Nov, 10:43` this year, `20 Nov 2025, 10:43` before."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return formats.date_format(local, "H:i")
    return formats.date_format(local, "j M, H:i" if local.year == today.year else "j M Y, H:i")


def age(moment: datetime) -> str:
    """`just now`, `4 min`, `2 h`, `3 days`, then the date."""
    passed = timezone.now() - moment
    if passed < timedelta(minutes=1):
        return "just now"
    if passed < timedelta(hours=1):
        return f"{passed.seconds // 60} min"
    if passed < timedelta(days=1):
        return f"{passed.seconds // 3600} h"
    if passed < timedelta(days=8):
        return f"{passed.days} day{'s' if passed.days > 1 else ''}"
    local = timezone.localtime(moment)
    return formats.date_format(local, "j M" if local.year == timezone.localdate().year else "j M Y")


def past(moment: datetime) -> str:
    """`just now`, `2 h ago`, then `on 3 Nov`."""
    said, passed = age(moment), timezone.now() - moment
    if passed < timedelta(minutes=1):
        return said
    return f"{said} ago" if passed < timedelta(days=8) else f"on {said}"


def ahead(moment: datetime) -> str:
    """`at once` for what is due, `in under a minute`, `in 12 min`, `in 22 h`, `in 3 days`."""
    rest = moment - timezone.now()
    if rest <= timedelta():
        return "at once"
    if rest < timedelta(minutes=1):
        return "in under a minute"
    if rest < timedelta(hours=1):
        return f"in {rest.seconds // 60} min"
    if rest < timedelta(days=1):
        return f"in {rest.seconds // 3600} h"
    return f"in {count(rest.days, 'day')}"


def duration(passed: timedelta) -> str:
    """`under 1 s`, `48 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = round(passed.total_seconds())
    if seconds < 1:
        return "under 1 s"
    minutes, seconds = divmod(seconds, 60)
    if not minutes:
        return f"{seconds} s"
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def left(time: timedelta | None) -> str:
    """`about 28 min left`, `about 2 h 40 min left`; "" where nobody knows."""
    if time is None:
        return ""
    hours, minutes = divmod(max(round(time.total_seconds() / 60), 1), 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return f"about {' '.join(filter(None, parts))} left"


def rate(per_minute: float) -> str:
    """`18 per min`, `2.5 per min`; "" where nothing was done lately."""
    if not per_minute:
        return ""
    return f"{per_minute:,.0f} per min" if per_minute >= 10 else f"{max(per_minute, 0.1):.1f} per min"


def count(number: int, thing: str, things: str = "") -> str:
    """`1 article`, `2,000 articles`."""
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"
