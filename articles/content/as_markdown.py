"""An article's text as Markdown, for people who go on writing in it: what lies on a clipboard, say.

What is written is read again as a manuscript, and counts only where the same comes out: the same blocks, words, links.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import chain

from lxml.html import HtmlElement

from articles.content import elements, manuscripts, markup
from articles.content.reading import exports

_SIGNS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~"}
_SAME = {"b": "strong", "i": "em", "s": "del", "figure": "p"}
_NO_MATTER = elements.names("thead tbody tfoot wbr")
_WORTH_IT = elements.HEADINGS | elements.names("a ul ol blockquote table pre strong b")
_BOLD = elements.names("b strong")
_SPECIAL = re.compile(r"([\\`*\[\]<|]|&(?=#?\w)|~(?=~)|(?<!\w)_|_(?!\w))")
_OPENS = re.compile(r"^(\d{1,9}(?=[.)])|(?=[#>+=-]))(.)", re.MULTILINE)

MOST_TAGS = 30_000  # of a clipboard, word processors' own among them
MOST_ELEMENTS = 5_000  # of a text: some thousand paragraphs, written and read again within two seconds

Escape = Callable[[str], str]
Shape = list[tuple[str, ...]]


def from_html(html: str) -> str:
    """HTML of any origin as Markdown; as clean HTML where Markdown cannot say it; "" where bare words say as much, and
    for what is too much to be worked through while somebody waits.
    """
    if html.count("<") > MOST_TAGS:
        return ""
    seen, _ = exports.as_seen(html)
    root = markup.parse(markup.clean_text(seen))
    _open_boxes(root)
    cleaned = markup.clean_text(markup.serialize(root))
    root = markup.parse(cleaned)
    if next(root.iter(*_WORTH_IT), None) is None or sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        return ""
    wanted = _shape(root)
    written = ("\n\n".join(_blocks(root, escape)) for escape in (_as_it_is, _escaped))
    same = (text for text in chain(written, [cleaned]) if _shape(markup.parse(manuscripts.body(text))) == wanted)
    return next(same, "")


def _open_boxes(root: HtmlElement) -> None:
    """What is bold as a whole is not meant so: it is the box in which a word processor copies."""
    for element in list(root.iter(*_BOLD)):
        is_box = next(element.iterdescendants(*markup.BLOCKS), None) is not None
        if is_box or not element.text_content().strip():
            element.drop_tag()


def _as_it_is(text: str) -> str:
    return text


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _blocks(holder: HtmlElement, escape: Escape) -> list[str]:
    """The blocks that stand in an element; its loose words are one, too."""
    found: list[str] = []
    run, before, is_second = _words(holder.text, escape), "", False
    for child in holder:
        # Of lists that follow each other every second one has other signs, or they would be one.
        is_second = child.tag == before and not is_second
        before = child.tag
        if child.tag in markup.BLOCKS:
            found += [_opening(run.strip(), escape), _block(child, escape, is_second=is_second)]
            run = ""
        else:
            run += _inline(child, escape)
        run += _words(child.tail, escape)
    return [block for block in [*found, _opening(run.strip(), escape)] if block]


def _block(element: HtmlElement, escape: Escape, *, is_second: bool) -> str:
    tag = str(element.tag)
    if tag in elements.HEADINGS:
        return f"{'#' * int(tag[1])} {_line(element, escape)}"
    if tag in ("ul", "ol"):
        return _list(element, escape, is_second=is_second)
    if tag == "blockquote":
        return _prefixed("\n\n".join(_blocks(element, escape)), "> ", "> ")
    if tag == "pre":
        return f"```\n{element.text_content()}\n```"
    if tag == "hr":
        return "***"
    return _table(element, escape) if tag == "table" else "\n\n".join(_blocks(element, escape))


def _list(element: HtmlElement, escape: Escape, *, is_second: bool) -> str:
    items = [child for child in element if child.tag == "li"]
    first = int(element.get("start", "1") or 1)
    loose = any(item.find("p") is not None for item in items)
    bullet, point = ("*", ")") if is_second else ("-", ".")
    written = []
    for number, item in enumerate(items, first):
        sign = f"{number}{point} " if element.tag == "ol" else f"{bullet} "
        blocks = _blocks(item, escape)
        within = ("\n\n" if loose else "\n").join(blocks)
        written.append(_prefixed(within, sign, " " * len(sign)))
    return ("\n\n" if loose else "\n").join(written)


def _table(element: HtmlElement, escape: Escape) -> str:
    rows = [[_line(cell, escape).replace("|", "\\|") for cell in row.iter("th", "td")] for row in element.iter("tr")]
    if not rows:
        return ""
    rule = ["---"] * len(rows[0])
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])


def _prefixed(text: str, first: str, others: str) -> str:
    lines = text.split("\n")
    return "\n".join([first + lines[0], *((others + line).rstrip() if line else others.rstrip() for line in lines[1:])])


def _line(element: HtmlElement, escape: Escape) -> str:
    return " ".join(_run(element, escape).split())


def _run(element: HtmlElement, escape: Escape) -> str:
    return _words(element.text, escape) + "".join(
        _inline(child, escape) + _words(child.tail, escape) for child in element
    )


def _words(text: str | None, escape: Escape) -> str:
    return re.sub(r"[ \t\r\n\f]+", " ", escape(text or ""))


def _opening(block: str, escape: Escape) -> str:
    """A paragraph none of whose lines begins as something else would."""
    return block if escape is _as_it_is else _OPENS.sub(r"\1\\\2", block)


def _inline(element: HtmlElement, escape: Escape) -> str:
    tag, within = str(element.tag), _run(element, escape)
    if tag == "br":
        return "  \n"
    if tag == "code" and "`" not in element.text_content():
        return f"`{' '.join(element.text_content().split())}`"
    bare = within.strip()
    if not bare:
        return within
    before, after = within[: len(within) - len(within.lstrip())], within[len(within.rstrip()) :]
    if tag == "a":
        return f"{before}[{bare}]({_address(element.get('href', ''))}){after}"
    if sign := _SIGNS.get(tag):
        return f"{before}{sign}{bare}{sign}{after}"
    return f"{before}<{tag}>{bare}</{tag}>{after}"


def _address(href: str) -> str:
    plain = href.replace(" ", "%20").replace("<", "%3C").replace(">", "%3E")
    return f"<{plain}>" if set("()") & set(plain) else plain


def _shape(root: HtmlElement) -> Shape:
    """What a text consists of, without what looks alike in both: its blocks and links, in order, and their words."""
    found: Shape = []
    _note(root, found)
    return list(_joined(found))


def _note(element: HtmlElement, found: Shape) -> None:
    tag = _SAME.get(str(element.tag), str(element.tag))
    silent = tag in _NO_MATTER or (tag == "p" and _in_list(element)) or element.getparent() is None
    silent = silent or (tag == "code" and element.getparent().tag == "pre")
    if not silent:
        found.append(("open", tag, element.get("href", "")))
    found.append(("words", element.text or ""))
    for child in element:
        _note(child, found)
        found.append(("words", child.tail or ""))
    if not silent:
        found.append(("close", tag))
    elif tag == "p":
        found.append(("words", " "))


def _in_list(element: HtmlElement) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag in ("li", "td", "th", "figure")


def _joined(notes: Iterable[tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    """Runs of words as one, their spaces alike; none between blocks, or at the edge of what is in bold."""
    words = ""
    for note in notes:
        if note[0] == "words":
            words += note[1]
            continue
        if bare := " ".join(words.split()):
            yield ("words", bare)
        words = ""
        yield note
    if bare := " ".join(words.split()):
        yield ("words", bare)
