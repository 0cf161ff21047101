"""What failed, why, what is safe and what comes next, in words: the same in the desk, the log and the mail."""

from __future__ import annotations

from dataclasses import dataclass

from articles.models import Article, Stage, StageRecord
from articles.words import count


@dataclass(frozen=True)
class Report:
    """The failure of an article. Every field is a phrase for people."""

    title: str
    headline: str
    step: int
    reason: str
    next: str
    saved: str
    not_done: str
    backup: str
    detail: str

    def __str__(self) -> str:
        return (
            f"Galley could not finish “{self.title}”: {self.headline} (step {self.step} of {len(Stage)}).\n"
            f"Reason: {self.reason}.   Next: {self.next}.\n"
            f"Saved: {self.saved}.   Not done: {self.not_done}.   Backup: {self.backup}"
        )


def report(article: Article) -> Report:
    """The report of an article that failed or waits (three queries, none when its rows were fetched before)."""
    error = article.error or {}
    done = {record.stage for record in article.records.all() if record.state == StageRecord.State.DONE}
    return Report(
        title=str(article),
        headline=error.get("headline", ""),
        step=Stage(error.get("stage", Stage.ARTICLE)).step,
        reason=error.get("reason", ""),
        next=error.get("action", ""),
        saved=_and(saved_phrases(article)) or "what you handed in",
        not_done=_and([stage.label.lower() for stage in Stage if stage not in done]),
        backup=article.tree_prefix,
        detail=error.get("detail", ""),
    )


def saved_phrases(article: Article) -> list[str]:
    """`["article (2,143 words)", "4 prompts", "4 images", "formatted page"]`, as far as it came."""
    done = {record.stage for record in article.records.all() if record.state == StageRecord.State.DONE}
    images = list(article.images.all())
    stored = sum(image.is_stored for image in images)
    phrases = []
    written, planned = article.sections_written
    if Stage.ARTICLE in done:
        phrases.append(f"article ({article.word_count:,} words)")
    elif planned and article.word_count:
        phrases.append(f"opening and {written:,} of {count(planned, 'section')}")
    if Stage.PROMPTS in done:
        phrases.append(f"{len(images)} prompts")
    if stored:
        phrases.append(f"{stored} image{'s' if stored > 1 else ''}")
    if Stage.FORMAT in done:
        phrases.append("formatted page")
    if Stage.UPLOAD in done:
        phrases.append("uploaded draft")
    return phrases


def _and(phrases: list[str]) -> str:
    return ", ".join(phrases)
