"""A document as Google exports it in HTML, brought to HTML that says what it means.

Bold, italic and struck letters are classes of a style sheet there, and a list within a list is one of its own beside
it. Comments and the wrapper of links are left to `articles.content`, which knows them from pasted pages, too.
"""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import lxml.html
from lxml.html import HtmlElement

from articles.content import tag_soup
from articles.content.manuscripts import Unreadable
from articles.content.own_pictures import Keep
from articles.content.reading import decoding

LARGEST_PAGE = 20 * 2**20  # bytes, unpacked
MOST_PICTURES = 48 * 2**20  # bytes of its pictures, unpacked
_SHOWN = re.compile(r'(<img\b[^<>]{0,3000}?\bsrc=")(images/[^"<>]{1,200})"', re.IGNORECASE)
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style\s*>", re.IGNORECASE | re.DOTALL)
_RULE = re.compile(r"\.(c\d{1,6})\s*\{([^{}]{0,2000})\}")
_SAYS = {
    "strong": re.compile(r"font-weight\s*:\s*(?:bold|[6-9]00)"),
    "em": re.compile(r"font-style\s*:\s*italic"),
    "s": re.compile(r"text-decoration[\w-]*\s*:[^;]*line-through"),
    "sup": re.compile(r"vertical-align\s*:\s*super"),
    "sub": re.compile(r"vertical-align\s*:\s*sub(?!\w)"),
}
_LIST = re.compile(r"\blst-(kix_\w{1,60})-(\d)\b")
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


def unpacked(packed: bytes, keep: Keep) -> str:
    """The page in a zip, with the names of the pictures beside it. Raises Unreadable, and what `keep` raises."""
    try:
        with zipfile.ZipFile(BytesIO(packed)) as archive:
            pages = [each for each in archive.infolist() if each.filename.lower().endswith((".html", ".htm"))]
            if not pages or pages[0].file_size > LARGEST_PAGE:
                raise Unreadable(
                    "what Google gave for it is no page of a usual size", "split it into several documents"
                )
            with archive.open(pages[0]) as page:
                content = page.read(LARGEST_PAGE + 1)
            text = decoding.read(content[:LARGEST_PAGE], "utf-8").text
            beside = _pictures(archive, text)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as exc:
        raise Unreadable("what Google gave for it cannot be unpacked", "save it once more") from exc
    if len(content) > LARGEST_PAGE:
        raise Unreadable("what Google gave for it is no page of a usual size", "split it into several documents")
    called = {name: keep(picture) for name, picture in beside.items()}
    return _SHOWN.sub(lambda found: f'{found[1]}{called.get(found[2], "")}"', text)


def _pictures(archive: zipfile.ZipFile, text: str) -> dict[str, bytes]:
    """Those that the page shows, in its order, as many as there is room for."""
    room, parts = MOST_PICTURES, {part.filename: part for part in archive.infolist()}
    found = dict[str, bytes]()
    for name in dict.fromkeys(shown[2] for shown in _SHOWN.finditer(text)):
        if name in parts and parts[name].file_size <= room:
            room -= parts[name].file_size
            found[name] = archive.read(name)
    return found


def meant(html: str) -> str:
    """The body of the page, with elements for what classes say and lists within their items."""
    classes = _classes(html)
    bounded, is_tangled = tag_soup.bounded(_STYLE.sub("", html))
    if is_tangled:
        return bounded
    root: HtmlElement | None = lxml.html.document_fromstring(bounded or "<p></p>").find("body")
    if root is None:
        return bounded
    for element in list(root.iter("span", "a", "p", "li", "td")):
        said = {name for given in element.get("class", "").split() for name in classes.get(given, ())}
        _say(element, said)
    for span in list(root.iter("span")):
        span.drop_tag()
    _nest_lists(root)
    return "".join(map(_as_html, root)) if not (root.text or "").strip() else _as_html(root)


def _as_html(element: HtmlElement) -> str:
    written: str = lxml.html.tostring(element, encoding="unicode")
    return written


def _classes(html: str) -> dict[str, list[str]]:
    """By its name, which elements a class stands for."""
    sheets = "".join(_STYLE.findall(html))
    return {name: [tag for tag, says in _SAYS.items() if says.search(rules)] for name, rules in _RULE.findall(sheets)}


def _say(element: HtmlElement, said: set[str]) -> None:
    """Put its contents into these elements; a heading is bold by itself."""
    if any(above.tag in _HEADINGS for above in element.iterancestors()):
        said.discard("strong")
    for name in sorted(said & _SAYS.keys()):
        inner = element.makeelement(name)
        inner.text, element.text = element.text, None
        inner.extend(list(element))
        element.append(inner)


def _nest_lists(root: HtmlElement) -> None:
    """A list that stands beside another of its family goes into it: on in the same one, or under its last item."""
    for holder in {each.getparent() for each in root.iter("ul", "ol")} - {None}:
        opened: list[tuple[str, int, HtmlElement]] = []  # from the outermost
        for child in list(holder):
            found = _LIST.search(child.get("class", "")) if child.tag in ("ul", "ol") else None
            if found is None or (opened and opened[0][0] != found[1]):
                opened = []
            if found is None:
                continue
            opened = [each for each in opened if each[1] <= int(found[2])]
            opened = _placed(child, found[1], int(found[2]), opened)
            if (child.tail or "").strip():
                opened = []


def _placed(
    each: HtmlElement, family: str, level: int, opened: list[tuple[str, int, HtmlElement]]
) -> list[tuple[str, int, HtmlElement]]:
    """Which lists are open after this one, innermost last."""
    if not opened or not len(opened[-1][2]) or (each.tail or "").strip():
        return [(family, level, each)]
    above = opened[-1]
    if above[1] < level:
        above[2][-1].append(each)
        return [*opened, (family, level, each)]
    if above[2].tag != each.tag:
        return [(family, level, each)]
    above[2].extend(list(each))
    each.drop_tree()
    return opened
