"""The pages that an article had before; one of them comes back as it was, with the pictures of now, for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.dateparse import parse_datetime

from articles.models import Article, Stage
from articles.models.choices import Design
from articles.pipeline.transitions import Work
from articles.tree import earlier, names
from articles.tree.due import write_soon
from articles.tree.earlier import LOOK, Entry
from articles.tree.storing import storing
from backups.trees.tree import FileDamaged
from recovery.changes import opening
from recovery.changes.opening import MovedOn, NotChanged

# Why another page took the place of one.
WHY = {
    "picture": "another picture took a place on it",
    "words": "a picture got another alternative text",
    "look": "it got another look",
    "earlier": "an earlier page was taken back",
}


@dataclass(frozen=True)
class Version:
    """A page that was in force until a moment."""

    entry: Entry
    fits: bool  # it is of the text and the pictures of now: it can come back

    @property
    def file(self) -> str:
        return str(self.entry["file"])

    @property
    def until(self) -> datetime | None:
        return parse_datetime(self.entry["until"])

    @property
    def why(self) -> str:
        return WHY.get(self.entry.get("why", ""), "another took its place")

    @property
    def drawn(self) -> str:
        """`Classic, by the template`"""
        maker = "the template" if self.entry.get("maker") == "template" else self.entry.get("maker", "")
        design = dict(Design.choices).get(self.entry.get("design", ""), "").partition(":")[0]
        return ", ".join(filter(None, (design, maker and f"by {maker}")))

    @property
    def title(self) -> str:
        return str(self.entry.get("title", ""))


def versions(article: Article) -> list[Version]:
    """The latest first (one query)."""
    of_now = earlier.made_of(article)
    pages = earlier.of_file(article, names.FORMATTED)
    return [Version(entry, entry.get("made_of") == of_now) for entry in pages]


def check(article: Article) -> None:
    """Raises NotChanged for an article whose page stays as it is just now."""
    opening.check(article, article.takes_another_picture, "an earlier page")


def take_back(article: Article, file: str, by: User, *, seen: str) -> None:
    """Let an earlier page come back, with its title, design and colours; `seen` is a version of the present look.

    Raises NotChanged, Unreachable.
    """
    check(article)
    if opening.version(article) != seen:
        raise MovedOn(article)
    found = next((version for version in versions(article) if version.file == file), None)
    if found is None:
        raise NotChanged("There is no such earlier page.")
    if not found.fits:
        raise NotChanged("This page is of another text, or of other pictures. Nothing was done.")
    _read(article, file)
    look = {name: found.entry[name] for name in LOOK}
    work = Work(
        stages=opening.stages_of_page(article),
        changes={**look, "earlier_files": [*article.earlier_files, *opening.kept_page(article, "earlier", must=False)]},
        from_stage=Stage.FORMAT.value,
        did="took an earlier page back",
    )
    with transaction.atomic():
        opening.opened(article, work, by, **opening.look_of(article))
        opening.take_on(article, look)
        opening.show_anew(article, found.entry, _told(found.entry))
        write_soon(article)


def _read(article: Article, file: str) -> None:
    try:
        with storing():
            article.tree.read(earlier.stored(article)[file])
    except FileDamaged as exc:
        raise NotChanged(f"{exc} Take another one.") from exc


def _told(entry: Entry) -> dict[str, str]:
    """What the record says of the page that comes back, in place of what it says of the present one."""
    by_template = entry["maker"] == "template"
    return {"formatter": "template_fallback", "reason": "taken back"} if by_template else {"formatter": "claude_ai"}
