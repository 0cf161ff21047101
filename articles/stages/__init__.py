"""The stages: each a function from a claimed article to what it made. They know no queue and no states."""

from __future__ import annotations

from django.conf import settings

from articles.pipeline.lease import CALL_SECONDS
from articles.providers.errors import GALLEY, Refused, Then
from articles.providers.text import TextClient


def text_client() -> TextClient | None:
    """The text service that the settings name; None where there is no key."""
    if not settings.OPENAI_API_KEY:
        return None
    return TextClient(
        settings.OPENAI_BASE_URL,
        settings.OPENAI_API_KEY,
        settings.OPENAI_MODEL,
        api="chat" if settings.OPENAI_API == "chat" else "responses",
        allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES,
        timeout=CALL_SECONDS,
    )


def needed_text_client() -> TextClient:
    """Raises Refused where there is no key."""
    if client := text_client():
        return client
    raise Refused(
        GALLEY,
        "no text service is set up, and this article has only an idea",
        mend="ask the operator to set OPENAI_API_KEY",
        then=Then.RECOVER_OR_MANUSCRIPT,
        code="not_configured",
        thing="the idea",
    )
