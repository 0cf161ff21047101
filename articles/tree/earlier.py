"""Files of an article that another took the place of: they stay in its tree, named by its manifest and on no page.

Each is an entry of `Article.earlier_files`, the oldest first:

    {"file": "03_hero_before_1.jpg", "of": "03_hero.jpg", "sha256": …, "bytes": …, "until": "2026-11-30T10:43:00+00:00"}

A picture says besides what it was made of: `prompt`, `alt_text`, `source_url`, `width`, `height`. A page says who laid
it out (`maker`), with what (LOOK), of what (`made_of`), and what took its place (`why`). Order: the file, then the row,
then whatever takes its place.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from django.utils import timezone

from articles.models import Article, ImageFile, StageRecord
from articles.tree import names
from articles.tree.storing import storing
from backups.trees.tree import FileDamaged, Stored

Entry = dict[str, Any]
LOOK = ("title", "formatter", "design", "byline", "brand_primary", "brand_accent")  # of an article: how it looks


def stored(article: Article) -> dict[str, Stored]:
    """By their names."""
    entries = article.earlier_files
    return {entry["file"]: Stored(entry["file"], entry["sha256"], entry["bytes"]) for entry in entries}


def of_file(article: Article, name: str) -> list[Entry]:
    """What was called so, the latest first."""
    return [entry for entry in reversed(article.earlier_files) if entry["of"] == name]


def find(article: Article, file: str) -> Entry | None:
    return next((entry for entry in article.earlier_files if entry["file"] == file), None)


def keep_picture(article: Article, image: ImageFile) -> Entry:
    """A copy of a picture that is stored. Raises FileDamaged, Unreachable."""
    said = {"prompt": image.prompt, "alt_text": image.alt_text, "source_url": image.source_url}
    return _kept(article, image.stored) | said | {"width": image.width, "height": image.height}


def made_of(article: Article) -> str:
    """The hash of what its page shows, however it is drawn: the text, and which pictures it has."""
    roles = sorted(article.images.values_list("role", flat=True))
    return hashlib.sha256(repr((article.html, roles)).encode()).hexdigest()


def keep_page(article: Article, record: StageRecord, why: str) -> Entry:
    """A copy of a page; `why` is the change for which another takes its place. Raises FileDamaged, Unreachable."""
    present = record.stored
    if present is None:
        raise FileDamaged("The page is missing from the backup.")
    look = {name: getattr(article, name) for name in LOOK}
    return _kept(article, present) | look | {"maker": record.maker, "made_of": made_of(article), "why": why}


def _kept(article: Article, present: Stored) -> Entry:
    taken = {entry["file"] for entry in article.earlier_files}
    free = (names.earlier(present.name, number) for number in itertools.count(1))
    with storing():
        name = next(name for name in free if name not in taken)
        copy = article.tree.add(name, article.tree.read(present))
    entry = {"file": copy.name, "of": present.name, "sha256": copy.sha256, "bytes": copy.bytes}
    return entry | {"until": timezone.now().isoformat()}
