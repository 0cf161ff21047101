"""Pictures: those from outside decoded within limits and written anew, and title cards drawn here.

A file from outside is judged by its header before a pixel of it is decoded, decoded whole, turned the way its EXIF
says, and written again as a plain JPEG: no metadata, no trailing bytes, nothing but pixels survives.
"""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageCms, ImageDraw, ImageFont, PngImagePlugin, UnidentifiedImageError

from articles.content import colours
from articles.content.colours import Rgb

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")
MOST_PIXELS = 40_000_000  # 8192 × 4608 and a little: at most 240 MB until it is scaled down
MOST_COSTLY_PIXELS = 18_000_000  # 4096 × 4096 and a little, where a decoder holds the picture four times: 290 MB
COSTLY = ("WEBP", "AVIF")
LARGEST_SIDE = 4096  # what is larger is scaled down: no page shows more
LEAST_SIDE = 200
MOST_SCANS = 100  # of a progressive JPEG; 10 to 20 are usual, each full one costs 50 ms
LARGEST_PROFILE = 1024 * 1024
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
                orientation = _orientation(image)
                image.draft(None, (LARGEST_SIDE, LARGEST_SIDE))  # a JPEG is scaled while it is decoded
                image.load()
                return _as_jpeg(_upright(_scaled_down(_in_srgb(image)), orientation))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise BadPicture(f"it has more than {MOST_PIXELS // 1_000_000} million pixels") from exc
    except BadPicture:
        raise
    except UnidentifiedImageError as exc:
        raise BadPicture("it is not a JPEG, PNG, WebP, AVIF or GIF picture, or its beginning is damaged") from exc
    except Exception as exc:  # decoders raise nearly anything on damaged files
        raise BadPicture("it is damaged and cannot be decoded to the end") from exc


def _judge(image: Image.Image, content: bytes) -> None:
    """Raises BadPicture for what would cost too much to decode, or is too small to print."""
    width, height = image.size
    most = MOST_COSTLY_PIXELS if image.format in COSTLY else MOST_PIXELS
    if width * height > most:
        raise BadPicture(f"it has more than {most // 1_000_000} million pixels")
    if min(width, height) < LEAST_SIDE:
        raise BadPicture(f"it is only {width} × {height} pixels large")
    if image.format in ("JPEG", "MPO") and content.count(b"\xff\xda") > MOST_SCANS:
        raise BadPicture("it is built in far too many passes")


def _scaled_down(image: Image.Image) -> Image.Image:
    if max(image.size) > LARGEST_SIDE:
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    return image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF; the pixels are good
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _in_srgb(image: Image.Image) -> Image.Image:
    """RGB in the colours that the file's profile means; a profile that cannot be used is dropped."""
    profile = image.info.get("icc_profile")
    if image.mode in ("RGB", "CMYK") and isinstance(profile, bytes) and len(profile) <= LARGEST_PROFILE:
        with contextlib.suppress(Exception):  # littlecms is as picky as profiles are various
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(source):
                srgb = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
                return converted if converted is not None else image
    return _in_rgb(image)


def _in_rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB; what is transparent lies on white, sixteen bits become the upper eight."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):
        return image.point(lambda value: value * (1 / 257)).convert("L").convert("RGB")
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        flat = Image.new("RGB", layer.size, "white")
        flat.paste(layer, mask=layer.getchannel("A"))
        return flat
    return image.convert("RGB")


def _as_jpeg(image: Image.Image) -> Picture:
    image.info.clear()  # Pillow would write comments and profiles from here
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return Picture(file.getvalue(), *image.size)


def draw(title: str, aspect: str, primary: str, accent: str, seed: str) -> Picture:
    """A title card in the article's colours. The same arguments draw the same card."""
    width, height = SIZES[aspect]
    ground, mark = _card_colours(primary, accent)
    large = Image.new("RGB", (width * SMOOTH, height * SMOOTH), ground)
    _draw_rings(large, ground, mark, random.Random(seed))  # noqa: S311  a drawing, no secret
    image = large.reduce(SMOOTH)
    _write(image, title, ground, mark)
    return _as_jpeg(image)


SMOOTH = 2  # drawn so many times larger: edges without steps
MARGIN = 0.075  # of the height
TEXT_WIDTH, TEXT_HEIGHT = 0.5, 0.6  # of the card, for the title
MOST_LINES = 4
MOST_POINTS, FEWEST_POINTS = 8, 24  # the size of letters: the height of the card divided by these


