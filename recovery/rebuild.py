"""An article from its tree alone, for the day on which the database is gone.

A manifest is hostile input: it lies where others may write. It is read against a strict schema, every file is read and
compared with its hash before it counts, text is cleaned again, and no name leads out of the tree.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError as ModelError
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone
from PIL import Image
from pydantic import ValidationError

from articles.batches.lists import folded
from articles.batches.plan import key_of
from articles.content import markup, word_counts
from articles.failures import cause
from articles.models import Article, Attempt, Batch, Event, ImageFile, Section, Stage, StageRecord
from articles.providers.errors import GALLEY, Rejected
from articles.tree import names
from articles.tree.schema import BatchPart, Colours, Manifest, SectionPart
from articles.tree.storing import storing
from backups.storage import backup_storage
from backups.trees.tree import MANIFEST, FileDamaged, Stored, Tree, TreeError
from publishing.models import Site


@dataclass(frozen=True)
class Rebuilt:
    """An article from its tree. `new` is False for one that the database had already."""

    article: Article
    new: bool
    lacking: tuple[str, ...]  # sentences about files that are missing or damaged


def rebuild(prefix: str) -> Rebuilt:
    """The article of a tree: found by its uid, else made again with records, pictures and state.

    Raises TreeError with a sentence for a tree that cannot be used, Unreachable when the storage does not answer.
    """
    if not names.PREFIX.fullmatch(prefix):
        raise TreeError(f"{prefix!r} is not the folder of an article's backup.")
    tree = Tree(backup_storage(), prefix)
    with storing():
        manifest = _read(tree)
        known = Article.objects.filter(uid=manifest.source.uid).first()
        if known is not None:
            return Rebuilt(known, False, ())
        files, lacking = _whole_files(tree)
        html = _raw_html(tree, files)
        texts = {
            name: _text(tree, stored)
            for name, stored in files.items()
            if names.is_section(name) or name == names.OPENING
        }
        sizes = {name: _size(tree, stored) for name, stored in files.items() if name.endswith(".jpg")}
    try:
        with transaction.atomic():
            article = _article(prefix, manifest, html)
            _images(article, manifest, files, sizes)
            _records(article, manifest, files)
            _sections(article, manifest, files, texts)
            _state(article)
            Attempt.objects.create(article=article, why=Attempt.Why.RECOVERED, reused=sorted(files))
            Event.objects.create(article=article, kind="rebuilt", message="Rebuilt from its backup")
    except (ModelError, DataError, IntegrityError, ValueError, OverflowError) as exc:
        # What no schema foresees: the database, or the article's own rules, do not take it.
        raise TreeError(f"The manifest in {prefix} describes no article that could exist.") from exc
    return Rebuilt(article, True, tuple(lacking))


def trees() -> Iterator[str]:
    """The prefix of every tree in the storage that has a manifest."""
    storage = backup_storage()
    with storing():
        owners = sorted(name for name in storage.listdir("")[0] if name.startswith("user_"))
    for owner in owners:
        with storing():
            folders = sorted(storage.listdir(owner)[0])
        for folder in folders:
            prefix = f"{owner}/{folder}"
            with storing():
                there = names.PREFIX.fullmatch(prefix) and storage.exists(f"{prefix}/{MANIFEST}")
            if there:
                yield prefix


def _read(tree: Tree) -> Manifest:
    try:
        return Manifest.model_validate(tree.manifest())
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TreeError(f"The manifest in {tree.prefix} cannot be used: {where}: {first['msg']}.") from exc


def _whole_files(tree: Tree) -> tuple[dict[str, Stored], list[str]]:
    """The files that are what the manifest says, and a sentence about each that is not."""
    whole, lacking = {}, []
    for name, stored in tree.files().items():
        try:
            tree.read(stored)
        except FileDamaged as exc:
            lacking.append(str(exc))
        else:
            whole[name] = stored
    for name, stored in tree.files().items():
        if name not in whole and _restored_from_twin(tree, stored, whole):
            whole[name] = stored
    return whole, lacking


def _restored_from_twin(tree: Tree, lost: Stored, whole: dict[str, Stored]) -> bool:
    """A picture lies in its tree twice, as it is and in base64: while one of them is whole, the other is made of it."""
    twin, is_jpeg = names.twin(lost.name), not names.is_base64(lost.name)
    if twin not in whole:
        return False
    content = tree.read(whole[twin])
    try:
        content = base64.b64decode(content, validate=True) if is_jpeg else base64.b64encode(content)
    except ValueError:
        return False
    return hashlib.sha256(content).hexdigest() == lost.sha256 and tree.add(lost.name, content) == lost


def _raw_html(tree: Tree, files: dict[str, Stored]) -> str:
    stored = files.get(names.ARTICLE)
    return _text(tree, stored) if stored else ""


def _text(tree: Tree, stored: Stored) -> str:
    html = markup.clean_text(tree.read(stored).decode(errors="replace"))
    # The title stands first in the file, and on its own in the row.
    return re.sub(r"\A\s*<h1[^>]*>.*?</h1>\s*", "", html, flags=re.DOTALL)


def _size(tree: Tree, stored: Stored) -> tuple[int, int]:
    """Width and height of a picture, from its header. Raises TreeError for what is none."""
    try:
        with Image.open(io.BytesIO(tree.read(stored)), formats=["JPEG"]) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError) as exc:
        raise TreeError(f"{stored.name} in {tree.prefix} is not a picture.") from exc


def _article(prefix: str, manifest: Manifest, html: str) -> Article:
    source, facts = manifest.source, manifest.article
    step = manifest.pipeline_stages
    colours = step[names.STEPS[Stage.FORMAT]].brand_colors if names.STEPS[Stage.FORMAT] in step else Colours()
    upload = step.get(names.STEPS[Stage.UPLOAD])
    article = Article(
        uid=source.uid,
        owner=_owner(source.owner),
        created_at=_moment(source.created_at) or timezone.now(),
        tree_prefix=prefix,
        idea=source.idea,
        manuscript=source.manuscript,
        manuscript_name=source.manuscript_name,
        style=source.style,
        formatter=source.formatter,
        site=_site(source.site) if source.site else None,
        brand_primary=colours.primary,
        brand_accent=colours.accent,
        is_long=source.is_long,
        batch=_batch(source.batch) if source.batch else None,
        batch_key=_style(source.batch) if source.batch else "",
        batch_fields=source.batch.fields if source.batch else {},
        title=facts.title,
        html=html,
        word_count=word_counts.word_count(html) if html else 0,
        components=facts.components,
        link=(upload.link or "") if upload else "",
    )
    article.full_clean(exclude=["tree_prefix", "link", "brand_primary", "brand_accent", "title", "html", "site"])
    article.save(force_insert=True)
    return article


def _owner(name: str) -> User:
    """The owner by name. One who is not here any more comes back without the right to log in."""
    user, created = User.objects.get_or_create(username=name, defaults={"is_active": False})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def _site(name: str) -> Site:
    """The site by name. One that is not here becomes a row to fill in: its address must not come from a manifest."""
    return Site.objects.get_or_create(name=name, defaults={"url": "", "user": "", "encrypted_secret": ""})[0]


def _style(batch: BatchPart) -> str:
    return folded(batch.fields.get("style", ""))


def _batch(found: BatchPart) -> Batch:
    """The batch by its owner and name. One that is not here is made again, resting, with the lists of its articles."""
    batch, _ = Batch.objects.get_or_create(
        owner=_owner(found.owner),
        key=key_of(found.name),
        defaults={
            "name": found.name,
            "brief": found.brief,
            "images_per_style": found.images_per_style,
            "images_per_section": found.images_per_section,
            "state": Batch.State.PAUSED,
            "reason": "It was rebuilt from its backup. Look through its lists, then resume.",
            "started_at": timezone.now(),
        },
    )
    style = found.fields.get("style", "")
    if style and style not in batch.styles.split("\n"):
        batch.styles = "\n".join(filter(None, [batch.styles, style]))
        batch.save(update_fields=["styles"])
    return batch


def _sections(article: Article, manifest: Manifest, files: dict[str, Stored], texts: dict[str, str]) -> None:
    """A section is done when the manifest says so, and its text and its pictures are there and whole."""
    step = manifest.pipeline_stages.get(names.STEPS[Stage.ARTICLE])
    if step is None:
        return
    if (stored := files.get(names.OPENING)) and step.opening_file:
        opening = {"title": article.title, "html": texts[names.OPENING], "sha256": stored.sha256, "bytes": stored.bytes}
        article.records.filter(stage=Stage.ARTICLE).update(details={"opening": opening}, maker=step.model or "")
        if not article.html:
            Article.objects.filter(pk=article.pk).update(html=texts[names.OPENING])
    if article.batch:
        # Whoever watches the batch is told of them.
        article.batch.revision += 1
        Batch.objects.filter(pk=article.batch.pk).update(revision=article.batch.revision)
    lacking = {image.section for image in article.images.all() if not image.is_stored}
    found = {section.index: section for section in step.sections if isinstance(section, SectionPart)}
    for index, section in found.items():
        row = Section(article=article, batch=article.batch, index=index, heading=section.heading, fields=section.fields)
        row.key = folded(section.heading)
        row.revision = article.batch.revision if article.batch else 0
        if stored := files.get(row.file_name):
            row.html, row.sha256, row.bytes = texts[row.file_name], stored.sha256, stored.bytes
            row.word_count = word_counts.word_count(row.html)
            if section.status == "completed" and index not in lacking:
                row.state, row.finished_at = Section.State.DONE, _moment(section.timestamp)
        row.save()
    if article.batch:
        missing = [
            row.heading for row in article.sections.all() if row.heading not in article.batch.sections.split("\n")
        ]
        article.batch.sections = "\n".join(filter(None, [article.batch.sections, *missing]))
        article.batch.save(update_fields=["sections"])


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _images(article: Article, manifest: Manifest, files: dict[str, Stored], sizes: dict[str, tuple[int, int]]) -> None:
    steps = manifest.pipeline_stages
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
        )
        jpeg, sidecar = files.get(image.file_name), files.get(image.base64_name)
        if jpeg and sidecar:
            image.file.name = article.tree.path(jpeg.name)
            image.sha256, image.bytes, image.base64_sha256 = jpeg.sha256, jpeg.bytes, sidecar.sha256
            image.width, image.height = sizes[jpeg.name]
            if upload := uploaded.get(prompt.role):
                image.wordpress_media_id, image.wordpress_url = upload.media_id, upload.url
        image.save()


def _records(article: Article, manifest: Manifest, files: dict[str, Stored]) -> None:
    """A stage counts as done when the manifest says so and everything it made is there and whole."""
    images = list(article.images.all())
    for stage in Stage:
        step = manifest.pipeline_stages.get(names.STEPS[stage])
        stored = files.get(step.file) if step and step.file else None
        whole = bool(images) and all(image.is_stored for image in images) if stage == Stage.IMAGES else bool(stored)
        done = bool(step and step.status == "completed" and whole)
        record = StageRecord(article=article, stage=stage)
        if done and step:
            record.state, record.finished_at = StageRecord.State.DONE, _moment(step.timestamp)
            record.maker = step.model or ""
            if stored:
                record.file, record.sha256, record.bytes = stored.name, stored.sha256, stored.bytes
            if step.formatter:
                record.details = {"formatter": step.formatter}
            if step.post_id:
                record.details = {"post_id": step.post_id}
        record.save()


def _state(article: Article) -> None:
    """Done when every stage is; otherwise stopped, for a person to press Recover."""
    unfinished = article.records.exclude(state=StageRecord.State.DONE).first()
    now = timezone.now()
    if unfinished is None:
        article.status, article.ended_at = Article.Status.DONE, now
    else:
        article.status, article.ended_at = Article.Status.FAILED, now
        rebuilt = Rejected(
            GALLEY, "it had not been finished when the backup was written", code="rebuilt", thing="this article"
        )
        article.error = rebuilt.saved(unfinished.stage)
        article.cause = cause(article.error, article.site_id)
    article.save(update_fields=["status", "ended_at", "error", "cause"])
