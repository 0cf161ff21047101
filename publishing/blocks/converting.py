"""From the formatted page to blocks: every word and every picture of it, once and in its order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

from lxml.html import HtmlElement

from articles.content import colours, elements, markup, passages, word_counts
from publishing.blocks import kinds, reading, rich_text
from publishing.blocks.block import Block, serialized
from publishing.blocks.looks import Hero, Look, Picture
from publishing.blocks.rich_text import Node, content_of, rich

PULL_WORDS = 60  # of a quote that can be pulled out; a longer one is read as a quote
DEEPEST = 30  # elements within each other; the HTML of what lies deeper stays
_PARAGRAPHS = {"p", "div"}
_LISTS = {"ul", "ol"}
_OF_KEPT = ("href", "rel", "title", "dir", "lang", "colspan", "rowspan", "scope", "start")


class Kept(StrEnum):
    """Why a piece of a page stays HTML."""

    DEFINITIONS = "definitions"  # a list of terms and what they mean
    ITEMS = "items"  # a list whose items hold more than words and lists
    CELLS = "cells"  # a table whose cells hold more than words
    SPANS = "spans"  # a table whose cells reach over several rows or columns
    DEPTH = "depth"  # too many elements within each other


@dataclass(frozen=True)
class Converted:
    """A page as blocks. `kinds` counts them by name, those within others too; `kept` what stayed HTML, by reason."""

    blocks: tuple[Block, ...]
    kinds: Counter[str]
    kept: Counter[Kept]

    @property
    def content(self) -> str:
        """What a post holds."""
        return serialized(self.blocks)

    def named(self, classes: str) -> str:
        """The same with these classes on its first block."""
        first, *others = self.blocks
        return serialized([first.named(classes), *others])


def convert(page: str, pictures: Mapping[str, Picture], look: Look) -> Converted:
    """The blocks of a page that was cleaned here. `pictures` are by the file names that the page calls them by.

    Raises KeyError for a picture that is not among them.
    """
    root = markup.parse(page)
    conversion = _Conversion(root, pictures, look)
    blocks = tuple(conversion.flow(root))
    if look.is_magazine:
        blocks = (kinds.group(blocks, look.page(), is_page=True),)
    elif not blocks or not blocks[0].tag:  # HTML bears no class
        blocks = (kinds.group(blocks[:1], {}) if blocks else kinds.paragraph(""), *blocks[1:])
    named = Counter(block.name for outer in blocks for block in outer.walk())
    return Converted(blocks, named, conversion.kept)


class _Conversion:
    """One page on its way. `ground` is the colour behind what is converted now; empty for the theme's."""

    def __init__(self, root: HtmlElement, pictures: Mapping[str, Picture], look: Look) -> None:
        self.pictures, self.look = pictures, look
        self.holders = reading.holders(root)
        self.length = len(root.text_content())
        self.ground = colours.WHITE if look.is_magazine else ""
        self.kept: Counter[Kept] = Counter()

    # What stands in something, in its order

    def flow(self, holder: HtmlElement, without: Sequence[HtmlElement] = ()) -> Iterator[Block]:
        """The blocks in an element: its words between them become paragraphs, or headings within a heading."""
        run: list[Node] = []
        for node in content_of(holder):
            if isinstance(node, str) or not self._is_block(node):
                run += [node] if isinstance(node, str) or node not in without else []
            else:
                yield from self._words(holder, run)
                run = []
                yield from self._block(node) if node not in without else ()
        yield from self._words(holder, run)

    def _is_block(self, element: HtmlElement) -> bool:
        return element.tag in elements.BLOCKS or element.tag == "img" or element in self.holders

    def _words(self, holder: HtmlElement, run: list[Node]) -> Iterator[Block]:
        direction = reading.direction(holder)
        if holder.tag in elements.HEADINGS:
            if text := self._rich(holder, run):
                level = max(int(holder.tag[1]), 2)
                drawn = self.look.heading(level, self.ground)
                yield kinds.heading(text, level, direction, drawn, self.look.centres(level))
        elif text := rich(run, title=holder.get("title", ""), lang=reading.language(holder)):
            size, said = reading.size(holder), reading.style(holder).get("font-size", "")
            stands_out = size >= reading.STANDS_OUT
            style = self.look.figure(said, self.ground) if stands_out else self.look.paragraph(said if size > 1 else "")
            large = self.look.is_magazine and reading.begins_large(holder)
            yield kinds.paragraph(text, direction, style, large)

    def _rich(self, element: HtmlElement, nodes: Sequence[Node]) -> str:
        """Words in a block that has no direction of its own."""
        return rich(
            nodes,
            title=element.get("title", ""),
            dir=reading.direction(element),
            lang=reading.language(element),
        )

    def _block(self, element: HtmlElement) -> Iterator[Block]:
        tag = str(element.tag)
        if _is_deep(element):
            yield from self._keep(element, Kept.DEPTH)
        elif tag in _LISTS:
            yield from self._list(element)
        elif tag == "table":
            yield from self._table(element)
        elif tag == "blockquote":
            yield from self._quote(element)
        elif tag == "figure":
            yield from self._figure(element)
        elif tag == "img":
            yield from self._image(element)
        elif tag == "pre":
            yield from self._preformatted(element)
        elif tag == "dl":
            yield from self._keep(element, Kept.DEFINITIONS)
        elif tag == "hr":
            yield kinds.separator(self.look.rule())
        elif tag in reading.BOXES:
            yield from self._box(element)
        else:
            yield from self.flow(element)

    def _keep(self, element: HtmlElement, why: Kept) -> Iterator[Block]:
        if _holds_anything(element):
            self.kept[why] += 1
            yield kinds.html(self._as_it_is(element))

    # Boxes

    def _box(self, element: HtmlElement) -> Iterator[Block]:
        is_apart = reading.is_set_apart(element, self.length)
        ground = self.look.ground(reading.style(element).get("background-color", ""))
        with self._on(ground if is_apart else self.ground):
            sides = [side for each in reading.columns(element) if (side := self._side(each))]
            blocks = [kinds.columns(sides)] if sides else list(self.flow(element))
        if is_apart and blocks:
            yield kinds.group(blocks, self.look.box(ground), "aside" if element.tag == "aside" else "div")
        else:
            yield from blocks

    def _side(self, element: HtmlElement) -> Block | None:
        """One of those that stand side by side, where it holds anything."""
        is_apart = reading.is_set_apart(element, self.length)
        ground = self.look.ground(reading.style(element).get("background-color", ""))
        with self._on(ground if is_apart else self.ground):
            blocks = list(self.flow(element) if element.tag in reading.BOXES else self._block(element))
        return kinds.column(blocks, self.look.box(ground) if is_apart else {}) if blocks else None

    @contextmanager
    def _on(self, ground: str) -> Iterator[None]:
        before, self.ground = self.ground, ground
        yield
        self.ground = before

    # Pictures

    def _image(self, element: HtmlElement, caption: str = "") -> Iterator[Block]:
        picture = self.pictures[element.get("src", "")]
        if not (picture.is_hero and self.look.hero is Hero.FEATURED):
            yield kinds.image(picture, element.get("alt", ""), caption or rich([picture.caption]))

    def _figure(self, element: HtmlElement) -> Iterator[Block]:
        """What it shows, with its caption: below the last picture, below a table, else in a paragraph of its own."""
        captions = [child for child in element if child.tag == "figcaption"]
        lines = [self._lines(each) for each in captions]
        caption = rich_text.BREAK.join(line for line in lines if line)
        shown = [child for child in element if child not in captions]
        if not shown or None in lines or _loose(element):
            yield from self.flow(element)
        elif all(child.tag == "img" for child in shown):
            for picture in shown[:-1]:
                yield from self._image(picture)
            yield from self._image(shown[-1], caption)
        elif [child.tag for child in shown] == ["table"]:
            yield from self._table(shown[0], caption)
        else:
            yield from self.flow(element, captions)
            yield from [kinds.paragraph(caption, reading.direction(element))] if caption else []

    # Lists and tables

    def _lines(self, element: HtmlElement, nodes: Sequence[Node] | None = None) -> str | None:
        """Words, and paragraphs as lines, for what holds no blocks in WordPress; None where it holds others here."""
        lines: list[str] = []
        run: list[Node] = []
        for node in content_of(element) if nodes is None else nodes:
            if isinstance(node, str) or not self._is_block(node):
                run.append(node)
            elif node.tag in _PARAGRAPHS and node not in self.holders:
                lines += [self._rich(element, run), self._rich(node, content_of(node))]
                run = []
            else:
                return None
        return rich_text.BREAK.join(filter(None, [*lines, self._rich(element, run)]))

    def _list(self, element: HtmlElement) -> Iterator[Block]:
        made = self._as_list(element)
        yield from [made] if made else self._keep(element, Kept.ITEMS)

    def _as_list(self, element: HtmlElement) -> Block | None:
        """None where one of its items is more than words and lists, or lies too deep."""
        if _is_deep(element) or _loose(element):
            return None
        items: list[Block] = []
        for child in element:
            made = self._item(child) if child.tag == "li" else self._as_list(child) if child.tag in _LISTS else None
            if made is None:
                return None
            if child.tag == "li":
                items.append(made)
            elif items and not items[-1].inner:  # a list between items belongs to the one before it
                items[-1] = replace(items[-1], inner=(made,))
            else:
                items += made.inner
        if not items:
            return None
        if element.tag == "ul":
            return kinds.bullets(items)
        start = element.get("start", "")
        return kinds.ordered_list(items, int(start) if start else None, "reversed" in element.attrib)

    def _item(self, element: HtmlElement) -> Block | None:
        nodes = content_of(element)
        lists: list[Node] = []
        while nodes and (nodes[-1].isspace() if isinstance(nodes[-1], str) else nodes[-1].tag in _LISTS):
            lists.insert(0, nodes.pop())
        text = self._lines(element, nodes)
        inner = [self._as_list(each) for each in lists if not isinstance(each, str) and _holds_anything(each)]
        whole = [made for made in inner if made]
        if text is None or len(whole) < len(inner) or len(inner) > 1:  # between two lists the editor finds words
            return None
        return kinds.list_item(text, whole)

    def _table(self, element: HtmlElement, caption: str = "") -> Iterator[Block]:
        spans = (cell.get(name, "1") for cell in element.iter("td", "th") for name in ("colspan", "rowspan"))
        is_spanning = any(span != "1" for span in spans)
        made = None if is_spanning else self._as_table(element, caption)
        if made:
            yield made
        else:
            yield from self._keep(element, Kept.SPANS if is_spanning else Kept.CELLS)
            yield from [kinds.paragraph(caption)] if caption else []

    def _as_table(self, element: HtmlElement, caption: str) -> Block | None:
        """None where one of its cells is more than words."""
        sections: dict[str, list[str]] = {"thead": [], "tbody": [], "tfoot": []}
        for row in element.iter("tr"):
            cells = [self._cell(cell) for cell in row]
            said = [cell for cell in cells if cell]
            if len(said) < len(cells):
                return None
            name = str(row.getparent().tag)
            sections[name if name in sections else "tbody"] += ["".join(said)] if said else []
        own = [self._lines(child) for child in element if child.tag == "caption"]
        if None in own or not any(sections.values()):
            return None
        below = rich_text.BREAK.join(line for line in [*own, caption] if line)
        return kinds.captioned(kinds.table(sections.items(), self.look.table()), below)

    def _cell(self, element: HtmlElement) -> str | None:
        text, side = self._lines(element), reading.style(element).get("text-align", "")
        aligned = side if side in ("center", "right") else ""
        given = {
            "class": f"has-text-align-{aligned}" if aligned else "",
            "data-align": aligned,
            "scope": element.get("scope", "") if element.tag == "th" else "",
        }
        return None if text is None else f"<{element.tag}{rich_text.attributes(given)}>{text}</{element.tag}>"

    # Words of others, and words as they were typed

    def _quote(self, element: HtmlElement) -> Iterator[Block]:
        """Pulled out where it is one short paragraph and no part of another quote."""
        last = _source(element)
        is_cited = last is not None and [child.tag for child in last] == ["cite"]
        citation = "" if last is None else self._lines(last[0] if is_cited else last) or ""
        blocks = list(self.flow(element, [last] if last is not None and citation else ()))
        if [block.name for block in blocks] == ["paragraph"] and not _stands_in(element, "blockquote"):
            [said] = blocks
            text = f'<span dir="{said.direction}">{said.text}</span>' if said.direction else said.text
            if word_counts.word_count(text) <= PULL_WORDS:
                yield kinds.pull_quote(text, citation, self.look.pull_quote())
                return
        yield from [kinds.quote(blocks, citation)] if blocks else [kinds.paragraph(citation)] if citation else []

    def _preformatted(self, element: HtmlElement) -> Iterator[Block]:
        if element in self.holders:
            yield from self.flow(element)
        elif not element.text_content().strip():
            return
        elif len(element) == 1 and element[0].tag == "code" and not _loose(element):
            yield kinds.code(rich_text.code(content_of(element[0])), self.look.code())
        else:
            yield kinds.preformatted(rich_text.preformatted(content_of(element)), self.look.code())

    def _as_it_is(self, element: HtmlElement) -> str:
        """An element as HTML, with the pictures of the site and without style."""
        if element.tag == "img":
            return "".join(block.text.replace("/>", ">") for block in self._image(element))
        if element.tag in ("br", "hr"):
            return f"<{element.tag}>"
        given = rich_text.attributes({name: element.get(name, "") for name in _OF_KEPT})
        given += ' reversed=""' if "reversed" in element.attrib else ""
        return f"<{element.tag}{given}>{self._inside(element)}</{element.tag}>"

    def _inside(self, element: HtmlElement) -> str:
        nodes = content_of(element)
        if element.tag == "pre" and element not in self.holders:
            return rich_text.preformatted(nodes)
        pieces: list[str] = []
        run: list[Node] = []
        for node in nodes:
            if isinstance(node, str) or not self._is_block(node):
                run.append(node)
            else:
                pieces += [rich(run), self._as_it_is(node)]
                run = []
        return "\n".join(filter(None, [*pieces, rich(run)]))


def _holds_anything(element: HtmlElement) -> bool:
    return bool(element.text_content().strip()) or next(element.iter("img"), None) is not None


def _loose(element: HtmlElement) -> bool:
    """Whether words stand in it and in none of its children."""
    return any(isinstance(node, str) and node.strip() for node in content_of(element))


def _is_deep(element: HtmlElement) -> bool:
    return sum(1 for _ in element.iterancestors()) > DEEPEST


def _stands_in(element: HtmlElement, tag: str) -> bool:
    return next(element.iterancestors(tag), None) is not None


def _source(element: HtmlElement) -> HtmlElement | None:
    """The last element of a quote, where it says who is quoted."""
    last = element[-1] if len(element) else None
    if last is None or (last.tail or "").strip():
        return None
    return last if passages.is_credit(last) else None
