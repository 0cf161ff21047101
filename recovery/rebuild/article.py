"""An article from its tree alone: found by its uid, else made again with records, pictures and state."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from django.core.exceptions import ValidationError as ModelError
from django.db import DataError, IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone

from articles import call_keys, cost_records
from articles.batches.lists import folded
from articles.content import word_counts
from articles.failures import cause
from articles.models import Article, Attempt, Batch, Call, Event, Section, Stage, StageRecord
from articles.providers.errors import GALLEY, ProviderError, Rejected, SavedError
from articles.tree import names
from articles.tree.schema import Colours, Manifest, StatePart, Stop
from articles.tree.storing import storing
from backups import configured
from backups.trees.tree import TreeError, Unsigned
from recovery.rebuild import batch as batches
from recovery.rebuild import publications, rows, strangers
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


def go_further(row: Article, found: Found) -> Rebuilt:
    """Make a row from its tree, which is further. It keeps its number, its timeline and the answers that were paid for.

    Raises TreeError, and Unreachable.
    """
    with storing():
        content = read_content(found)
    try:
        with transaction.atomic():
            for related in (row.images, row.records, row.sections):
                related.all().delete()
            row.calls.filter(state=Call.State.INTENT).delete()  # the tree tells what they came to, and what they cost
            Article.objects.filter(pk=row.pk)._raw_delete(row._state.db)  # what refers to it finds it again
            article = _made(content, batches.known(found.manifest.source.batch), number=row.pk)
            _note_rebuilt(article, content, found)
    except (ModelError, DataError, IntegrityError, ValueError, OverflowError) as exc:
        raise TreeError(f"The manifest in {found.tree.prefix} describes no article that could exist.") from exc
    return Rebuilt(article, False, content.lacking)


def put_to_rest(article: Article) -> None:
    """Stop what was in line or at work when its row was backed up: what came of it since then nobody knows.

    What is scheduled and still lies ahead begins at its time.
    """
    records = list(article.records.all())
    unfinished = next((record for record in records if record.state != StageRecord.State.DONE), None)
    if unfinished is None or (article.status == Article.Status.WAITING and not article.error and _is_ahead(article)):
        return
    running = StageRecord.State.RUNNING
    article.records.filter(state=running).update(state=StageRecord.State.PENDING)
    article.sections.filter(state=Section.State.RUNNING).update(state=Section.State.PENDING)
    article.next_at = article.queued_at = article.lease_until = None
    article.lease_owner, article.ended_at = "", timezone.now()
    if article.batch:
        article.status, article.ended_at = Article.Status.DRAFT, None
    else:
        _stop(article, _INTERRUPTED.saved(unfinished.stage), unfinished)
    article.save()


def _made(content: Content, batch: Batch | None, *, number: int | None = None) -> Article:
    article, state = _article(content, batch, number), content.manifest.state
    rows.make_images(article, content)
    rows.make_records(article, content, has_stopped=_has_stopped(state))
    rows.make_sections(article, content)
    _note_spent(article, state)
    _settle(article, content.manifest)
    batches.settle(article)
    publications.make_tasks(article, content.manifest)
    return article


def _note_rebuilt(article: Article, content: Content, found: Found) -> None:
    Attempt.objects.create(article=article, why=Attempt.Why.RECOVERED, reused=sorted(content.files))
    source = "a backup that bears no signature" if found.flaw else "its backup"
    Event.objects.create(article=article, kind="rebuilt", message=f"Rebuilt from {source}")


def _article(content: Content, batch: Batch | None, number: int | None) -> Article:
    manifest = content.manifest
    source, facts, steps = manifest.source, manifest.article, manifest.pipeline_stages
    laid_out, upload = (steps.get(names.STEPS[stage]) for stage in (Stage.FORMAT, Stage.UPLOAD))
    colours = laid_out.brand_colors if laid_out else Colours()
    html = content.texts.get(names.ARTICLE) or content.texts.get(names.OPENING, "")
    article = Article(
        pk=number,
        uid=source.uid,
        owner=owner_of(source.owner),
        created_at=moment(source.created_at) or timezone.now(),
        tree_prefix=content.tree.prefix,
        idea=source.idea,
        manuscript=source.manuscript,
        manuscript_name=source.manuscript_name,
        earlier_manuscripts=[earlier.model_dump(exclude_unset=True) for earlier in source.earlier_manuscripts],
        earlier_files=_earlier_files(content),
        style=source.style,
        formatter=source.formatter,
        design=source.design,
        byline=source.byline,
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


def _earlier_files(content: Content) -> list[dict[str, Any]]:
    """Those that are there still."""
    earlier = content.manifest.source.earlier_files
    return [entry.model_dump(exclude_unset=True) for entry in earlier if entry.file in content.files]


def _note_spent(article: Article, state: StatePart) -> None:
    """The ledger is gone, its sum is not: one line for all of it that no call tells, so that budgets go on to hold."""
    told = article.calls.aggregate(cost=Sum("cost"), reserved=Sum("reserved"))
    spent, reserved = (
        max(Decimal(0), Decimal(said) - (told[name] or 0))
        for name, said in (("cost", state.spent), ("reserved", state.reserved))
    )
    if spent or reserved:
        closed = {"state": Call.State.CLOSED, "provider": GALLEY, "idempotency_key": article.uid}
        sums = {"cost": spent or None, "reserved": reserved or None}
        generation = article.calls.filter(key=call_keys.EARLIER).count() + 1
        call = Call.objects.create(article=article, key=call_keys.EARLIER, generation=generation, **sums, **closed)
        cost_records.write_rebuilt(article, call)
    if article.batch_id:
        article.spent = Decimal(state.spent)
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
