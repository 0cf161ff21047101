"""A post's text says itself whose it is, and whether people have changed it."""

from __future__ import annotations

import re
from itertools import count

import pytest

from publishing import blocks
from publishing.wordpress import marks
from publishing.wordpress.marks import Marked
from tests.publishing.blocks.pages import BY_CLAUDE, HOSTILE, KINDS, LOOK, PICTURES, cleaned

UID = "0c6f" * 8
OLD = f"<!-- idem:{UID} text:a31b755c3dbbd2c5 -->\n<!-- wp:html -->\n<p>Text</p>\n<!-- /wp:html -->\n"


def post(page: str = BY_CLAUDE) -> str:
    made = blocks.convert(cleaned(page), PICTURES, LOOK)
    return made.named(marks.classes(UID, made.content))


@pytest.mark.parametrize("page", [*KINDS.values(), *HOSTILE, BY_CLAUDE], ids=count())
def test_what_was_written_is_known_and_untouched(page: str) -> None:
    content = post(page)

    read = Marked.read(content)

    assert read.version
    assert read.is_untouched
    assert marks.is_of(UID, content)
    assert not marks.is_of(UID[:-1], content)
    assert not re.match(r"\s*<!-- (?!wp:)", content), "no comment outside of blocks"


def test_a_text_from_before_there_were_blocks_is_known_by_its_comment() -> None:
    read = Marked.read(OLD)

    assert (read.version, read.is_untouched) == ("a31b755c3dbbd2c5", True)
    assert marks.is_of(UID, OLD)
    assert not Marked.read(OLD.replace("Text", "Texts")).is_untouched
    assert Marked.read(f"<!-- idem:{UID} -->\n<p>Text</p>") == Marked("", "0a54a3613949de4b")


LATER = [  # what other versions of the editor write, and WordPress where it cleans
    ('class="has-text-color"', 'class="wp-block-heading has-text-color"'),
    ("<table>", '<table class="has-fixed-layout">'),
    ("<!-- wp:table -->", '<!-- wp:table {"hasFixedLayout":false} -->'),
    ("<ul>", '<ul class="wp-block-list">'),
    ("/>", " />"),
    ("&#91;", "&#091;"),
    ('class="wp-element-caption"', ""),
]


@pytest.mark.parametrize(("before", "after"), LATER)
def test_what_only_an_editors_version_decides_is_no_change(before: str, after: str) -> None:
    content = post()
    assert before in content

    assert Marked.read(content.replace(before, after).replace(" >", ">")).is_untouched


CHANGES = [
    (">Within<", ">Inside<"),
    ("#b3541e", "#000000"),
    ("<h3", "<h4"),
    ("wp-image-8", "wp-image-9"),
    ('"wp-block-table"', '"wp-block-table is-style-stripes"'),
    ("<!-- wp:quote -->", '<!-- wp:latest-posts {"categories":[]} /-->\n\n<!-- wp:quote -->'),
]


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_what_people_have_changed_is_seen(before: str, after: str) -> None:
    content = post()
    assert before in content

    changed = Marked.read(content.replace(before, after))

    assert not changed.is_untouched
    assert changed.version == Marked.read(content).version


def test_a_first_block_that_was_deleted_takes_the_mark_along() -> None:
    content = post("<p>One</p><p>Two</p>")

    left = Marked.read(content.partition("<!-- /wp:paragraph -->\n\n")[2])

    assert left.version == ""
    assert not left.is_untouched
