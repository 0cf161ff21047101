"""The mark at the top of a post's text, by which it is known as ours, and known to be as it was written.

    <!-- idem:0c6f… text:5d41402abc4b2a76 -->

`idem` names the article, `text` is a hash of what follows. So a text says itself whether people have changed it, also
where no record of what was sent is left.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_MARK = re.compile(r"\s*<!-- idem:\w+(?: text:(\w+))? -->\s*")


def mark(uid: str) -> str:
    """What is searched for, of an article."""
    return f"idem:{uid}"


def marked(uid: str, text: str) -> str:
    return f"<!-- {mark(uid)} text:{_digest(text)} -->\n{text}"


@dataclass(frozen=True)
class Marked:
    """The text of a post. `version` is that of the text as it was written, `found` of that which is there."""

    version: str
    found: str

    @classmethod
    def read(cls, content: str) -> Marked:
        mark = _MARK.match(content)
        return cls((mark and mark[1]) or "", _digest(content[mark.end() if mark else 0 :]))

    def holds(self, version: str) -> bool:
        """Whether it is this text, whatever people have made of it since."""
        return version in (self.version, self.found)

    @property
    def is_untouched(self) -> bool:
        return self.version == self.found


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]
