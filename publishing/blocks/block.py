"""A block, written as the editor of WordPress writes it: parsed and saved there, not one byte changes.

Seen in WordPress 6.1.9: the order of attributes and classes is that of its `serialize`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from publishing.blocks import styles

Json = dict[str, Any]
# What would end the comment or read as another block, as `serializeAttributes` writes it.
_ESCAPES = {"--": "\\u002d\\u002d", "<": "\\u003c", ">": "\\u003e", "&": "\\u0026", '\\"': "\\u0022"}


@dataclass(frozen=True)
class Block:
    """`tag` is its root element, which holds `text`, then the blocks `inner`, then `closing`, all of them HTML.

    `own` are the attributes of its kind, `classes` the classes; `leading` is written before the classes, `direction`
    behind them. A block without a tag is its text.
    """

    name: str
    tag: str = ""
    own: Json = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    leading: str = ""
    direction: str = ""
    style: Json = field(default_factory=dict)
    class_name: str = ""
    layout: Json = field(default_factory=dict)
    text: str = ""
    inner: tuple[Block, ...] = ()
    closing: str = ""

    def __str__(self) -> str:
        attributes = self.own | ({"style": self.style} if self.style else {})
        attributes |= {"className": self.class_name} if self.class_name else {}
        attributes |= {"layout": self.layout} if self.layout else {}
        said = f" {_json(attributes)}" if attributes else ""
        return f"<!-- wp:{self.name}{said} -->\n{self._html()}\n<!-- /wp:{self.name} -->"

    def _html(self) -> str:
        if not self.tag:
            return self.text
        if self.tag == "hr":
            return self._rule()
        written = [*self.classes, *self.class_name.split(), *styles.classes(self.style)]
        attributes = (
            self.leading
            + (f' class="{" ".join(written)}"' if written else "")
            + (f' dir="{self.direction}"' if self.direction else "")
            + (f' style="{drawn}"' if (drawn := styles.css(self.style)) else "")
        )
        return f"<{self.tag}{attributes}>{self.text}{serialized(self.inner)}{self.closing}</{self.tag}>"

    def _rule(self) -> str:
        """A separator: its ground is its colour as well, and people's classes come last."""
        colour = styles.css(self.style).partition("background-color:")[2]
        first, *others = self.classes
        drawn = [first, "has-text-color", *others, "has-background"] if colour else list(self.classes)
        classes = " ".join([*drawn, *self.class_name.split()])
        return (
            f'<hr class="{classes}"' + (f' style="background-color:{colour};color:{colour}"' if colour else "") + "/>"
        )

    def named(self, classes: str) -> Block:
        """The same with these classes as its own."""
        return replace(self, class_name=f"{self.class_name} {classes}".strip())

    def walk(self) -> Iterator[Block]:
        """It and all within it."""
        yield self
        for block in self.inner:
            yield from block.walk()


def serialized(blocks: Sequence[Block]) -> str:
    return "\n\n".join(map(str, blocks))


def _json(attributes: Json) -> str:
    text = json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))
    for sign, escape in _ESCAPES.items():
        text = text.replace(sign, escape)
    return text