_DASHES = str.maketrans("–—‑", "---")  # which the font lacks


def _card_colours(primary: str, accent: str) -> tuple[Rgb, Rgb]:
    """The ground, and a mark that can be told from it even where both brand colours are the same."""
    ground = colours.rgb(primary) or (26, 77, 143)
    mark = colours.rgb(accent) or (179, 84, 30)
    if colours.contrast(ground, mark) < 1.6:
        mark = colours.blend(mark, colours.rgb(colours.text_on(primary)) or (255, 255, 255), 0.45)
    return ground, mark


def _draw_rings(image: Image.Image, ground: Rgb, mark: Rgb, chance: random.Random) -> None:
    """Rings around a point at the right, as on a map of heights; one in the accent, clear of the words."""
    width, height = image.size
    pen = ImageDraw.Draw(image)
    x, y = chance.uniform(0.84, 1.0) * width, chance.choice((-0.05, 0.2, 0.8, 1.05)) * height
    rings = chance.randrange(8, 12)
    reach = 1.2 * height
    chosen = next(n for n in range(rings) if x - reach * (1 - n / rings) > 0.58 * width)
    shade = _shade_of(ground)
    for ring in range(rings):
        radius = reach * (1 - ring / rings)
        pen.circle((x, y), radius, fill=colours.blend(ground, shade, 0.02 + 0.022 * ring))
        if ring == chosen:
            pen.circle((x, y), radius, fill=mark)
            inner = radius - reach / rings * chance.uniform(0.25, 0.6)
            pen.circle((x, y), inner, fill=colours.blend(ground, shade, 0.02 + 0.022 * ring))


def _shade_of(ground: Rgb) -> Rgb:
    """Towards the colour of the words where they keep their contrast, else away from it."""
    text = colours.rgb(colours.text_on(colours.hexadecimal(ground))) or (255, 255, 255)
    red, green, blue = text
    return text if colours.contrast(text, ground) > 8 else (255 - red, 255 - green, 255 - blue)


def _write(image: Image.Image, title: str, ground: Rgb, mark: Rgb) -> None:
    """The title at the lower left, as large as fits; nothing where it is too long or the font lacks its letters."""
    width, height = image.size
    pen = ImageDraw.Draw(image)
    title = " ".join(title.translate(_DASHES).split())
    fitting = _fitting(title, width * TEXT_WIDTH, height * TEXT_HEIGHT)
    if not fitting:
        return
    text, font, spacing = fitting
    left, bottom = height * MARGIN * 1.3, height * (1 - MARGIN * 1.5)
    behind = colours.hexadecimal(ground)
    pen.multiline_text((left, bottom), text, font=font, fill=colours.text_on(behind), spacing=spacing, anchor="ld")
    box = pen.multiline_textbbox((left, bottom), text, font=font, spacing=spacing, anchor="ld")
    rule = box[1] - height * 0.065
    pen.rectangle((left, rule, left + height * 0.12, rule + height * 0.012), fill=mark)


def _fitting(title: str, width: float, height: float) -> tuple[str, ImageFont.FreeTypeFont, float] | None:
    """The title in lines, its font and the space between lines: the largest that fits. None: no words on this card."""
    full = int(height / TEXT_HEIGHT)
    for points in range(full // MOST_POINTS, full // FEWEST_POINTS, -4):
        font = ImageFont.load_default(points)
        if not isinstance(font, ImageFont.FreeTypeFont) or not _has_letters(font, title):
            return None
        lines = _lines(title, font, width)
        if (
            len(lines) <= MOST_LINES
            and len(lines) * points * 1.25 <= height
            and max(map(font.getlength, lines)) <= width
        ):
            return "\n".join(lines), font, points * 0.12
    return None


def _lines(title: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Words in lines no wider than `width`, a longer word on a line of its own."""
    lines = [""]
    for word in title.split():
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
        if len(lines) > MOST_LINES:
            break
    return lines


def _has_letters(font: ImageFont.FreeTypeFont, text: str) -> bool:
    missing = bytes(font.getmask("\U0010fffd"))
    return bool(text) and all(bytes(font.getmask(letter)) != missing for letter in set(text) if not letter.isspace())
