"""HTML as other programs write it, brought to what its author sees of it there.

Comments of reviewers and hidden words go, a title's paragraph becomes a heading, films and pictures that a script would
load leave their addresses behind, and words that something stood between stay apart. It is not safe yet: `markup` is
next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import nh3
from lxml import etree
from lxml.html import HtmlElement

from articles.content import elements, markup, tag_soup

_FILMS = elements.names("iframe video audio object embed")
_WITHOUT_END = {"embed": "x-film", "source": "x-source", "param": "x-source", "input": "x-gap"}
_FORMULAS = {name: f"x-{name}" for name in elements.FORMULAS}
_RENAMED = dict.fromkeys(_FILMS, "x-film") | _WITHOUT_END | {"noscript": "x-noscript"} | _FORMULAS
_GAPS = elements.names("svg select textarea")  # dropped whole; something was to be seen there
_CLOSED_IN_XHTML = elements.ALL - elements.VOID - elements.names("script style svg math")
_APART = elements.names("button x-gap x-film")
_OWN = elements.names("x-film x-source x-gap x-noscript x-unseen button picture")
_ANNOTATIONS = elements.names("x-annotation x-annotation-xml")  # what a formula was made of
_TAGS = markup.PAGE_TAGS | elements.OTHER_BLOCKS | set(_FORMULAS.values()) | _ANNOTATIONS | _OWN
_DROPPED = elements.DROPPED_WHOLE - {"math"}
_ATTRIBUTES = markup.ATTRIBUTES | {
    "*": elements.names("class dir hidden id lang style title"),
    "img": elements.names("src srcset alt width height"),
    "x-film": elements.names("src data aria-label"),
    "x-source": elements.names("src srcset value name"),
}
_ADDRESSES = ("data-src", "data-lazy-src", "data-original", "src", "data", "value", "data-srcset", "srcset")

_LANGUAGE = re.compile(
    r"<(?:html|body)\b[^<>]{0,1000}?\blang\s{0,9}=\s{0,9}[\"']?([a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{1,8}){0,3})\b",
    re.IGNORECASE,
)
_FALLBACK_ENDS = re.compile(r"</(iframe|noscript)(?=[\s/>])", re.IGNORECASE)
_HEAD = 20_000  # characters, in which a page says its language
_UNSEEN = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all"
    r"|mso-(?:element|special-character)\s*:\s*comment(?:-list)?)\s*(?:;|!|$)",
    re.IGNORECASE,
)
_REVIEW = elements.names("msocomanchor msocomtxt MsoCommentText MsoCommentSubject")
_TITLE = {"MsoTitle", "title"}
_CAPTION = {"MsoCaption", "caption"}
_REDIRECT = re.compile(r"https?://www\.google\.[a-z.]{2,6}/url\?", re.IGNORECASE)


def as_seen(html: str) -> tuple[str, bool]:
    """The HTML as its author sees it, and whether it had to be taken apart into bare paragraphs: see `tag_soup`."""
    html = tag_soup.OUTER_TAG.sub(_renamed, _without_fallbacks(markup.usable_html(html)))
    html = tag_soup.html_alone(html)
    language = _LANGUAGE.search(html[:_HEAD])
    bounded, tangled = tag_soup.bounded(html)
    cleaned = nh3.clean(
        bounded,
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        attributes=_ATTRIBUTES,
        generic_attribute_prefixes={"data-"},
        url_schemes=markup.SCHEMES | {markup.OWN},
        link_rel=None,
    )
    root = markup.parse(markup.usable(cleaned))
    _drop_unseen(root)
    _drop_comments(root)
    _raise_title(root)
    _raise_captions(root)
    _follow_redirects(root)
    _leave_addresses(root)
    _write_formulas(root)
    _keep_apart(root)
    seen = markup.serialize(_plain(root))
    return f'<div lang="{language[1]}">{seen}</div>' if language else seen, tangled


def _without_fallbacks(html: str) -> str:
    """Frames without what stands within them, and of what is for browsers without scripts the pictures alone.

    Others do not read it as HTML, so whatever is open in it ends with it.
    """
    *parts, rest = _FALLBACK_ENDS.split(html)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return "".join([*(f"{_without_fallback(part, name.lower())}</{name}" for part, name in pairs), rest])


def _without_fallback(html: str, name: str) -> str:
    """HTML that ends where an element of this name does."""
    tags = (tag for tag in tag_soup.TAG.finditer(html) if not tag[1] and tag[2].lower() == name)
    begins = next((tag.end() for tag in tags if not tag_soup.closes_itself(tag)), len(html))
    within = tag_soup.TAG.finditer(html, begins) if name == "noscript" else ()
    return html[:begins] + "".join(tag[0] for tag in within if not tag[1] and tag[2].lower() == "img")


def _renamed(tag: re.Match[str]) -> str:
    """Films and formulas by names that no parser treats in its own way, a gap before what is dropped whole, ends as in
    XHTML."""
    if not tag[2] or not tag[0].endswith(">"):
        return tag[0]
    closing, name, attributes = tag[1], tag[2].lower(), tag[3]
    renamed = _RENAMED.get(name, name)
    if closing:
        return "" if name in _WITHOUT_END else f"</{renamed}>"
    if name in _GAPS:
        return f"<x-gap></x-gap>{tag[0]}"
    if tag_soup.closes_itself(tag) and name in _CLOSED_IN_XHTML | _WITHOUT_END.keys():
        return f"<{renamed}{attributes.rstrip()[:-1]}></{renamed}>"
    if name not in _RENAMED:
        return tag[0]
    return f"<{renamed}{attributes}>" + (f"</{renamed}>" if name in _WITHOUT_END else "")


def _drop_unseen(root: HtmlElement) -> None:
    for element in root.iterdescendants():
        hidden = element.get("hidden") not in (None, "until-found") or _UNSEEN.search(element.get("style", ""))
        tracking = element.tag == "img" and {element.get("width"), element.get("height")} & {"0", "1"}
        if hidden or tracking or _REVIEW & set(element.get("class", "").split()):
            element.tag = "x-unseen"
    etree.strip_elements(root, "x-unseen", with_tail=False)


def _drop_comments(root: HtmlElement) -> None:
    """Those of Google Docs: a mark in the text, and boxes below it that begin with the mark."""
    for anchor in list(root.iter("a")):
        name = anchor.get("id", "")
        if re.match(r"cmnt_ref\d", name):
            anchor.tag = "x-unseen"
        elif re.match(r"cmnt\d", name):
            line = next(anchor.iterancestors("p", "div"), root)
            box = line.getparent()
            alone = box is not None and box is not root and box.tag == "div" and box[0] is line
            if line is not root:
                (box if alone else line).tag = "x-unseen"
    etree.strip_elements(root, "x-unseen", with_tail=False)


def _raise_title(root: HtmlElement) -> None:
    """The paragraph that a word processor calls the title is the heading, where none stands above it."""
    for element in root.iter("h1", "p"):
        if element.tag == "h1":
            return
        if _TITLE & set(element.get("class", "").split()) and element.text_content().strip():
            element.tag = "h1"
            return


def _raise_captions(root: HtmlElement) -> None:
    """The paragraph that a word processor calls a caption is one, where it stands below a picture of the writer's."""
    for element in list(root.iter("p")):
        above = element.getprevious()
        if above is None or not _CAPTION & set(element.get("class", "").split()):
            continue
        shows = any(image.get("src", "").startswith(f"{markup.OWN}:") for image in above.iter("img"))
        if shows and not above.text_content().strip() and not (above.tail or "").strip():
            element.tag = "figcaption"


