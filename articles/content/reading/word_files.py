"""Word documents (.docx) as HTML: what their styles say, and nothing that is suggested, hidden or noted aside.

Only the parts that text is made of, and pictures, reach the reader, each within bounds and without a document type.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any, cast

import mammoth
from lxml import etree

from articles.content import markup, own_pictures
from articles.content.own_pictures import Keep
from articles.content.reading import suggestions
from articles.content.reading.file_kinds import AS_TEXT, Unreadable
from articles.providers.errors import ProviderError

MOST_UNPACKED = 16 * 1024 * 1024  # bytes of the parts with text: some five million letters
MOST_ELEMENTS = 60_000  # of these parts: each takes mammoth about 0.1 ms
MOST_PICTURES = 48 * 1024 * 1024  # bytes of its pictures, unpacked
_SPLIT = "split it into several articles"
_TEXT_PARTS = re.compile(
    r"word/(?:document\d*|styles|numbering|footnotes|endnotes)\.xml|.*\.rels|\[Content_Types\]\.xml"
)
_PICTURE_PART = re.compile(r"word/media/[^/]{1,200}")
_STYLES = """
p[style-name='Title'] => h1.title:fresh
p[style-name='Quote'] => blockquote > p:fresh
p[style-name='Intense Quote'] => blockquote > p:fresh
p[style-name='Caption'] => p.caption:fresh
"""
_HIDDEN = """
//*[local-name()='r'][*[local-name()='rPr']/*[local-name()='vanish' and not(@*[local-name()='val'][
    .='0' or .='false' or .='off'])]]
"""
# What Word notes about looks, language and its own work: most of what a document holds, and no text.
_NO_TEXT = [
    f"{{*}}{name}"
    for name in (
        *("proofErr", "bookmarkEnd", "lastRenderedPageBreak", "latentStyles", "rFonts", "lang", "sz", "szCs", "color"),
        *("spacing", "kern", "bCs", "iCs", "shd", "ind", "jc", "sectPr", "tcW", "tblBorders", "tblCellMar", "tblLook"),
    )
]
_TAG = re.compile(r"<[^<>]*+>")
_BACK_TO_THE_TEXT = re.compile(r' ?<a href="#[^"<>]*">↑</a>')  # what mammoth sets behind each note


def read(content: bytes, keep: Keep = own_pictures.leave_out) -> str:
    """The text of a Word document as HTML, which is not clean yet, with its pictures by name.

    Tracked changes are suggestions, and no text: it is as it was until somebody accepts them in Word.
    Raises Unreadable, and what `keep` raises.
    """
    html = _html_of(_lean(content, without_suggestions=True), keep)
    if not _TAG.sub("", html).strip() and _TAG.sub("", _html_of(_lean(content))).strip():
        raise Unreadable("all its words are suggested", "accept the changes in Word and save it")
    if not html.strip():
        raise Unreadable("the document is empty", "choose a file that has text in it")
    return _below_the_title(html)


def _html_of(document: bytes, keep: Keep = own_pictures.leave_out) -> str:
    try:
        converted = mammoth.convert_to_html(
            io.BytesIO(document),
            style_map=_STYLES,
            include_embedded_style_map=False,
            convert_image=mammoth.images.img_element(lambda image: {"src": keep(_content_of(image))}),
        )
    except ProviderError:
        raise
    except Exception as exc:  # what a broken document makes a reader of XML and zip raise is not to be foreseen
        raise _broken() from exc
    return _BACK_TO_THE_TEXT.sub("", converted.value)


def _content_of(image: Any) -> bytes:
    """What lies in the document itself; of any other picture nothing."""
    try:
        with image.open() as file:
            content: bytes = file.read()
    except Exception:  # linked from elsewhere, missing, damaged
        return b""
    return content


def _broken() -> Unreadable:
    return Unreadable("this Word document is broken", "open it in Word, save it anew and hand it in again")


def _lean(content: bytes, *, without_suggestions: bool = False) -> bytes:
    """The document anew, of text and pictures alone. Raises Unreadable."""
    made = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as taken:
            parts = [part for part in given.infolist() if _TEXT_PARTS.fullmatch(part.filename)]
            if sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise Unreadable("this Word document is larger than 16 MB when unpacked", _SPLIT)
            roots = {part.filename: _root(given.read(part)) for part in parts}
            if sum(1 for root in roots.values() for _ in root.iter()) > MOST_ELEMENTS:
                raise Unreadable("this Word document has too many paragraphs for one article", _SPLIT)
            for name, root in roots.items():
                if without_suggestions:
                    suggestions.take_back(root)
                taken.writestr(name, etree.tostring(root, encoding="utf-8", xml_declaration=True))
            for part in _pictures(given):
                taken.writestr(part.filename, given.read(part), zipfile.ZIP_STORED)
    except Unreadable:
        raise
    except Exception as exc:  # as above
        raise _broken() from exc
    return made.getvalue()


def _pictures(document: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Those of a usual size, as many as there is room for."""
    room = MOST_PICTURES
    for part in document.infolist():
        if _PICTURE_PART.fullmatch(part.filename) and part.file_size <= room:
            room -= part.file_size
            yield part


def _root(content: bytes) -> etree._Element:
    """A part without hidden words. Raises Unreadable for one that could unfold to more than it is."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(content, parser)
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreadable("this Word document holds a document type, which Word never writes", AS_TEXT)
    for run in cast(list[etree._Element], root.xpath(_HIDDEN)):
        parent = run.getparent()
        if parent is not None:
            parent.remove(run)
    etree.strip_elements(root, *_NO_TEXT, with_tail=False)
    return root


def _below_the_title(html: str) -> str:
    """Headings stand below a title that has a style of its own: Word calls both the first level."""
    if '<h1 class="title">' not in html:
        return html
    root = markup.parse(html)
    for heading in root.iter("h1", "h2", "h3", "h4", "h5"):
        if heading.get("class") != "title":
            heading.tag = f"h{int(str(heading.tag)[1]) + 1}"
    return markup.serialize(root)
