"""As many pictures as a text bears, and never two below each other."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content import magazine, manuscripts, markup, placing
from articles.models import Article, ImageFile
from articles.stages import prompts
from articles.stages.images import ASPECTS, SECTIONS

PROSE = "Words that say what there is to say about it, and no more. "


def made_of(text: str) -> Article:
    read = manuscripts.read(text)
    return Article(title=read.title, html=read.html)


def pictures_of(article: Article) -> list[ImageFile]:
    found = zip(ASPECTS, prompts.from_headings(article), strict=False)
    return [ImageFile(role=role, alt_text=prompt.alt_text, width=16, height=9) for role, prompt in found]


def words_between(page: str) -> list[int]:
    """How much is said before, between and after the pictures of a page."""
    return [len(re.sub(r"<[^<>]*>", "", part).split()) for part in re.split(r"<img[^<>]*>", page)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("One paragraph.", 0),
        ("A note.\n\n" + PROSE * 10, 0),
        ("\n\n".join([PROSE * 12] * 2), 1),
        ("\n\n".join([PROSE * 10] * 9), SECTIONS),
        ("Short.\n\n## One\n\nSaid.\n\n## Two\n\nSaid.", 2),
        ("Short.\n\n" + "\n\n".join(f"## Part {n}\n\nSaid." for n in range(9)), SECTIONS),
        ("## One\n\n## Two\n\n## Three", 0),
        ("# T\n\nSaid.\n\n## In brief\n\nShort.\n\n## Ports\n\nSaid.\n\n## Roads\n\nSaid.", 2),
    ],
)
def test_a_text_gets_what_it_bears(text: str, wanted: int) -> None:
    assert len(placing.places_of(made_of(text).html, SECTIONS)) == wanted
    assert len(prompts.from_headings(made_of(text))) == wanted + 1


def test_a_picture_is_described_by_whole_words() -> None:
    text = "\n\n".join(["An opening.", *[f"Paragraph {'immeasurable ' * 90}{n}." for n in range(6)]])
    subjects = [prompt.alt_text for prompt in prompts.from_headings(made_of(text))][1:]
    assert subjects
    assert all(subject.endswith("immeasurable…") and len(subject) <= 120 for subject in subjects)


PART = st.sampled_from(
    [
        "## Heading",
        "### Smaller",
        PROSE,
        PROSE * 30,
        "- one\n- two",
        "> quoted",
        "What there is:",
        "---",
        "| a |\n|---|\n| 1 |",
    ]
)


@given(st.lists(PART, min_size=1, max_size=14))
def test_no_two_pictures_follow_each_other(parts: list[str]) -> None:
    try:
        article = made_of("# Title\n\n" + "\n\n".join(parts))
    except manuscripts.Unreadable:
        return
    pictures = pictures_of(article)
    page = magazine.lay_out(article, pictures)

    assert page.count("<img") == len(pictures)
    assert all(words_between(page)[1:-1]), "there are words between any two of them"
    for heading in markup.parse(page).iter("h2", "h3"):
        following = heading.getnext()
        assert following is None or following.tag != "figure", "a heading stands with what it announces"


def test_what_has_no_place_stands_side_by_side() -> None:
    pictures = [ImageFile(role=role, alt_text="", width=16, height=9) for role in ASPECTS]
    page = placing.place("<p>All there is.</p>", pictures)
    [strip] = [box for box in markup.parse(page).iter("div") if "flex" in box.get("style", "")]
    assert [image.get("src") for image in strip.iter("img")] == [image.file_name for image in pictures[1:]]


def test_pictures_of_a_section_stand_in_it() -> None:
    roles = ["section_1_1", "section_1_2", "section_2_1"]
    pictures = [ImageFile(role=role, alt_text="", width=16, height=9) for role in roles]
    page = placing.place("<p>o</p><h2>A</h2><p>a</p><p>b</p><p>c</p><h2>B</h2><p>d</p>", pictures)
    order = re.findall(r"03_(section_\w+)|<(?:h2|p)>(\w)", page)
    assert ["".join(found) for found in order] == [*"oA", roles[0], "a", roles[1], *"bcB", roles[2], "d"]
