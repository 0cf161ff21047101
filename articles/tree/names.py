"""Names of files and steps in the tree of an article."""

from __future__ import annotations

OPENING = "01_opening.html"  # of an article that is written section by section
