"""Pictures from outside, decoded within limits and written anew.

A file is judged by its header before a pixel of it is decoded, decoded whole, turned the way its EXIF
says, and written again as a plain JPEG: no metadata, no trailing bytes, nothing but pixels survives.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageCms, PngImagePlugin, UnidentifiedImageError

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
    """A file that cannot be used as a picture; the message says why, and so does `code` to a machine."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


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
                return as_jpeg(_upright(_scaled_down(_in_srgb(image)), orientation))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise BadPicture(f"it has more than {MOST_PIXELS // 1_000_000} million pixels", "pixels") from exc
    except BadPicture:
        raise
    except UnidentifiedImageError as exc:
        raise BadPicture(
            "it is not a JPEG, PNG, WebP, AVIF or GIF picture, or its beginning is damaged", "kind"
        ) from exc
    except Exception as exc:  # decoders raise nearly anything on damaged files
        raise BadPicture("it is damaged and cannot be decoded to the end", "damaged") from exc


def pixels(content: bytes) -> int:
    """How many it has, by its header. Raises BadPicture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is too large is refused by who decodes it
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                return image.width * image.height
    except Exception as exc:  # as above
        raise BadPicture("its beginning is damaged", "kind") from exc


def _judge(image: Image.Image, content: bytes) -> None:
    """Raises BadPicture for what would cost too much to decode, or is too small to print."""
    width, height = image.size
    most = MOST_COSTLY_PIXELS if image.format in COSTLY else MOST_PIXELS
    if width * height > most:
        raise BadPicture(f"it has more than {most // 1_000_000} million pixels", "pixels")
    if min(width, height) < LEAST_SIDE:
        raise BadPicture(f"it is only {width} × {height} pixels large", "small")
    if image.format in ("JPEG", "MPO") and content.count(b"\xff\xda") > MOST_SCANS:
        raise BadPicture("it is built in far too many passes", "passes")


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


def as_jpeg(image: Image.Image) -> Picture:
    """The pixels alone, in a file."""
    image.info.clear()  # Pillow would write comments and profiles from here
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return Picture(file.getvalue(), *image.size)
