"""`make screenshots`: pictures of every screen, laptop and phone, light and dark, and what differs from what was kept.

`KEEP=yes` keeps the looks of now, once somebody has looked, and the pictures of docs/ and the README with them.
"""

from __future__ import annotations

import tests.environment  # isort: skip  # noqa: F401  before Django's settings are read

import os
import sys
from pathlib import Path

os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "GALLEY_LOG_LEVEL": "CRITICAL"}

import django

django.setup()

from django.conf import settings  # noqa: E402  Django first
from django.test.utils import setup_databases, setup_test_environment  # noqa: E402
from PIL import Image  # noqa: E402

from tests.screens import kept  # noqa: E402
from tests.screens.session import looked_at, made  # noqa: E402

FOLDER = Path(settings.BASE_DIR) / "var" / "screenshots"
DOCS = Path(settings.BASE_DIR) / "docs" / "pictures"
# What a newcomer sees before installing it: screens of the laptop by day, but one.
SHOWN = {
    "start": "start-of-an-editor-laptop-light",
    "article": "articles-article-change-done-laptop-light",
    "stopped": "articles-article-change-failed-laptop-dark",
    "batch": "articles-batch-change-running-laptop-light",
    "phone": "start-of-an-editor-phone-dark",
}
MOST_HEIGHT = 900


def main(keep: bool) -> None:
    setup_test_environment()
    setup_databases(verbosity=0, interactive=False)
    FOLDER.mkdir(parents=True, exist_ok=True)
    now = looked_at(*made(), FOLDER)
    said = kept.differences(kept.read() if kept.FOLDER.exists() else {}, now)
    sys.stdout.write("".join(f"{line}\n" for line in said) or "Every screen looks as it was kept.\n")
    sys.stdout.write(f"The pictures are in {FOLDER}.\n")
    if keep:
        kept.write(now)
        _show()
    elif said:
        sys.stdout.write("Look at them. When they are as they should be: make screenshots KEEP=yes\n")


def _show() -> None:
    DOCS.mkdir(exist_ok=True)
    for name, screen in SHOWN.items():
        with Image.open(FOLDER / f"{screen}.png") as picture:
            shown = picture.convert("RGB").crop((0, 0, picture.width, min(picture.height, MOST_HEIGHT)))
            shown.save(DOCS / f"{name}.webp", quality=80, method=6)


main(keep=sys.argv[1:] == ["--keep"])
