"""Paths of a source that no backup takes: patterns of the operator's.

`*.tmp`         files and folders of that name, in any folder
`cache/`        folders of that name, with all that is in them
`/drafts/*.txt` from the source's folder on; so does every pattern with a stroke within it
`*`, `**`, `?`  any letters but strokes, any at all, one letter

What a pattern leaves out is named and counted, and is not missed: neither by the next backup nor by a restore that
mirrors one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SETTING = "GALLEY_BACKUP_EXCLUDE"
_SIGNS = {"**": ".*", "*": "[^/]*", "?": "[^/]"}


class Excluded:
    """Asked by path, relative to the source; that of a folder ends with a stroke. What is in one is out with it."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self.patterns = list(patterns)
        self._known = re.compile("|".join(map(_expression, patterns)), re.DOTALL) if patterns else None

    def __bool__(self) -> bool:
        return self._known is not None

    def __call__(self, path: str) -> bool:
        return self._known is not None and self._known.fullmatch(path) is not None


NOTHING = Excluded()


def _expression(pattern: str) -> str:
    bare = pattern.strip("/")
    begins = "" if pattern.startswith("/") or "/" in bare else "(?:.*/)?"
    name = "".join(_SIGNS.get(part) or re.escape(part) for part in re.split(r"(\*\*|\*|\?)", bare))
    return f"{begins}{name}{'/.*' if pattern.endswith('/') else '(?:/.*)?'}"
