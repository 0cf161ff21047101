"""Pictures that are drawn here, where no picture service is set up: shapes in the brand's colours.

A card bears no words, as they stand beside it on the page. The hero has the first letter of its title; in a
script that the font lacks it has shapes alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from articles.content import colours, pictures
from articles.content.colours import Rgb
from articles.content.pictures import Picture

SMOOTH = 2  # drawn so many times larger: edges without steps
FONTS = Path(__file__).parent / "fonts"
SUBSETS = ("latin", "latin-ext", "greek", "cyrillic", "cyrillic-ext", "vietnamese")
TOLD_APART = 1.6  # the least contrast of the mark to its ground
LETTER = (0.4, 0.66)  # the most that the letter takes of the width and of the height of a card

Point = tuple[float, float]


def draw(title: str, aspect: str, primary: str, accent: str, seed: str, turn: int = 0) -> Picture:
    """A card in the article's colours; `title` for a hero. The same arguments draw the same card.

    `turn` counts an article's cards: those that follow each other have different shapes.
    """
    width, height = pictures.SIZES[aspect]
    ground, mark = _colours(primary, accent)
    large = Image.new("RGB", (width * SMOOTH, height * SMOOTH), ground)
    drawing = _Drawing(large, ground, mark, random.Random(f"{seed} {turn}"))  # noqa: S311  a drawing, no secret
    shapes = random.Random(seed).sample(_SHAPES, len(_SHAPES))  # noqa: S311  the same
    shapes[turn % len(shapes)](drawing)
    if letter := initial(title):
        _set(large, *letter, mark=drawing.text)
    return pictures.as_jpeg(large.reduce(SMOOTH))


def _colours(primary: str, accent: str) -> tuple[Rgb, Rgb]:
    """The ground, and a mark that can be told from it even where both brand colours are the same."""
    ground = colours.rgb(primary) or (26, 77, 143)
    mark = colours.rgb(accent) or (179, 84, 30)
    if colours.contrast(ground, mark) < TOLD_APART:
        mark = colours.blend(mark, colours.rgb(colours.text_on(primary)) or (255, 255, 255), 0.45)
    return ground, mark


# The letter


def initial(title: str) -> tuple[str, Path] | None:
    """The first letter or digit of a title as a capital, and the font that has it. None: no font here has."""
    letter = next((sign for sign in title if sign.isalnum()), "")
    capital = letter.upper() if len(letter.upper()) == 1 else letter
    path = _font_with(capital) if capital else None
    return (capital, path) if path else None


@cache
def _font_with(letter: str) -> Path | None:
    for subset in SUBSETS:
        path = FONTS / f"source-serif-4-{subset}-700-normal.woff2"
        font = ImageFont.truetype(path, 40)
        if bytes(font.getmask(letter)) != bytes(font.getmask("\U0010fffd")):
            return path
    return None


def _set(image: Image.Image, letter: str, path: Path, *, mark: Rgb) -> None:
    """As large as it may be, at the left."""
    width, height = image.size
    left, top, right, bottom = ImageFont.truetype(path, 1000).getbbox(letter, anchor="ls")
    share = min(LETTER[0] * width / (right - left), LETTER[1] * height / max(bottom - top, 600))
    at = (0.085 * width - left * share, height / 2 - (top + bottom) / 2 * share)
    ImageDraw.Draw(image).text(at, letter, font=ImageFont.truetype(path, 1000 * share), fill=mark, anchor="ls")


# The shapes


class _Drawing:
    """One card: its pen, its colours, and its chance."""

    def __init__(self, image: Image.Image, ground: Rgb, mark: Rgb, chance: random.Random) -> None:
        self.width, self.height = image.size
        self.pen = ImageDraw.Draw(image)
        self.ground, self.mark, self.chance = ground, mark, chance
        self.text = colours.rgb(colours.text_on(colours.hexadecimal(ground))) or (255, 255, 255)
        dark: Rgb = (0, 0, 0)
        self.far = self.text if colours.contrast(self.text, ground) > 6 else dark

    def shade(self, share: float) -> Rgb:
        """The ground, a share nearer to what stands out from it."""
        return colours.blend(self.ground, self.far, share)


def _rings(card: _Drawing) -> None:
    """Around a point at the right, as on a map of heights; one of them in the accent."""
    x = card.chance.uniform(0.72, 0.94) * card.width
    y = card.chance.choice((-0.05, 0.25, 0.75, 1.05)) * card.height
    rings = card.chance.randrange(9, 13)
    chosen = card.chance.randrange(2, rings - 2)
    reach = 1.35 * card.height
    for ring in range(rings):
        radius = reach * (1 - ring / rings)
        card.pen.circle((x, y), radius, fill=card.mark if ring == chosen else card.shade(0.02 + 0.022 * ring))


def _hills(card: _Drawing) -> None:
    """Ranges behind each other, and a disc above them."""
    x = card.chance.uniform(0.55, 0.85) * card.width
    radius = card.chance.uniform(0.16, 0.24) * card.height
    card.pen.circle((x, card.chance.uniform(0.3, 0.42) * card.height), radius, fill=card.mark)
    for row in range(5):
        base = (0.42 + 0.13 * row) * card.height
        rise = card.chance.uniform(0.05, 0.11) * card.height
        waves, begin = card.chance.uniform(1.2, 2.6), card.chance.uniform(0, 6)
        line = [
            (step / 60 * card.width, base - rise * math.sin(begin + waves * step / 60 * math.tau)) for step in range(61)
        ]
        corners: list[Point] = [(card.width, card.height), (0, card.height)]
        card.pen.polygon([*line, *corners], fill=card.shade(0.05 + 0.055 * row))


def _tiles(card: _Drawing) -> None:
    """Quarters of circles in a grid."""
    rows = 4
    side = card.height / rows
    columns = math.ceil(card.width / side)
    chosen = {(card.chance.randrange(columns // 2, columns), card.chance.randrange(rows)) for _ in range(3)}
    for column in range(columns):
        for row in range(rows):
            left, top = column * side, row * side
            x, y = card.chance.choice((0, 1)), card.chance.choice((0, 1))
            shade = card.shade(0.03 + 0.16 * card.chance.random() * (0.35 + 0.65 * column / columns))
            card.pen.rectangle(
                (left, top, left + side, top + side), fill=card.shade(0.02 + 0.03 * ((column + row) % 2))
            )
            centre = (left + x * side, top + y * side)
            box = (centre[0] - side, centre[1] - side, centre[0] + side, centre[1] + side)
            begin = {(0, 0): 0, (1, 0): 90, (1, 1): 180, (0, 1): 270}[x, y]
            card.pen.pieslice(box, begin, begin + 90, fill=card.mark if (column, row) in chosen else shade)


def _bands(card: _Drawing) -> None:
    """Slanting bands of many widths."""
    lean = card.chance.uniform(0.25, 0.6) * card.height * card.chance.choice((-1, 1))
    x, chosen = -abs(lean) - 0.1 * card.width, card.chance.uniform(0.6, 0.8) * card.width
    while x < card.width + abs(lean):
        wide = card.chance.uniform(0.02, 0.085) * card.width
        is_chosen = x <= chosen < x + wide
        shade = card.mark if is_chosen else card.shade(card.chance.uniform(0.0, 0.2))
        corners = [(x + lean, 0.0), (x + lean + wide, 0.0), (x + wide - lean, card.height), (x - lean, card.height)]
        card.pen.polygon(corners, fill=shade)
        x += wide


def _dots(card: _Drawing) -> None:
    """A field of dots that grow towards one point."""
    step = card.height / 13
    x, y = card.chance.uniform(0.6, 0.95) * card.width, card.chance.uniform(0.1, 0.9) * card.height
    rows, columns = 14, math.ceil(card.width / step) + 1
    for row in range(rows):
        for column in range(columns):
            at = ((column + 0.5 * (row % 2)) * step, row * step)
            near = 1 - min(math.dist(at, (x, y)) / (0.95 * card.height), 1)
            card.pen.circle(
                at, step * (0.09 + 0.36 * near), fill=card.mark if near > 0.8 else card.shade(0.1 + 0.2 * near)
            )


_SHAPES: list[Callable[[_Drawing], None]] = [_rings, _hills, _tiles, _bands, _dots]
