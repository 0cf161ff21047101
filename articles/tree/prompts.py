"""The prompts of an article's pictures as a text file."""

from __future__ import annotations

from articles.models import ImageFile


def prompts_file(pictures: list[ImageFile]) -> bytes:
    """The prompts as a text file, a block each."""
    return "\n".join(map(_block, pictures)).encode()


def _block(picture: ImageFile) -> str:
    said = "The writer's own, from the manuscript" if picture.own else picture.prompt
    said = "A file that was chosen for this place" if picture.given else said
    return f"[{picture.role}]{f' {picture.aspect}' if picture.aspect else ''}\n{said}\nAlt text: {picture.alt_text}\n"
