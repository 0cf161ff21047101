"""The kinds of blocks that an article is made of, each in the plainest form that every editor since 6.1 keeps.

Texts are HTML (`rich_text`); `style` is what the look says of a kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from publishing.blocks.block import Block
from publishing.blocks.looks import MEASURE, Picture
from publishing.blocks.rich_text import address, escaped, plain_attribute
from publishing.blocks.styles import Json

CONSTRAINED = {"type": "constrained"}


def paragraph(text: str, direction: str = "", style: Json | None = None, drop_cap: bool = False) -> Block:
    own: Json = ({"dropCap": True} if drop_cap else {}) | ({"direction": direction} if direction else {})
    classes = ("has-drop-cap",) if drop_cap else ()
    return Block("paragraph", "p", own, classes, direction=direction, style=style or {}, text=text)


def heading(text: str, level: int, direction: str = "", style: Json | None = None, is_centred: bool = False) -> Block:
    """The block has no direction: its words have one of their own, and stand on the side where they begin."""
    side = "center" if is_centred else "right" if direction == "rtl" else ""
    own: Json = {"textAlign": side} if side else {}
    classes = (f"has-text-align-{side}",) if side else ()
    return Block(
        "heading", f"h{level}", own | ({"level": level} if level != 2 else {}), classes, style=style or {}, text=text
    )


def image(picture: Picture, alt: str, caption: str) -> Block:
    said = escaped(plain_attribute(alt or picture.alt))
    drawn = f'<img src="{escaped(address(picture.address))}" alt="{said}" class="wp-image-{picture.media_id}"/>'
    own = {"id": picture.media_id, "sizeSlug": "full", "linkDestination": "none"}
    return captioned(Block("image", "figure", own, ("wp-block-image", "size-full"), text=drawn), caption)


def captioned(block: Block, caption: str) -> Block:
    """A picture or a table with words below it."""
    said = f'<figcaption class="wp-element-caption">{caption}</figcaption>' if caption else ""
    return replace(block, closing=block.closing + said)


def ordered_list(items: Iterable[Block], start: int | None, is_reversed: bool) -> Block:
    own = {"ordered": True} | ({} if start is None else {"start": start}) | ({"reversed": True} if is_reversed else {})
    leading = (" reversed" if is_reversed else "") + ("" if start is None else f' start="{start}"')
    return Block("list", "ol", own, leading=leading, inner=tuple(items))


def bullets(items: Iterable[Block]) -> Block:
    return Block("list", "ul", inner=tuple(items))


def list_item(text: str, lists: Iterable[Block]) -> Block:
    return Block("list-item", "li", text=text, inner=tuple(lists))


def quote(blocks: Iterable[Block], citation: str) -> Block:
    return Block("quote", "blockquote", classes=("wp-block-quote",), inner=tuple(blocks), closing=_cite(citation))


def pull_quote(text: str, citation: str, style: Json) -> Block:
    said = f"<blockquote><p>{text}</p>{_cite(citation)}</blockquote>"
    return Block("pullquote", "figure", classes=("wp-block-pullquote",), style=style, text=said)


def _cite(citation: str) -> str:
    return f"<cite>{citation}</cite>" if citation else ""


def table(sections: Iterable[tuple[str, list[str]]], style: Json) -> Block:
    """`sections` are thead, tbody and tfoot, each with the HTML of its rows' cells."""
    drawn = "".join(
        f"<{name}>{''.join(f'<tr>{cells}</tr>' for cells in rows)}</{name}>" for name, rows in sections if rows
    )
    return Block("table", "figure", classes=("wp-block-table",), style=style, text=f"<table>{drawn}</table>")


def code(text: str, style: Json) -> Block:
    return Block("code", "pre", classes=("wp-block-code",), style=style, text=f"<code>{text}</code>")


def preformatted(text: str, style: Json) -> Block:
    return Block("preformatted", "pre", classes=("wp-block-preformatted",), style=style, text=text)


def separator(style: Json) -> Block:
    """Drawn in its ground, which the editor repeats as its colour; that is no attribute of its own."""
    return Block("separator", "hr", classes=("wp-block-separator", "has-alpha-channel-opacity"), style=style)


def group(blocks: Iterable[Block], style: Json, tag: str = "div", is_page: bool = False) -> Block:
    """`is_page`: as wide as a page of the magazine's own."""
    return Block(
        "group",
        tag,
        {"tagName": tag} if tag != "div" else {},
        ("wp-block-group",),
        style=style,
        layout=CONSTRAINED | ({"contentSize": MEASURE} if is_page else {}),
        inner=tuple(blocks),
    )


def columns(columns: Iterable[Block]) -> Block:
    return Block("columns", "div", classes=("wp-block-columns",), inner=tuple(columns))


def column(blocks: Iterable[Block], style: Json) -> Block:
    return Block("column", "div", classes=("wp-block-column",), style=style, inner=tuple(blocks))


def html(text: str) -> Block:
    return Block("html", text=text)
