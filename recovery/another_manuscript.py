"""Another manuscript for an article that rests: it takes the place of the one before, which is kept beside it.

What was made of the earlier one is made again, and paid for again: the plan says so before, as for any recovery from
the first stage. Of an article that is only scheduled nothing was made; it begins at its time, with the new text.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from articles import bounds
from articles.models import Article, Event, Stage
from articles.pipeline import transitions
from articles.pipeline.reopening import with_present_manuscript
from articles.state_wording import state
from articles.tree.due import due, write_soon
from recovery.forms import AnotherManuscriptForm
from recovery.plan import Options, plans

FROM_THE_TEXT = Options(from_stage=Stage.ARTICLE)


class NotTaken(Exception):
    """The article takes no other manuscript, as it is; the message says why and what to do."""


class Changed(NotTaken):
    """The article is not as it was when somebody decided by it."""


def check(article: Article) -> None:
    """Raises NotTaken for an article that takes no other manuscript just now."""
    if article.idea:
        raise NotTaken("This article is made of an idea. Change the idea, or hand the text in as a new article.")
    if article.status == Article.Status.DONE:
        raise NotTaken(f"“{article}” is done. Hand the text in as a new article.")
    if not article.rests:
        raise NotTaken(f"“{article}” does not rest. {state(article)}. Cancel it first; what is saved stays.")
    if len(article.earlier_manuscripts) >= bounds.MOST_MANUSCRIPTS:
        had = bounds.MOST_MANUSCRIPTS + 1
        raise NotTaken(
            f"This article has had {had} manuscripts, which are all kept. Hand the text in as a new article."
        )


def version(article: Article) -> str:
    """Of how it stands and what it is made of, as somebody sees it: what they decide by it holds for this alone."""
    return hashlib.sha256(f"{article.status}|{article.attempt}|{article.manuscript}".encode()).hexdigest()[:32]


def hand_in(article: Article, by: User, form: AnotherManuscriptForm, *, seen: str) -> None:
    """Replace the manuscript by that of a valid form, and go on with it; `seen` is the version that was decided by.

    All or nothing, and once: of two at once the second is refused. Raises NotTaken.
    """
    check(article)
    if version(article) != seen:
        raise _changed(article)
    with transaction.atomic():
        if not _replaced(article, by, _changes(article, form.cleaned_data["manuscript"], form.file_name)):
            raise _changed(article)
        _forget_what_was_made(article)
        Event.objects.create(article=article, kind="manuscript", message=f"{by} handed in another manuscript")
        if form.read_as:
            Event.objects.create(article=article, kind="read", message=f"The file was read as {form.read_as}")
        write_soon(article)


def _changed(article: Article) -> Changed:
    return Changed(f"“{article}” has changed since you looked at it, and nothing was done. Look at it again.")


def _changes(article: Article, text: str, file_name: str) -> dict[str, Any]:
    """With the text, all goes that was read from the earlier one; what people may have written is kept with it."""
    read = {"title": "", "html": "", "word_count": 0, "components": []}
    given = {"manuscript": text, "manuscript_name": file_name}
    return {**given, **read, "earlier_manuscripts": with_present_manuscript(article)}


def _replaced(article: Article, by: User, changes: dict[str, Any]) -> bool:
    """False: it is not any more as it was read."""
    as_read = {"status": article.status, "attempt": article.attempt, "manuscript": article.manuscript}
    if article.is_scheduled:
        return bool(Article.objects.filter(pk=article.pk, **as_read).update(**changes, **due()))
    work = plans([article], FROM_THE_TEXT, patience=0)[0].work
    return transitions.resume(article, by, replace(work, changes=changes), **as_read)


def _forget_what_was_made(article: Article) -> None:
    """No row names a file of the earlier text any more, nor a picture of it: they are written over as new ones come."""
    article.records.update(file="", sha256="", bytes=0, maker="", details={})
    article.images.all().delete()
