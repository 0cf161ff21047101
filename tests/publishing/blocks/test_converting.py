"""Every word and every picture of a page becomes a block that people can change, whoever laid it out."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content import magazine, manuscripts, word_counts
from articles.content.reading import decoding
from articles.models import Article
from publishing import blocks
from publishing.blocks import Hero, Kept, Picture, Typography
from tests.articles.content.test_corpus import CORPUS, files, folders, pictures_of
from tests.publishing.blocks import pages
from tests.publishing.blocks.pages import BY_CLAUDE, HERO, HOSTILE, KINDS, LOOK, PICTURES, SECOND, cleaned

MAGAZINE = replace(LOOK, typography=Typography.MAGAZINE)
RULE = '{"style":{"color":{"background":"#b3541e"}}}'
SHORTCODE = re.compile(r"\[(?=[^<>&/\[\]\x00-\x20=])")
EMBEDDED = re.compile(r"(?im)(<p(?: [^>]*)?>\s*)(https?://[^\s<>\"]+)(\s*</p>)|^(\s*)(https?://[^\s<>\"]+)(\s*)$")


def converted(page: str, **look: object) -> blocks.Converted:
    return blocks.convert(cleaned(page), PICTURES, replace(LOOK, **look))  # type: ignore[arg-type]


def assert_whole(page: str, made: blocks.Converted, pictures: int | None = None) -> None:
    """No word lost and none added, each picture once."""
    html = pages.without_delimiters(made.content)
    assert Counter(word_counts.words(html)) == Counter(word_counts.words(page))
    assert html.count("<img") == (page.count("<img") if pictures is None else pictures)


def assert_only_text(content: str) -> None:
    """Nothing that WordPress would run, and no delimiter but those of blocks."""
    html = pages.without_delimiters(content)
    assert "<!--" not in html
    assert not SHORTCODE.search(html)
    assert not EMBEDDED.search(html)
    for said in re.findall(r"<!-- wp:[a-z-]+ (.*) -->", content):
        assert not re.search(r"--|[<>&]", said)
        json.loads(said)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_block(kind: str) -> None:
    made = converted(KINDS[kind], hero=Hero.BOTH)

    assert made.kinds[kind]
    assert (made.kinds["html"] == 0) == (kind != "html")
    assert_whole(cleaned(KINDS[kind]), made)
    assert_only_text(made.content)


@pytest.mark.parametrize(
    ("page", "written"),
    [
        (
            "<p>a<br>\n b&nbsp;<strong style='color: red'>c</strong></p>",
            "<!-- wp:paragraph -->\n<p>a<br> b&nbsp;<strong>c</strong></p>\n<!-- /wp:paragraph -->",
        ),
        (
            '<p dir="rtl" lang="he">א</p>',
            '<!-- wp:paragraph {"direction":"rtl"} -->\n'
            '<p dir="rtl"><span lang="he">א</span></p>\n<!-- /wp:paragraph -->',
        ),
        (
            "<h1>a</h1>",
            '<!-- wp:heading {"style":{"color":{"text":"#1f5ba9"}}} -->\n'
            '<h2 class="has-text-color" style="color:#1f5ba9">a</h2>\n<!-- /wp:heading -->',
        ),
        ("<h4>a</h4>", '<!-- wp:heading {"level":4} -->\n<h4>a</h4>\n<!-- /wp:heading -->'),
        (
            "<ul><li>a<ol><li>b</li></ol></li><li>c</li></ul>",
            "<!-- wp:list -->\n<ul><!-- wp:list-item -->\n<li>a"
            '<!-- wp:list {"ordered":true} -->\n<ol><!-- wp:list-item -->\n<li>b</li>\n<!-- /wp:list-item --></ol>\n'
            "<!-- /wp:list --></li>\n<!-- /wp:list-item -->\n\n"
            "<!-- wp:list-item -->\n<li>c</li>\n<!-- /wp:list-item --></ul>\n<!-- /wp:list -->",
        ),
        (
            f"<figure>{SECOND}<figcaption>b</figcaption></figure>",
            '<!-- wp:image {"id":8,"sizeSlug":"full","linkDestination":"none"} -->\n'
            '<figure class="wp-block-image size-full"><img src="http://127.0.0.1/03_section_1.jpg?a=1&amp;b=2"'
            ' alt="Cranes" class="wp-image-8"/><figcaption class="wp-element-caption">b</figcaption></figure>\n'
            "<!-- /wp:image -->",
        ),
        (
            "<table><tr><td>a<td style='text-align: center'>b</table>",
            '<!-- wp:table -->\n<figure class="wp-block-table"><table><tbody><tr><td>a</td>'
            '<td class="has-text-align-center" data-align="center">b</td></tr></tbody></table></figure>\n'
            "<!-- /wp:table -->",
        ),
        (
            "<pre><code>a[0]\n</code></pre>",
            '<!-- wp:code -->\n<pre class="wp-block-code"><code>a&#91;0]</code></pre>\n<!-- /wp:code -->',
        ),
        (
            "<hr>",
            f'<!-- wp:separator {RULE} -->\n<hr class="wp-block-separator has-text-color has-alpha-channel-opacity'
            ' has-background" style="background-color:#b3541e;color:#b3541e"/>\n<!-- /wp:separator -->',
        ),
        ("<blockquote>a<p>b</p><p><cite>c</cite></p></blockquote>", "<cite>c</cite></blockquote>\n<!-- /wp:quote -->"),
    ],
)
def test_it_is_written_as_the_editor_writes_it(page: str, written: str) -> None:
    assert written in converted(page).content


@pytest.mark.parametrize("typography", Typography)
@pytest.mark.parametrize("page", [*HOSTILE, BY_CLAUDE, *map(pages.by_template, pages.DESIGNS)], ids=count())
def test_text_is_text(page: str, typography: Typography) -> None:
    made = converted(page, hero=Hero.BOTH, typography=typography)

    assert_only_text(made.content)
    assert_only_text(made.named("idem-1 text-2"))
    if "strong" not in page and "wbr" not in page:
        assert_whole(cleaned(page), made)


def test_what_no_block_holds_stays_and_is_counted() -> None:
    made = converted(KINDS["html"])

    assert made.kept == {Kept.DEFINITIONS: 1, Kept.SPANS: 1, Kept.ITEMS: 1}
    assert made.kinds["html"] == 3
    assert "wp-image-8" in made.content, "its pictures are those of the site"
    assert converted("<table><tr><td><ul><li>a</li></ul></td></tr></table>").kept == {Kept.CELLS: 1}
    assert converted(HOSTILE[6]).kept == {Kept.DEPTH: 1, Kept.ITEMS: 1}


@pytest.mark.parametrize(("hero", "shown"), [(Hero.FEATURED, 1), (Hero.TEXT, 2), (Hero.BOTH, 2)])
@pytest.mark.parametrize(
    "page", [f"<figure>{HERO}<figcaption>x</figcaption></figure><p>a</p>{SECOND}", BY_CLAUDE], ids=count()
)
def test_the_hero_is_where_the_site_wants_it(page: str, hero: Hero, shown: int) -> None:
    made = converted(page, hero=hero)

    pictures = set(re.findall(r"wp-image-(\d+)", made.content))
    assert len(pictures) == shown
    assert (str(PICTURES["03_hero.jpg"].media_id) in pictures) == (hero is not Hero.FEATURED)


def test_alternative_words_and_captions_of_the_library_count_where_the_page_has_none() -> None:
    library = {"03_hero.jpg": Picture(7, "http://a.b/h.jpg", 'Ships & "boats"', "By Ada")}
    own = f"<figure>{HERO}<figcaption>At sea</figcaption></figure>"

    bare = blocks.convert('<img src="03_hero.jpg" alt="">', library, LOOK).content
    said = blocks.convert(own, library, LOOK).content

    assert 'alt="Ships &amp; &quot;boats&quot;"' in bare
    assert ">By Ada</figcaption>" in bare
    assert 'alt="Ships"' in said
    assert ">At sea</figcaption>" in said


def test_a_theme_keeps_its_typography() -> None:
    theme = converted(BY_CLAUDE).content
    magazine = converted(BY_CLAUDE, typography=Typography.MAGAZINE).content

    assert not re.search(r"font-family|font-weight|line-height:1\.[3-9]", theme)
    assert "#b3541e" in theme, "the brand's accent"
    assert '"color":{"text":"#1c1c1e","background":"#ffffff"}' in magazine.partition("\n")[0]
    assert "font-family:Helvetica, Arial, sans-serif" in magazine


@pytest.mark.parametrize("design", pages.DESIGNS)
def test_a_design_is_the_same_in_blocks(design: str) -> None:
    page = pages.by_template(design)
    theme, magazine = (
        blocks.convert(page, PICTURES, replace(LOOK, design=design, typography=typography, hero=Hero.BOTH))
        for typography in Typography
    )

    for made in (theme, magazine):
        assert_whole(page, made)
        assert made.kept.total() == 0
        assert made.kinds["group"] >= 2
        assert made.kinds["pullquote"] == 2
    assert ("has-drop-cap" in magazine.content) == (design == "essay")
    assert "has-drop-cap" not in theme.content
    assert ("has-text-align-center" in magazine.content) == (design == "essay")
    assert ("font-family:Helvetica, Arial, sans-serif" in magazine.content.partition("\n\n")[0]) == (design == "modern")


@pytest.mark.parametrize("page", [*KINDS.values(), *HOSTILE, "", SECOND], ids=count())
@pytest.mark.parametrize("typography", Typography)
def test_classes_go_to_the_first_block(page: str, typography: Typography) -> None:
    content = converted(page, typography=typography).named("idem-1 text-2")

    first, second = content.split("\n")[:2]
    assert '"className":"idem-1 text-2"' in first
    assert re.search(r'^<\w+[^>]* class="[^"]*idem-1 text-2', second)


def test_a_picture_that_the_site_does_not_have_is_no_picture() -> None:
    with pytest.raises(KeyError):
        blocks.convert('<img src="03_other.jpg">', PICTURES, LOOK)


WRITTEN = st.text(alphabet="[]<>\"'&;:/ahtps.-!\n\\", max_size=60)
PLACES = ["<p>{}</p>", "<pre>{}</pre>", "<pre><code>{}</code></pre>", "<ul><li>{}</li></ul>", "<dl><dd>{}</dd></dl>"]


@given(WRITTEN, st.sampled_from(["https://", "HTTP://", "[gallery]", "<!-- wp:a -->", ""]), st.sampled_from(PLACES))
def test_a_browser_reads_the_same_and_wordpress_nothing(words: str, more: str, place: str) -> None:
    text = (more + words + more).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    page = cleaned(place.format(f'{text}<a title="{text}" href="https://e.org/{text}">{text}</a>'))

    content = blocks.convert(page, PICTURES, LOOK).content

    assert_only_text(content)
    assert pages.letters(content) == pages.letters(page)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="CORPUS_DIR names no folder with the corpus")
@pytest.mark.dealt(5)
@pytest.mark.parametrize("folder", folders("articles"))
def test_every_article_becomes_blocks_word_for_word(folder: str) -> None:
    for path in files(folder, (".md", ".txt", ".html")):
        try:
            read = manuscripts.read(decoding.decode(path.read_bytes()), path.name)
        except (manuscripts.Unreadable, decoding.Unclear):
            continue
        article = Article(title=read.title, html=read.html, brand_primary="#1a4d8f", brand_accent="#b3541e")
        images = pictures_of(article)
        page = magazine.lay_out(article, images)
        library = {image.file_name: Picture(1, "http://a.b/c.jpg", image.alt_text) for image in images}

        made = blocks.convert(page, library, LOOK)

        assert_whole(page, made)
        assert_only_text(made.content)
        assert sum(made.kept.values()) <= max(made.kinds.total() // 50, 1)
