"""What belongs to an article: pictures, records of stages, sections. Each counts as done when the manifest says so, and
everything it made is there and whole.
"""

from __future__ import annotations

from typing import Any

from articles.batches.lists import folded
from articles.content import word_counts
from articles.models import Article, ImageFile, Section, Stage, StageRecord
from articles.pipeline.revision import batch_revision
from articles.tree import names
from articles.tree.schema import OpeningPart, RecordPart, SectionPart, StepPart
from recovery.rebuild.content import Content, moment


def make_images(article: Article, content: Content) -> None:
    steps, files = content.manifest.pipeline_stages, content.files
    prompts = steps[names.STEPS[Stage.PROMPTS]].prompts if names.STEPS[Stage.PROMPTS] in steps else []
    uploads = steps[names.STEPS[Stage.UPLOAD]].uploaded_images if names.STEPS[Stage.UPLOAD] in steps else []
    uploaded = {upload.role: upload for upload in uploads}
    for prompt in {prompt.role: prompt for prompt in prompts}.values():
        image = ImageFile(
            article=article,
            role=prompt.role,
            prompt=prompt.prompt,
            alt_text=prompt.alt_text,
            aspect=prompt.aspect_ratio,
            own=prompt.own,
            after=prompt.after,
            opens=prompt.opens,
            given=prompt.given,
        )
        jpeg, sidecar = files.get(image.file_name), files.get(image.base64_name)
        if jpeg and sidecar:
            image.file.name = article.tree.path(jpeg.name)
            image.sha256, image.bytes, image.base64_sha256 = jpeg.sha256, jpeg.bytes, sidecar.sha256
            image.width, image.height = content.sizes[jpeg.name]
            if upload := uploaded.get(prompt.role):
                image.wordpress_media_id, image.wordpress_url = upload.media_id, upload.url
        image.save()


def make_records(article: Article, content: Content, *, has_stopped: bool) -> None:
    """`has_stopped`: a stage that failed is one that failed; else it is one that was not done."""
    pictures_are_whole = all(image.is_stored for image in article.images.all())
    for stage in Stage:
        step = content.manifest.pipeline_stages.get(names.STEPS[stage])
        kept = content.manifest.records.get(stage) or _of_an_earlier_version(step)
        stored = content.files.get(step.file) if step and step.file else None
        record = StageRecord(article=article, stage=stage, maker=kept.maker, details=_details(article, content, kept))
        record.started_at, record.finished_at = moment(kept.started_at), moment(kept.finished_at)
        if stored:
            record.file, record.sha256, record.bytes = stored.name, stored.sha256, stored.bytes
        if step and step.status == "completed" and (pictures_are_whole if stage == Stage.IMAGES else stored):
            record.state = StageRecord.State.DONE
        elif step and step.status == "failed" and has_stopped:
            record.state, record.failed_at, record.error = StageRecord.State.FAILED, moment(kept.failed_at), kept.error
        record.save()


def _of_an_earlier_version(step: StepPart | None) -> RecordPart:
    """Which wrote no more than the step."""
    kept = RecordPart()
    if step is None:
        return kept
    kept.maker = step.model or ""
    kept.finished_at = step.timestamp if step.status == "completed" else None
    if step.opening_file:
        kept.details["opening"] = OpeningPart()
    for name in ("formatter", "post_id"):
        if value := getattr(step, name):
            kept.details[name] = value
    return kept


def _details(article: Article, content: Content, kept: RecordPart) -> dict[str, Any]:
    """With the text of the opening, which is a file; one that is damaged is written anew."""
    details: dict[str, Any] = dict(kept.details)
    opening = details.pop("opening", None)
    if isinstance(opening, OpeningPart) and (stored := content.files.get(names.OPENING)):
        words = {"title": opening.title or article.title, "html": content.texts[names.OPENING]}
        details["opening"] = {**words, "sha256": stored.sha256, "bytes": stored.bytes}
    return details


def make_sections(article: Article, content: Content) -> None:
    step = content.manifest.pipeline_stages.get(names.STEPS[Stage.ARTICLE])
    found = {section.index: section for section in step.sections if isinstance(section, SectionPart)} if step else {}
    lacking = {image.section for image in article.images.all() if not image.is_stored}
    with batch_revision(article.batch_id) as revision:  # whoever watches the batch is told of them
        for part in found.values():
            section = _section(article, content, part, has_pictures=part.index not in lacking)
            section.revision = revision
            section.save()


def _section(article: Article, content: Content, part: SectionPart, *, has_pictures: bool) -> Section:
    section = Section(article=article, batch=article.batch, index=part.index, heading=part.heading, fields=part.fields)
    section.key = folded(part.heading)
    if stored := content.files.get(section.file_name):
        section.html, section.sha256, section.bytes = content.texts[section.file_name], stored.sha256, stored.bytes
        section.word_count = word_counts.word_count(section.html)
        if part.status == "completed" and has_pictures:
            section.state, section.finished_at = Section.State.DONE, moment(part.timestamp)
    return section
