"""The payloads: shapes of injection lists, filled with effects, written in odd ways, set among words, and broken.

The same number gives the same payload, always.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from tests.injections.shapes import (
    ADDRESSES,
    EFFECTS,
    INERT,
    KEEPERS,
    NAMESPACES,
    PLACES,
    SHAPES,
    UNCLOSED,
)

SEED = "galley"
ELSEWHERE = "evil.test"
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*)")


@dataclass(frozen=True)
class Payload:
    """HTML that nobody should run, among words that everybody should see."""

    number: int
    text: str

    @property
    def words(self) -> tuple[str, str, str]:
        """Before it, within it, behind it: each stands nowhere else."""
        return f"Vor{self.number}x", f"Mid{self.number}x", f"End{self.number}x"


def payload(number: int) -> Payload:
    chance = random.Random(f"{SEED}/{number}")
    before, within, behind = Payload(number, "").words
    effect = chance.choice(EFFECTS)
    address = chance.choice(ADDRESSES)
    shape = chance.choice(SHAPES)
    if chance.random() < 0.25:  # one within another
        shape = chance.choice(KEEPERS).replace("§W", f"§W {shape}" if "§W" not in shape else shape)
    for _ in range(chance.choice([0, 1, 1, 2, 2, 3])):
        shape = chance.choice(MUTATIONS)(shape, chance)
    filled = shape.replace("§U", address).replace("§J", effect)
    filled = filled.replace("§L", f"//{ELSEWHERE}/§N").replace("§N", str(number)).replace("§W", within)
    placed = chance.choice(PLACES).replace("§X", filled).replace("§B", before).replace("§A", behind)
    return Payload(number, placed)


# Ways of writing the same otherwise. Each gets the shape with its marks still in it.


def _odd_case(shape: str, chance: random.Random) -> str:
    def turned(found: re.Match[str]) -> str:
        return "".join(letter.upper() if chance.random() < 0.5 else letter for letter in found[0])

    return _TAG.sub(turned, shape)


def _odd_gaps(shape: str, chance: random.Random) -> str:
    """What parsers take for a gap between a tag's name and its attributes."""
    gap = chance.choice(["/", "\t", "\n", "\x0c", "\r\n", " / ", "/ /", "\x0b", "\x00", "\u00a0"])
    return re.sub(r"(<[a-zA-Z]+) ", lambda found: found[1] + gap, shape)


def _odd_quotes(shape: str, chance: random.Random) -> str:
    quote = chance.choice(["'", "`", "", '"'])
    return re.sub(r'="([^"<>]*)"', lambda found: f"={quote}{found[1]}{quote}", shape)


def _entities(shape: str, chance: random.Random) -> str:
    """The signs of attributes as references: decimal, hexadecimal, with zeros, without their end."""

    def reference(found: re.Match[str]) -> str:
        code = ord(found[0])
        return chance.choice([f"&#{code};", f"&#x{code:x};", f"&#X{code:04X};", f"&#{code:07d}", f"&#{code:07d};"])

    return re.sub(r"[:()](?=[^<>]*>)", reference, shape)


def _twice_escaped(shape: str, _chance: random.Random) -> str:
    return escape(shape)


def _doubled_brackets(shape: str, chance: random.Random) -> str:
    return _TAG.sub(lambda found: f"<{found[0]}" if chance.random() < 0.5 else found[0], shape)


def _split_tag(shape: str, chance: random.Random) -> str:
    """`<scr<script>ipt>`: what takes a tag away once makes the next."""
    inner = chance.choice(["<script>", "<b>", "<!---->", "<svg>", "<x>"])
    return _TAG.sub(lambda found: f"<{found[1]}{found[2][:2]}{inner}{found[2][2:]}", shape, count=1)


def _open_end(shape: str, chance: random.Random) -> str:
    """A tag that never ends, and one that ends too late."""
    last = shape.rfind(">")
    return shape[:last] + chance.choice([" ", "//", "<", " x=", "\n", "<b>"]) if last > 0 else shape


def _dropped_sign(shape: str, chance: random.Random) -> str:
    signs = [at for at, sign in enumerate(shape) if sign in "<>\"'/="]
    if not signs:
        return shape
    at = chance.choice(signs)
    return shape[:at] + shape[at + 1 :]


def _doubled_attribute(shape: str, chance: random.Random) -> str:
    harmless = chance.choice(["onerror=1", "href=#", "src=a", 'style="color:red"', "id=x id=y", "class='a\">b'"])
    return re.sub(r"(<[a-zA-Z]+)(?=[ />])", lambda found: f"{found[1]} {harmless}", shape, count=1)


def _namespace(shape: str, chance: random.Random) -> str:
    return chance.choice(NAMESPACES).replace("§X", shape)


def _unseen_signs(shape: str, chance: random.Random) -> str:
    sign = chance.choice(["\u200b", "\x01", "\u00ad", "\ufeff", "\u2028", "\x00", "\u202e", "\t", "\n"])
    return re.sub(r"(java|on|sr|hr)(?=\w)", lambda found: found[1] + sign if chance.random() < 0.6 else found[1], shape)


def _look_alikes(shape: str, chance: random.Random) -> str:
    wide = {"<": "＜", ">": "＞", '"': "＂", "s": "ſ", "k": "\u212a"}
    sign = chance.choice(list(wide))
    return shape.replace(sign, wide[sign])


def _in_comment(shape: str, chance: random.Random) -> str:
    ends = ["<!-->§X-->", "<!--->§X-->", "<!-- --!>§X-->", "<![CDATA[>§X]]>", "<?x >§X?>", "<!x>§X", "</>§X", "<%§X%>"]
    return chance.choice(ends).replace("§X", shape)


def _deeply(shape: str, chance: random.Random) -> str:
    tag = chance.choice(["b", "div", "table", "a", "svg", "p", "font", "x", "ul", "button"])
    depth = chance.choice([2, 9, 40])
    return f"<{tag}>" * depth + shape + f"</{tag}>" * chance.choice([0, 1, depth])


def _unclosed(shape: str, chance: random.Random) -> str:
    return chance.choice(UNCLOSED).replace("§X", shape)


def _shortcode(shape: str, chance: random.Random) -> str:
    return chance.choice(INERT).replace("§X", shape)


Mutation = Callable[[str, random.Random], str]
MUTATIONS: list[Mutation] = [
    _odd_case, _odd_gaps, _odd_quotes, _entities, _twice_escaped, _doubled_brackets, _split_tag, _open_end,
    _dropped_sign, _doubled_attribute, _namespace, _unseen_signs, _look_alikes, _in_comment, _deeply, _unclosed,
    _shortcode,
]  # fmt: skip
