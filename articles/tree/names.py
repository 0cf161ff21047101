"""The names in the tree of an article: of its files, and of its steps in the manifest. People's scripts know them.

    01_raw_article.html   01_opening.html   01_section_7.html   02_prompts.txt   03_hero.jpg   03_hero_base64.txt
    04_formatted.html     05_final.html

What another picture or page took the place of stays beside it: 03_hero_before_1.jpg, 04_formatted_before_1.html.

A batch has a tree, too, with nothing but a manifest: batches/0f3c…/manifest.json. A picture that a writer has put into
a text has one until its article has it (and after): pictures/9f86…/picture.jpg.

Plain Python, and so the lowest floor of articles/: the records name their own files.
"""

from __future__ import annotations

import re

ARTICLE = "01_raw_article.html"
OPENING = "01_opening.html"  # of an article that is written section by section
PROMPTS = "02_prompts.txt"
FORMATTED = "04_formatted.html"
FINAL = "05_final.html"
_SECTION, _IMAGE, _BASE64, _BEFORE = "01_section_", ".jpg", "_base64.txt", "_before_"

STEPS = {  # by stage, in their order
    "article": "step1_article_generation",
    "prompts": "step2_image_prompts",
    "images": "step3_image_generation",
    "format": "step4_formatting",
    "upload": "step5_wordpress_upload",
}
PREFIX = re.compile(r"user_\d{1,18}/article_\d{8}_\d{6}(?:_\d{1,6})?", re.ASCII)  # of an article's tree
BATCHES = "batches"  # the folder of their trees
PICTURES = "pictures"  # the folder of those of pictures that writers have put into their texts


def batch(uid: str) -> str:
    """The prefix of a batch's tree."""
    return f"{BATCHES}/{uid}"


def picture(name: str) -> str:
    """The prefix of the tree of a writer's own picture."""
    return f"{PICTURES}/{name}"


def section(index: int) -> str:
    return f"{_SECTION}{index}.html"


def image(role: str) -> str:
    return f"03_{role}{_IMAGE}"


def base64(role: str) -> str:
    """The same picture once more, for scripts that put it into a page."""
    return f"03_{role}{_BASE64}"


def earlier(file: str, number: int) -> str:
    """What was called so before, the `number`th time."""
    stem, dot, kind = file.partition(".")
    return f"{stem}{_BEFORE}{number}{dot}{kind}"


def is_earlier(file: str) -> bool:
    return _BEFORE in file


def is_section(file: str) -> bool:
    return file.startswith(_SECTION)


def is_base64(file: str) -> bool:
    return file.endswith(_BASE64)


def twin(file: str) -> str:
    """A picture's other file: each can be made of the other."""
    return file.removesuffix(_BASE64) + _IMAGE if is_base64(file) else file.removesuffix(_IMAGE) + _BASE64


def stage_of(file: str) -> str:
    """Which stage makes a file: its first two digits are the step's number."""
    return next(stage for stage, step in STEPS.items() if step.startswith(f"step{int(file[:2])}_"))
