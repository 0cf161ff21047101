"""The mark of a post's text, by which it is known as ours, and known to be as it was written.

    <!-- wp:paragraph {"className":"idem-0c6f… text-5d41402abc4b2a76"} -->

`idem` names the article, `text` is a hash of the whole. Both are classes of the first block, which no editor drops. So
a text says itself whether people have changed it, also where no record of what was sent is left. Posts from before
there were blocks begin with a comment that says the same of what follows:

    <!-- idem:0c6f… text:5d41402abc4b2a76 -->
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_COMMENT = re.compile(r"\s*<!-- idem:\w+(?: text:(\w+))? -->\s*")
_CLASSES = re.compile(r'\sclass="[^"]*?\bidem-\w+ text-([0-9a-f]{16})\b')
# What is written otherwise without anybody's doing: each version of the editor has defaults of its own, for attributes
# that show in the HTML as well and for the classes that name a kind; WordPress pads references and tags as it cleans.
_SETTINGS = re.compile(r"(<!-- wp:[\w/-]+) \{(?:(?!-->)[^\n])*\} -->")
_CLASS = re.compile(r' class="([^"]*)"')
_OF_EDITORS = re.compile(r"wp-block-[\w-]+|wp-element-[\w-]+|has-fixed-layout|idem-\w+|text-[0-9a-f]{16}")
_PADDED = re.compile(r"(?<=&#)0+(?=\d)| +(?=/>)")


def is_of(uid: str, content: str) -> bool:
    """Whether this text of a post bears the mark of an article."""
    return re.search(rf"\bidem[-:]{re.escape(uid)}\b", content) is not None


def classes(uid: str, text: str) -> str:
    """The classes for the first block of a text."""
    return f"idem-{uid} text-{_digest(_as_written(text))}"


@dataclass(frozen=True)
class Marked:
    """The text of a post. `version` is that of the text as it was written, `found` of that which is there."""

    version: str
    found: str

    @classmethod
    def read(cls, content: str) -> Marked:
        if comment := _COMMENT.match(content):
            return cls(comment[1] or "", _digest(content[comment.end() :]))
        mark = _CLASSES.search(content)
        return cls(mark[1] if mark else "", _digest(_as_written(content)))

    def holds(self, version: str) -> bool:
        """Whether it is this text, whatever people have made of it since."""
        return version in (self.version, self.found)

    @property
    def is_untouched(self) -> bool:
        return self.version == self.found


def _as_written(content: str) -> str:
    """Blocks without the mark and without what only an editor's version decides."""
    bare = _SETTINGS.sub(r"\1 -->", content)
    return _CLASS.sub(_without_editors, _PADDED.sub("", bare))


def _without_editors(found: re.Match[str]) -> str:
    left = [name for name in found[1].split() if not _OF_EDITORS.fullmatch(name)]
    return f' class="{" ".join(left)}"' if left else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]
