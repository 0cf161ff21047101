"""HTML as a row of tags, before a parser has seen it: what would cost one too much, and what is no tag at all."""

from __future__ import annotations

import re
from collections import Counter

from articles.content import elements

TAG = re.compile(  # as a browser reads it: a quote matters only after an equals sign; possessive, hence linear
    r"""<(/?)([a-zA-Z][^\s/>]*+)((?>(?:[^>=]++|=\s*+(?>(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))?))*))>?"""
)
_NO_HTML = "script|style|xmp|noembed|noframes"
OUTER_TAG = re.compile(  # the same, but none within a declaration or what is no HTML: of those a match has no groups
    r"<[!?](?!--)[^>]*+(?:>|\Z)"
    rf"|(?is:<(?:{_NO_HTML})(?=[\s>])[^<>]*+(?<!/)>.*?(?=</(?:{_NO_HTML})[\s/>]|\Z))"
    rf"|{TAG.pattern}"
)
_CLOSED = re.compile(r"</([a-zA-Z][^\s/>]*+)")
_QUOTED = re.compile(r"""=\s*+(?:"[^"]*+"|'[^']*+')""")
_RAW = {"script", "style", "title", "noscript", "iframe", "textarea", "noembed", "noframes"}
_UNCOUNTED = elements.names(  # void, or closed by the next of their kind
    "p li dt dd td th tr thead tbody tfoot option optgroup colgroup rt rp br hr img wbr col input meta link area base"
    " embed param source track"
)
_NEVER_NESTED = {"a", "button", "nobr"}  # a second one closes the first
_TABLE = elements.names("table caption colgroup col thead tbody tfoot tr td th")
_CELLS = {"caption", "td", "th"}
_SHAPES = elements.names("path circle ellipse line rect polygon polyline stop use")
_HTML = elements.ALL - elements.FORMULAS | {"image"}  # which parsers take for a picture
_NAME = re.compile(r"(?!x-)[a-z][a-z0-9-]*+")
_FORMATTING = elements.names("a b big code em font i nobr s small strike strong tt u")
_AMPERSANDS = re.compile(r"(?:&[^&<>]*+)++")
DEEPEST = 200  # elements within each other; people write 30, mails made of tables 60
MOST_ATTRIBUTES = 1000  # of one tag
MOST_MISPLACED = 2000  # tags in a table and in none of its cells
MOST_AMPERSANDS = 1000  # in one run of words: the parser copies the run at each

_ATTRIBUTE = re.compile(r"(?<![^\s/])([^\W\d_]+)(?![^\s/])")
_FLAGS = elements.names(
    "allowfullscreen async autofocus autoplay checked compact controls declare default defer disabled download hidden"
    " inert ismap itemscope loop multiple muted nomodule nohref noresize noshade novalidate nowrap open playsinline"
    " readonly required reversed selected seamless"
)


def bounded(html: str) -> tuple[str, bool]:
    """The HTML itself, or its bare paragraphs where it is tangled, and whether it is. Runs of many `&` get comments."""
    tangled = _is_tangled(html)
    if tangled:
        html = TAG.sub(_paragraph_of, html)
    return _AMPERSANDS.sub(_divided, html), tangled


def _is_tangled(html: str) -> bool:
    """Whether its tags would cost a parser more than linear time.

    Parsers walk up the open elements at every tag, repeat unclosed formatting in every block, compare each attribute
    with all before it and search a place for what stands in a table but in no cell. No person writes what makes that
    slow.
    """
    opened: Counter[str] = Counter()
    depth = formatting = repeated = misplaced = 0
    in_cell = True
    for number, tag in enumerate(TAG.finditer(html)):
        closing, name, attributes = tag[1], tag[2].lower(), tag[3]
        if not closing and len(attributes) > MOST_ATTRIBUTES:
            depth += DEEPEST * (len(re.findall(r"[\s/]+", _QUOTED.sub("=", attributes))) > MOST_ATTRIBUTES)
        if name in _TABLE:
            in_cell = name == "table" if closing else name in _CELLS
        else:
            misplaced += not in_cell
        if name in _UNCOUNTED:
            repeated += formatting
        elif not closing and not (opened[name] and name in _NEVER_NESTED):
            opened[name] += 1
            depth += 1
            formatting += name in _FORMATTING
        elif closing and opened[name]:
            opened[name] -= 1
            depth -= 1
            formatting -= name in _FORMATTING
        if depth >= DEEPEST or repeated > 20 * number + 10_000 or misplaced > MOST_MISPLACED:
            return True
    return False


def _paragraph_of(tag: re.Match[str]) -> str:
    name = tag[2].lower()
    if name in _RAW:
        return f"<{tag[1]}{name}>"
    return "<p>" if name in elements.BLOCKS or name == "br" else ""


def _divided(run: re.Match[str]) -> str:
    parts = run[0].split("&") if run[0].count("&") > MOST_AMPERSANDS else [run[0]]
    groups = (parts[start : start + MOST_AMPERSANDS] for start in range(0, len(parts), MOST_AMPERSANDS))
    return "<!---->&".join("&".join(group) for group in groups)


def html_alone(html: str) -> str:
    """No shapes of drawings, and of other languages no elements that a parser would see as something of its own.

    Those that close themselves go: they hold no words, and in HTML, which does not know that they end there, all that
    follows would stand within them. Others get another name: a `<text>` or a `<set>` that stands in no drawing would be
    dropped with its words, as if it were an attack.
    """
    return OUTER_TAG.sub(lambda tag: _of_html(tag) if tag[2] else tag[0], html)


def _of_html(tag: re.Match[str]) -> str:
    name = tag[2].lower()
    if name in _SHAPES or (name not in elements.ALL and closes_itself(tag)):
        return ""
    if name in _HTML or not _NAME.fullmatch(name) or not tag[0].endswith(">"):
        return tag[0]
    return f"<{tag[1]}x-{name}{tag[0][len(tag[1]) + len(name) + 1 :]}"


def closes_itself(tag: re.Match[str]) -> bool:
    """Whether its last sign is a slash that is not the end of an address."""
    attributes = tag[3].rstrip()
    return attributes.endswith("/") and (attributes[-2:-1].strip() in ("", '"', "'", "}") or "=" not in attributes)


def tags_or_text(html: str) -> str:
    """The HTML of a text in which people wrote brackets too: what is no tag is words, `List<String>`, `<your name>`."""
    closed = {name.lower() for name in _CLOSED.findall(html)}
    return TAG.sub(lambda tag: tag[0] if _is_tag(tag, closed) else f"&lt;{tag[0][1:]}", html)


def _is_tag(tag: re.Match[str], closed: set[str]) -> bool:
    name, attributes = tag[2].lower(), tag[3][:MOST_ATTRIBUTES]
    if tag[1] or "=" in attributes or closes_itself(tag) or not name.isalnum():
        return True
    if name not in elements.ALL or name in elements.DROPPED_WHOLE:
        return name in closed
    return {word.lower() for word in _ATTRIBUTE.findall(attributes)} <= _FLAGS
