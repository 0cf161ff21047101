"""Reading what an editor hands in: plain text, Markdown or HTML, with or without front matter."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from html import escape, unescape
from pathlib import PurePath
from typing import Any

import yaml
from lxml.html import HtmlElement

from articles.content import markup, own_pictures, word_counts
from articles.content.own_pictures import OwnPicture
from articles.content.reading import exports, markdown_text, plain_text
from articles.content.reading.decoding import SAMPLE
from articles.content.reading.file_kinds import Unreadable as Unreadable

_FRONT_MATTER = re.compile(
    r"\A\s{0,100}?(?:---[ \t]*\n(?P<yaml>.{0,20000}?)\n(?:---|\.\.\.)|\+\+\+[ \t]*\n(?P<toml>.{0,20000}?)\n\+\+\+)"
    r"[ \t]*(?:\n|\Z)",
    re.DOTALL,
)
_KEY = re.compile(r"[\w@$.-]{1,40}")
_TITLE_LINE = re.compile(r"^title[ \t]*+[:=](.+)", re.IGNORECASE | re.MULTILINE)
_PANDOC = re.compile(
    r"\A\s{0,100}%[ \t](?P<title>[^\n]*+(?:\n[ \t]+[^\s%][^\n]*+)*+)"
    r"(?:\n%[^\n]*+(?:\n[ \t]+\S[^\n]*+)*+){0,2}(?:\n|\Z)"
)
_KEYED = re.compile(
    r"\A\s{0,100}(?P<lines>(?:[A-Za-z][\w -]{0,39}:[^\n]*+(?:\n[ \t]+\S[^\n]*+)*+(?:\n|\Z))++)(?=\n|\Z)"
)

HTML, MARKDOWN = (".html", ".htm", ".xhtml"), (".md", ".markdown", ".mdx")
_OPENS_AS_HTML = re.compile(
    r"\s*<(?:!doctype|!--|\?xml|html|head|title|meta|style|body|header|blockquote|article|section|main|p|h[1-6]|div|table|[uo]l)\b",
    re.I,
)
_BLOCK_TAG = re.compile(r"<(/?)(?:p|h[1-6]|div|table|ul|ol|blockquote|li)\b[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True)
class Manuscript:
    """A manuscript as an article: its title, its cleaned HTML, and what was recognised in it."""

    title: str
    html: str
    word_count: int
    components: list[dict[str, str]]
    is_flattened: bool = False  # its tags were too tangled: its words stay, its structure does not
    pictures: tuple[OwnPicture, ...] = ()  # the writer's own, which the HTML is without
    unusable: tuple[str, ...] = ()  # a sentence for each picture that the writer has put there in vain


def read(text: str, name: str = "") -> Manuscript:
    """A manuscript's text as an article. `name` is the file's, where there was one. Raises Unreadable."""
    given, below = _front_matter(text)
    html, page_title = _as_html(below, PurePath(name).suffix.lower())
    html, flattened = exports.as_seen(html)
    html = markup.clean_text(html, with_pictures=True)
    unusable = own_pictures.unusable_in(html)
    html = own_pictures.stand_alone(html)
    if not markup.text_of(html):
        raise _without_text(" below its front matter" if len(below) < len(text) else "")
    title, html = _title(html, given, page_title, PurePath(name).stem)
    html, pictures = own_pictures.taken_out(html)
    if not markup.text_of(html):
        raise _without_text(" below its title")
    return Manuscript(title, html, word_counts.word_count(html), components(html), flattened, pictures, unusable)


def body(text: str) -> str:
    """The cleaned HTML of a text that was pasted, as `read` finds it below front matter."""
    html, _ = _as_html(_front_matter(text)[1], "")
    return markup.clean_text(exports.as_seen(html)[0])


def _without_text(below: str) -> Unreadable:
    return Unreadable(f"the manuscript has no text{below}", "hand in one that has")


def _front_matter(text: str) -> tuple[str, str]:
    """The title that the front matter gives, and the text without it."""
    block = _FRONT_MATTER.match(text)
    if not block:
        return _title_block(text)
    source = block["toml"] or block["yaml"] or ""
    meta = _meta(source, toml=block["toml"] is not None)
    if meta is None or not all(_KEY.fullmatch(str(key)) for key in meta):
        return "", text  # two rules with words between them
    title = next((value for key, value in meta.items() if str(key).lower() == "title"), "")
    return _bare(title) if isinstance(title, str) else "", text[block.end() :]


def _title_block(text: str) -> tuple[str, str]:
    """The same of Pandoc (`% Title`) and of MultiMarkdown (`Title: …`), which have no rules around it."""
    if block := _PANDOC.match(text):
        return _bare(block["title"]), text[block.end() :]
    block = _KEYED.match(text)
    title = _TITLE_LINE.search(block["lines"]) if block else None
    return (_bare(title[1]), text[block.end() :]) if block and title else ("", text)


def _bare(title: str) -> str:
    """A title on one line, without the signs of HTML and Markdown."""
    plain = re.sub(r"</?[a-zA-Z][^<>]*>|[*`]+", "", unescape(markup.usable(title)))
    return " ".join(markup.usable(plain).split())


def _meta(source: str, *, toml: bool) -> dict[Any, Any] | None:
    """The entries of front matter; of broken front matter its title. None for what is none."""
    if not source.strip():
        return {}
    try:
        meta = tomllib.loads(source) if toml else yaml.load(source, Loader=_Plain)  # noqa: S506  text only
    except (yaml.YAMLError, ValueError, RecursionError):
        first = re.match(r"\s*([\w-]{1,40})\s*[:=](?:\s|$)", source)
        line = _TITLE_LINE.search(source)
        title = line[1].strip(" \t\"'")[:500] if line else ""
        return {first[1]: "", "title": title} if first else None
    return meta if isinstance(meta, dict) else None


class _Plain(yaml.BaseLoader):
    """Everything is text, and nothing stands for something else: a few aliases would unfold to billions of values."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def _as_html(text: str, suffix: str) -> tuple[str, str]:
    """The text as HTML, and the <title> of a whole page."""
    if suffix in HTML or (suffix not in MARKDOWN and _is_html(text, suffix)):
        title = re.search(r"<title[^<>]{0,200}>([^<]{0,1000})", text, re.IGNORECASE)
        return text, " ".join(markup.text_of(markup.clean_text(title[1])).split()) if title else ""
    html = None
    if suffix in MARKDOWN or markdown_text.is_markdown(text, pasted=suffix != ".txt"):
        html = markdown_text.html_of(text, tags=suffix != ".txt")
    return html or "\n".join(f"<p>{paragraph}</p>" for paragraph in plain_text.paragraphs(text)), ""


