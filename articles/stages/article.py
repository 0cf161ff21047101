"""Stage 1: the article. A manuscript is used as it is, an idea is written by the text service."""

from __future__ import annotations

from typing import Any

from articles import call_keys
from articles.content import manuscripts, markup, own_pictures, word_counts
from articles.models import Article, Call
from articles.pipeline.run import Outcome, Run
from articles.providers import text, wrapping
from articles.providers.errors import GALLEY, IT, Rejected, Then
from articles.stages import sections
from articles.stages.text_calls import ask, garbled, writing_words
from articles.tree import names

THING = "the article"
COMPONENTS = ["pull_quote", "stat_highlight", "case_study", "sidebar", "executive_summary"]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "html", "components"],
    "properties": {
        "title": {"type": "string"},
        "html": {"type": "string"},
        "components": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["type", "text"],
                "properties": {"type": {"type": "string", "enum": COMPONENTS}, "text": {"type": "string"}},
            },
        },
    },
}
FEWEST_WORDS = 50
FLATTENED = (
    "The tags of the manuscript are too tangled. Its words are kept as paragraphs; headings, lists and links are"
    " lost. Hand in a simpler file to keep them"
)


def run(run: Run) -> Outcome:
    article = run.article
    if article.manuscript:
        return _from_manuscript(run, article)
    return sections.run(run) if article.batch_id or article.is_long else _from_idea(run, article)


def _from_manuscript(run: Run, article: Article) -> Outcome:
    try:
        read = manuscripts.read(article.manuscript, article.manuscript_name)
    except manuscripts.Unreadable as exc:
        raise Rejected(
            GALLEY,
            exc.reason,
            mend=exc.mend,
            then=Then.ANOTHER_MANUSCRIPT,
            code="manuscript",
            thing="the manuscript",
        ) from exc
    if read.is_flattened:
        run.lease.note("flattened", FLATTENED)
    for sentence in read.unusable[: own_pictures.MOST_TOLD]:
        run.lease.note("unusable_picture", sentence.removesuffix("."))
    return _saved(run, read, "manuscript", {}, again=True)


def _from_idea(run: Run, article: Article) -> Outcome:
    words = writing_words(article)
    call = ask(run, "article", key=call_keys.TEXT, thing=THING, words=words, schema=SCHEMA)
    with run.calls.reading(call, THING):
        read = _read(call.raw)
    outcome = _saved(
        run,
        read,
        call.model,
        {"reasoning_tokens": call.reasoning_tokens, "tokens": call.input_tokens + call.output_tokens},
        again=call.state == Call.State.DONE,
    )
    run.calls.done(call)
    return outcome


def _read(raw: dict[str, Any]) -> manuscripts.Manuscript:
    """The article in a raw answer. Raises Rejected, Garbled."""
    found = text.content(raw)
    title, html = found.get("title"), found.get("html")
    if not isinstance(title, str) or not isinstance(html, str):
        raise garbled("its answer has no title or no text", raw)
    cleaned = markup.clean_text(wrapping.html_field(html))
    count = word_counts.word_count(cleaned)
    if count < FEWEST_WORDS:
        raise garbled(f"{IT} wrote only {count} words", raw, "too_short")
    named = [
        {"type": item["type"], "text": markup.text_of(markup.clean_text(str(item.get("text", ""))))[:300]}
        for item in text.dicts(found.get("components"))
        if item.get("type") in COMPONENTS
    ]
    plain = " ".join(markup.text_of(markup.clean_text(title)).split()) or "Untitled"
    return manuscripts.Manuscript(manuscripts.shortened(plain, 160), cleaned, count, named[:100])


def _saved(run: Run, read: manuscripts.Manuscript, maker: str, details: dict[str, Any], *, again: bool) -> Outcome:
    """`again`: a title that is there was set by a person, and stays."""
    return Outcome(
        run.save_page(names.ARTICLE, read.title, read.html),
        maker=maker,
        details=details,
        article={
            "title": (again and run.article.title) or read.title,
            "html": read.html,
            "word_count": read.word_count,
            "components": read.components,
        },
    )
