"""The paragraphs of a text without markup: which of its line breaks are meant, and which a column made.

Mails and old files wrap at a column; Word, Pages and the editor of Windows give a line a paragraph; poems have lines.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape
from itertools import pairwise
from statistics import median

SHORT_LINE = 60  # columns: no line of a paragraph is longer, so its lines are meant
LONG_LINE = 120  # columns: nobody wraps there, so such a line is a whole paragraph
_FULL = 0.95  # of the longest line: with its next word a wrapped line would have been longer
_HALF_FULL = 0.6  # of the longest line, where most lines go on in small letters: torn columns, read by a machine

_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_BULLET = re.compile(r"[•‣◦▪●·○■□◆*+–—-]\s|[•‣◦▪●]|\d{1,3}[.)]\s")
_ENDS_SENTENCE = re.compile(r"[.!?:;…。！？：；][\"'”’»“)\]」』]*\Z")
_BROKEN = re.compile(r"([^\W\d_]{2,40})[-\u2010\u00ad]\Z")
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*+")
_AFTER_PARTS = {"and", "or", "to", "und", "oder", "bis", "bzw", "et", "ou", "y", "o", "e", "en", "of", "och", "og"}
_SPACELESS = re.compile(r"[\u2e80-\u30ff\u31f0-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff]")


def paragraphs(text: str) -> list[str]:
    """The text as the inner HTML of its paragraphs; the lines of a poem have <br> between them."""
    known = {word.lower() for word in _WORD.findall(text)}
    found: list[str] = []
    for block in _BLANK_LINES.split(text.strip("\n")):
        lines = [line for line in block.split("\n") if line.strip()]
        found += _paragraphs_of(lines, known)
    return [escape(paragraph, quote=False).replace("\n", "<br>") for paragraph in found]


def _paragraphs_of(lines: list[str], known: set[str]) -> list[str]:
    """Those of lines without a blank one between them; a newline stands where one is meant within a paragraph."""
    widths = [_width(line.strip()) for line in lines]
    longest = max(widths, default=0)
    continued = sum(_starts_small(line) for line in lines[1:])
    torn = continued * 3 > len(lines) and median(widths) < LONG_LINE
    if longest <= SHORT_LINE and not torn:
        return ["\n".join(line.strip() for line in lines)] if lines else []
    full = [
        width + 1 + _width(_first_word(following)) > longest * _FULL
        for width, following in zip(widths, lines[1:], strict=False)
    ]
    wrapped = sum(is_full and not _ends_sentence(line) for is_full, line in zip(full, lines, strict=False)) > 1
    found = [[lines[0].strip()]]
    for number, (line, following) in enumerate(pairwise(lines)):
        if torn:
            goes_on = _starts_small(following) or widths[number] >= longest * _HALF_FULL
        else:
            goes_on = longest < LONG_LINE and full[number] and (wrapped or not _ends_sentence(line))
        if goes_on and not _opens(following, line):
            found[-1].append(following.strip())
        else:
            found.append([following.strip()])
    return [_joined(parts, known) for parts in found]


def _opens(line: str, before: str) -> bool:
    """Whether a line begins something, however full the one before it is: a point of a list, an indented paragraph."""
    text = line.strip()
    if _BULLET.match(text):
        return text[0] in "•‣◦▪●" or _ends_sentence(before) or bool(_BULLET.match(before.strip()))
    return _indent(line) >= _indent(before) + 2 and not _starts_small(line)


def _ends_sentence(line: str) -> bool:
    return bool(_ENDS_SENTENCE.search(line.rstrip()[-12:]))


def _indent(line: str) -> int:
    return _width(line[: len(line) - len(line.lstrip())].expandtabs(4))


def _starts_small(line: str) -> bool:
    return line.lstrip()[:1].islower()


def _first_word(line: str) -> str:
    """What would have had to stand on the line before: a sign, where no spaces divide words."""
    text = line.strip()
    return text[:1] if _SPACELESS.match(text) else text.split(maxsplit=1)[0]


def _width(text: str) -> int:
    """Columns of a screen: signs of Chinese, Japanese and Korean take two."""
    return len(text) if text.isascii() else sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text)


def _joined(lines: list[str], known: set[str]) -> str:
    """The lines of a paragraph as one; words that were broken at the line's end are whole again."""
    parts = [lines[0]]
    for before, line in pairwise(lines):
        broken = _BROKEN.search(before[-41:])
        word = _WORD.match(line)
        if broken and word and line[0].islower() and word[0].lower() not in _AFTER_PARTS:
            if f"{broken[1]}-{word[0]}".lower() not in known:
                parts[-1] = parts[-1][:-1]
        elif not (_SPACELESS.match(before[-1]) and _SPACELESS.match(line)):
            parts.append(" ")
        parts.append(line)
    return "".join(parts)
