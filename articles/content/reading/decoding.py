"""Which bytes are which text: marks, declarations, and what is likely; where that is not clear, a question."""

from __future__ import annotations

import codecs
import contextlib
import re
from dataclasses import dataclass

from articles.content.reading import encodings, file_kinds, languages
from articles.content.reading.file_kinds import AS_TEXT
from articles.content.reading.file_kinds import Unreadable as Unreadable

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""<(?:meta[^>]{0,200}charset|\?xml[^>]{0,100}encoding)\s*=\s*["']?([\w:.+-]{2,30})""", re.IGNORECASE
)
_SEVEN_BITS = re.compile(rb"\x1b(?:\$[@BA(]|\([JI])")  # how Japanese begins in mail
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff]")
_TAG = re.compile(rb"<[^<>]{1,1000}>")
_FOREIGN = re.compile(rb"[\x80-\xff]")
SAMPLE = 128 * 1024  # bytes by which a file is judged
_SPOKEN_FOR = 2 * 1024  # bytes, of the lines with letters beyond ASCII, that are compared in all encodings
_BEFORE = 40  # bytes of a long line before the first of its letters beyond ASCII
_FEW = 2  # letters beyond ASCII: where no more can be compared, Windows' Western European is likeliest by far
_WESTERN = "cp1252"
_LEAST = 0.25  # of the letters beyond ASCII have to speak for the likeliest reading
_CLEAR = 1.0  # letters by which the likeliest reading has to be ahead
_LINES = 3  # of a reading, to choose by
_LINE = 100  # characters


@dataclass(frozen=True)
class Reading:
    """A text as it comes out in one encoding, called as Python calls it. `told` is whether nobody had to guess."""

    text: str
    encoding: str
    told: bool = True

    @property
    def first_lines(self) -> list[str]:
        """The first lines in which this reading is not plain ASCII: what one can choose by."""
        lines = [line.strip() for line in self.text.split("\n") if not line.isascii()]
        return [line[:_LINE] for line in lines[:_LINES]]


class Unclear(Unreadable):
    """It is not clear in which encoding a text is. `readings` are the likeliest two, the likelier one first."""

    def __init__(self, *readings: Reading) -> None:
        names = " or ".join(encodings.words(reading.encoding) for reading in readings)
        super().__init__(
            f"the file does not say in which encoding it is, and it may be {names}",
            "choose what reads right, or save the file as UTF-8 and hand it in again",
        )
        self.readings = readings


def decode(content: bytes, encoding: str = "") -> str:
    """The text of a file, as `read` has it."""
    return read(content, encoding).text


def read(content: bytes, encoding: str = "") -> Reading:
    """The text of a file with plain newlines, in the encoding that it is in or that somebody has chosen.

    Raises Unreadable for what is no text, and Unclear where somebody has to choose.
    """
    file_kinds.refuse_others(content)
    if encoding:
        return _cleaned(Reading(content.decode(encoding, errors="replace"), encoding, told=False))
    return _cleaned(_told(content) or _guessed(content))


def _cleaned(reading: Reading) -> Reading:
    text = reading.text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n")
    cleaned = _CONTROL.sub("", text)
    if len(text) - len(cleaned) > 100 + len(text) // 20:
        raise Unreadable("this is not a text file", AS_TEXT)
    if not cleaned.strip():
        raise Unreadable("the manuscript is empty", "choose a file that has text in it")
    return Reading(cleaned, reading.encoding, reading.told)


def _told(content: bytes) -> Reading | None:
    """The text in the encoding that the bytes themselves tell."""
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return _whole(content, encoding) if encoding == "utf-8" else _wide(content, encoding)
    if b"\x00" in content[:4096]:
        return _wide(content, _sixteen_bits(content))
    if _SEVEN_BITS.search(content[:SAMPLE]) and (found := _whole(content, "iso2022_jp_ext")):
        return Reading(found.text, "iso2022_jp")
    if found := _whole(content, "utf-8"):
        return found
    declared = _DECLARED.search(content[:2048])
    named = encodings.known(declared[1].decode()) if declared else ""
    return _whole(content, named) if named else None


def _whole(content: bytes, encoding: str) -> Reading | None:
    """The text, if all bytes are of this encoding; of UTF-8 a last character may be cut off."""
    with contextlib.suppress(UnicodeDecodeError):
        return Reading(content.decode(encoding), encoding)
    if encoding == "utf-8":
        with contextlib.suppress(UnicodeDecodeError):
            text = codecs.getincrementaldecoder(encoding)().decode(content)
            return Reading(text, encoding) if not text.isascii() else None
    return None


def _wide(content: bytes, encoding: str) -> Reading:
    """UTF-16 and UTF-32: nothing else looks like them, so a damaged one stays what it is."""
    return Reading(codecs.getincrementaldecoder(encoding)(errors="replace").decode(content), encoding)


def _sixteen_bits(content: bytes) -> str:
    """UTF-16 without its mark: the zeros of Latin letters, spaces and newlines stand on one side only."""
    head = content[:4096]
    low, high = head[1::2].count(0), head[::2].count(0)
    if max(low, high) * 40 < len(head) or min(low, high) * 20 > max(low, high):
        raise Unreadable("this is not a text file", AS_TEXT)
    return "utf-16-le" if low > high else "utf-16-be"


def _guessed(content: bytes) -> Reading:
    """The likeliest reading. Raises Unclear where it says little, where another says nearly as much, and where bytes
    are lost in it.
    """
    words = _TAG.sub(b" ", content)
    speaking = _speaking(content if words.isascii() else words)
    foreign = len(_FOREIGN.findall(speaking))
    (score, best), (second_score, second) = _likely(speaking, foreign, languages.languages(words[:SAMPLE]))[:2]
    reading = Reading(content.decode(best, errors="replace"), best, told=False)
    says_little = score < foreign * _LEAST
    if says_little or score - second_score < _CLEAR or "\ufffd" in reading.text:
        second = _WESTERN if says_little and best != _WESTERN else second
        raise Unclear(
            _cleaned(reading), _cleaned(Reading(content.decode(second, errors="replace"), second, told=False))
        )
    return reading


def _likely(speaking: bytes, foreign: int, latin: frozenset[str]) -> list[tuple[float, str]]:
    """Encodings in which the text comes out differently, with how many of its letters speak for each; the likeliest
    first.
    """
    texts: dict[str, str] = {}
    for encoding in ("utf-8", *encodings.LIKELY):
        texts.setdefault(speaking.decode(encoding, errors="replace"), encoding)
    commonest = _CLEAR if foreign <= _FEW else 0
    scores = [
        (languages.fit(text, latin) * foreign + commonest * (name == _WESTERN), name) for text, name in texts.items()
    ]
    return sorted(scores, key=lambda score: -score[0])


def _speaking(content: bytes) -> bytes:
    """The beginning of what stands in lines with letters beyond ASCII."""
    found = bytearray()
    for line in content.splitlines():
        if first := _FOREIGN.search(line):
            found += line[max(first.start() - _BEFORE, 0) :][:_SPOKEN_FOR] + b"\n"
        if len(found) >= _SPOKEN_FOR:
            break
    return bytes(found[:_SPOKEN_FOR])
