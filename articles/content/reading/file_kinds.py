"""What kind of file somebody hands in, told by its content: names of files say anything."""

from __future__ import annotations

import codecs
import re

from django.utils.text import capfirst

AS_TEXT = "save the manuscript as .docx, .txt, .md or .html and hand it in again"
_OF_A_PROGRAM = "open it in its program, " + AS_TEXT
_COPIED = "open it, copy its text, and paste that as a manuscript"
_PICTURE = "a picture", "hand in the text itself; the pictures are made for it"
_PACKED = "a packed file", "unpack it, and hand in each text on its own"

_BY_FIRST_BYTES: dict[bytes, tuple[str, str]] = {
    b"%PDF-": ("a PDF", _COPIED),
    b"%!PS": ("a PostScript file", _COPIED),
    b"{\\rtf": ("an RTF document", _OF_A_PROGRAM),
    b"\xd0\xcf\x11\xe0": ("an old Word document, or one with a password", _OF_A_PROGRAM),
    b"\xffWPC": ("a WordPerfect document", _OF_A_PROGRAM),
    b"bplist00": ("a web archive of Safari", "open the page, copy its text, and paste that as a manuscript"),
    b"\xff\xd8\xff": _PICTURE,
    b"\x89PNG": _PICTURE,
    b"GIF87a": _PICTURE,
    b"GIF89a": _PICTURE,
    b"II*\x00": _PICTURE,
    b"MM\x00*": _PICTURE,
    b"\x1f\x8b\x08": _PACKED,
    b"7z\xbc\xaf": _PACKED,
    b"Rar!\x1a": _PACKED,
}
_ZIP = b"PK\x03\x04"
_WORD = b"word/document"
_BY_WHAT_IS_PACKED: dict[bytes, tuple[str, str]] = {  # names and types stand unpacked within a packed file
    b"application/epub+zip": ("an e-book (EPUB)", "hand in the text of one chapter as .docx, .txt, .md or .html"),
    b"application/vnd.oasis.opendocument.text": ("an OpenDocument text (ODT)", _OF_A_PROGRAM),
    b"application/vnd.oasis.opendocument.": ("an OpenDocument file, and no text", _OF_A_PROGRAM),
    _WORD: ("a Word document", AS_TEXT),
    b"xl/workbook": ("an Excel workbook", "copy what is text in it, and paste that as a manuscript"),
    b"ppt/presentation": ("a PowerPoint presentation", "copy its text, and paste that as a manuscript"),
    b"Index/Document.iwa": ("a Pages document", "export it as Word (.docx) and hand it in again"),
}
_HEADERS = re.compile(rb"(?:From [^\n]*\n)?((?:[A-Za-z][A-Za-z0-9-]{1,40}:[^\n]*\n(?:[ \t][^\n]*\n)*){2,})")
_OF_MAIL = re.compile(rb"^(?:MIME-Version|Message-ID|Received|Return-Path|Content-Transfer-Encoding):", re.I | re.M)
_OF_PAGES = re.compile(rb"^Content-Type:\s*multipart/related", re.IGNORECASE | re.MULTILINE)
_HEAD = 64 * 1024  # bytes in which headers and the marks of pictures stand


class Unreadable(Exception):
    """A manuscript that is no text. `reason` and `mend`, what to do, are parts of sentences; the message has both."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(f"{capfirst(reason)}. {capfirst(mend)}.")
        self.reason = reason
        self.mend = mend


def is_word(content: bytes) -> bool:
    """Whether this is a Word document of today (.docx), or one that is broken."""
    return content.startswith(_ZIP) and _packed(content) is _BY_WHAT_IS_PACKED[_WORD]


def refuse_others(content: bytes) -> None:
    """Raises Unreadable, with what it is and what to do, for a file of a kind that is no plain text."""
    if found := _told(content):
        what, mend = found
        raise Unreadable(f"this is {what}", mend)


def _told(content: bytes) -> tuple[str, str] | None:
    head = content[:_HEAD].removeprefix(codecs.BOM_UTF8).lstrip()
    if content.startswith(_ZIP):
        return _packed(content)
    if (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:12] in (b"ftypavif", b"ftypheic", b"ftypmif1"):
        return _PICTURE
    return next((kind for magic, kind in _BY_FIRST_BYTES.items() if head.startswith(magic)), None) or _sent(head)


def _packed(content: bytes) -> tuple[str, str]:
    return next((kind for mark, kind in _BY_WHAT_IS_PACKED.items() if mark in content), _PACKED)


def _sent(head: bytes) -> tuple[str, str] | None:
    """Mail, and pages that browsers save as if they were mail: headers of which one is no word of a writer's."""
    headers = _HEADERS.match(head.replace(b"\r\n", b"\n"))
    if not headers or not _OF_MAIL.search(headers[1]):
        return None
    if _OF_PAGES.search(headers[1]):
        return "a web page with all its parts (MHTML)", "open it in the browser, and save it as HTML alone"
    return "a mail", "open it in the mail program, copy its text, and paste that as a manuscript"
