"""Markdown as people write it, and what the sites and programmes that it comes from add to it."""

from __future__ import annotations

import contextlib
import re
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.emphasis import tokenize
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from articles.content import tag_soup
from articles.content.reading import site_tags
from articles.content.reading.plain_text import LONG_LINE, SHORT_LINE

_LINK = r"\[[^\[\]\n]{1,300}\]\("
SIGN = re.compile(
    rf"^(?:#{{1,6}} \S|[-*+] \S|> \S|\d{{1,3}}\. \S|```|\|.+\||[=-]{{3,}}$)|\*\*\w|{_LINK}[^()\[\]\n]++[()]",
    re.MULTILINE,
)
_STRONG_SIGN = re.compile(rf"^(?:#{{1,6}} \w|```)|\*\*\w[^*\n]{{0,200}}\*\*|{_LINK}\w[^()\[\]\n]++[()]", re.MULTILINE)
_COSTLY = re.compile(r"[*_`\[\]|<>!~&\\^]")
MOST_COSTLY = 250_000  # lines and signs of Markdown in one manuscript: each takes about 30 µs

_OWN_LINE = re.compile(r"\s|[-*+>|#=`~]|\d{1,3}[.)] ")
# Chinese, Japanese and Korean, with their punctuation: no space stands between their words and what is in bold.
_ASIAN = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef]")
_CODE_SIGN = re.compile(r"[{}<>=\\|`$_;@]|\w\(|//|\)\s*:|^\s", re.MULTILINE)
_SENTENCE = re.compile(r"""["'“‘„«「]?[^\W\d_].*[.!?…:。！？]["'”’»」]?""", re.DOTALL)
_SAID_AT_FENCE = re.compile(r"[<>&]|^\s*(?:[^\s={:\[]++\s++){2,}[^\s={:\[]++\s*$")  # three words, or tags
FEWEST_WORDS = 4  # of prose


def is_markdown(text: str, *, pasted: bool) -> bool:
    """One sign is enough in what was pasted; a text file, perhaps read by a machine, has them by chance."""
    if pasted:
        return bool(SIGN.search(text))
    return sum(1 for _ in _STRONG_SIGN.finditer(text)) > 1 + text.count("\n") // 100


def html_of(text: str, *, tags: bool) -> str | None:
    """The text as HTML. `tags`: whether it may hold such of HTML. None: it would take too long as Markdown."""
    if _cost(text) >= MOST_COSTLY:
        return None
    renderer = MarkdownIt("commonmark", {"html": tags, "maxNesting": 100_000})
    renderer.enable(["table", "strikethrough"]).use(footnote_plugin)
    renderer.inline.ruler.at("emphasis", _emphasis)
    renderer.core.ruler.before("inline", "indented_prose", _indented_prose)
    renderer.core.ruler.before("inline", "said_at_fences", _said_at_fences)
    with contextlib.suppress(RecursionError):  # lists in lists in lists
        html: str = renderer.render(_lines_apart(site_tags.without(text) if tags else text))
        return tag_soup.tags_or_text(html) if tags else html
    return None


def _cost(text: str) -> int:
    """Its lines and signs; those of one paragraph once more for each five hundred: brackets look for their partners."""
    signs = [len(_COSTLY.findall(block)) for block in text.split("\n\n")]
    return text.count("\n") + sum(n + n * n // 500 for n in signs)


def _lines_apart(text: str) -> str:
    """Where no blank line divides paragraphs and lines are long, as Word gives them, each line is one."""
    lines = text.strip().split("\n")
    if any(not line.strip() for line in lines) or max(map(len, lines)) < LONG_LINE or "```" in text:
        return text
    breaks = ("\n" if _belong_together(*two) else "\n\n" for two in pairwise(lines))
    return "".join(part for pair in zip(lines, [*breaks, ""], strict=True) for part in pair)


def _belong_together(line: str, after: str) -> bool:
    """Whether two lines are of one list or table, or one tag stands on both."""
    tag = line.rfind("<")
    is_open = tag > line.rfind(">") and line[tag + 1 : tag + 2].isalpha()
    return is_open or bool(_OWN_LINE.match(line) and _OWN_LINE.match(after))


def _emphasis(state: StateInline, silent: bool) -> bool:
    """As CommonMark has it, but that stars may open and close beside letters and signs that know no spaces."""
    start, known = state.pos, len(state.delimiters)
    if not tokenize(state, silent):
        return False
    before, after = state.src[start - 1 : start], state.src[state.pos : state.pos + 1]
    for delimiter in state.delimiters[known:] if state.src[start] == "*" else []:
        delimiter.open |= bool(_ASIAN.match(before)) and bool(after.strip())
        delimiter.close |= bool(_ASIAN.match(after)) and bool(before.strip())
    return True


def _indented_prose(state: StateCore) -> None:
    """Sentences that were indented as in a book are paragraphs; what looks like code stays code."""
    tokens: list[Token] = []
    for token in state.tokens:
        blocks = [block.strip() for block in token.content.split("\n\n") if block.strip()]
        if token.type == "code_block" and blocks and all(map(_is_prose, blocks)):
            for block in blocks:
                tokens += _paragraph(block, token.level)
        else:
            tokens.append(token)
    state.tokens = tokens


def _said_at_fences(state: StateCore) -> None:
    """Words that somebody put right behind the signs of a fence are its first line, and no language of nothing."""
    for token in state.tokens:
        if token.type == "fence" and (_SAID_AT_FENCE.search(token.info) or not token.content):
            token.content, token.info = f"{token.info.strip()}\n{token.content}", ""


def _is_prose(block: str) -> bool:
    if _CODE_SIGN.search(block) or not _SENTENCE.fullmatch(block) or len(block.split()) < FEWEST_WORDS:
        return False
    lines = block.split("\n")
    return len(lines) == 1 or max(map(len, lines)) > SHORT_LINE


def _paragraph(text: str, level: int) -> list[Token]:
    inline = Token("inline", "", 0, content=text, level=level + 1, children=[])
    return [Token("paragraph_open", "p", 1, level=level), inline, Token("paragraph_close", "p", -1, level=level)]
