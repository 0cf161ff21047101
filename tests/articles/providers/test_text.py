"""What a server does not know of the protocol is learned from its refusals, and from nothing else."""

from __future__ import annotations

from unittest import mock

import pytest

from articles.providers import text
from articles.providers.errors import Rejected

SCHEMA = {"type": "object"}


@pytest.mark.parametrize(
    ("detail", "then"),
    [
        ("'response_format' of type 'json_schema' is not supported", text.Dialect(form="object")),
        ("Unsupported parameter: 'max_completion_tokens'", text.Dialect(limit="max_tokens")),
        ("this model takes no pictures", None),
    ],
)
def test_the_next_simpler_way(detail: str, then: text.Dialect | None) -> None:
    assert text.Dialect().without(detail) == then


def test_there_is_a_simplest_way() -> None:
    simplest = text.Dialect(form="words", limit="max_tokens")
    assert simplest.without("response_format json_schema max_completion_tokens") is None
    assert '"type":"object"' in simplest.instructions("Write.", SCHEMA)
    assert text.Dialect().instructions("Write.", SCHEMA) == "Write."


@pytest.mark.parametrize(("code", "asked"), [("content_filter", 1), ("too_long", 1), ("invalid_request_error", 3)])
def test_what_is_declined_for_another_reason_is_asked_once(code: str, asked: int) -> None:
    """Its body may hold anything, also the words of the request."""
    declined = Rejected("text", "no", code=code, detail="You wrote of response_format.")
    client = text.TextClient("https://example.org", "k", f"model-{code}", allow_private=False, timeout=5)

    with mock.patch.object(client, "_asked", side_effect=declined) as sent, pytest.raises(Rejected):
        client.ask("Write.", "Of ships.", name="article", schema=SCHEMA, key="1")

    assert sent.call_count == asked
    assert (("https://example.org", f"model-{code}") in text._LEARNED) is (asked > 1)
