"""Who steers, in the place of a model: scripts that see what it would see."""

from __future__ import annotations

from collections.abc import Sequence

from tests.doubles.pilot import Action, Seen, click


def able(seen: Seen) -> str | Sequence[Action]:
    """Does what it is asked for, at a WordPress as it is."""
    if "draft" in seen.goal:
        return _post(seen)
    return _picture(seen)


def _post(seen: Seen) -> str | Sequence[Action]:
    if "_Saved_" in seen.text or "Draft saved" in seen.text or 'Saved"' in seen.text:
        return "done"
    if 'button "Save draft"' in seen.text:
        return [click(seen.ref('button "Save draft"')), ("wait", {"duration": 2}), ("read_page", {})]
    opened = ("navigate", {"url": f"{seen.dashboard}post-new.php"})
    put = [("put", {"what": what}) for what in ("title", "text")]
    return [opened, *put, ("key", {"text": "Escape"}), ("screenshot", {}), ("read_page", {})]


def _picture(seen: Seen) -> str | Sequence[Action]:
    if seen.turn == 1:
        return [("navigate", {"url": f"{seen.dashboard}media-new.php?browser-uploader"}), ("read_page", {})]
    if seen.turn == 2:
        return [("put", {"what": "picture"}), click(seen.ref('button "Upload"'))]
    return "done"


def quick(seen: Seen) -> str | Sequence[Action]:
    """Two turns for each goal, on a page with one button; after a new start it looks first."""
    if seen.turn > 1 and "started anew" not in seen.text:
        return "done"
    what = ("title", "text") if "draft" in seen.goal else ("picture",)
    return [*(("put", {"what": each}) for each in what), click("e1"), ("screenshot", {})]
