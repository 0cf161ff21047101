"""Which bytes are which text: marks, declarations, and what is likely; and what is no text at all."""

from __future__ import annotations

import codecs
import contextlib
import re

import charset_normalizer
from django.utils.text import capfirst

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FORMATS = {  # what people hand in by mistake, by its first bytes
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a Word document or another packed file",
    b"\xd0\xcf\x11\xe0": "an old Word document",
    b"{\\rtf": "an RTF document",
}
_DECLARED = re.compile(
    rb"""<(?:meta[^>]{0,200}charset|\?xml[^>]{0,100}encoding)\s*=\s*["']?([\w-]{2,30})""", re.IGNORECASE
)
# What browsers take these names for (https://encoding.spec.whatwg.org/#names-and-labels), and Python's own families.
_WIDER = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
}
_FAMILIES = ("utf-8", "iso8859", "iso2022", "cp", "shift_jis", "euc_", "gb", "big5", "koi8", "mac-", "johab", "hz")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff]")
_LATIN = re.compile(r"[\x00-\u024f\u02b0-\u02ff\u2000-\u2bff\ufb00-\ufb06\ufffd]*")
_CENTRAL = {
    "Czech",
    "Slovak",
    "Polish",
    "Hungarian",
    "Romanian",
    "Croatian",
    "Slovene",
    "Lithuanian",
    "Latvian",
    "Turkish",
}
SAMPLE = 128 * 1024  # bytes from which an encoding is guessed


class Unreadable(Exception):
    """A manuscript that is no text. `reason` and `mend`, what to do, are parts of sentences; the message has both."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(f"{capfirst(reason)}. {capfirst(mend)}.")
        self.reason = reason
        self.mend = mend


def decode(content: bytes) -> str:
    """The text of a file in any encoding, with plain newlines. Raises Unreadable for what is not text."""
    text = _decoded(content).replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n")
    cleaned = _CONTROL.sub("", text)
    if len(text) - len(cleaned) > 100 + len(text) // 20:
        raise Unreadable("this is not a text file", _AS_TEXT)
    if not cleaned.strip():
        raise Unreadable("the manuscript is empty", "choose a file that has text in it")
    return cleaned


_AS_TEXT = "save the manuscript as .txt, .md or .html and hand it in again"


def _decoded(content: bytes) -> str:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return content.decode(encoding, errors="replace").removeprefix("\ufeff")
    for magic, kind in _FORMATS.items():
        if content.startswith(magic):
            raise Unreadable(f"this is {kind}", _AS_TEXT)
    if b"\x00" in content[:4096]:
        return _sixteen_bits(content)
    declared = _DECLARED.search(content[:2048])
    for encoding in ("utf-8", *_known(declared[1].decode() if declared else "")):
        with contextlib.suppress(UnicodeDecodeError):
            return content.decode(encoding)
    return _mended(content) or _guessed(content)


def _known(name: str) -> list[str]:
    """The encoding that a file says it has, when it is one of characters."""
    with contextlib.suppress(LookupError):
        found = codecs.lookup(name).name
        if found.startswith(_FAMILIES):
            return [_WIDER.get(found, found)]
    return []


def _sixteen_bits(content: bytes) -> str:
    """UTF-16 without its mark: the zeros of Latin letters, spaces and newlines stand on one side only."""
    head = content[:4096]
    low, high = head[1::2].count(0), head[::2].count(0)
    if max(low, high) * 40 < len(head) or min(low, high) * 20 > max(low, high):
        raise Unreadable("this is not a text file", _AS_TEXT)
    return content.decode("utf-16-le" if low > high else "utf-16-be", errors="replace")


def _mended(content: bytes) -> str:
    """UTF-8 of which a few bytes were lost; empty for what is something else."""
    text = content.decode("utf-8", errors="replace")
    foreign = sum(map(len, re.findall(r"[^\x00-\x7f]+", text)))
    return text if text.count("\ufffd") * 10 < foreign else ""


def _guessed(content: bytes) -> str:
    sample = content[:SAMPLE]
    if len(content) > SAMPLE:  # not within a character
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    best = charset_normalizer.from_bytes(sample).best()
    encoding = _WIDER.get(best.encoding, best.encoding) if best else "cp1252"
    central = best and best.language in _CENTRAL and "cp1252" not in best.could_be_from_charset
    if not central and ((best and _LATIN.fullmatch(str(best))) or _is_scattered(sample)):
        encoding = "cp1252"  # tables of Latin letters differ in a few of them: the commonest is the likeliest
    return content.decode(encoding, errors="replace")


def _is_scattered(sample: bytes) -> bool:
    """Whether the letters beyond ASCII stand alone among many of ASCII, as accents do: a short text says little else.

    In every other script they stand together.
    """
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", sample)]
    return sum(runs) * 5 < len(sample) and max(runs, default=0) == 1
