"""An article from its tree alone: found by its uid, else made again with records, pictures and state."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from django.core.exceptions import ValidationError as ModelError
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from articles import call_keys, cost_records
from articles.batches.lists import folded
from articles.content import word_counts
from articles.failures import cause
from articles.models import Article, Attempt, Batch, Call, Event, Stage, StageRecord
from articles.providers.errors import GALLEY, ProviderError, Rejected, SavedError
from articles.tree import names
from articles.tree.schema import Colours, Manifest, StatePart, Stop
from articles.tree.storing import storing
from backups import configured
from backups.trees.tree import TreeError, Unsigned
from recovery.rebuild import batch as batches
from recovery.rebuild import rows, strangers
from recovery.rebuild.content import Content, Found, find, moment, read_content
from recovery.rebuild.people import owner_of, site_of


@dataclass(frozen=True)
class Rebuilt:
    """An article from its tree. `new` is False for one that the database had already."""

    article: Article
    new: bool
    lacking: tuple[str, ...]  # sentences about files that are missing or damaged
    is_ours: bool = True  # its manifest is signed; else it came back as a stranger's


def rebuild(prefix: str, *, unsigned: bool = False) -> Rebuilt:
    """The article of a tree, and its batch where that is not here. `unsigned`: also of one that bears no signature.

    Raises TreeError with a sentence for a tree that cannot be used, Unreachable when the storage does not answer.
    """
    if not names.PREFIX.fullmatch(prefix):
        raise TreeError(f"{prefix!r} is not the folder of an article's backup.")
    with storing():
        found = find(configured.tree(prefix))
        source = found.manifest.source
        if known := Article.objects.filter(uid=source.uid).first():
            return Rebuilt(known, False, ())
        if found.flaw and not unsigned:
            raise Unsigned(f"{found.flaw} {strangers.AS_SUCH}")
        content = read_content(found)
        lost = batches.find_lost(found.tree, source)
    try:
        with transaction.atomic():
            batch = batches.make(lost) if lost else batches.known(source.batch)
            article = _made(content, batch)
            _note_rebuilt(article, content, found)
    except (ModelError, DataError, IntegrityError, ValueError, OverflowError) as exc:
        # What no schema foresees: the database, or the article's own rules, do not take it.
        raise TreeError(f"The manifest in {prefix} describes no article that could exist.") from exc
    return Rebuilt(article, True, content.lacking, is_ours=not found.flaw)


def _made(content: Content, batch: Batch | None) -> Article:
    article, state = _article(content, batch), content.manifest.state
    rows.make_images(article, content)
    rows.make_records(article, content, has_stopped=_has_stopped(state))
    rows.make_sections(article, content)
    _note_spent(article, state)
    _settle(article, content.manifest)
    batches.settle(article)
    return article


def _note_rebuilt(article: Article, content: Content, found: Found) -> None:
    Attempt.objects.create(article=article, why=Attempt.Why.RECOVERED, reused=sorted(content.files))
    source = "a backup that bears no signature" if found.flaw else "its backup"
    Event.objects.create(article=article, kind="rebuilt", message=f"Rebuilt from {source}")


def _article(content: Content, batch: Batch | None) -> Article:
    manifest = content.manifest
    source, facts, steps = manifest.source, manifest.article, manifest.pipeline_stages
    laid_out, upload = (steps.get(names.STEPS[stage]) for stage in (Stage.FORMAT, Stage.UPLOAD))
    colours = laid_out.brand_colors if laid_out else Colours()
    html = content.texts.get(names.ARTICLE) or content.texts.get(names.OPENING, "")
    article = Article(
        uid=source.uid,
        owner=owner_of(source.owner),
        created_at=moment(source.created_at) or timezone.now(),
        tree_prefix=content.tree.prefix,
        idea=source.idea,
        manuscript=source.manuscript,
        manuscript_name=source.manuscript_name,
        earlier_manuscripts=[earlier.model_dump() for earlier in source.earlier_manuscripts],
        style=source.style,
        formatter=source.formatter,
        site=site_of(source),
        brand_primary=colours.primary,
        brand_accent=colours.accent,
        is_long=source.is_long,
        scheduled_at=moment(source.scheduled_at),
        batch=batch,
        batch_key=folded(source.batch.fields.get("style", "")) if source.batch else "",
        batch_fields=source.batch.fields if source.batch else {},
        title=facts.title,
        html=html,
        word_count=word_counts.word_count(html) if html else 0,
        components=facts.components,
        link=(upload.link or "") if upload else "",
        manifest_due=None,  # what there is to say stands in the storage
    )
    # The schema has judged these, by bounds that are wider where a batch has filled its brief in.
    article.full_clean(exclude=["tree_prefix", "link", "title", "html", "site", "idea"])
    article.save(force_insert=True)
    return article


def _note_spent(article: Article, state: StatePart) -> None:
    """The ledger is gone, its sum is not: one line for all that was paid before, so that budgets go on to hold."""
    spent, reserved = Decimal(state.spent), Decimal(state.reserved)
    if spent or reserved:
        closed = {"state": Call.State.CLOSED, "provider": GALLEY, "idempotency_key": article.uid}
        sums = {"cost": spent or None, "reserved": reserved or None}
        call = Call.objects.create(article=article, key=call_keys.EARLIER, **sums, **closed)
        cost_records.write_rebuilt(article, call)
    if article.batch_id:
        article.spent = spent
        article.save(update_fields=["spent"])


# How it stands


def _has_stopped(state: StatePart) -> bool:
    return state.status == Article.Status.FAILED and state.error is not None


def _settle(article: Article, manifest: Manifest) -> None:
    """As it was, where nobody worked on it: done, cancelled, stopped, in line, or waiting for its time.

    What was to begin or to go on by itself, and cannot be as it was, is stopped, for a person to press Recover.
    """
    state, now = manifest.state, timezone.now()
    records = list(article.records.all())
    unfinished = next((record for record in records if record.state != StageRecord.State.DONE), None)
    article.ended_at = moment(state.ended_at) or records[-1].finished_at or now
    if unfinished is None:
        article.status = Article.Status.DONE
    elif state.status == Article.Status.CANCELLED:
        article.status, article.cancelled_with = Article.Status.CANCELLED, state.cancelled_with
    elif state.error and _has_stopped(state):
        _stop(article, _error(state.error, article), unfinished)
    elif state.status == Article.Status.WAITING and not state.error and article.scheduled_at and _is_ahead(article):
        article.status, article.next_at, article.ended_at = Article.Status.WAITING, article.scheduled_at, None
    elif article.batch and article.batch.state != Batch.State.RUNNING and not _a_step_failed(manifest):
        article.status, article.ended_at = Article.Status.DRAFT, None
    else:
        article.ended_at = now
        _stop(article, _INTERRUPTED.saved(unfinished.stage), unfinished)
    article.save(update_fields=["status", "cancelled_with", "next_at", "ended_at", "error", "cause"])


_INTERRUPTED = Rejected(
    GALLEY, "it had not been finished when the backup was written", code="rebuilt", thing="this article"
)


def _is_ahead(article: Article) -> bool:
    return article.scheduled_at is not None and article.scheduled_at > timezone.now()


def _a_step_failed(manifest: Manifest) -> bool:
    """It stopped right after its manifest was written."""
    return any(step.status == "failed" for step in manifest.pipeline_stages.values())


def _stop(article: Article, error: SavedError, unfinished: StageRecord) -> None:
    error["stage"] = error["stage"] or unfinished.stage
    article.status, article.error = Article.Status.FAILED, dict(error)
    article.cause = cause(error, article.site_id)


def _error(stop: Stop, article: Article) -> SavedError:
    """As it was kept. A site had another number in the database that is gone."""
    exc = ProviderError.restored(cast(SavedError, stop.model_dump()))
    if exc.provider.startswith("wordpress:"):
        exc.provider = article.site.provider if article.site else "wordpress"
    return exc.saved(stop.stage)
