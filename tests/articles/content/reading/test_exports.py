"""What other programs write beside a text is no part of it; what they show of it stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content import elements, markup
from articles.content.reading import exports
from tests.articles.content.harmless import assert_harmless
from tests.articles.content.test_markup import FAST, HTML

WORD_COMMENT = """<p class=MsoNormal>It left<span class=MsoCommentReference><![if !supportAnnotations]><a
 class=msocomanchor id="_anchor_1" href="#_msocom_1" name="_msoanchor_1">[AB1]</a><![endif]></span>.</p>
<div style='mso-element:comment-list'><div style='mso-element:comment'><p class=MsoCommentText>Is this right?</p></div>
</div>"""
GOOGLE_COMMENT = """<p>It left<sup><a href="#cmnt1" id="cmnt_ref1">[a]</a></sup>.</p><div class="c3"><p class="c2"><a
 href="#cmnt_ref1" id="cmnt1">[a]</a><span>Is this right?</span></p><p>Please look.</p></div>"""
LINK = ' rel="noopener noreferrer">'


def seen(html: str) -> str:
    return markup.clean_text(exports.as_seen(html)[0])


@pytest.mark.parametrize(
    ("html", "left"),
    [
        (WORD_COMMENT, "<p>It left.</p>"),
        (GOOGLE_COMMENT, "<p>It left.</p>"),
        ("<p>a <span style='color: red; display : NONE'>b</span>c</p><p hidden>d</p>", "<p>a c</p>"),
        ("<p>a<span style='mso-hide:all'>b</span><i style='visibility:hidden'>c</i></p>", "<p>a</p>"),
        ("<p class='c1 title'>A</p><h1>B</h1>", "<h1>A</h1><h1>B</h1>"),
        ("<h1>B</h1><p class=title>A</p>", "<h1>B</h1><p>A</p>"),
        (
            "<p><a href='https://www.google.com/url?q=https://a.b/c%3Fd&amp;sa=D'>x</a></p>",
            f'<p><a href="https://a.b/c?d"{LINK}x</a></p>',
        ),
        ("<iframe src='//a.b/c' title='A film'></iframe>", f'<p><a href="https://a.b/c"{LINK}A film</a></p>'),
        ("<video><source src='https://a.b/c'>no film</video>", f'<p><a href="https://a.b/c"{LINK}a.b</a></p>'),
        ("<object data='https://a.b/c'></object>", f'<p><a href="https://a.b/c"{LINK}a.b</a></p>'),
        ("<embed src=https://a.b/>", f'<p><a href="https://a.b/"{LINK}a.b</a></p>'),
        ("<iframe src='https://a.b/c' /><p>x", f'<p><a href="https://a.b/c"{LINK}a.b</a></p><p>x</p>'),
        ("<p>x<embed src='https://a.b/c'>", f'<p>x <a href="https://a.b/c"{LINK}a.b</a></p>'),
        ("<img src='data:,' data-src='https://a.b/c' alt=A>", f'<p><a href="https://a.b/c"{LINK}A</a></p>'),
        ("<img srcset='https://a.b/c 1x, d 2x' alt=A>", f'<p><a href="https://a.b/c"{LINK}A</a></p>'),
        (
            "<p><img data-src='https://a.b/c' alt=A><noscript>Run <img src='https://a.b/c' alt=A></noscript></p>",
            f'<p><a href="https://a.b/c"{LINK}A</a></p>',
        ),
        ("<noscript>Run <img src='https://a.b/c' alt=A></noscript>", f'<p><a href="https://a.b/c"{LINK}A</a></p>'),
        ("<img src='https://a.b/pixel' width=1 height=1><p>x", "<p>x</p>"),
        ("<p><math><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math>", "<p>E=mc<sup>2</sup></p>"),
        ("<p><math><mfrac><mi>a</mi><mi>b</mi></mfrac><annotation>tex</annotation></math>", "<p>a/b</p>"),
        ("<iframe src='https://a.b/c'><p>b</iframe><p>x", f'<p><a href="https://a.b/c"{LINK}a.b</a></p><p>x</p>'),
        ("<iframe><p title='</iframe>'></iframe><p>x", "<p>'&gt;</p><p>x</p>"),
        ("<noscript><p>Run</noscript><p>x", "<p>x</p>"),
        ("<noscript><div><img src='https://a.b/c' alt=A></noscript>x", f'<p><a href="https://a.b/c"{LINK}A</a>x</p>'),
        ("<annotation>a</annotation><math><mi>b</mi></math>", "<p>ab</p>"),
        ("<title/><div/><p>One <a id='x'/>two <b/>three</p><p/>", "<p>One two three</p>"),
        ("<button>Save</button><button>Cancel</button>", "<p>Save Cancel</p>"),
        ("<p>One<img src=x alt=''>two<svg><path d='x'/></svg>three<input>four</p>", "<p>One two three four</p>"),
        ("<p><img src=o.png alt=O>nce upon", "<p>Once upon</p>"),
        (
            "<details><summary>More</summary>words</details><address>a</address>b",
            "<p>More</p><p>words</p><p>a</p><p>b</p>",
        ),
        (
            "<html lang=fr><body><div><p>Un<p lang=en>Two</div>trois",
            '<p lang="fr">Un</p><p lang="en">Two</p><p lang="fr">trois</p>',
        ),
    ],
)
def test_a_text_is_what_its_author_sees_of_it(html: str, left: str) -> None:
    assert seen(html) == left


@FAST
@given(HTML)
def test_whatever_is_written_does_no_harm(html: str) -> None:
    cleaned = seen(html)
    assert_harmless(cleaned)
    assert markup.clean_text(cleaned) == cleaned


SHOWN = st.recursive(
    st.text("abcde", min_size=1, max_size=6).map(lambda text: f"{text} "),
    lambda inner: st.builds(
        "<{0}>{1}</{0}>".format,
        st.sampled_from(
            sorted(elements.names("p div span b center details address button font article nav custom-tag"))
        ),
        st.lists(inner, min_size=1, max_size=4).map("".join),
    ),
    max_leaves=12,
)
UNSEEN = st.sampled_from(
    [
        "<!-- hidden -->",
        "<p hidden>hidden</p>",
        "<div style='display:none'><p>hidden</p></div>",
        "<svg><path d='M0'/><title>hidden</title></svg>",
        "<a class=msocomanchor>hidden</a>",
        "<script>hidden</script>",
        "<circle/>",
        "<noscript>hidden</noscript>",
    ]
)


@given(st.lists(st.one_of(SHOWN, UNSEEN)))
def test_what_is_shown_stays_and_nothing_else(parts: list[str]) -> None:
    shown = re.findall(r"\w+", re.sub("<[^>]*>", " ", " ".join(part for part in parts if "hidden" not in part)))
    kept = re.findall(r"\w+", markup.text_of(seen("".join(parts))))
    assert kept == shown
