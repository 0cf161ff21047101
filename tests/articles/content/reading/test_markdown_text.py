"""Markdown as people write it."""

from __future__ import annotations

import pytest

from articles.content import manuscripts

LONG = (
    "The council met on Tuesday night to speak about the bridge, which has been closed since the flood of last winter."
)


@pytest.mark.parametrize(
    ("text", "name", "html"),
    [
        ("これは**強調（注）**です", "a.md", "これは<strong>強調（注）</strong>です"),
        ("**추출(Extract)**입니다", "a.md", "<strong>추출(Extract)</strong>입니다"),
        ("これは**「強調」**です", "a.md", "これは<strong>「強調」</strong>です"),
        ("2 * 3 * 4 and a **b", "a.md", "2 * 3 * 4 and a **b"),
        ("Use List<String> and <your name>.", "a.md", "Use List&lt;String&gt; and &lt;your name&gt;."),
        ("when a<b and c>d holds", "a.md", "when a&lt;b and c&gt;d holds"),
        ("the <title> of a page", "a.md", "the &lt;title&gt; of a page"),
        ("<b>bold</b> and <span hidden-not>x</span>", "a.md", "<b>bold</b> and x"),
        (
            "    It left at noon, and nobody waved.\n\n    The sea *was* so calm.",
            "a.md",
            "<p>It left at noon, and nobody waved.</p><p>The sea <em>was</em> so calm.</p>",
        ),
        ("    x = left(noon)\n    return x", "a.md", "<pre><code>x = left(noon)\nreturn x\n</code></pre>"),
        ("    pip install it", "a.md", "<pre><code>pip install it\n</code></pre>"),
        (
            f"By **Ann Lee**\n{LONG * 2}\n{LONG * 2}\n- a\n- b",
            "",
            f"<p>{LONG * 2}</p>\n<p>{LONG * 2}</p>\n<ul>\n<li>a</li>\n<li>b</li>",
        ),
        ("```\na\n```\n``` and this", "a.md", "<pre><code>and this\n</code></pre>"),
        ("```words of an author\na\n```", "a.md", "<pre><code>words of an author\na\n</code></pre>"),
        ('```js title="a"\na\n```', "a.md", "<pre><code>a\n</code></pre>"),
        (f"<p title='a\nb'>{LONG * 2}</p>\n{LONG}", "", f'<p title="a b">{LONG * 2}</p>'),
        (f"{LONG}\n{LONG}\n\nNext", "a.md", f"<p>{LONG}\n{LONG}</p>"),
    ],
)
def test_markdown_becomes(text: str, name: str, html: str) -> None:
    assert html in manuscripts.read(f"# T\n{text}" if "\n\n" not in text and not name else f"# T\n\n{text}", name).html
