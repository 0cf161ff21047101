"""Files of an article that are not those that were saved: found, made again from what is there, or set back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection

import structlog
from django.conf import settings

from articles.models import Article, Attempt, ImageFile, Stage
from articles.pipeline import transitions
from articles.pipeline.revision import batch_revision
from articles.pipeline.run import Run
from articles.providers import web
from articles.providers.errors import GALLEY, Rejected, Then, Unreachable
from articles.tree import manifest, names
from articles.tree.names import OPENING
from articles.tree.storing import DAMAGED, storing

log = structlog.get_logger("galley.pipeline")


def look_over(article: Article) -> None:
    """Stop a done article whose files are not those that were saved: a fenced worker may have written one too late.

    It looks itself when it finds itself fenced, and whoever finishes what it left looks after it is done: one of them
    sees it. A storage that is away just then shows nothing.
    """
    if not Article.objects.filter(pk=article.pk, status=Article.Status.DONE).exists():
        return
    try:
        with storing():
            findings = manifest.damaged(article)
    except Unreachable:
        log.warning("the files could not be looked over", exc_info=True)
        return
    findings = {name: said for name, said in findings.items() if not names.is_earlier(name)}  # no page needs those
    if findings:
        reason = "; ".join(finding.rstrip(".") for finding in findings.values())
        found = Rejected(GALLEY, reason, then=Then.REMAKE, code=DAMAGED, thing="a file of the backup")
        stages = (Stage(record.stage) for record in article.records.all() if record.file in findings)
        transitions.stop_done(article, next(stages, Stage.IMAGES), found)  # pictures alone stand on no record


def must_look_through(article: Article) -> bool:
    """Whether the tree has expired, or a person has pressed Recover, and no run since has come through all the files.

    Not for every run: it reads every file of the tree. Nor for the recovered attempt alone: that may have died, or
    found the storage away.
    """
    if article.tree_expired_at:
        return True
    asked = article.attempts.filter(why=Attempt.Why.RECOVERED, number__isnull=False).last()
    return asked is not None and not article.events.filter(kind="verified", attempt__gte=asked.number).exists()


def mend(run: Run) -> None:
    """Set back what is not in the backup any more as it was saved, with all that was made of it.

    From here on an expired tree is one as any other: what it lacks is known.
    """
    article = run.article
    with storing():
        damaged = manifest.damaged(article)
    _give_up_earlier(run, damaged)
    for image in article.images.all():
        if _restore_from_site(run, image, damaged.keys()):
            del damaged[image.file_name], damaged[image.base64_name]
        _restore_twin(run, image, damaged.keys())
    _restore_texts(run, damaged.keys())
    stages, images = damaged_parts(article, damaged.keys())
    with batch_revision(article.batch_id if stages else None) as revision:
        run.lease.renew(tree_expired_at=None)
        if stages:
            first = min(stage.step for stage in stages)
            later = frozenset(stage for stage in Stage if stage.step >= first)
            transitions.prepare(article, transitions.Work(stages=later, images=images), revision)
        for sentence in damaged.values():
            run.lease.note("damaged", f"{sentence} It is made again")
        run.lease.note("verified", "What is saved was read and compared with its hashes")


def _give_up_earlier(run: Run, damaged: dict[str, str]) -> None:
    """What another took the place of is made again by nobody: the manifest names those no more that are lost."""
    lost = {name: damaged.pop(name) for name in list(damaged) if names.is_earlier(name)}
    if lost:
        left = [entry for entry in run.article.earlier_files if entry["file"] not in lost]
        run.lease.renew(earlier_files=left)
        for sentence in lost.values():
            run.lease.note("lost", f"{sentence} It was an earlier one; nothing is made again")


def _restore_from_site(run: Run, image: ImageFile, damaged: Collection[str]) -> bool:
    """A picture that is whole nowhere here may lie where it was uploaded to, byte for byte as it was."""
    if not image.wordpress_url or not {image.file_name, image.base64_name} <= set(damaged):
        return False
    found = web.fetched(image.wordpress_url, image.bytes, GALLEY, allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES)
    if found is None or hashlib.sha256(found).hexdigest() != image.sha256:
        return False
    run.save_file(image.file_name, found)
    run.save_file(image.base64_name, base64.b64encode(found))
    run.lease.note("fetched", f"The {image.label} image was fetched from the site, where it lay as it was")
    return True


def _restore_twin(run: Run, image: ImageFile, damaged: Collection[str]) -> None:
    """A picture lies in the tree twice, as it is and in base64: while one of them is whole, nothing is paid for."""
    match image.file_name in damaged, image.base64_name in damaged:
        case True, False:
            run.save_file(image.file_name, base64.b64decode(run.load_file(image.stored_base64)))
        case False, True:
            run.save_file(image.base64_name, base64.b64encode(run.load_file(image.stored)))


def _restore_texts(run: Run, damaged: Collection[str]) -> None:
    """The texts of a long article are in their rows, too."""
    for section in run.article.sections.exclude(sha256=""):
        if section.file_name in damaged:
            run.save_page(section.file_name, section.heading, section.html)
    opening = run.article.records.get(stage=Stage.ARTICLE).details.get("opening")
    if opening and OPENING in damaged:
        run.save_page(OPENING, opening["title"], opening["html"])


def damaged_parts(article: Article, files: Collection[str]) -> tuple[frozenset[Stage], frozenset[str]]:
    """The finished stages and the roles of pictures to which these files belong."""
    images = frozenset(
        image.role
        for image in article.images.all()
        if image.is_stored and {image.file_name, image.base64_name} <= set(files)  # one can be made of the other
    )
    stages = frozenset(Stage(record.stage) for record in article.records.all() if record.file in files)
    return (stages | {Stage.IMAGES} if images else stages), images