def _is_html(text: str, suffix: str) -> bool:
    if _OPENS_AS_HTML.match(text):
        return True
    closing = [tag[1] for tag in _BLOCK_TAG.finditer(text[:SAMPLE])] if suffix != ".txt" else []
    return "/" in closing and not markdown_text.SIGN.search(text[:SAMPLE])


def _title(html: str, given: str, page_title: str, stem: str) -> tuple[str, str]:
    """The title, and the HTML without the heading that says the same."""
    root = markup.parse(html)
    heading = next((h for h in root.iter("h1") if word_counts.words(markup.serialize(h))), None)
    heading_text = markup.line_of(heading) if heading is not None else ""
    title = given or heading_text or page_title
    if heading is not None and heading_text.casefold() == title.casefold():
        heading.drop_tree()
    for other in root.iter("h1"):
        other.tag = "h2"
    if not title:
        title = _first_line(root) or stem.replace("_", " ").strip() or markup.line_of(root)
    return shortened(title.replace("**", ""), 160) or "Untitled", markup.serialize(root)


def _first_line(root: HtmlElement) -> str:
    """The first heading or line that could be a title; it is taken out where it stands by itself. Empty: none."""
    opening = [element for element in root.iter("h2", "h3", "h4", "p", "li", "td") if element.text_content().strip()]
    for element in opening[:3]:
        lines = markup.text_of(markup.serialize(element)).split("\n")
        line = " ".join(lines[0].split())
        if not _names(line) or _only_announces(line):
            continue
        alone = element.getparent() is root and len(lines) == 1 and len(root) > 1 and not line.endswith((".", "…"))
        if element.tag != "li" and alone and len(line) <= 90:
            element.drop_tree()
        sentence = re.match(r".{15,}?[.!?…。！？](?=\s|$)", line[:400])
        return sentence[0].removesuffix(".") if sentence and len(line) > 90 and _names(sentence[0]) else line
    return ""


def _names(line: str) -> bool:
    """Whether these words could name something, and are not a rule, a page number or a speck read by a machine."""
    found = word_counts.words(escape(line, quote=False))
    letters = sum(map(len, (word for word in found if not word.isdigit())))
    return letters * 2 > len(re.sub(r"\s", "", line)) and (letters > 3 or not line.isascii())


def shortened(text: str, limit: int) -> str:
    """The text itself, or its beginning up to a word's end."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1].rsplit(" ", 1)[0]
    return f"{cut if len(cut) > limit // 2 else text[: limit - 1]}…"


_NAMED = {
    "executive_summary": re.compile(r"\b(?:executive summary|summary|key takeaways|in brief|tl;?dr)\b", re.IGNORECASE),
    "case_study": re.compile(r"\bcase stud(?:y|ies)\b", re.IGNORECASE),
}
_STATISTIC = re.compile(r"[$€£]\s?\d|\d[\d.,]{0,30}\s?(?:%|percent|per cent|million|billion|trillion)", re.IGNORECASE)


def kind_of_heading(text: str) -> str | None:
    """What a heading announces, if that is one of the components."""
    return next((kind for kind, pattern in _NAMED.items() if pattern.search(text)), None)


def _only_announces(line: str) -> bool:
    """Whether a line is such a heading and nothing more; within more words the same words may be a title."""
    return any(pattern.fullmatch(line.strip(" .:*#–—-")) for pattern in _NAMED.values())


def is_statistic(text: str) -> bool:
    """Whether a figure stands in these words that a reader will remember."""
    return bool(_STATISTIC.search(text))


_KINDS = {"blockquote": "pull_quote", "aside": "sidebar", "table": "table"}
MOST_COMPONENTS = 100


def components(html: str) -> list[dict[str, str]]:
    """What a magazine page can set apart: quotes, sidebars, summaries, case studies, figures that stand out."""
    found: list[dict[str, str]] = []
    for element in markup.parse(html).iter("blockquote", "aside", "table", "h2", "h3", "strong", "b"):
        text = markup.line_of(element)
        kind = _KINDS.get(str(element.tag))
        if element.tag in ("h2", "h3"):
            kind = kind_of_heading(text)
        elif element.tag in ("strong", "b") and is_statistic(text):
            kind = "stat_highlight"
        if kind and text:
            found.append({"type": kind, "text": shortened(text, 300)})
        if len(found) == MOST_COMPONENTS:
            break
    return found
