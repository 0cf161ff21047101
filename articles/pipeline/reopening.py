"""What opens a finished article again, and what closes it as it was."""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from articles import call_keys, cost_records
from articles.bounds import MOST_MANUSCRIPTS
from articles.content import own_pictures
from articles.models import Article, Attempt, Call, Event, Stage, StageRecord
from articles.pipeline.queue import enqueue
from articles.pipeline.revision import batch_revision
from articles.pipeline.transitions import ANEW, OPERATOR, UNHELD, Work, prepare
from articles.tree.due import due
from articles.tree.manifest import prompts

# In the details of the page's stage: the earlier page that is shown anew, with its pictures as they are now, as long as
# all else that it was laid out of is as it was.
SHOWN_ANEW, LAID_OUT_OF = "shown_anew", "laid_out_of"


def laid_out_of(article: Article) -> str:
    """The hash of all that a page depends on but what its pictures show."""
    roles = sorted(article.images.values_list("role", flat=True))
    said = (article.title, article.html, article.formatter, article.design, article.byline)
    return hashlib.sha256(repr((*said, article.brand_primary, article.brand_accent, roles)).encode()).hexdigest()


def with_further_sections(article: Article) -> None:
    """A finished article of a batch got further sections: it gets in line again, and its page is laid out anew."""
    done = Article.objects.filter(pk=article.pk, status=Article.Status.DONE)
    if done.update(status=Article.Status.DRAFT, ended_at=None, **due()):
        article.records.update(state=StageRecord.State.PENDING)
        cost_records.close(article.calls.filter(key=call_keys.FORMAT))  # that page has no new sections
        Attempt.objects.create(article=article, why=Attempt.Why.SUBMITTED)
        Event.objects.create(article=article, kind="reopened", message="Further sections were handed in")


def with_another_manuscript(article: Article, text: str, file_name: str, title: str, by: User | None) -> bool:
    """An article that is finished, or has stopped, is made of a later text of the same: its pictures stay as they are,
    but for the writer's own, which are those of the text.

    `title` is one that a person has set; else it is the text's. The earlier text is kept with it; of many, the latest,
    as one manifest holds them all. False: it moves.
    """
    ended = (Article.Status.DONE, Article.Status.FAILED, Article.Status.CANCELLED)
    with batch_revision(article.batch_id) as revision:
        changes: dict[str, Any] = {"manuscript": text, "manuscript_name": file_name, "title": title, "html": ""}
        changes |= {
            "word_count": 0,
            "components": [],
            "earlier_manuscripts": with_present_manuscript(article)[-MOST_MANUSCRIPTS:],
        }
        won = Article.objects.filter(pk=article.pk, status__in=ended).update(
            status=Article.Status.QUEUED, queued_at=timezone.now(), **(ANEW | due() | changes)
        )
        if won:
            # What was read of the earlier text is read anew, and its page is no page of this one.
            stages = {Stage.ARTICLE, Stage.FORMAT, Stage.UPLOAD}
            if own_pictures.are_in(text) or article.images.exclude(own="").exists():
                stages |= {Stage.PROMPTS, Stage.IMAGES}  # its writer's own are those of this text
            again = Work(stages=frozenset(stages), anew=frozenset({Stage.FORMAT}))
            prepare(article, again, revision)
            Attempt.objects.create(article=article, why=Attempt.Why.SUBMITTED, asked_by=by, from_stage=Stage.ARTICLE)
            Event.objects.create(article=article, kind="manuscript", message=f"{by or OPERATOR} published a later text")
            enqueue(article.pk)
    return bool(won)


def with_present_manuscript(article: Article) -> list[dict[str, Any]]:
    """The earlier manuscripts of an article, and the present one: what people may have written is kept with each."""
    present = {
        "manuscript": article.manuscript,
        "manuscript_name": article.manuscript_name,
        "title": article.title,
        "prompts": prompts(article.images.all()),
        "until": timezone.now().isoformat(),
    }
    return [*article.earlier_manuscripts, present]


def to_publish(article: Article, site_id: int | None, by: User | None) -> bool:
    """A finished article goes onto a site, alone, also one of a batch. False: it is not finished any more."""
    with batch_revision(article.batch_id):
        now = timezone.now()
        changes: dict[str, Any] = {"site_id": site_id, "alone": article.batch_id is not None, "queued_at": now}
        won = Article.objects.filter(pk=article.pk, status=Article.Status.DONE).update(
            status=Article.Status.QUEUED, retries=0, crashes=0, ended_at=None, **(due() | changes)
        )
        if won:
            article.records.filter(stage=Stage.UPLOAD).update(state=StageRecord.State.PENDING)
            article.calls.filter(state=Call.State.FAILED).update(state=Call.State.CLOSED)
            Attempt.objects.create(
                article=article, why=Attempt.Why.PUBLISHED, asked_by=by, from_stage=Stage.UPLOAD.value
            )
            Event.objects.create(article=article, kind="published", message=f"{by or OPERATOR} pressed Publish")
            enqueue(article.pk)
    return bool(won)


def for_a_change(article: Article, work: Work, by: User | None, **seen: Any) -> bool:
    """A finished article gets another picture, or another look, alone, also one of a batch.

    Its post stays as it is until somebody publishes it again. False: it is not as it was read any more, or not as it
    was `seen`, by names of fields.
    """
    with batch_revision(article.batch_id) as revision:
        changes = work.changes | {"alone": article.batch_id is not None, "queued_at": timezone.now()}
        done = Article.objects.filter(pk=article.pk, status=Article.Status.DONE, attempt=article.attempt)
        won = done.filter(**seen).update(
            status=Article.Status.QUEUED, retries=0, crashes=0, ended_at=None, **(due() | changes)
        )
        if won:
            prepare(article, work, revision)
            asked = {"from_stage": work.from_stage, "again": list(work.again)}
            Attempt.objects.create(article=article, why=Attempt.Why.CHANGED, asked_by=by, **asked)
            Event.objects.create(article=article, kind="changed", message=f"{by or OPERATOR} {work.did}")
            enqueue(article.pk)
    return bool(won)


def as_it_was(article: Article, site_id: int | None) -> bool:
    """What was to be published once more is not: the article is finished as before, on the site where it was.

    A worker that is at it finds itself fenced. False: it is finished already.
    """
    with batch_revision(article.batch_id):
        was = {"site_id": site_id, "alone": False, "next_at": None, "error": None, "cause": ""}
        won = (
            Article.objects.filter(pk=article.pk)
            .exclude(status=Article.Status.DONE)
            .update(status=Article.Status.DONE, ended_at=timezone.now(), **(due() | UNHELD | was))
        )
        if won:
            article.records.filter(stage=Stage.UPLOAD).update(state=StageRecord.State.DONE, error="", failed_at=None)
            article.attempts.filter(ended_at=None).update(outcome=Attempt.Outcome.CANCELLED, ended_at=timezone.now())
    return bool(won)
