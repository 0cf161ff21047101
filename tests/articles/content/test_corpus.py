"""The trial by real input: every file of the corpus becomes a whole page, a clean picture, or a failure with a name.

Takes the folder from CORPUS_DIR. Nothing of it is sampled.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.template.loader import render_to_string

from articles.content import magazine, manuscripts, markup, pictures, word_counts
from articles.content.reading import decoding
from articles.handing_in.manuscript_form import KINDS
from articles.models import Article, ImageFile
from articles.stages import prompts
from articles.stages.images import ASPECTS
from tests.articles.content.harmless import assert_harmless, assert_runs_nothing, images_in, unreadable_pairs
from tests.articles.content.test_pictures import assert_bounded, decoded

CORPUS = Path(os.environ.get("CORPUS_DIR") or "/nowhere")
pytestmark = [
    pytest.mark.dealt_whole(3),
    pytest.mark.skipif(not CORPUS.is_dir(), reason="CORPUS_DIR names no folder with the corpus"),
]
PARTS = 8  # of the larger folders, for several processes


def folders(*tops: str) -> list[str]:
    found = [folder for top in tops for folder in (CORPUS / top).glob("*") if folder.is_dir()]
    return sorted(str(folder.relative_to(CORPUS)) for folder in found) or ["none"]


def files(folder: str, kinds: tuple[str, ...] = ("",)) -> list[Path]:
    return sorted(p for p in (CORPUS / folder).rglob("*") if p.is_file() and p.name.lower().endswith(kinds))


def pictures_of(article: Article) -> list[ImageFile]:
    found = zip(ASPECTS, prompts.from_headings(article), strict=False)
    return [ImageFile(role=role, alt_text=prompt.alt_text, width=16, height=9) for role, prompt in found]


def page_of(path: Path) -> str | None:
    """The page that a file becomes, judged; None where it was refused in a sentence."""
    try:
        read = manuscripts.read(decoding.decode(path.read_bytes()), path.name)
    except manuscripts.Unreadable:
        return None
    assert read.title
    assert len(read.title) <= 160
    assert "\n" not in read.title
    assert not re.fullmatch(r"\W*", read.title) or not re.search(r"\w", read.html)
    assert_harmless(read.html)
    article = Article(title=read.title, html=read.html, brand_primary="#1a4d8f", brand_accent="#b3541e")
    images = pictures_of(article)
    page = magazine.lay_out(article, images)
    assert_harmless(page)
    assert word_counts.missing_words(read.html, page) == 0
    assert images_in(page) == {image.file_name for image in images}
    assert page.count("<img") == len(images)
    if len(page) < 300_000:
        assert markup.clean_text(read.html) == read.html
        assert not unreadable_pairs(page)
    return page


REFUSED = {  # and why: all others become pages
    "articles/wp-formatting": 1,  # the letters of an encoding in a row, without a word: a person is asked
    "articles/digitalgov-md": 44,  # front matter with a link and nothing below it
    "html/llm-written-pages": 1,  # a form and a script
    "wordpress/gutenberg-blocks": 162,  # blocks without a word of their own, or with a heading alone
}


@pytest.mark.dealt(3)
@pytest.mark.parametrize("folder", folders("articles", "ocr", "ideas", "html", "wordpress"))
def test_every_manuscript_becomes_a_page(folder: str) -> None:
    refused = [path.name for path in files(folder, KINDS) if page_of(path) is None]
    assert len(refused) <= REFUSED.get(folder, 0), refused


@pytest.mark.parametrize("folder", folders("articles"))
def test_no_word_of_plain_text_is_lost(folder: str) -> None:
    for path in files(folder, (".txt",)):
        try:
            text = decoding.decode(path.read_bytes())
        except decoding.Unclear:
            assert folder in REFUSED
            continue
        read = manuscripts.read(text, path.name)
        text = re.sub(r"(?<=[^\W\d_])-\n\s*(?=[^\W\d_A-Z])", "", text)  # words that a column broke
        source = word_counts.words("<p>" + text.replace("&", "&amp;").replace("<", "&lt;") + "</p>")
        kept = set(word_counts.words(read.html)) | set(word_counts.words(f"<p>{read.title.replace('&', '&amp;')}</p>"))
        lost = set(source) - kept
        assert len(lost) <= len(set(source)) // 200, sorted(lost)[:20]


@pytest.mark.parametrize("folder", folders("images"))
def test_every_picture_is_clean_or_refused(folder: str) -> None:
    for path in files(folder):
        with contextlib.suppress(pictures.BadPicture):
            picture = pictures.clean(path.read_bytes())
            decoded(picture)
            assert b"<script" not in picture.jpeg


def bombs() -> list[str]:
    suspects = [path for path in files("images") if "hostile" in str(path) or path.stat().st_size > 400_000]
    return [str(path.relative_to(CORPUS)) for path in suspects] or ["none"]


@pytest.mark.dealt(3)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_picture_takes_much(part: int) -> None:
    """Hostile and large ones, each in a process of its own."""
    for name in bombs()[part::PARTS]:
        assert_bounded(CORPUS / name)


def attacks() -> Iterable[str]:
    """Every payload of the lists that people attack sanitisers with, and each list as one document."""
    for path in [*files("html/xss"), *files("html/html5lib-tree-construction"), *files("html/owasp-sanitizer")]:
        text = path.read_text(errors="replace")
        yield text
        if path.suffix == ".json":
            yield from (case["payload"] for case in json.loads(text))
        elif path.name == "tests1.dat" and text.lstrip().startswith("["):
            yield from (case["input"] for case in json.loads(text))
        elif path.suffix == ".xml":
            yield from (code.text or "" for code in ET.fromstring(text).iter("code"))  # noqa: S314  a file of ours
        elif path.suffix == ".dat":
            yield from re.findall(r"#data\n(.*?)\n#errors", text, re.DOTALL)
        else:
            yield from text.splitlines()


@pytest.mark.dealt(3)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_attack_survives(part: int) -> None:
    for attack in list(attacks())[part::PARTS]:
        for html in (markup.clean_text(attack), markup.clean_page(attack, ())):
            assert_harmless(html)
        for name in ("pasted", "a.txt", "a.md", "a.html"):
            try:
                read = manuscripts.read(attack, name)
            except manuscripts.Unreadable:
                continue
            article = Article(title=read.title, html=read.html, brand_primary="#1a4d8f", brand_accent="#b3541e")
            page = magazine.lay_out(article, pictures_of(article))
            assert_harmless(page)
            whole = render_to_string("publishing/page.html", {"article": article, "page": page})
            assert whole.lower().count("<script") == 0


def test_a_browser_runs_nothing_of_all_attacks() -> None:
    fragments = [
        clean(attack) for attack in attacks() for clean in (markup.clean_text, lambda h: markup.clean_page(h, ()))
    ]
    assert len(fragments) > 2000
    assert_runs_nothing(fragments)