def _follow_redirects(root: HtmlElement) -> None:
    for link in root.iter("a"):
        address = link.get("href", "")
        if _REDIRECT.match(address):
            asked = parse_qs(urlsplit(address).query)
            target = (asked.get("q") or asked.get("url") or [""])[0]
            if target.startswith(("http://", "https://")):
                link.set("href", target)


def _leave_addresses(root: HtmlElement) -> None:
    """Films and pictures become links; of pictures for browsers without scripts those that are not there yet."""
    for film in list(root.iter("x-film")):
        address = next((found for element in film.iter() if (found := _address(element))), "")
        label = film.get("title") or film.get("aria-label") or ""
        film.clear(keep_tail=True)
        if address:
            film.tag, film.text = "a", label.strip() or markup.place_of(address)
            film.set("href", address)
            film.set("data-apart", "")
    _find_pictures(root)
    pictures = list(root.iter("img"))
    markup.link_pictures(root)
    for picture in pictures:
        if len(picture.text or "") != 1:  # an initial that is a picture belongs to its word
            picture.set("data-apart", "")


def _find_pictures(root: HtmlElement) -> None:
    known = set()
    for image in root.iter("img"):
        if image.get("src", "").startswith(f"{markup.OWN}:"):
            continue
        image.set("src", _address(image) or next(_sources(image), ""))
        if next(image.iterancestors("x-noscript"), None) is None:
            known.add(image.get("src"))
    for holder in root.iter("x-noscript"):
        pictures = [image for image in holder.iter("img") if image.get("src") not in known]
        holder.clear(keep_tail=True)
        for picture in pictures:
            picture.tail = None
            holder.append(picture)


