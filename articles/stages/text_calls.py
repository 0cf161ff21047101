"""What the stages ask of the text service, each a paid call: a prompt's two templates, and an answer by a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from articles.models import Article, Call, Preferences
from articles.pipeline.lease import CALL_SECONDS
from articles.pipeline.run import Run
from articles.providers import text
from articles.providers.errors import GALLEY, Garbled, Refused, Then


def _client() -> text.TextClient:
    """The text service that the settings name. Raises Refused where there is no key."""
    if not settings.OPENAI_API_KEY:
        raise Refused(
            GALLEY,
            "no text service is set up, and this article has only an idea",
            mend="ask the operator to set OPENAI_API_KEY",
            then=Then.RECOVER_OR_MANUSCRIPT,
            code="not_configured",
            thing="the idea",
        )
    return text.TextClient(
        settings.OPENAI_BASE_URL,
        settings.OPENAI_API_KEY,
        settings.OPENAI_MODEL,
        api="chat" if settings.OPENAI_API == "chat" else "responses",
        allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES,
        timeout=CALL_SECONDS,
        prices=settings.GALLEY_PRICES,
    )


def ask(
    run: Run,
    prompt: str,
    *,
    key: str,
    thing: str,
    words: Mapping[str, object],
    schema: dict[str, Any],
) -> Call:
    """A call with an answer, as `Calls.ask`. `prompt` names the templates and the schema, `words` stand in both. Raises
    Refused where there is no text service.
    """
    with _client() as client:
        instructions = render_to_string(f"prompts/{prompt}_instructions.txt", dict(words))
        question = render_to_string(f"prompts/{prompt}.txt", dict(words))
        return run.calls.ask(
            key,
            thing,
            provider=text.PROVIDER,
            most=client.most(instructions, question, schema=schema),
            send=lambda call: client.ask(instructions, question, name=prompt, schema=schema, key=call.idempotency_key),
        )


def writing_words(article: Article) -> dict[str, object]:
    """For the templates of what is written: the article, and how its editor wants it written."""
    preferences = Preferences.objects.filter(user=article.owner).first()
    return {
        "article": article,
        "style": article.style or (preferences.style if preferences else ""),
        "instructions": preferences.instructions if preferences else "",
    }


def garbled(reason: str, raw: dict[str, Any], code: str = "malformed") -> Garbled:
    """An answer that cannot be used."""
    return Garbled(text.PROVIDER, reason, then=Then.ASK_AGAIN, code=code, detail=str(raw))
