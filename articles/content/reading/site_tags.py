"""What Hugo, Jekyll and MDX put into Markdown for their own sites: no reader was ever to see it.

A tag goes; the words within it and its address stay.
"""

from __future__ import annotations

import re

from articles.content import elements

_FENCE = re.compile(r"(`{3,}|~{3,})")
_CODE = r"``[^`\n]++``|`[^`\n]++`"
_DEEP = r"\{[^{}]*+\}"
for _ in range(3):  # braces within braces
    _DEEP = rf"\{{(?:[^{{}}]++|{_DEEP})*+\}}"
_TAG = re.compile(
    rf"(?P<code>{_CODE})"
    r"|\[(?P<linked>[^\[\]\n]{1,300})\]\(\s*\{[{%][^{}\n]*+\}\}?[^()\[\]{}\n]*+\)"
    r"|\{\{(?P<hugo>[<%][^{}]*+)\}\}"
    r"|\{(?P<jekyll>%[^{}]*+)\}"
    r"|\{/\*[^*]*+\*/\}"
    rf"""|<(?P<component>[A-Z][\w.]*+(?:[^<>{{}}"']++|"[^"]*+"|'[^']*+'|{_DEEP})*+)>"""
    r"|</(?P<closed>[A-Z][\w.]*+)\s*+>"
)
_NAMED = re.compile(r"<(/?[A-Z][\w.]{0,60})")
_MODULE = re.compile(r"(?:import\s.{0,500}['\"]|export\s+(?:const|default|function)\b).*")
_SAID = re.compile(r"""(?:\b([\w-]{1,40})\s{0,9}[=:]\s{0,9}\{?)?(?:"([^"]*)"|'([^']*)'|`([^`]*)`)""")
_SHOWN = ("alt", "caption", "title", "text", "label", "description", "quote", "attribution", "cite")  # ends of names
_ADDRESSES = {"src", "url", "href"}
_SETTINGS = {"class", "className", "style", "sizes", "srcset", "srcSet", *_ADDRESSES}
_SENTENCE = 3  # words, from which on a value is said and not set


def without(text: str) -> str:
    """The Markdown without such tags, except in its code."""
    named = set(_NAMED.findall(text))
    parts: list[str] = []
    prose: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line.lstrip(" >"))
        if fence or mark:
            parts += [*_written(prose, named), line]
            prose = []
            if mark:
                fence = mark[1] if not fence else "" if mark[1].startswith(fence) else fence
        elif not _MODULE.fullmatch(line):
            prose.append(line)
    return "\n".join([*parts, *_written(prose, named)])


def _written(lines: list[str], named: set[str]) -> list[str]:
    return [_TAG.sub(lambda tag: _apart(tag, _words(tag, named)), "\n".join(lines))] if lines else []


def _apart(tag: re.Match[str], left: str) -> str:
    """What is left of a tag; with spaces, where words would run together that something stood between."""
    if tag.string[max(tag.start() - 1, 0) : tag.start()] == "<" and left != tag[0]:
        return f" {left}"  # else that bracket would begin a tag
    if not (tag["hugo"] or tag["jekyll"] or (tag["component"] or "").endswith("/")):
        return left
    before, after = tag.string[max(tag.start() - 1, 0) : tag.start()], tag.string[tag.end() : tag.end() + 1]
    goes_on = after.isalnum() or after in tuple("{<[*_`")  # a sign, behind which there may be a word
    if not left:
        return " " if before.isalnum() and goes_on else ""
    left = f" {left}" if before.isalnum() and left[:1].isalnum() else left
    return f"{left} " if left[-1:].isalnum() and goes_on else left


def _words(tag: re.Match[str], named: set[str]) -> str:
    """What stays of a tag; the tag itself, where it is none."""
    if tag["linked"]:
        return tag["linked"]
    if tag["jekyll"]:
        return _said(tag["jekyll"]) if tag["jekyll"].endswith("%") else tag[0]
    if tag["hugo"]:
        return _said(tag["hugo"]) if tag["hugo"].endswith(tag["hugo"][0].replace("<", ">")) else tag[0]
    if _is_html(tag["component"] or tag["closed"] or ""):
        return tag[0]
    if component := tag["component"]:
        is_tag = component.endswith("/") or "=" in component or f"/{component.split()[0]}" in named
        return _said(component) if is_tag else tag[0]
    stays = tag["code"] or (tag["closed"] and tag["closed"] not in named)  # the end of a tag that is another's
    return tag[0] if stays else ""


def _is_html(tag: str) -> bool:
    """Whether it is a tag of HTML in capitals: `FONT color=red`."""
    name = re.split(r"[\s/=]", tag, maxsplit=1)[0]
    return name.isupper() and name.lower() in elements.ALL


def _said(source: str) -> str:
    """The words that a tag shows, with a link to what it shows."""
    found = [(name, "".join(values)) for name, *values in _SAID.findall(source)]
    said = (
        value
        for name, value in found
        if name.lower().endswith(_SHOWN) or (len(value.split()) >= _SENTENCE and name not in _SETTINGS)
    )
    words = " ".join(value for value in dict.fromkeys(said) if value.strip())
    addresses = (value for name, value in found if name in _ADDRESSES)
    address = next((value for value in addresses if re.match(r"https?://[^\s()<>]+\Z", value)), "")
    return f"[{words or address}]({address})" if address else words
