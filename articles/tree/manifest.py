"""What the manifest of an article's tree says. Its keys are read by people's scripts: add, never rename.

It holds enough to rebuild the article without the database: what was handed in, by whom, and how far it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.dispatch import Signal

from articles.failures import Failure
from articles.models import Article, Attempt, Batch, ImageFile, Section, Stage, StageRecord
from articles.tree import earlier, names
from backups.trees.tree import FileDamaged, Stored

SCHEMA = 1
wanted = Signal()  # article: Article; whoever keeps what is wanted of one answers with more of its `source`
STATUS = {
    StageRecord.State.PENDING: "pending",
    StageRecord.State.RUNNING: "running",
    StageRecord.State.DONE: "completed",
    StageRecord.State.FAILED: "failed",
}

SECTION_STATUS = {
    Section.State.PENDING: "pending",
    Section.State.RUNNING: "running",
    Section.State.DONE: "completed",
    Section.State.FAILED: "failed",
}


def build(article: Article) -> tuple[dict[str, Any], dict[str, Stored]]:
    """The manifest and the files that it names, read afresh from the rows (nine queries at most).

    Raises Article.DoesNotExist.
    """
    found = Article.objects.select_related("owner", "site", "batch__owner").defer("batch__styles", "batch__sections")
    article = found.get(pk=article.pk)
    records = {Stage(record.stage): record for record in article.records.all()}
    images = list(article.images.all())
    sections = list(article.sections.defer("html"))
    attempts = article.attempts.filter(why=Attempt.Why.RECOVERED).select_related("asked_by")
    files = _files(records, images, sections) | earlier.stored(article)
    return _manifest(article, records, images, sections, attempts), files


def damaged(article: Article) -> dict[str, str]:
    """A sentence by file name for each saved file that is missing from the tree, or is another (one read for each).

    Raises what the storage raises when it does not answer.
    """
    _, files = build(article)
    findings = {}
    for stored in files.values():
        try:
            article.tree.read(stored)
        except FileDamaged as exc:
            findings[stored.name] = str(exc)
    return findings


def _manifest(
    article: Article,
    records: dict[Stage, StageRecord],
    images: Sequence[ImageFile],
    sections: Sequence[Section],
    attempts: Iterable[Attempt],
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "user_id": article.owner_id,
        "timestamp": f"{article.created_at:%Y%m%d_%H%M%S}",
        "article": {
            "title": article.title,
            "word_count": article.word_count,
            "components": article.components,
        },
        "pipeline_stages": {
            names.STEPS[Stage.ARTICLE]: _article_step(records[Stage.ARTICLE], sections),
            names.STEPS[Stage.PROMPTS]: _prompts_step(records[Stage.PROMPTS], images),
            names.STEPS[Stage.IMAGES]: _images_step(records[Stage.IMAGES], images),
            names.STEPS[Stage.FORMAT]: _format_step(records[Stage.FORMAT], article),
            names.STEPS[Stage.UPLOAD]: _upload_step(records[Stage.UPLOAD], article, images),
        },
        "recovery_attempts": [_attempt(attempt) for attempt in attempts],
        "source": _source(article),
        "state": _state(article),
        "records": {stage.value: _record(record) for stage, record in records.items()},
    }


def _source(article: Article) -> dict[str, Any]:
    """What was handed in."""
    return {
        "uid": article.uid,
        "owner": article.owner.get_username(),
        "created_at": article.created_at.isoformat(),
        "idea": article.idea,
        "manuscript": article.manuscript,
        "manuscript_name": article.manuscript_name,
        "earlier_manuscripts": article.earlier_manuscripts,
        **({"earlier_files": article.earlier_files} if article.earlier_files else {}),
        "style": article.style,
        "formatter": article.formatter,
        "design": article.design,
        "byline": article.byline,
        **destination(article),
        "is_long": article.is_long,
        "scheduled_at": iso(article.scheduled_at),
        "batch": _batch(article, article.batch) if article.batch else None,
        **_wanted_besides(article),
    }


def _wanted_besides(article: Article) -> dict[str, Any]:
    answers: list[tuple[Any, Any]] = wanted.send(Article, article=article)
    return {name: value for _, more in answers for name, value in more.items()}


def destination(row: Article | Batch) -> dict[str, Any]:
    """The site that it goes to."""
    return destination_of(row.site)


def destination_of(site: Any) -> dict[str, Any]:
    """A site as others know it. Its name may change, and its number means something in one database only."""
    return {
        "site": site.name if site else None,
        "site_id": site.pk if site else None,
        "site_address": site.url if site else "",
    }


def _state(article: Article) -> dict[str, Any]:
    """How it stands. While somebody works on it, the steps say more."""
    sums = article.calls.aggregate(spent=Sum("cost"), reserved=Sum("reserved"))
    return {
        "status": article.status,
        "cancelled_with": article.cancelled_with,
        "ended_at": iso(article.ended_at),
        "error": article.error,
        "spent": dollars(sums["spent"] or Decimal(0)),  # as far as it is known
        "reserved": dollars(sums["reserved"] or Decimal(0)),  # what it may have cost besides
    }


def _record(record: StageRecord) -> dict[str, Any]:
    """What the step does not say. The text of an opening is a file."""
    details = dict(record.details)
    if "opening" in details:
        details["opening"] = {"title": details["opening"]["title"]}
    return {
        "started_at": iso(record.started_at),
        "finished_at": iso(record.finished_at),
        "failed_at": iso(record.failed_at),
        "maker": record.maker,
        "error": record.error,
        "details": details,
    }


def _batch(article: Article, batch: Batch) -> dict[str, Any]:
    """Enough to make the batch again, together with the sections, where its own manifest is lost."""
    return {
        "uid": batch.uid,
        "name": batch.name,
        "owner": batch.owner.get_username(),
        "brief": batch.brief,
        "images_per_style": batch.images_per_style,
        "images_per_section": batch.images_per_section,
        "budget": None if batch.budget is None else str(batch.budget),
        "fields": article.batch_fields,
    }


def _files(
    records: dict[Stage, StageRecord], images: Sequence[ImageFile], sections: Sequence[Section]
) -> dict[str, Stored]:
    stored = [record.stored for record in records.values() if record.stored]
    stored += [section.stored for section in sections if section.stored]
    if opening := records[Stage.ARTICLE].details.get("opening"):
        stored.append(Stored(names.OPENING, opening["sha256"], opening["bytes"]))
    for image in images:
        if image.is_stored:
            stored += [image.stored, image.stored_base64]
    return {file.name: file for file in stored}


def _step(record: StageRecord) -> dict[str, Any]:
    moment = record.finished_at or record.failed_at or record.started_at
    return {"status": STATUS[StageRecord.State(record.state)], "timestamp": iso(moment)}


def dollars(amount: Decimal) -> str:
    """`12.500000`: US dollars, as exact as rows are."""
    return f"{amount:.6f}"


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "timestamp": iso(attempt.asked_at),
        "asked_by": attempt.asked_by.get_username() if attempt.asked_by else None,
        "from_stage": attempt.from_stage or None,
        "reused": attempt.reused,
        "done_again": attempt.again,
    }


def _article_step(record: StageRecord, sections: Sequence[Section]) -> dict[str, Any]:
    return _step(record) | {
        **({"opening_file": names.OPENING} if "opening" in record.details else {}),
        **({"sections": [_section(section) for section in sections]} if sections else {}),
        "file": record.file or None,
        "model": record.maker or None,
        "reasoning_tokens": record.details.get("reasoning_tokens", 0),
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "index": section.index,
        "heading": section.heading,
        "status": SECTION_STATUS[Section.State(section.state)],
        "timestamp": iso(section.finished_at),
        "file": section.file_name if section.stored else None,
        "fields": section.fields,
        "error": Failure.read(section.error).reason or None,
    }


def _prompts_step(record: StageRecord, images: Sequence[ImageFile]) -> dict[str, Any]:
    return _step(record) | {"file": record.file or None, "prompts": prompts(images)}


def prompts(images: Iterable[ImageFile]) -> list[dict[str, Any]]:
    """What pictures shall show, which people may have written; of the writer's own where they belong."""
    return [
        {"role": image.role, "prompt": image.prompt, "alt_text": image.alt_text, "aspect_ratio": image.aspect}
        | ({"own": image.own, "after": image.after, "opens": image.opens} if image.own else {})
        | ({"given": image.given} if image.given else {})
        for image in images
    ]


