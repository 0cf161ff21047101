"""Colours that can be read: contrast as the Web Content Accessibility Guidelines 2.2 define it."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Callable
from functools import lru_cache

from PIL import ImageColor

READABLE, LARGE = 4.5, 3  # the ratios that body text and large letters need (WCAG 2.2, 1.4.3)
WHITE, INK, MARK = "#ffffff", "#1c1c1e", "#fff3b0"
Rgb = tuple[int, int, int]
_WHITE, _BLACK, _INK = (255, 255, 255), (0, 0, 0), (28, 28, 30)
_MODERN = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)\s*(?:[,/]\s*([\d.]+)(%?)\s*)?\)")


def rgb(colour: str) -> Rgb | None:
    """The red, green and blue of an opaque CSS colour; None for what is not one."""
    if modern := _MODERN.fullmatch(colour.strip().lower()):
        *channels, alpha, percent = modern.groups()
        opaque = alpha is None or float(alpha) >= (100 if percent else 1)
        return (*(min(int(c), 255) for c in channels),) if opaque else None  # type: ignore[return-value]
    try:
        parsed = ImageColor.getrgb(colour.strip())
    except (ValueError, OverflowError):
        return None
    return parsed[:3] if len(parsed) == 3 or parsed[3] == 255 else None


def contrast(a: Rgb, b: Rgb) -> float:
    """From 1 (the same) to 21 (black on white)."""
    light, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        c / 12.92 if (c := channel / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for channel in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(4096)
def readable(colour: str, background: str = WHITE) -> str:
    """The colour itself when text in it can be read on the background, else its nearest shade that can."""
    wanted, behind = rgb(colour) or _INK, rgb(background) or _WHITE
    return _nearest(wanted, lambda shade: contrast(shade, behind) >= READABLE)


def seen_anywhere(colour: str) -> str:
    """The colour itself or its nearest shade in which large letters can be read on white and on black alike."""
    return _nearest(rgb(colour) or _INK, lambda shade: min(contrast(shade, _WHITE), contrast(shade, _BLACK)) >= LARGE)


def _nearest(wanted: Rgb, suits: Callable[[Rgb], bool]) -> str:
    if suits(wanted):
        return hexadecimal(wanted)
    hue, lightness, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in wanted))
    shades = (_shade(hue, min(max(lightness + step / 50, 0), 1), saturation) for n in range(1, 51) for step in (-n, n))
    return hexadecimal(next(shade for shade in shades if suits(shade)))


def text_on(background: str) -> str:
    """White, or ink where white could not be read."""
    behind = rgb(background) or (255, 255, 255)
    return max((WHITE, "#000000"), key=lambda text: contrast(rgb(text) or (0, 0, 0), behind))


def tint(colour: str, strength: float = 0.08) -> str:
    """A pale wash of a colour on white."""
    return hexadecimal(blend(_WHITE, rgb(colour) or _INK, strength))


def blend(a: Rgb, b: Rgb, share: float) -> Rgb:
    """The first colour with a share of the second, from 0 to 1."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def _shade(hue: float, lightness: float, saturation: float) -> Rgb:
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def hexadecimal(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
