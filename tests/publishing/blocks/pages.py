"""Pages as both formatters lay them out, and what a page may hold of each kind."""

from __future__ import annotations

import re

from articles.content import magazine, markup
from articles.models import ImageFile
from publishing.blocks import Hero, Look, Picture, Typography
from tests.articles.content.test_magazine import EVERYTHING, NAMES, article

LOOK = Look(Typography.THEME, Hero.FEATURED, "#1a4d8f", "#b3541e")
DESIGNS = ("classic", "modern", "essay")
PICTURES = {
    name: Picture(number, f"http://127.0.0.1/{name}?a=1&b=2", f"Alt of {number}", is_hero="hero" in name)
    for number, name in enumerate(sorted(NAMES), 7)
}
HERO, SECOND = '<img src="03_hero.jpg" alt="Ships">', '<img src="03_section_1.jpg" alt="Cranes">'
KINDS = {  # by the name of the block that becomes of it
    "heading": '<h2>Ports</h2><h3 dir="rtl">מסחר</h3><h5>Small <em>print</em></h5>',
    "paragraph": '<p lang="fr">Des <b>ports</b><br>et des\n trains\u00a0: 12 &lt; 13 &amp; more</p>'
    '<p dir="rtl">שלום</p>loose words <i>and</i> more',
    "list": '<ol start="3" reversed=""><li>one<ul><li>two</li><li><p>three</p><p>four</p></li></ul></li></ol><ul></ul>',
    "image": f'<figure>{SECOND}<figcaption>At the <a href="https://a.b/?c=1&amp;d=[2]">port</a></figcaption></figure>',
    "pullquote": "<blockquote><p>A ship that waits earns nothing.</p><footer>Ada, captain</footer></blockquote>",
    "quote": f"<blockquote><p>{'Long words. ' * 40}</p><blockquote>Within</blockquote><cite>Ada</cite></blockquote>",
    "table": '<div style="overflow: auto"><table><caption>Hours</caption><thead><tr><th scope="col">Port</th>'
    '<th style="text-align: right">Hours</th></tr></thead><tbody><tr><td><p>a</p><p>b</p></td><td>[2]</td></tr>'
    "</tbody><tfoot><tr><td>c</td><td></td></tr></tfoot></table></div>",
    "code": "<pre><code>\nplan[0] = [x]\n\n  https://a.b/c\nhttps://a.b/d\n&lt;!-- wp:more --&gt;\n</code></pre>",
    "preformatted": "<pre>A poem\n  of [lines]\nhttps://a.b/c\n</pre>",
    "separator": "<p>Before</p><hr><p>Behind</p>",
    "group": "<aside><h3>Executive summary</h3><p>In short.</p><hr></aside>",
    "columns": '<div style="display: grid; grid-template-columns: repeat(2, 1fr)"><div style="background-color: #eee">'
    '<p style="font-size: 2.4em">12 %</p><p>less</p></div><div><span style="font-size: 32px">3</span> ports</div></div>'
    f"<p>{'The article itself is longer. ' * 20}</p>",
    "html": f'<dl><dt title="a --&gt; b">Berth</dt><dd><p>{SECOND}</p>A place</dd></dl><table><tbody><tr>'
    '<td colspan="2">Both [gallery] </td></tr></tbody></table><ul><li><pre>a\n b</pre></li></ul>',
}
PASSAGES = """
## Case study: the island

It asked each captain for a time, and most of them gave one.

> A ship that waits earns nothing.
>
> — Ada Byron

**$4.2 million** saved in the first year
"""
HOSTILE = [
    '<p title="[gallery] --&gt; &lt;!-- wp:html --&gt; &quot;\u00a0&amp;amp;">&lt;!-- wp:more --&gt;'
    ' [gallery ids="1"] [[b]] [/c]</p>',
    "<p>https://a.b/c?d=1&amp;e=2</p><p> HTTPS://a.b </p><ul><li>https://a.b/c</li></ul>words http://a.b",
    '<p><a href="https://a.b/[x]?q=&lt;!-- wp:x --&gt;&quot;" title="<b>">[<b>gallery</b>]</a></p>',
    f"<p>{SECOND.replace('Cranes', '[gallery] &lt;!-- wp:x --&gt; &quot;AT&amp;amp;T&quot; -- &#39;')}</p>",
    "<p>\\u003c \\u002d\\u002d {} \" ' -- --- \u2028 \ufeff \ufffc 😀 \x7f</p>",
    "<ul><ul><li>x</li></ul></ul><ol>loose<li>y</li></ol><li>stray</li><dd>stray</dd><blockquote></blockquote>",
    "<div>" * 90 + "<p>deep</p>" + "</div>" * 90 + "<ul><li>" * 95 + "deep" + "</li></ul>" * 95,
    f"<p>a <span>b {HERO} c</span> {SECOND}</p><h2>d {SECOND} e</h2><strong><p>f</p>g</strong>",
    "<figure><figcaption>Alone</figcaption></figure><figure>loose</figure><pre><div>a</div><div>b</div></pre><p><br></p>",
    '<p>a<wbr>b <time datetime="2020">c</time> <bdi>d</bdi> <ruby>e<rt>f</rt></ruby>'
    " <q>g</q> <u>h</u> <small>i</small></p>",
]
BY_CLAUDE = (
    f'<article style="background-color: #ffffff; font-family: Georgia">'
    f"<header><figure>{HERO}<figcaption>The port</figcaption></figure></header>"
    + "".join(f'<section style="padding: 1em">{KINDS[kind]}</section>' for kind in KINDS)
    + "</article>"
)


def cleaned(page: str) -> str:
    return markup.clean_page(page, PICTURES)


def by_template(design: str = "classic") -> str:
    images = [ImageFile(role=name[3:-4], alt_text="A port", width=1680, height=720) for name in sorted(NAMES)]
    made = article(EVERYTHING + PASSAGES)
    made.design, made.byline = design, "By Ada Byron, 12 March"
    return magazine.lay_out(made, images)


def without_delimiters(content: str) -> str:
    """The HTML of a post, with what only separates written as HTML that everybody reads alike."""
    html = re.sub(r"<!-- /?wp:[a-z-]+(?: \{[^\n]*\})? -->", " ", content)
    return html.replace("/>", ">").replace(" reversed start", ' reversed="" start')


def letters(html: str) -> str:
    """What a browser shows of it, whatever separates it."""
    shown = markup.parse(without_delimiters(html)).text_content()
    return "".join(shown.split())