def _address(element: HtmlElement) -> str:
    for name in _ADDRESSES:
        first = element.get(name, "").split(maxsplit=1)[:1]
        address = first[0].rstrip(",") if first else ""
        address = f"https:{address}" if address.startswith("//") else address
        if address.startswith(("http://", "https://")):
            return address
    return ""


def _sources(image: HtmlElement) -> Iterator[str]:
    box = image.getparent()
    if box is not None and box.tag == "picture":
        yield from filter(None, map(_address, box.iter("x-source")))


def _write_formulas(root: HtmlElement) -> None:
    """Powers and indices as people write them; of the rest of a formula its letters."""
    for annotation in root.iter(*_ANNOTATIONS):
        of_formula = next(annotation.iterancestors("x-math"), None) is not None
        if of_formula and next(annotation.iter(*markup.BLOCKS), None) is None:
            annotation.tag = "x-unseen"
    etree.strip_elements(root, "x-unseen", with_tail=False)
    for name, written in (("x-msup", "sup"), ("x-msub", "sub")):
        for element in root.iter(name):
            if len(element) == 2:
                element[1].tag = written
    for fraction in root.iter("x-mfrac"):
        if len(fraction) == 2:
            fraction[0].tail = "/"


def _keep_apart(root: HtmlElement) -> None:
    """A space where words would run together that something stood between."""
    last, apart = "", False
    for event, element in etree.iterwalk(root, events=("start", "end")):
        breaks = element.tag in markup.BLOCKS or element.tag in elements.OTHER_BLOCKS or element.tag == "br"
        apart = not breaks and (apart or element.tag in _APART or element.get("data-apart") is not None)
        last = "" if breaks else last
        text = element.text if event == "start" else element.tail
        if text:
            if apart and last.isalnum() and text[0].isalnum():
                _space_before(element, within=event == "start")
            last, apart = text[-1], False


def _space_before(element: HtmlElement, *, within: bool) -> None:
    """A space before an element's words, or before those behind it."""
    before = element.getprevious()
    if not within:
        element.tail = f" {element.tail}"
    elif before is not None:
        before.tail = f"{before.tail or ''} "
    else:
        element.getparent().text = f"{element.getparent().text or ''} "


def _plain(root: HtmlElement) -> HtmlElement:
    """The tree with elements that an article knows."""
    for element in root.iter(*elements.OTHER_BLOCKS):
        element.tag = "ul" if element.tag in ("menu", "dir") else "div"
    etree.strip_tags(root, "drop", *_OWN, *_ANNOTATIONS, *_FORMULAS.values())
    return root
