"""Nothing that could run, load or hide survives; no word is lost; no input takes more than linear time."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from articles.content import colours, markup, word_counts
from tests.articles.content.harmless import assert_harmless, assert_runs_nothing, images_in, tree, unreadable_pairs

ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a><a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
    "<svg><style><img title='</style><img src onerror=alert(1)>'></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe><object data=x></object><embed src=x>",
    "<base href=//evil.example><meta http-equiv=refresh content='0;url=//evil.example'><link rel=stylesheet href=//e>",
    "<div style='position:fixed;inset:0;background:url(//evil.example/x)'>x</div>",
    "<p style='color:red;font-family:\"a;background-color:#000;color:#000'>x",
    "<p style='width:/*;color:#fff;x:*/1px;background-color:#fff'>x",
    "<p style='background:expression(alert(1));margin:-9999px;width:99999px'>x",
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "<template><script>alert(1)</script></template><textarea><img src=x onerror=alert(1)></textarea>",
    "<img src='http://evil.example/pixel.gif'><video src=http://evil.example poster=http://evil.example></video>",
    "<input autofocus onfocus=alert(1)><details open ontoggle=alert(1)>x</details><body onload=alert(1)>",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_does_no_harm(attack: str) -> None:
    for html in (markup.clean_text(attack), markup.clean_page(attack, ["03_hero.jpg"])):
        assert_harmless(html)


def test_a_browser_runs_nothing_of_them() -> None:
    assert_runs_nothing([clean(attack) for attack in ATTACKS for clean in (markup.clean_text, page_of)])


def page_of(html: str) -> str:
    return markup.clean_page(html, ())


def one_of(names: str) -> st.SearchStrategy[str]:
    return st.sampled_from(names.split())


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="<>&", exclude_categories=["C"]), max_size=20)
TAGS = one_of(
    "p div span section b i a em h1 h2 ul li ol table tr td th tbody caption blockquote pre code figure figcaption"
    " br hr img aside ruby rt dl dt dd article main font center form button svg math select option"
)
STYLES = st.sampled_from(
    [
        "",
        " style='color:#fff'",
        " style='background:#111'",
        " style='background-color:#777;color:#888'",
        " title='&lt;'",
    ]
)
HTML = st.lists(
    st.one_of(
        WORDS,
        st.builds("<{}{}>".format, TAGS, STYLES),
        st.builds("</{}>".format, TAGS),
        st.sampled_from(["&amp;", "&lt;script&gt;", "&#0;", "&#1;", "&nbsp;", "<!--", "-->", "<", "\r\n", *ATTACKS]),
    ),
    max_size=40,
).map("".join)
FAST = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FAST
@given(HTML)
@example("<h2><p>a</p>b</h2><b><p>c</p></b>")
@example("<pre>\n\n<div>x</div></pre>")
@example("<a href=#x><img src=http://a/b alt='<i>'></a>")
@example("<table>x<b>y</b><tr>z")
def test_cleaning_twice_is_cleaning_once(html: str) -> None:
    for clean in (markup.clean_text, lambda html: markup.clean_page(html, ["03_hero.jpg"])):
        once = clean(html)
        assert clean(once) == once
        assert_harmless(once)


BOXES = st.recursive(
    WORDS.map(lambda text: f"<p>{text}</p>"),
    lambda inner: st.builds(
        "<{0}>{1}</{0}>".format,
        one_of("div section blockquote article aside span b center font custom-tag"),
        st.lists(inner, max_size=4).map("".join),
    ),
    max_leaves=15,
)


@FAST
@given(BOXES)
def test_every_visible_word_is_kept(html: str) -> None:
    visible, kept = tree(html).text_content(), tree(markup.clean_text(html)).text_content()
    assert re.findall(r"\w", visible) == re.findall(r"\w", kept)


COLOURS = st.one_of(
    st.sampled_from(["white", "black", "inherit", "transparent", "currentcolor", "rgba(0,0,0,.5)", "hsl(0,0%,50%)"]),
    st.sampled_from(["hsv(0,0%,0%)", "rgb(300,0,0)", "rgb(1 2 3)", "#abc", "#abcd", "linear-gradient(#000,#fff)"]),
    st.integers(0, 0xFFFFFF).map("#{:06x}".format),
)
PAINTED = st.recursive(
    st.just("words"),
    lambda inner: st.builds(
        "<{0} style='color:{1};{2}:{3}'>{4}</{0}>".format,
        one_of("div span section p a mark strong td"),
        COLOURS,
        st.sampled_from(["background", "background-color", "margin"]),
        COLOURS,
        st.lists(inner, min_size=1, max_size=3).map("".join),
    ),
    max_leaves=10,
)


@FAST
@given(PAINTED)
def test_every_text_can_be_read_on_what_lies_behind_it(html: str) -> None:
    assert not unreadable_pairs(markup.clean_page(html, ()))


def repeated(part: str, length: int = 1_000_000) -> str:
    return part * (length // len(part))


@pytest.mark.dealt(3)
@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000 + "x",
        "".join(f"<b title={n}>" for n in range(100_000)) + "x",
        "".join(f"<b title={n}>" for n in range(150)) + "<p>x" * 100_000,
        "<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">x",
        "<p" + "/".join(f"a{n}='>'" for n in range(100_000)) + ">x",
        "<p title='" + "x" * 1_000_000 + "'>x",
        "<table>" + repeated("x<b>y</b>") + "x",
        *map(
            repeated, ("<ul><li>x", "<table><td>x", "<svg>", "<a ", "<a b='", "<!--", "<![CDATA[", "<b><p>x", "\t", "&")
        ),
    ],
    ids=lambda html: html[:12] + html[-12:],
)
def test_no_input_takes_long(html: str) -> None:
    began = time.process_time()
    markup.text_of(markup.clean_text(html))
    markup.clean_page(html, ())
    assert time.process_time() - began < 60  # of processor time; quadratic ones take many minutes


def test_what_is_nested_too_deeply_keeps_its_words() -> None:
    html = "<p>before</p>" + "<div><script>run()</script>" * 1000 + "deep <b>words</b><p>below"
    assert word_counts.words(markup.clean_text(html)) == ["before", "deep", "words", "below"]


@pytest.mark.parametrize(
    ("html", "cleaned"),
    [
        ("a<div>b</div>c", "<p>a</p><p>b</p><p>c</p>"),
        ("<div>a <b>b</b><p>c</p></div>", "<p>a <b>b</b></p><p>c</p>"),
        ("<h2><div>a</div><div>b</div></h2>", "<h2>a b </h2>"),
        ("<p>&nbsp;</p><p><br></p><p>x</p>", "<p>x</p>"),
        ("<p class=x id=y style='color:red'>x", "<p>x</p>"),
        ("<p>a<a href='#fn1'>1</a></p>", "<p>a1</p>"),
        (
            "<img src='https://a.b/c.jpg' alt='A hat'>",
            '<p><a href="https://a.b/c.jpg" rel="noopener noreferrer">A hat</a></p>',
        ),
        ("<img src='data:image/png;base64,AAAA' alt='A hat'>", "<p>A hat</p>"),
    ],
)
def test_an_article_is_paragraphs(html: str, cleaned: str) -> None:
    assert markup.clean_text(html) == cleaned


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Don't count me twice, I'm 2,143 words.", 7),
        ("हिन्दी में लिखा", 3),  # vowel signs belong to their letters
        ("مرحبا بالعالم", 2),
        ("می‌خواهم بروم", 2),  # a joiner is no space
        ("坊っちゃん", 5),
        ("한국어 단어", 2),
        ("สวัสดีชาวโลก", 2),
        ("ሰላም፡ለዓለም", 2),
    ],
)
def test_words_are_counted_in_every_script(text: str, count: int) -> None:
    assert word_counts.word_count(f"<p>{text}</p>") == count


def test_words_of_neighbouring_blocks_stay_apart() -> None:
    assert markup.text_of("a<p>b</p>c<ul><li>d</li><li>e</li></ul>f<br>g") == "a\nb\nc\nd\ne\nf\ng"


def test_only_pictures_of_the_article_stay_in_a_page() -> None:
    page = markup.clean_page(
        '<img src="03_hero.jpg"><img src="http://evil.example/x.gif"><img src="x">', ["03_hero.jpg"]
    )
    assert images_in(page) == {"03_hero.jpg"}


def test_colours_become_hexadecimal() -> None:
    assert markup.clean_page("<p style='color: RGB(1 2 3)'>x", ()) == '<p style="color: #010203">x</p>'
    assert colours.contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
