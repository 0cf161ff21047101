"""What another picture changes, all or nothing: the place, the page, and what the article does next.

The page is not laid out again, only its pictures are shown anew: nobody is paid for it. The post on a site stays as it
is until somebody publishes the article again.

| killed                                     | what is there                                                          |
|--------------------------------------------|------------------------------------------------------------------------|
| before the commit                          | the article as it was; copies that no manifest names, written over     |
| after it, before the message               | a queued article, which the sweep finds                                |
| while the picture is made                  | as any picture: its answer is saved first, and is not paid for twice   |
| after the picture, before the page         | the page of before in its copy, from which it is made                  |
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from articles import bounds
from articles.content.pictures import Picture
from articles.estimates import cost_of, costs
from articles.models import Article, Cost, Event, ImageFile, Stage, StageRecord
from articles.pipeline import reopening, transitions
from articles.pipeline.transitions import Work
from articles.state_wording import state
from articles.tree import earlier, kept_pictures
from articles.tree.due import write_soon
from articles.tree.earlier import Entry
from articles.tree.storing import storing
from backups.trees.tree import FileDamaged, Stored


class NotChanged(Exception):
    """Nothing was done; the message says why and what to do."""


@dataclass(frozen=True)
class Wish:
    """What shall stand in a place. `given` is the name of a kept picture; without one it is made of the prompt, unless
    only its words change.
    """

    alt_text: str
    prompt: str = ""
    given: str = ""
    only_words: bool = False


def check(article: Article) -> None:
    """Raises NotChanged for an article whose pictures stay as they are just now."""
    if article.status == Article.Status.DONE and article.tree_expired_at:
        raise NotChanged("The backup of this article was removed after it was done. Hand it in again as a copy.")
    if not article.takes_another_picture:
        raise NotChanged(f"“{article}” cannot get another picture now. {state(article)}.")
    if len(article.earlier_files) + 2 > bounds.MOST_EARLIER_FILES:
        raise NotChanged("This article keeps as many earlier pictures as it can. Hand it in again as a copy.")


def version(article: Article, image: ImageFile) -> str:
    """Of a place as somebody sees it: what they decide by it holds for this alone."""
    said = f"{article.status}|{article.attempt}|{image.sha256}|{image.prompt}|{image.alt_text}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def price() -> Cost:
    """What one made of a prompt will cost, as far as that is known."""
    return cost_of({"image": 1}, costs()) if settings.REPLICATE_API_TOKEN else Cost(Decimal(0))


def earlier_one(article: Article, image: ImageFile, file: str) -> str:
    """The name of a picture that stood in this place before, kept as it is. Raises NotChanged, Unreachable."""
    entry = earlier.find(article, file)
    if entry is None or entry["of"] != image.file_name:
        raise NotChanged("There is no such earlier picture.")
    try:
        with storing():
            content = article.tree.read(Stored(file, entry["sha256"], entry["bytes"]))
    except FileDamaged as exc:
        raise NotChanged(f"{exc} Take another one.") from exc
    return kept_pictures.keep_as_it_is(Picture(content, entry["width"], entry["height"]))


def change(article: Article, image: ImageFile, wish: Wish, by: User, *, seen: str) -> None:
    """Let the article go on with what is wished for this place; of two at once the second is refused.

    Raises NotChanged, Unreachable.
    """
    check(article)
    if version(article, image) != seen:
        raise _changed(article)
    page = article.record(Stage.FORMAT)
    laid_out = page.state == StageRecord.State.DONE
    kept = _copies(article, image, page if laid_out else None, with_picture=not wish.only_words)
    work = _work(article, image, kept, wish)
    with transaction.atomic():
        if not _opened(article, work, by):
            raise _changed(article)
        ImageFile.objects.filter(pk=image.pk).update(**_place(wish))
        if laid_out and kept:
            told = {reopening.SHOWN_ANEW: kept[-1]["file"], reopening.LAID_OUT_OF: reopening.laid_out_of(article)}
            article.records.filter(pk=page.pk).update(details={**page.details, **told})
        said = f"{by} changed the {image.label} image: {_in_words(wish)}"
        Event.objects.create(article=article, kind="picture", message=said)
        write_soon(article)


def _changed(article: Article) -> NotChanged:
    return NotChanged(f"“{article}” has changed since you looked at it, and nothing was done. Look at it again.")


def _copies(article: Article, image: ImageFile, page: StageRecord | None, *, with_picture: bool) -> list[Entry]:
    """Of what something else takes the place of, the page last. A damaged picture may go: another takes its place."""
    kept = []
    if with_picture and image.is_stored:
        with suppress(FileDamaged):
            kept.append(earlier.keep_picture(article, image))
    if page is not None:
        try:
            kept.append(earlier.keep_page(article, page))
        except FileDamaged as exc:
            raise NotChanged(f"{exc} Hand the article in again as a copy.") from exc
    return kept


def _work(article: Article, image: ImageFile, kept: list[Entry], wish: Wish) -> Work:
    """The pictures and the page; without a site the preview, too, which costs nothing."""
    stages = {Stage.IMAGES, Stage.FORMAT} | (set() if article.site_id else {Stage.UPLOAD})
    return Work(
        stages=frozenset(stages),
        images=frozenset() if wish.only_words else frozenset({image.role}),
        changes={"earlier_files": [*article.earlier_files, *kept]},
        from_stage=Stage.IMAGES.value,
        again=() if wish.only_words else ("1 image",),
    )


def _opened(article: Article, work: Work, by: User) -> bool:
    if article.status == Article.Status.DONE:
        return reopening.for_another_picture(article, work, by)
    return transitions.resume(article, by, work, status=article.status, attempt=article.attempt)


def _place(wish: Wish) -> dict[str, Any]:
    words = {"alt_text": wish.alt_text}
    if wish.only_words:
        return words
    nowhere = {"source_url": "", "source_expires_at": None}
    return words | nowhere | {"given": wish.given} | ({} if wish.given else {"prompt": wish.prompt})


def _in_words(wish: Wish) -> str:
    if wish.only_words:
        return "its alternative text"
    return "a file takes its place" if wish.given else "it is made again"
