"""A page that a magazine would print: every picture once, every word kept, every colour readable."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articles.content import designs, magazine, manuscripts, markup, passages, placing, word_counts
from articles.models import Article, Design, ImageFile
from tests.articles.content.harmless import assert_harmless, tree, unreadable_pairs
from tests.conftest import MANUSCRIPT

ROLES = ["hero", "section_1", "section_2", "section_3"]
NAMES = {f"03_{role}.jpg" for role in ROLES}
EVERYTHING = """# A title

A first paragraph that is long enough to lead: it has more than a dozen words in it, and a [link](https://a.b).

## Executive summary

In short, **12 % less**.

## Plans

> A quote

| a | b |
|---|---|
| 1 | 2 |

```
code
```

### Smaller

1. one
2. two

---

#### Smallest `code`

Term[^1]

[^1]: A note.
"""


def pictures(*subjects: str) -> list[ImageFile]:
    return [
        ImageFile(role=role, alt_text=subject, width=1680, height=720)
        for role, subject in zip(ROLES, (*subjects, *[""] * 4)[:4], strict=True)
    ]


def article(text: str, primary: str = "#1a4d8f", accent: str = "#b3541e") -> Article:
    read = manuscripts.read(text)
    return Article(title=read.title, html=read.html, brand_primary=primary, brand_accent=accent)


@pytest.mark.parametrize(
    "text",
    [
        MANUSCRIPT,
        EVERYTHING,
        "One paragraph.",
        "## Only\n\n## Headings",
        "* a list\n* of two",
        "> a quote",
        "Word " * 5000,
        "<table><tr><td>cell</table>",
        "<blockquote><p>a</p><h2>b</h2></blockquote><aside><h2>c</h2>d</aside>",
    ],
)
def test_a_page_is_whole(text: str) -> None:
    source = article(text)
    page = magazine.lay_out(source, pictures())
    assert_harmless(page)
    assert not unreadable_pairs(page)
    assert word_counts.missing_words(source.html, page) == 0
    assert sorted(re.findall(r'src="([^"]+)"', page)) == sorted(NAMES)


HEX = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@settings(max_examples=300, deadline=None)
@given(HEX, HEX)
def test_every_brand_gives_a_readable_page(primary: str, accent: str) -> None:
    assert not unreadable_pairs(magazine.lay_out(article(EVERYTHING, primary, accent), pictures()))


def test_words_come_before_pictures_and_each_has_its_place() -> None:
    page = magazine.lay_out(article(MANUSCRIPT), pictures("", "Ports", "Rails", "Roads"))
    order = re.findall(r"03_\w+|Freight|>(?:Ports|Roads|Rails)<", page)
    assert order == [
        *("03_hero", "Freight"),
        *("03_section_1", ">Ports<"),
        *("03_section_3", ">Roads<"),
        *("03_section_2", ">Rails<"),
    ]


def test_pictures_are_spread_over_a_text_without_headings() -> None:
    page = magazine.lay_out(article("\n\n".join(f"Paragraph {n}." for n in range(1, 10))), pictures())
    gaps = [len(re.findall("Paragraph", part)) for part in page.split("<img")]
    assert gaps[0] == 0  # the hero comes first
    assert min(gaps[1:]) >= 1


def test_a_summary_becomes_a_box() -> None:
    page = magazine.lay_out(article(EVERYTHING), [])
    box = next(tree(page).iter("aside"))
    assert "12 % less" in box.text_content()
    assert "Plans" not in box.text_content()


def test_right_to_left_text_runs_that_way() -> None:
    assert 'dir="rtl"' in magazine.lay_out(article("كتاب مخطوط في تسعة كراريس ظفرت به"), [])
    assert "dir=" not in magazine.lay_out(article("A word from كتاب and more of them"), [])


def test_a_picture_placed_twice_stays_once() -> None:
    page = '<article><img src="03_hero.jpg"><p>a</p><img src="03_hero.jpg"><p>b</p></article>'
    assert placing.place(page, pictures()).count("03_hero.jpg") == 1


def test_an_alternative_text_of_any_letters() -> None:
    image = ImageFile(role="hero", alt_text='a\x00b\x0b"<c>', width=1, height=1)
    assert "alt='ab\"&lt;c&gt;'" in placing.place("<p>x</p>", [image])


def test_the_language_of_a_page_reaches_the_reader() -> None:
    read = manuscripts.read("<html lang=fr><body><h1>La mer</h1><div><p>Un<p lang=en>Two</div>", "a.html")
    page = magazine.lay_out(Article(html=read.html, brand_primary="#1a4d8f", brand_accent="#b3541e"), [])
    assert [(p.get("lang"), p.text) for p in tree(page).iter("p")] == [("fr", "Un"), ("en", "Two")]


NESTED = st.recursive(
    st.just("words"),
    lambda inner: (
        st.builds(
            "<{0}>{1}</{0}>".format,
            st.sampled_from(["blockquote", "pre", "figure", "aside"]),
            inner,
        )
        | st.builds("<table><tr><td>{}</td></tr></table>".format, inner)
        | st.builds("<figure>{0}<figcaption>{0}</figcaption></figure>".format, inner)
    ),
    max_leaves=8,
)


@given(NESTED)
@settings(deadline=None)
def test_type_neither_shrinks_nor_grows_with_nesting(html: str) -> None:
    read = Article(title="A", html=markup.clean_text(html), brand_primary="#1a4d8f", brand_accent="#b3541e")
    for element in tree(magazine.lay_out(read, [])).iter():
        above = [element, *element.iterancestors()]
        ems = [float(found[1]) for one in above if (found := re.search(r"font-size: ([\d.]+)em", one.get("style", "")))]
        assert 0.75 < math.prod(ems) < 1.6


@pytest.mark.parametrize("design", Design.values)
@pytest.mark.parametrize("text", [MANUSCRIPT, EVERYTHING, "كتاب مخطوط في تسعة كراريس ظفرت به\n\n> قال"])
def test_every_design_is_whole_and_readable(design: str, text: str) -> None:
    source = article(text, "#ffd400", "#eeeeee")
    source.design, source.byline = design, "By <Ada> & Byron"
    page = magazine.lay_out(source, pictures())
    assert_harmless(page)
    assert not unreadable_pairs(page)
    assert word_counts.missing_words(source.html, page) == 0
    assert "By &lt;Ada&gt; &amp; Byron" in page
    assert "class=" not in page


def test_designs_differ() -> None:
    pages = set()
    for design in Design.values:
        source = article(EVERYTHING)
        source.design = design
        pages.add(magazine.lay_out(source, pictures()))
    assert len(pages) == len(Design.values)


def test_a_short_summary_that_opens_stands_above_the_hero() -> None:
    page = magazine.lay_out(
        article(f"# T\n\n## In brief\n\nShort.\n\n{'Long. ' * 100}\n\n## Ports\n\nSaid."), pictures()
    )
    order = re.findall(r"In brief|Short|03_hero|Long|Ports", page)
    assert list(dict.fromkeys(order)) == ["In brief", "Short", "03_hero", "Long", "Ports"]


def test_a_wall_is_broken_between_sentences() -> None:
    sentence = "This is said <em>once more</em>, and it is not short. "
    source = Article(title="A", html=f"<p>{sentence * 80}</p>")
    page = magazine.lay_out(source, [])
    parts = [p.text_content() for p in tree(page).iter("p")]
    assert len(parts) > 2
    assert all(part.startswith("This") and part.rstrip().endswith(".") for part in parts)
    assert all(len(part) <= passages.WALL for part in parts)
    assert word_counts.words(page) == word_counts.words(source.html)


@pytest.mark.parametrize(
    ("quote", "is_pulled"),
    [("<p>Short.</p>", True), (f"<p>{'Long. ' * 80}</p>", False), ("<p>One.</p><p>Two.</p>", False)],
)
def test_only_a_short_quote_is_pulled_out(quote: str, is_pulled: bool) -> None:
    page = magazine.lay_out(Article(title="A", html=f"<p>Said.</p><blockquote>{quote}</blockquote>"), [])
    assert ("text-align: center" in page) == is_pulled


def test_a_page_of_a_model_is_dressed_by_its_roles() -> None:
    said = '<p class="lead evil">a</p><blockquote class="pull">b</blockquote><p style="color: #333333">c</p>'
    kept = markup.clean_page(f"<article>{said}</article>", (), designs.ROLES)
    page = magazine.dress(kept, Article(title="A"), [])
    [quote] = tree(page).iter("blockquote")
    assert "border-top" in quote.get("style")
    assert "class=" not in page
    assert "evil" not in kept
    assert re.search(r'style="[^"]*color: #333333">c', page)
