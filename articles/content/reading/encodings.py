"""Names of encodings: what people, pages and programs call them, what they are read as, and which are likely."""

from __future__ import annotations

import codecs
import contextlib

import webencodings

# What browsers take these for (https://encoding.spec.whatwg.org/#names-and-labels), by the names that Python has.
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
    "koi8-r": "koi8-u",
}
_FAMILIES = ("utf-8", "iso8859", "iso2022", "cp", "shift_jis", "euc_", "gb", "big5", "koi8", "mac-", "johab", "hz")

# Encodings that a text without any mark may be in, the commonest first; with the words for people.
LIKELY = {
    "cp1252": "Western European (Windows)",
    "iso8859-15": "Western European (ISO 8859-15)",
    "mac-roman": "Mac Roman",
    "cp850": "Western European (DOS, 850)",
    "cp437": "American (DOS, 437)",
    "cp1250": "Central European (Windows)",
    "iso8859-2": "Central European (ISO 8859-2)",
    "cp852": "Central European (DOS, 852)",
    "cp1257": "Baltic (Windows)",
    "cp1254": "Turkish (Windows)",
    "cp1251": "Cyrillic (Windows)",
    "koi8-u": "Cyrillic (KOI8)",
    "cp866": "Cyrillic (DOS, 866)",
    "iso8859-5": "Cyrillic (ISO 8859-5)",
    "mac-cyrillic": "Mac Cyrillic",
    "cp1253": "Greek (Windows)",
    "iso8859-7": "Greek (ISO 8859-7)",
    "cp1255": "Hebrew (Windows)",
    "iso8859-8": "Hebrew (ISO 8859-8)",
    "cp1256": "Arabic (Windows)",
    "iso8859-6": "Arabic (ISO 8859-6)",
    "cp874": "Thai (Windows)",
    "cp932": "Japanese (Shift JIS)",
    "euc_jp": "Japanese (EUC)",
    "gb18030": "Chinese (GB 18030)",
    "big5hkscs": "Chinese (Big5)",
    "cp949": "Korean (Windows)",
}
OTHERS = {"utf-8": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32", "iso2022_jp": "Japanese (ISO-2022-JP)"}


def known(name: str) -> str:
    """Python's name of the encoding that is called so by browsers or by Python; "" for what is none of characters."""
    label = webencodings.lookup(name)
    with contextlib.suppress(LookupError):
        found = codecs.lookup(label.codec_info.name if label else name).name
        if found.startswith(_FAMILIES):
            return _WIDER.get(found, found)
    return ""


def words(encoding: str) -> str:
    """What people call an encoding of Python's."""
    return LIKELY.get(encoding) or OTHERS.get(encoding) or encoding
