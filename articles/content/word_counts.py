"""Words as a reader counts them, in any script."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

from articles.content.markup import text_of

_CJK = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
_SPACELESS_ASIAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1980-\u19df"  # Thai, Lao, Burmese, Khmer, Tai Lue
_LETTERS_A_WORD = 5  # in these scripts, about


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A word, and a character that counts by itself. Vowel signs and joiners belong to their word."""
    marks = "".join(chr(c) for c in range(0x300, 0x1FFFF) if unicodedata.category(chr(c)).startswith("M"))
    part = rf"\w[\w\u200c\u200d\u00ad{marks}]*+"
    letter = rf"[{_CJK}{_SPACELESS_ASIAN}][{marks}]*+"
    # Atomic groups: a possessive one with a look-behind in it never ends in Python 3.11.2 (python/cpython#106052).
    word = rf"{part}(?>(?:(?:['’](?=[^\W\d])|(?<=\d)[.,](?=\d)){part})*)"
    return re.compile(word), re.compile(letter)


def word_count(html: str) -> int:
    """Words as a reader counts them: characters in Chinese and Japanese, an estimate where nothing divides words."""
    found = words(html)
    spaceless = sum(bool(_NO_SPACES.match(word)) for word in found)
    return len(found) - spaceless + -(-spaceless // _LETTERS_A_WORD)


_NO_SPACES = re.compile(f"[{_SPACELESS_ASIAN}]")


def words(html: str) -> list[str]:
    """The words of a fragment, in order, lower-cased; characters where no space divides words."""
    word, letter = _patterns()
    found: list[str] = []
    for match in word.findall(text_of(html).lower()):
        found += [match] if match.isascii() else letter.findall(match) or [match]
    return found


def missing_words(of: str, within: str) -> int:
    """How many words of one fragment another does not have, each counted as often as it stands there."""
    return (Counter(words(of)) - Counter(words(within))).total()
