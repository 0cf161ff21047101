"""Changes of many articles of one batch at once, a statement for all of them and not a dozen for each.

What each does to one article is what `transitions` does to it. All but `hold_back` are called within `batch_revision`,
with few enough articles that the database is soon free for others.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from articles import bounds, call_keys, cost_records
from articles.models import Article, Attempt, Batch, Call, Event, ImageFile, Section, StageRecord
from articles.pipeline.transitions import ANEW, OPERATOR, UNHELD, cancelled, resumed
from articles.tree.due import due


class Part(NamedTuple):
    """A section by the ids of its article and its row, and its index."""

    article: int
    section: int
    number: int


def hold_back(batch_id: int) -> None:
    """Take the batch's articles out of the queue, but those that a person asked for one by one. What somebody works on
    stops after the section in hand.
    """
    in_line = {"status": Article.Status.DRAFT, "queued_at": None, "next_at": None, "error": None}
    held = Article.objects.filter(batch=batch_id, alone=False)
    with transaction.atomic():
        Batch.objects.select_for_update().filter(pk=batch_id).first()  # first of all, as everybody does
        held.filter(status=Article.Status.QUEUED).update(**in_line)
        waiting = locked(held.filter(status=Article.Status.WAITING))
        held.filter(pk__in=waiting).update(**in_line)
        # The attempt that waited has ended, and nobody makes the next one when it is due.
        Attempt.objects.bulk_create(Attempt(article_id=pk, why=Attempt.Why.RETRIED) for pk in waiting)


def resume_all(articles: Collection[int], by: User | None, revision: int) -> int:
    """Let those of them that stopped or were cancelled go on where they left off, in line. Returns how many.

    As `transitions.resume` with nothing to be done anew.
    """
    stopped = Article.objects.filter(pk__in=articles, status__in=[Article.Status.FAILED, Article.Status.CANCELLED])
    won, now = locked(stopped), timezone.now()
    Article.objects.filter(pk__in=won).update(status=Article.Status.DRAFT, queued_at=now, alone=False, **(ANEW | due()))
    unfinished = StageRecord.objects.filter(article__in=won).exclude(state=StageRecord.State.DONE)
    unfinished.update(state=StageRecord.State.PENDING, error="", failed_at=None)
    to_make = Section.objects.filter(article__in=won).exclude(state=Section.State.DONE)
    to_make.update(state=Section.State.PENDING, error=None, finished_at=None, revision=revision)
    Call.objects.filter(article__in=won, state=Call.State.FAILED).update(state=Call.State.CLOSED)
    unbegun = Attempt.objects.filter(article__in=won, number=None, ended_at=None)
    unbegun.update(outcome=Attempt.Outcome.WAITING, ended_at=now)
    Attempt.objects.bulk_create(Attempt(article_id=pk, why=Attempt.Why.RECOVERED, asked_by=by) for pk in won)
    said = f"{by or OPERATOR} pressed Recover"
    Event.objects.bulk_create(Event(article_id=pk, kind="recovered", message=said) for pk in won)
    resumed.send(Article, articles=won)
    return len(won)


def cancel_all(articles: Collection[int], said: str, with_: Article.CancelledWith, revision: int) -> int:
    """Stop those of them that have not ended, as `transitions.cancel`; `said` stands on their timelines. Returns how
    many.
    """
    ended = [Article.Status.DONE, Article.Status.CANCELLED]
    won, now = locked(Article.objects.filter(pk__in=articles).exclude(status__in=ended)), timezone.now()
    Article.objects.filter(pk__in=won).update(
        status=Article.Status.CANCELLED,
        cancelled_with=with_,
        alone=False,
        ended_at=now,
        next_at=None,
        error=None,
        cause="",
        **UNHELD,
        **due(),
    )
    records = StageRecord.objects.filter(article__in=won, state=StageRecord.State.RUNNING)
    records.update(state=StageRecord.State.PENDING)
    in_hand = Section.objects.filter(article__in=won, state=Section.State.RUNNING)
    in_hand.update(state=Section.State.PENDING, revision=revision)
    attempts = Attempt.objects.filter(article__in=won, ended_at=None)
    attempts.update(outcome=Attempt.Outcome.CANCELLED, ended_at=now)
    Event.objects.bulk_create(Event(article_id=pk, kind="cancelled", message=said) for pk in won)
    cancelled.send(Article, articles=won)
    return len(won)


def write_again(articles: Collection[int]) -> None:
    """They got further sections: their texts are joined anew, and all that was made of these."""
    pages = Call.objects.filter(article__in=articles, key=call_keys.FORMAT)
    cost_records.close(pages.exclude(article__status=Article.Status.RUNNING))  # they lack the new sections
    records = StageRecord.objects.filter(article__in=articles).exclude(article__status=Article.Status.RUNNING)
    records.update(state=StageRecord.State.PENDING)


def drop_sections(sections: Collection[Part]) -> None:
    """Take away sections of which nothing is made.

    Another section may get the same index, and must not be given the answers of this one: its calls are closed.
    """
    keys = {(part.article, call_keys.section(part.number)) for part in sections}
    roles = {(part.article, role) for part in sections for role in _roles(part.number)}
    keys |= {(article, key(role)) for article, role in roles for key in (call_keys.image, call_keys.media)}
    articles = {part.article for part in sections}
    calls = Call.objects.filter(article__in=articles).exclude(state=Call.State.CLOSED)
    asked = [pk for pk, *key in calls.values_list("pk", "article_id", "key") if tuple(key) in keys]
    cost_records.close(Call.objects.filter(pk__in=asked))
    _forget_pictures(ImageFile.objects.filter(article__in=articles), roles)
    Section.objects.filter(pk__in=[part.section for part in sections]).delete()


def settle_sections(sections: Collection[Part], revision: int) -> None:
    """What is there of these sections is enough: they are done, without the pictures that they lack."""
    done = {"state": Section.State.DONE, "error": None, "finished_at": timezone.now(), "revision": revision}
    Section.objects.filter(pk__in=[part.section for part in sections]).update(**done)
    roles = {(part.article, role) for part in sections for role in _roles(part.number)}
    lacking = ImageFile.objects.filter(article__in={part.article for part in sections}, sha256="")
    _forget_pictures(lacking, roles)


def _forget_pictures(pictures: QuerySet[ImageFile], roles: Collection[tuple[int, str]]) -> None:
    found = pictures.values_list("pk", "article_id", "role")
    ImageFile.objects.filter(pk__in=[pk for pk, *role in found if tuple(role) in roles]).delete()


def _roles(index: int) -> list[str]:
    """Of the pictures that come with a section."""
    return [f"section_{index}_{n}" for n in range(1, bounds.MOST_PICTURES + 1)]


def locked(articles: QuerySet[Article]) -> list[int]:
    """The ids of these articles, which stay as they are until the transaction ends."""
    return list(articles.order_by("pk").select_for_update().values_list("pk", flat=True))
