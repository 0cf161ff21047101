"""Who steers, in the place of a model: scripts that see what it would see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urljoin

from tests.doubles.pilot import Action, Seen, click


def able(seen: Seen) -> str | Sequence[Action]:
    """Does what it is asked for, at a WordPress as it is."""
    if "Upload the picture" in seen.goal:
        return _picture(seen)
    return _post(seen) if "new post" in seen.goal else _terms(seen)


def _terms(seen: Seen) -> str | Sequence[Action]:
    if seen.turn == 1:
        return [("read_page", {})]
    return [click(seen.ref('button "I agree"')), ("screenshot", {})] if seen.turn == 2 else "done"


def _post(seen: Seen) -> str | Sequence[Action]:
    if "_Saved_" in seen.text or "Draft saved" in seen.text or 'Saved"' in seen.text:
        return "done"
    if 'button "Save draft"' in seen.text:
        return [click(seen.ref('button "Save draft"')), ("wait", {"duration": 2}), ("read_page", {})]
    opened = ("navigate", {"url": f"{seen.dashboard}post-new.php"})
    put = [("put", {"what": what}) for what in ("title", "text")]
    return [opened, *put, ("key", {"text": "Escape"}), ("screenshot", {}), ("read_page", {})]


def _picture(seen: Seen) -> str | Sequence[Action]:
    if 'button "Upload"' in seen.text:
        return [("put", {"what": "picture"}), click(seen.ref('button "Upload"'))]
    if seen.turn == 1 or "started anew" in seen.text:
        return [("navigate", {"url": f"{seen.dashboard}media-new.php?browser-uploader"}), ("read_page", {})]
    return "done"


def quick(seen: Seen) -> str | Sequence[Action]:
    """Two turns for each goal, on a page with one button; after a new start it looks first."""
    if seen.turn > 1 and "started anew" not in seen.text:
        return "done"
    what = ("title", "text") if "draft" in seen.goal else ("picture",)
    return [*(("put", {"what": each}) for each in what), click("e1"), ("screenshot", {})]


def talked_into(seen: Seen) -> str | Sequence[Action]:
    """Obeys a page that tells it to throw a post away, to make a user, and to go elsewhere."""
    if seen.turn == 1:
        return [("navigate", {"url": f"{seen.dashboard}edit.php"}), ("read_page", {})]
    trash = re.search(r"/url: (\S+action=trash\S+)", seen.text)
    bad = [trash[1] if trash else f"{seen.dashboard}users.php", f"{seen.dashboard}user-new.php", "http://127.0.0.2/"]
    return [("navigate", {"url": urljoin(seen.dashboard, bad[seen.turn - 2])})]
