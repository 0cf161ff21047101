"""Claude, which steers a browser: a call is one turn of a conversation.

Reference: Anthropic's API reference, "Messages", "Browser use tool" and "Prompt caching", read 2026-11.
"""

from __future__ import annotations

import re
from decimal import ROUND_UP, Decimal
from types import TracebackType
from typing import Any, Self

import orjson

from articles.providers import Answer, bodies, claude, deadline, sdk
from articles.providers.errors import Garbled
from articles.providers.prices import PUBLISHED, Bound, Prices

Json = dict[str, Any]
PROVIDER = "agent"
MAX_TOKENS = 4_000  # of one turn: it steers, and writes no texts
TOOL_TOKENS = 9_000  # that the toolset and its frame take of each request; they say 6,600
PICTURE_TOKENS = 1_600  # at most, of one of 1260 × 784 pixels
CACHED = ("cache_creation_input_tokens", "cache_read_input_tokens")
WRITTEN, READ = Decimal("1.25"), Decimal("0.1")  # what a token costs that goes into the cache, or comes out of it
# By its name: the models that know a toolset. Others answer it with 400.
TOOLSETS = {"browser_toolset_20260801": r"claude-(?:opus-4-8|(?:opus|sonnet|fable|mythos)-(?:[5-9]|[1-9]\d))(?:-.+)?"}


def toolset_of(model: str) -> str:
    """The toolset that a model steers a browser by; "" where it knows none."""
    return next((name for name, models in TOOLSETS.items() if re.fullmatch(models, model)), "")


class AgentClient:
    """One request a call; `timeout` in seconds, for the whole call. To be entered before it is asked."""

    def __init__(
        self,
        base_url: str,
        key: str,
        model: str,
        *,
        allow_private: bool,
        timeout: float,
        prices: Prices = PUBLISHED,
    ) -> None:
        self.base_url, self.key, self.model = base_url, key, model
        self.allow_private, self.timeout, self.prices = allow_private, timeout, prices

    def __enter__(self) -> Self:
        self._client = claude.new_sdk(self.base_url, self.key, self.timeout)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._client.close()

    def most(self, said: list[Json], *, known: int = 0) -> Bound:
        """The most that a turn may cost in which this is new: messages, of which the model knows nothing yet, behind
        others that were counted as `known` tokens when it last answered. All of it may go into the cache anew.
        """
        read = known + TOOL_TOKENS + sum(map(_tokens, said))
        return self.prices.most_of(self.model, _weighted(written=read), MAX_TOKENS)

    def ask(self, instructions: str, tools: list[Json], messages: list[Json], *, key: str) -> Answer:
        """The raw answer. Raises ProviderError; what is in the answer, `blocks` reads."""
        import anthropic

        with (
            deadline.within(self.timeout, PROVIDER),
            sdk.speaking_to(anthropic, PROVIDER, self.base_url, allow_private=self.allow_private),
            self._client.messages.with_streaming_response.create(
                model=self.model,
                max_tokens=MAX_TOKENS,
                system=instructions,
                tools=tools,  # type: ignore[arg-type]  # as the toolset and we write them
                messages=messages,  # type: ignore[arg-type]
                extra_headers={"Idempotency-Key": key},
            ) as response,
        ):
            raw = sdk.raw_answer(response, PROVIDER)
        return self._answer(raw)

    def _answer(self, raw: Json) -> Answer:
        """With what it used: what was kept in the cache counts as much as it costs."""
        used = raw.get("usage")
        told = {name: _count(used, name) for name in ("input_tokens", "output_tokens", *CACHED)}
        weighted = _weighted(told["input_tokens"], told[CACHED[0]], told[CACHED[1]])
        model = str(raw.get("model") or self.model)[:100]
        counted = (weighted, told["output_tokens"]) if weighted and told["output_tokens"] else (None, None)
        return Answer(
            raw,
            model=model,
            cost=self.prices.of_tokens(model, *counted),
            at_most=self.prices.at_most(*counted),
            input_tokens=sum(told[name] for name in ("input_tokens", *CACHED)),
            output_tokens=told["output_tokens"],
        )


def blocks(raw: Json) -> list[Json]:
    """What a raw answer says and asks for. Raises Garbled, and the error that stands in the answer's place."""
    if failed := bodies.of_success(PROVIDER, raw):
        raise failed
    content = raw.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise Garbled(PROVIDER, "its answer cannot be read", code="unreadable", detail=str(raw))
    return content


def _weighted(plain: int = 0, written: int = 0, read: int = 0) -> int:
    return int((plain + WRITTEN * written + READ * read).to_integral_value(ROUND_UP))


def _tokens(message: Json) -> int:
    """No more than these: a token is a byte of text at least."""
    content = message["content"]
    pictures = [part for block in content for part in _parts(block) if part.get("type") == "image"]
    hidden = sum(len(part["source"]["data"]) for part in pictures)
    return len(orjson.dumps(content)) - hidden + PICTURE_TOKENS * len(pictures)


def _parts(block: Json) -> list[Json]:
    within = block.get("content")
    return [block, *(part for part in within if isinstance(part, dict))] if isinstance(within, list) else [block]


def _count(used: object, name: str) -> int:
    value = used.get(name) if isinstance(used, dict) else None
    return min(value, 2**31 - 1) if isinstance(value, int) and value > 0 else 0
