"""A document goes out: it becomes an article, once, and a publish task; and what becomes of these is told to it.

All of it is one transaction: whoever dies within it has done nothing. What died afterwards is the article's run's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from articles.errors import NotPossible
from articles.models import Article, Design
from articles.pipeline import reopening, transitions
from articles.providers.errors import GALLEY, Refused
from publishing import publish_tasks
from publishing.models import PublishTask, Site
from publishing.options import Options
from worklist import telling, texts
from worklist.changing import Kind, Quicker, changing, note, put
from worklist.models import Document, State

RIGHTS = ("worklist.change_document", "articles.add_article", "articles.change_article", "publishing.add_publishtask")


def may_publish(user: User) -> bool:
    return all(map(user.has_perm, RIGHTS))


def publish(
    pk: int,
    by: User,
    site: Site | None,
    *,
    seen_text: str,
    publisher: str = "",
    options: Options | None = None,
    may_cost: bool = False,
) -> tuple[Document, bool]:
    """Have an approved document published, or its post brought up to date with what was approved since.

    `seen_text` is the hash of the text that was seen; without `options` they are those of the last time. Returns the
    document with its task, and whether the task is new.
    Raises Quicker, NotPossible, PermissionDenied.
    """
    if not may_publish(by):
        raise PermissionDenied
    with _changing_both(pk) as document:
        if document.text_hash != seen_text:
            raise Quicker(document)
        if document.state != State.READY or document.approved_at is None:
            raise NotPossible("Only what is ready to publish goes out. Have it reviewed and approved first.")
        options = options or as_before(document)
        is_later = document.article is not None and not _is_made_of(document.article, document.text_hash)
        article = _article(document, by, site)
        task, is_new = publish_tasks.submit(
            article, site, by, publisher=publisher, options=options, may_cost=may_cost, is_later_text=is_later
        )
        document.article, document.task, document.sent_hash = article, task, document.text_hash
        if is_new:
            note(document, Kind.SENT, by)
        document.save()
    return document, is_new


@contextmanager
def _changing_both(pk: int) -> Iterator[Document]:
    """First the article, then its document: so does whoever finishes the article and tells the document."""
    with transaction.atomic():
        Article.objects.select_for_update(of=("self",)).filter(document=pk).values_list("pk").first()
        with changing(pk) as document:
            yield document


def as_before(document: Document) -> Options:
    """How its post was wished last: brought up to date, it stays for readers where it is for readers."""
    if document.task is None:
        return Options()
    asked = document.task.asked
    return replace(asked, over="", publish_at=None, publish_immediately=asked.is_for_readers)


def _article(document: Document, by: User, site: Site | None) -> Article:
    """The one article of this document: made of the text that was approved, or brought to it."""
    text, title = document.text, document.title if document.has_own_title else ""
    if document.article is None:
        article = Article(
            owner=by,
            manuscript=text.manuscript,
            manuscript_name=text.name,
            title=title,
            site=site,
            design=Design.first_of(site.design if site else ""),
        )
        transitions.submit(article)
        return article
    article = document.article
    if not Article.objects.touchable_by(by).filter(pk=article.pk).exists():
        raise NotPossible(f"Its article is {article.owner}'s. They, or a chief editor, can publish it again.")
    if not _is_made_of(article, document.text_hash):
        if not reopening.with_another_manuscript(article, text.manuscript, text.name, title, by):
            raise NotPossible("Its article moves just now. Wait until it is finished, or cancel it.")
        article.refresh_from_db()
    return article


def _is_made_of(article: Article, text_hash: str) -> bool:
    """People may have handed in another manuscript for it, at its own page."""
    return texts.sha256(article.manuscript) == text_hash


def check_approved(*, article: Article, **_: Any) -> None:
    """Only a text that was approved goes out, by whichever button of whichever page. Raises Refused."""
    document = Document.objects.filter(article=article).first()
    if document is None or (_is_made_of(article, document.sent_hash) and _is_approved(document)):
        return
    raise Refused(
        GALLEY,
        "its text is not the one that was approved on the worklist",
        mend="have it approved there, then press Publish there",
        code="not_approved",
    )


def _is_approved(document: Document) -> bool:
    """Of what was sent: now, or it was once, and is there already."""
    is_now = document.approved_at is not None and document.approved_hash == document.sent_hash
    return is_now or document.entries.filter(kind=Kind.WENT_OUT, text_hash=document.sent_hash).exists()


# News of the article, within the transaction that makes it so


def note_finished(*, article: Article, **_: Any) -> None:
    """It is on its site: what waited for that is published."""
    for pk in _of([article.pk]):
        with changing(pk) as document:
            if document.task is None or document.task.status != PublishTask.Status.COMPLETED:
                continue
            if document.state == State.READY:
                put(document, State.PUBLISHED, None, Kind.WENT_OUT)
                document.save()


def note_stopped(*, article: Article, **_: Any) -> None:
    """It comes back with the reason; it was approved, and stays so."""
    for pk in _of([article.pk]):
        with changing(pk) as document:
            entry = note(document, Kind.STOPPED, error=article.error)
            if document.assignee_id != article.owner_id:  # who is told of the article itself
                telling.tell(entry, document.assignee)


def note_cancelled(*, articles: Collection[int], **_: Any) -> None:
    for pk in _of(articles):
        with changing(pk) as document:
            note(document, Kind.STOPPED)


def _of(articles: Collection[int]) -> list[int]:
    return list(Document.objects.filter(article__in=articles).values_list("pk", flat=True))
