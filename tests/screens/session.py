"""All screens, made in a database of their own or of a test, and looked at."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction
from django.test import override_settings

from tests.screens import content, pages
from tests.screens.looks import Look, browser, looks
from tests.screens.pages import Screen
from tests.screens.shelf import Shelf, serving


def made(*halves: int) -> tuple[list[Screen], Shelf]:
    """Finished, with all that they load; all of them without a half. Nothing of it stays in the database."""
    shelf = Shelf()
    with override_settings(DEBUG=False), transaction.atomic(), content.at(content.NOW):
        content.make()
        found = list(pages.screens(halves or range(pages.HALVES)))
        for screen in found:
            shelf.parts |= pages.parts_of(screen)
        transaction.set_rollback(True)
    return found, shelf


def looked_at(found: list[Screen], shelf: Shelf, pictures: Path | None = None) -> dict[str, Look]:
    with serving(shelf), browser() as running:
        return looks(shelf, found, running, pictures)
