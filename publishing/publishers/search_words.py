"""What a post tells search engines: what somebody has said; else what the text service writes, or a rule without it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.html import strip_tags

from articles import call_keys
from articles.content import markup
from articles.failures import Failure
from articles.models import Article, Call
from articles.pipeline.lease import HeldBack
from articles.pipeline.money import limits
from articles.pipeline.rate_limits import NotYet
from articles.pipeline.run import Run
from articles.providers import text
from articles.providers.errors import IT, ProviderError
from articles.stages.text_calls import ask, garbled
from publishing.options import LONGEST_SEO, Options

THING = "the words for search engines"
TITLE, DESCRIPTION = 60, 155  # characters that search engines show
TEXT_CHARACTERS = 24_000  # of the article, as much as it needs
WORDS = ("title", "description", "keyword")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": list(WORDS),
    "properties": {word: {"type": "string"} for word in WORDS},
}


@dataclass(frozen=True)
class Written:
    """`words` by WORDS; the `call` whose answer has some of them, where one was made."""

    words: Mapping[str, str]
    call: Call | None = None


def are_paid_for(options: Options) -> bool:
    """Whether the text service may be asked for some of them."""
    return bool(options.seo_optimization and settings.OPENAI_API_KEY and set(WORDS) - set(said(options)))


def said(options: Options) -> dict[str, str]:
    """By whoever publishes."""
    words = {"title": options.seo_title, "description": options.seo_description, "keyword": options.focus_keyword}
    return {word: text for word, text in words.items() if text}


def write(run: Run, options: Options, kept: frozenset[str]) -> Written:
    """What a site shall be told that keeps these of WORDS.

    A service that cannot write them, or money that has run out, is no failure of the publication, and says nothing of
    the way onto the site. Raises NotYet where it is another one's turn.
    """
    given, call, made = said(options), None, dict[str, str]()
    if are_paid_for(options) and kept - set(given):
        try:
            call = _asked(run)
            with run.calls.reading(call, THING):
                made = _read(call.raw)
        except ProviderError as exc:
            if isinstance(exc, NotYet) and exc.code not in (limits.DAY, limits.MONTH):
                raise  # within seconds it is its turn
            why = Failure.of(exc).reason
            run.lease.note("search", f"Title and description for search engines are made by rule: {why}")
        except HeldBack:
            run.lease.note("search", "Title and description for search engines are made by rule: the budget is used up")
    return Written({**by_rule(run.article, options), **made, **given}, call)


def by_rule(article: Article, options: Options) -> dict[str, str]:
    """From the article, what fits into a page of results."""
    beginning = options.excerpt or " ".join(strip_tags(article.html).split())
    words = {"title": shortened(str(article), TITLE), "description": shortened(beginning, DESCRIPTION)}
    return {word: text for word, text in words.items() if text}


def shortened(words: str, most: int) -> str:
    """Whole words, so many characters at most."""
    if len(words) <= most:
        return words
    return f"{words[:most].rsplit(' ', 1)[0].rstrip(' ,;:.-')[: most - 1]}…"


def _asked(run: Run) -> Call:
    article = run.article
    words = {
        "article": article,
        "text": markup.text_of(article.html)[:TEXT_CHARACTERS],
        "title": TITLE,
        "description": DESCRIPTION,
    }
    of_text = hashlib.sha256(f"{article}\n{article.html}".encode()).hexdigest()
    return ask(run, "search", key=call_keys.search(of_text), thing=THING, words=words, schema=SCHEMA)


def _read(raw: dict[str, Any]) -> dict[str, str]:
    found = text.content(raw)
    words = {word: " ".join(str(found.get(word) or "").split())[:LONGEST_SEO] for word in WORDS}
    if not words["title"] or not words["description"]:
        raise garbled(f"{IT} wrote no title, or no description", raw)
    return {word: said for word, said in words.items() if said}
