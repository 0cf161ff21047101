"""Reading what an editor hands in: any encoding, plain text, Markdown or HTML, with or without front matter."""

from __future__ import annotations

import codecs
import contextlib
import re
from dataclasses import dataclass
from html import escape
from pathlib import PurePath

import charset_normalizer
import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin

from articles import markup

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECLARED = re.compile(
    rb"""<(?:meta[^>]{0,200}charset|\?xml[^>]{0,100}encoding)\s*=\s*["']?([\w-]{2,30})""", re.IGNORECASE
)
_TAG = re.compile(r"<(?:!doctype|html|body|article|p|h[1-6]|div|table|ul|ol)\b", re.IGNORECASE)
_MARKDOWN = re.compile(r"^(?:#{1,6} \S|[-*] \S|> \S|\d+\. \S|```|\|.+\|)|\*\*\S|\[[^\]]+\]\([^)]+\)", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


class Unreadable(Exception):
    """A manuscript that is no text; the message says what to do."""


@dataclass(frozen=True)
class Manuscript:
    """A manuscript as an article: its title, its cleaned HTML, and what was recognised in it."""

    title: str
    html: str
    word_count: int
    components: list[dict[str, str]]


def decode(content: bytes) -> str:
    """The text of a file in any encoding, with plain newlines. Raises Unreadable for what is not text."""
    text = _CONTROL.sub("", _decoded(content).replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n"))
    if not text.strip():
        raise Unreadable("The manuscript is empty. Choose a file that has text in it.")
    return text


def _decoded(content: bytes) -> str:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return content.decode(encoding, errors="replace")
    if b"\x00" in content[:4096]:
        raise Unreadable("This is not a text file. Save the manuscript as .txt, .md or .html and hand it in again.")
    declared = _DECLARED.search(content[:2048])
    for encoding in ("utf-8", *([declared[1].decode()] if declared else [])):
        with contextlib.suppress(UnicodeDecodeError, LookupError):
            return content.decode(encoding)
    return _guessed(content)


def _guessed(content: bytes) -> str:
    best = charset_normalizer.from_bytes(content[: 512 * 1024]).best()
    if best is None:
        raise Unreadable("The encoding of this file is unknown. Save it as UTF-8 text and hand it in again.")
    return content.decode(best.encoding, errors="replace")


def read(text: str, name: str = "") -> Manuscript:
    """A manuscript's text as an article. `name` is the file's, where there was one. Raises Unreadable."""
    meta, text = _front_matter(text)
    html, page_title = _as_html(text, PurePath(name).suffix.lower())
    html = markup.clean_text(html)
    title, html = _title(html, [meta, page_title], name)
    count = markup.word_count(html)
    if not count and not markup.images_in(html):
        raise Unreadable("The manuscript has no text. Hand in one that has.")
    return Manuscript(title, html, count, components(html))


def _front_matter(text: str) -> tuple[str, str]:
    """The title that the front matter gives, and the text without it."""
    block = FRONT_MATTER.match(text)
    if not block:
        return "", text
    try:
        meta = yaml.load(block[1], Loader=_Plain)  # noqa: S506  a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError):
        meta = None
    if not isinstance(meta, dict):
        return "", text if meta is None and ":" not in block[1] else text[block.end() :]
    title = meta.get("title") or meta.get("Title")
    return " ".join(str(title).split()) if isinstance(title, str | int | float) else "", text[block.end() :]


class _Plain(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Without aliases: a few lines of them stand for billions of values."""

    def compose_node(self, parent: object, index: object) -> object:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def _as_html(text: str, suffix: str) -> tuple[str, str]:
    """The text as HTML, and the <title> of a whole page."""
    if suffix in (".html", ".htm", ".xhtml") or (suffix not in (".md", ".markdown", ".mdx") and _TAG.search(text)):
        title = re.search(r"<title[^>]*>(.{0,1000}?)</title>", text, re.IGNORECASE | re.DOTALL)
        return text, markup.text_of(markup.clean_text(title[1])) if title else ""
    if suffix in (".md", ".markdown", ".mdx") or _MARKDOWN.search(text):
        renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).use(footnote_plugin)
        return renderer.render(text), ""
    return "".join(f"<p>{_paragraph(block)}</p>" for block in re.split(r"\n[ \t]*\n+", text) if block.strip()), ""


def _paragraph(block: str) -> str:
    """Lines that were wrapped at a column are one paragraph; short ones, as in a poem, stay lines."""
    lines = [escape(line.strip(), quote=False) for line in block.strip().split("\n")]
    wrapped = max(map(len, lines)) > 60
    return (" " if wrapped else "<br>").join(lines)


def _title(html: str, candidates: list[str], name: str) -> tuple[str, str]:
    """The title, and the HTML without the heading that gave it."""
    root = markup.parse(html)
    heading = next(root.iter("h1"), None)
    heading_text = " ".join(heading.text_content().split()) if heading is not None else ""
    title = next((candidate for candidate in (*candidates[:1], heading_text, *candidates[1:]) if candidate), "")
    if heading is not None and heading_text == title:
        heading.drop_tree()
    for other in root.iter("h1"):
        other.tag = "h2"
    if not title:
        first = next((e for e in root.iter("h2", "h3", "p", "li", "td") if e.text_content().strip()), None)
        title = " ".join(first.text_content().split()) if first is not None else PurePath(name).stem
        if first is not None and first.tag == "p" and len(title) <= 90 and len(root) > 1 and not title.endswith("."):
            first.drop_tree()
    return _shortened(title) or "Untitled", markup.serialize(root)


def _shortened(title: str, limit: int = 200) -> str:
    if len(title) <= limit:
        return title
    cut = title[:limit].rsplit(" ", 1)[0]
    return f"{cut or title[:limit]}…"


_NAMED = {
    "executive_summary": re.compile(r"\b(?:executive summary|summary|key takeaways|in brief|tl;?dr)\b", re.IGNORECASE),
    "case_study": re.compile(r"\bcase stud(?:y|ies)\b", re.IGNORECASE),
}
_STATISTIC = re.compile(
    r"(?:[$€£]\s?\d[\d.,]*|\d[\d.,]*\s?(?:%|percent|per cent|million|billion|trillion))", re.IGNORECASE
)


def components(html: str) -> list[dict[str, str]]:
    """What a magazine page can set apart: quotes, sidebars, summaries, case studies, figures that stand out."""
    found: list[dict[str, str]] = []
    for element in markup.parse(html).iter("blockquote", "aside", "table", "h2", "h3", "strong", "b"):
        text = " ".join(element.text_content().split())
        kind = {"blockquote": "pull_quote", "aside": "sidebar", "table": "table"}.get(str(element.tag))
        if element.tag in ("h2", "h3"):
            kind = next((kind for kind, pattern in _NAMED.items() if pattern.search(text)), None)
        elif element.tag in ("strong", "b") and _STATISTIC.search(text):
            kind = "stat_highlight"
        if kind and text:
            found.append({"type": kind, "text": _shortened(text, 300)})
    return found[:100]
