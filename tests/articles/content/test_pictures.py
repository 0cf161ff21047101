"""What comes from outside becomes a plain JPEG or is refused in a sentence, within bounds of time and memory."""

from __future__ import annotations

import contextlib
import io
import json
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageStat, PngImagePlugin

from articles.content import pictures
from articles.content.pictures import BadPicture

MOST_MEGABYTES, MOST_SECONDS = 300, 5
LARGE = (4240, 4240)


def scene(size: tuple[int, int] = (480, 320)) -> Image.Image:
    """Red at the upper left, green at the upper right, blue below: every turn shows."""
    image = Image.new("RGB", size, (20, 40, 220))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, size[0] // 2, size[1] // 2), fill=(220, 30, 30))
    pen.rectangle((size[0] // 2, 0, size[0], size[1] // 2), fill=(30, 200, 40))
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(picture: pictures.Picture) -> Image.Image:
    """The picture read again, after a look at what is in its file besides pixels."""
    image = Image.open(io.BytesIO(picture.jpeg))
    image.load()
    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert image.size == (picture.width, picture.height)
    assert not set(image.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert picture.jpeg.endswith(b"\xff\xd9")
    return image


def assert_whole_or_refused(content: bytes) -> None:
    with contextlib.suppress(BadPicture):
        decoded(pictures.clean(content))


def assert_alike(image: Image.Image, expected: Image.Image, within: float = 6) -> None:
    difference = ImageStat.Stat(ImageChops.difference(image, expected.convert("RGB"))).mean
    assert max(difference) < within, difference


@pytest.fixture(autouse=True)
def real_cards(small_cards: dict[str, tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "SIZES", small_cards)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_looks_as_before(kind: str) -> None:
    assert_alike(decoded(pictures.clean(saved(scene(), kind))), scene())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_stands_upright(orientation: int) -> None:
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the turns that undo these orientations
    turned = scene().transpose(Image.Transpose(back[orientation])) if orientation > 1 else scene()
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_alike(decoded(pictures.clean(saved(turned, "JPEG", exif=exif, quality=95))), scene())


def test_nothing_but_pixels_survives() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = saved(scene(), "JPEG", exif=exif, comment=b"secret", icc_profile=profile, xmp=b"secret") + b"secret"
    assert b"secret" not in pictures.clean(content).jpeg
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "secret")
    picture = pictures.clean(saved(scene(), "PNG", pnginfo=text, icc_profile=profile))
    decoded(picture)
    assert b"secret" not in picture.jpeg


GREY = Image.linear_gradient("L").resize((480, 320))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (saved(scene().convert("CMYK"), "JPEG", quality=95), scene()),
        (saved(scene().quantize(16), "PNG"), scene()),
        (saved(GREY, "PNG"), GREY),
        (saved(GREY.convert("I").point(lambda value: value * 257).convert("I;16"), "PNG"), GREY),
        (saved(GREY.convert("1"), "PNG"), GREY.convert("1")),
        (saved(Image.merge("LA", (GREY, Image.new("L", GREY.size, 0))), "PNG"), Image.new("L", GREY.size, 255)),
        (saved(Image.merge("LA", (GREY, Image.new("L", GREY.size, 255))), "WEBP", lossless=True), GREY),
        (saved(Image.new("RGBA", (480, 320), (0, 0, 0, 128)), "PNG"), Image.new("L", (480, 320), 127)),
    ],
    ids=["cmyk", "palette", "grey", "16 bits", "1 bit", "transparent", "grey and alpha", "half transparent"],
)
def test_every_mode_looks_right(content: bytes, expected: Image.Image) -> None:
    assert_alike(decoded(pictures.clean(content)), expected)


def test_a_wide_gamut_becomes_srgb() -> None:
    """The same numbers mean other colours under another profile; here the primaries are exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    content = saved(scene(), "PNG", icc_profile=bytes(profile).replace(b"s\0R\0G\0B", b"o\0d\0d\0s"))
    swapped = Image.merge("RGB", scene().split()[::-1])
    assert_alike(decoded(pictures.clean(content)), swapped, within=12)
    broken = saved(scene(), "PNG", icc_profile=b"no profile")
    assert_alike(decoded(pictures.clean(broken)), scene())


@pytest.mark.parametrize("kind", pictures.FORMATS)
def test_every_kind_that_a_model_makes_is_taken(kind: str) -> None:
    assert_alike(decoded(pictures.clean(saved(scene(), kind))), scene(), within=12)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_is_larger_than_any_page_is_scaled_down(kind: str) -> None:
    made = pictures.clean(saved(Image.new("RGB", (7680, 4320), "red"), kind))
    assert (made.width, made.height) == (4096, 2304)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a JPEG, PNG, WebP, AVIF or GIF"),
        (b"<svg onload=alert(1)>", "not a JPEG, PNG, WebP, AVIF or GIF"),
        (saved(scene(), "TIFF"), "not a JPEG, PNG, WebP, AVIF or GIF"),
        (saved(scene((300, 90)), "PNG"), "only 300 × 90 pixels"),
        (saved(Image.new("1", (20_000, 20_000)), "PNG"), "million pixels"),
        (saved(Image.new("1", (5000, 4000)), "WEBP"), "18 million pixels"),
        (saved(scene(), "PNG")[:-2000], "damaged"),
    ],
)
def test_a_refusal_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        pictures.clean(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_is_cut_off_is_whole_or_refused(kind: str) -> None:
    noise = Image.effect_noise((240, 220), 40).convert("RGB")
    content = saved(noise, kind, quality=60)
    for end in range(0, len(content), max(len(content) // 200, 1)):
        assert_whole_or_refused(content[:end])


def test_flipped_bytes_are_decoded_or_refused() -> None:
    chance = random.Random(7)
    for kind in ("JPEG", "PNG", "WEBP"):
        content = saved(scene((240, 220)), kind)
        for _ in range(150):
            spoilt = bytearray(content)
            for _ in range(chance.randrange(1, 6)):
                spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
            assert_whole_or_refused(bytes(spoilt))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(chunks: bytes) -> bytes:
    content = saved(scene(), "PNG")
    return content[:33] + chunks + content[33:]


def scans(times: int) -> bytes:
    """A progressive JPEG whose last pass over all pixels is repeated."""
    content = saved(noise(), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * times + b"\xff\xd9"


def noise() -> Image.Image:
    grain = Image.effect_noise((1060, 1060), 60).resize(LARGE)
    return Image.merge("RGB", (grain, grain.transpose(Image.Transpose.ROTATE_90), grain))


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def animated(kind: str) -> bytes:
    frames = [Image.new("RGBA", (3400, 3400), (shade, 0, 0, 200)) for shade in (0, 90, 180)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


def claiming(width: int, height: int) -> bytes:
    content = saved(scene(), "JPEG")
    header = content.index(b"\xff\xc0") + 5
    return content[:header] + struct.pack(">HH", height, width) + content[header + 4 :]


BOMBS = {
    "PNG of one colour": lambda: saved(Image.new("1", (20_000, 20_000)), "PNG"),
    "JPEG that claims 65500 × 65500": lambda: claiming(65_500, 65_500),
    "JPEG that claims 4200 × 4200": lambda: claiming(4200, 4200),
    "the largest JPEG": lambda: saved(noise(), "JPEG", quality=95, subsampling=0),
    "the largest progressive JPEG, turned": lambda: saved(
        noise(), "JPEG", quality=95, subsampling=0, progressive=True, exif=turned()
    ),
    "the largest CMYK JPEG": lambda: saved(noise().convert("CMYK"), "JPEG", progressive=True),
    "JPEG in 40 passes": lambda: scans(40),
    "JPEG in 2000 passes": lambda: scans(1) + b"\xff\xda" * 2000,
    "the largest PNG with alpha": lambda: saved(noise().convert("RGBA"), "PNG", compress_level=1),
    "the largest palette": lambda: saved(noise().convert("P"), "PNG", transparency=3, compress_level=1),
    "the largest PNG of 16 bits": lambda: saved(noise().convert("L").convert("I;16"), "PNG", compress_level=1),
    "the largest WebP": lambda: saved(noise().resize((3400, 3400)), "WEBP", quality=90, method=0),
    "the largest flat WebP": lambda: saved(Image.new("RGBA", (3460, 3460), (1, 2, 3, 4)), "WEBP", lossless=True),
    "animated WebP": lambda: animated("WEBP"),
    "animated PNG": lambda: animated("PNG"),
    "zTXt of 300 MB": lambda: png_with(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(300_000_000), 1))),
    "iTXt of 300 MB": lambda: png_with(chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(300_000_000), 1))),
    "iCCP of 300 MB": lambda: png_with(chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(300_000_000), 1))),
    "2000 zTXt of 1 MB": lambda: png_with(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1_000_000))) * 2000),
    "100,000 tEXt": lambda: png_with(chunk(b"tEXt", b"k\0" + b"x" * 90) * 100_000),
}


@pytest.mark.dealt(3)
@pytest.mark.parametrize("name", BOMBS)
def test_no_bomb_takes_much(name: str, tmp_path: Path) -> None:
    file = tmp_path / "bomb"
    file.write_bytes(BOMBS[name]())
    assert_bounded(file)


def assert_bounded(file: Path) -> None:
    """A file measured in a process of its own; what cleaning it took beyond the file itself."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.articles.measured", str(file)], capture_output=True, check=True, text=True
    )
    taken = json.loads(child.stdout)
    assert taken["megabytes"] < MOST_MEGABYTES, taken
    assert taken["seconds"] < MOST_SECONDS, taken
