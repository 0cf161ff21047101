"""The formatted page out of the tree, as it may leave for a site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from articles.content import markup
from articles.models import Stage
from articles.pipeline.run import Run
from articles.providers.errors import GALLEY, ProviderError, Rejected, Then
from articles.tree.storing import DAMAGED
from backups.trees.tree import FileDamaged, Stored


def formatted_page(run: Run) -> str:
    """The page of stage 4, from the tree, through the filter once more: whoever wrote that file, nothing in it runs."""
    page = load(run, run.article.records.get(stage=Stage.FORMAT).stored, "the formatted page")
    return markup.clean_page(page.decode(errors="replace"), {image.file_name for image in run.article.images.all()})


def load(run: Run, stored: Stored | None, thing: str) -> bytes:
    try:
        if stored is None:
            raise FileDamaged(f"{thing} is missing from the backup.")
        return run.load_file(stored)
    except FileDamaged as exc:
        raise Rejected(
            GALLEY,
            str(exc).rstrip("."),
            then=Then.REMAKE,
            code=DAMAGED,
            thing=thing,
        ) from exc


@contextmanager
def about(thing: str) -> Iterator[None]:
    """Gives the errors of a service the thing that they are about."""
    try:
        yield
    except ProviderError as exc:
        exc.thing = exc.thing or thing
        raise