def _images_step(record: StageRecord, images: Sequence[ImageFile]) -> dict[str, Any]:
    stored = [image for image in images if image.is_stored]
    hero = next((_image(image) for image in stored if image.is_hero), None)
    sections = [{**_place(image), **_image(image)} for image in stored if image.role.startswith("section_")]
    general = [{**_place(image), **_image(image)} for image in stored if image.role.startswith("general_")]
    own = [_image(image) for image in stored if image.own and not image.is_hero]
    more = {"general": general, "own": own}
    return _step(record) | {"hero": hero, "sections": sections} | {name: some for name, some in more.items() if some}


def _place(image: ImageFile) -> dict[str, int]:
    """`section_2` is {index: 2}, `section_7_1` the first picture of section 7."""
    return dict(zip(("index", "picture"), map(int, image.role.split("_")[1:]), strict=False))


def _image(image: ImageFile) -> dict[str, Any]:
    return {
        "replicate_url": image.source_url or None,
        "expires_at": iso(image.source_expires_at),
        "local_file": image.file_name,
        "base64_file": image.base64_name,
        "size_kb": round(image.bytes / 1024, 1),
        "aspect_ratio": image.aspect,
        "width": image.width,
        "height": image.height,
    }


def _format_step(record: StageRecord, article: Article) -> dict[str, Any]:
    return _step(record) | {
        "formatter": record.details.get("formatter"),
        "file": record.file or None,
        "brand_colors": {"primary": article.brand_primary, "accent": article.brand_accent},
    }


def _upload_step(record: StageRecord, article: Article, images: Sequence[ImageFile]) -> dict[str, Any]:
    uploaded = [
        {"role": image.role, "media_id": image.wordpress_media_id, "url": image.wordpress_url}
        for image in images
        if image.wordpress_media_id
    ]
    return _step(record) | {
        "file": record.file or None,
        "error": record.error or None,
        "failed_at": iso(record.failed_at),
        "uploaded_images": uploaded,
        "recovery_instructions": record.details.get("recovery_instructions"),
        "post_id": record.details.get("post_id"),
        "link": article.link or None,
    }
