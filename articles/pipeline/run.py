"""What a stage may do while its article is claimed: ask a service, save a file, note what happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from articles.models import Article, Stage, StageRecord
from articles.pipeline.calls import Calls
from articles.pipeline.lease import Fenced, Lease
from articles.tree import manifest
from articles.tree.due import note_known
from articles.tree.storing import storing
from backups.trees.tree import Stored


@dataclass(frozen=True)
class Outcome:
    """What a stage made: its file in the tree, who made it, details for the record, changes to the article."""

    stored: Stored | None = None
    maker: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    article: dict[str, Any] = field(default_factory=dict)


class Run:
    """One claim of one article: its lease, its calls, its files."""

    def __init__(self, article: Article) -> None:
        self.article = article
        self.lease = Lease(article)
        self.calls = Calls(self.lease)

    def save_file(self, name: str, content: bytes) -> Stored:
        """Write a file into the article's tree. Raises Unreachable when the storage does not take it."""
        self.lease.renew()
        with storing():
            return self.article.tree.add(name, content)

    def save_page(self, name: str, title: str, html: str) -> Stored:
        """Write a text under its title. Raises as `save_file` does."""
        page = render_to_string("articles/raw_article.html", {"title": title, "html": html})
        return self.save_file(name, page.encode())

    def load_file(self, stored: Stored) -> bytes:
        """Read a file of the tree. Raises Unreachable, backups.trees.tree.FileDamaged."""
        with storing():
            return self.article.tree.read(stored)

    def commit_manifest(self) -> None:
        """Replace the manifest by what the rows say now."""
        self.lease.renew()
        written = None
        while written != (now := manifest.build(self.article)):
            with storing():
                self.article.tree.commit(*now)
            written = now
            if self.lease.mine.exists():  # and so was it all the time: nobody has written a newer one
                note_known(self.article)
                return
        raise Fenced

    def begin(self, record: StageRecord) -> None:
        self.lease.stage = Stage(record.stage)
        record.state, record.started_at = StageRecord.State.RUNNING, timezone.now()
        record.failed_at, record.error = None, ""
        with self.lease.fence():
            record.save()

    def finish(self, record: StageRecord, outcome: Outcome) -> None:
        """File, row, manifest: the stage is complete when the manifest names what it made."""
        stored, now = outcome.stored, timezone.now()
        with transaction.atomic():
            self.lease.made_headway(**outcome.article)
            record.state, record.finished_at = StageRecord.State.DONE, now
            record.file, record.sha256, record.bytes = (
                (stored.name, stored.sha256, stored.bytes) if stored else ("", "", 0)
            )
            record.maker, record.details = outcome.maker, outcome.details
            record.save()
            seconds = round((now - (record.started_at or now)).total_seconds(), 3)
            self.lease.note("saved", f"{self.lease.stage.label}: done and safe", maker=outcome.maker, seconds=seconds)
        self.commit_manifest()
