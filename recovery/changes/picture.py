"""Another picture for a place: made, brought, or taken back; or other words for the one that stands there.

The page is not laid out again, only its pictures are shown anew: nobody is paid for it.
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

from articles.content.pictures import Picture
from articles.estimates import cost_of, costs
from articles.models import Article, Cost, ImageFile, Stage
from articles.pipeline.transitions import Work
from articles.tree import earlier, kept_pictures
from articles.tree.due import write_soon
from articles.tree.earlier import Entry
from articles.tree.storing import storing
from backups.trees.tree import FileDamaged, Stored
from recovery.changes import opening
from recovery.changes.opening import MovedOn, NotChanged


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
    opening.check(article, article.takes_another_picture, "another picture")


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
        raise MovedOn(article)
    pages = opening.kept_page(article, "words" if wish.only_words else "picture", must=True)
    kept = [*([] if wish.only_words else _kept_picture(article, image)), *pages]
    work = _work(article, image, kept, wish)
    with transaction.atomic():
        opening.opened(article, work, by)
        ImageFile.objects.filter(pk=image.pk).update(**_place(wish))
        for page in pages:
            opening.show_anew(article, page)
        write_soon(article)


def _kept_picture(article: Article, image: ImageFile) -> list[Entry]:
    """A copy of it. A damaged one may go: another takes its place."""
    with suppress(FileDamaged):
        return [earlier.keep_picture(article, image)] if image.is_stored else []
    return []


def _work(article: Article, image: ImageFile, kept: list[Entry], wish: Wish) -> Work:
    return Work(
        stages=frozenset({Stage.IMAGES}) | opening.stages_of_page(article),
        images=frozenset() if wish.only_words else frozenset({image.role}),
        changes={"earlier_files": [*article.earlier_files, *kept]},
        from_stage=Stage.IMAGES.value,
        again=() if wish.only_words else ("1 image",),
        did=f"changed the {image.label} image: {_in_words(wish)}",
    )


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
