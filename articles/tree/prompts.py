"""The prompts of an article's pictures as a text file."""

from __future__ import annotations

from articles.models import ImageFile


def prompts_file(pictures: list[ImageFile]) -> bytes:
    """The prompts as a text file, a block each."""
    blocks = (
        f"[{picture.role}] {picture.aspect}\n{picture.prompt}\nAlt text: {picture.alt_text}\n" for picture in pictures
    )
    return "\n".join(blocks).encode()
