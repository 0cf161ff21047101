"""Pictures: those from outside decoded within limits and written anew, and title cards drawn here.

A file from outside is judged by its header before a pixel of it is decoded, decoded whole, turned the way its EXIF
says, and written again as a plain JPEG: no metadata, no trailing bytes, nothing but pixels survives.
"""

from __future__ import annotations

import io
import random
import textwrap
import warnings
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps, PngImagePlugin, UnidentifiedImageError

from articles import colours

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 24_000_000  # decoded and converted this is about 200 MB
LEAST_SIDE = 200
MOST_SCANS = 120  # of a progressive JPEG: each costs a pass over all pixels
SIZES = {"16:9": (1920, 1080), "21:9": (1680, 720)}
QUALITY = 88

Image.MAX_IMAGE_PIXELS = MOST_PIXELS
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024 * 1024


class BadPicture(Exception):
    """A file that cannot be used as a picture; the message says why."""


@dataclass(frozen=True)
class Picture:
    """A clean JPEG, its size in pixels."""

    jpeg: bytes
    width: int
    height: int


def clean(content: bytes) -> Picture:
    """A picture from outside as a clean JPEG. Raises BadPicture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)  # damaged EXIF is dropped anyhow
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _judge(image, content)
                image.load()
                return _as_jpeg(_upright(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise BadPicture(f"it has more than {MOST_PIXELS // 1_000_000} million pixels") from exc
    except BadPicture:
        raise
    except UnidentifiedImageError as exc:
        raise BadPicture("it is not a JPEG, PNG or WebP picture") from exc
    except Exception as exc:  # decoders raise nearly anything on damaged files
        raise BadPicture("it is damaged and cannot be decoded to the end") from exc


def _judge(image: Image.Image, content: bytes) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise BadPicture(f"it has more than {MOST_PIXELS // 1_000_000} million pixels")
    if min(width, height) < LEAST_SIDE:
        raise BadPicture(f"it is only {width} × {height} pixels large")
    if image.format == "JPEG" and content.count(b"\xff\xda") > MOST_SCANS:
        raise BadPicture("it is built in far too many passes")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF; the pixels are good
        return image


def _as_jpeg(image: Image.Image) -> Picture:
    if image.mode in ("RGBA", "LA", "PA", "P", "RGBa", "La"):
        layer = image.convert("RGBA")
        image = Image.new("RGB", layer.size, "white")
        image.paste(layer, mask=layer.getchannel("A"))
    elif image.mode.startswith("I;16") or image.mode == "I":
        image = image.point(lambda value: value / 256).convert("RGB")
    elif image.mode != "RGB":
        image = image.convert("RGB")
    image.info.clear()
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return Picture(file.getvalue(), *image.size)


def draw(title: str, aspect: str, primary: str, accent: str, seed: str) -> Picture:
    """A title card in the article's colours. The same arguments draw the same card."""
    width, height = SIZES[aspect]
    chance = random.Random(seed)  # noqa: S311  a drawing, no secret
    image = Image.new("RGB", (width, height), primary)
    pen = ImageDraw.Draw(image, "RGBA")
    for _ in range(7):
        reach = chance.uniform(0.3, 0.9) * height
        x, y = chance.uniform(0, width), chance.uniform(0, height)
        shade = (*(colours.rgb(accent) or (0, 0, 0)), chance.randrange(18, 70))
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=shade)
    pen.rectangle((0, height - height // 40, width, height), fill=accent)
    _write(image, title, primary)
    return _as_jpeg(image)


def _write(image: Image.Image, title: str, background: str) -> None:
    """The title across the lower left, as large as fits; nothing where the font lacks its letters."""
    width, height = image.size
    pen = ImageDraw.Draw(image, "RGBA")
    for points in range(height // 8, height // 22, -4):
        font = ImageFont.load_default(points)
        if not isinstance(font, ImageFont.FreeTypeFont) or not _has_letters(font, title):
            return
        lines = textwrap.wrap(title, max(8, int(width * 0.8 / font.getlength("n"))), max_lines=6, placeholder=" …")
        text = "\n".join(lines)
        left, top, right, bottom = pen.multiline_textbbox((0, 0), text, font=font, spacing=points // 4)
        if right - left <= width * 0.84 and bottom - top <= height * 0.66:
            break
    x, y = width * 0.07, height * 0.9 - (bottom - top)
    margin = points * 0.5
    plate = (*(colours.rgb(background) or (0, 0, 0)), 215)
    pen.rectangle((x - margin, y + top - margin, x + right + margin, y + bottom + margin), fill=plate)
    pen.multiline_text((x, y), text, font=font, fill=colours.text_on(background), spacing=points // 4)


def _has_letters(font: ImageFont.FreeTypeFont, text: str) -> bool:
    missing = bytes(font.getmask("\U0010fffd"))
    return all(bytes(font.getmask(letter)) != missing for letter in set(text) if not letter.isspace())
