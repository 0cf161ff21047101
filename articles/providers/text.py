"""An OpenAI-compatible text service: the Responses API, or Chat Completions where a server has only that.

Reference: the API reference of OpenAI, "Create a model response" and "Create chat completion", read 2026-11.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal, Self

import orjson

from articles.providers import Answer, bodies, deadline, sdk, wrapping
from articles.providers.errors import IT, Garbled, Rejected, Then
from articles.providers.prices import PUBLISHED, Bound, Prices

PROVIDER = "text"
MAX_TOKENS = 32_000
# Why an answer ended before its end, in the words of several servers, lower-cased. Any other reason is an end.
CUT_OFF = {"length", "max_tokens", "max_output_tokens", "model_length", "tool_calls", "function_call", "error"}
FILTERED = {"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii"}
TEXT_PARTS = ("text", "output_text")


@dataclass(frozen=True)
class Dialect:
    """What a server of the protocol knows of it: how the form of an answer is asked for, and its length limited."""

    form: Literal["schema", "object", "words"] = "schema"
    limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"

    def without(self, detail: str) -> Dialect | None:
        """The next simpler one, where a refusal's body names what the server does not know; None where it does not."""
        if self.form != "words" and re.search(r"response_format|json_schema|json_object|text\.format", detail):
            return replace(self, form="object" if self.form == "schema" else "words")
        if self.limit == "max_completion_tokens" and "max_completion_tokens" in detail:
            return replace(self, limit="max_tokens")
        return None

    def instructions(self, words: str, schema: dict[str, Any]) -> str:
        """With the form of the answer, where nothing else tells it."""
        if self.form == "schema":
            return words
        told = orjson.dumps(schema).decode()
        return f"{words}\n\nThe form is one JSON object, and nothing else. Its JSON Schema:\n{told}"


_LEARNED: dict[tuple[str, str], Dialect] = {}  # by address and model, from what they have said in this process


class TextClient:
    """Asks for JSON of a given schema. One request a call; `timeout` in seconds, for the whole call.

    To be entered before it is asked, so that nothing but the request itself is left to do then.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        model: str,
        *,
        api: Literal["responses", "chat"] = "responses",
        allow_private: bool,
        timeout: float,
        prices: Prices = PUBLISHED,
    ) -> None:
        self._dialect = _LEARNED.get((base_url, model), Dialect())
        self.base_url, self.key, self.model, self.api = base_url, key, model, api
        self.allow_private, self.timeout, self.prices = allow_private, timeout, prices

    def most(self, instructions: str, prompt: str, *, schema: dict[str, Any]) -> Bound:
        """The most that the same may cost to `ask`: the answer has MAX_TOKENS at most, thoughts among them."""
        return self.prices.most_of_tokens(self.model, [instructions, prompt, orjson.dumps(schema)], MAX_TOKENS)

    def __enter__(self) -> Self:
        import openai

        self._client = openai.OpenAI(
            base_url=self.base_url,
            api_key=self.key,
            timeout=self.timeout,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False, verify=sdk.certificates(), event_hooks={"request": [sdk.watch]}
            ),
        )
        self._door = self._client.responses if self.api == "responses" else self._client.chat.completions
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._client.close()

    def ask(self, instructions: str, prompt: str, *, name: str, schema: dict[str, Any], key: str) -> Answer:
        """The raw answer to a prompt. Raises ProviderError; what is in the answer, `content` reads."""
        wanted = {"instructions": instructions, "prompt": prompt, "name": name, "schema": schema}
        with deadline.within(self.timeout, PROVIDER):
            while True:
                try:
                    return self._asked(wanted, key)
                except Rejected as exc:  # nothing was done
                    simpler = None if exc.code in bodies.CODES else self._dialect.without(exc.detail)
                    if simpler is None:
                        raise
                    self._dialect = _LEARNED[self.base_url, self.model] = simpler

    def _asked(self, wanted: dict[str, Any], key: str) -> Answer:
        import openai

        body = (_as_response if self.api == "responses" else _as_chat)(**wanted, dialect=self._dialect)
        with (
            sdk.speaking_to(openai, PROVIDER, self.base_url, allow_private=self.allow_private),
            self._door.with_streaming_response.create(
                **body, model=self.model, extra_headers={"Idempotency-Key": key}
            ) as response,
        ):
            raw = sdk.raw_answer(response, PROVIDER)
        return _answer(raw, self.model, self.prices)


def _as_response(instructions: str, prompt: str, name: str, schema: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    formats: dict[str, dict[str, Any]] = {
        "schema": {"type": "json_schema", "name": name, "schema": schema, "strict": True},
        "object": {"type": "json_object"},
        "words": {"type": "text"},
    }
    return {
        "instructions": dialect.instructions(instructions, schema),
        "input": prompt,
        "max_output_tokens": MAX_TOKENS,
        "text": {"format": formats[dialect.form]},
    }


def _as_chat(instructions: str, prompt: str, name: str, schema: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    system = dialect.instructions(instructions, schema)
    formats: dict[str, dict[str, Any]] = {
        "schema": {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}},
        "object": {"type": "json_object"},
        "words": {"type": "text"},
    }
    return {
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}],
        dialect.limit: MAX_TOKENS,
        "response_format": formats[dialect.form],
    }


def _answer(raw: dict[str, Any], asked: str, prices: Prices) -> Answer:
    usage = _object(raw.get("usage"))
    details = _object(usage.get("output_tokens_details") or usage.get("completion_tokens_details"))
    used_in = usage.get("input_tokens", usage.get("prompt_tokens"))
    used_out = usage.get("output_tokens", usage.get("completion_tokens"))
    return sdk.answer(raw, asked, used_in, used_out, details.get("reasoning_tokens"), prices=prices)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def content(raw: dict[str, Any]) -> dict[str, Any]:
    """The JSON object that a raw answer holds, whatever its model has put around it.

    Raises Rejected for a refusal, Garbled for what cannot be used, and the error that stands in the answer's place.
    """
    if failed := bodies.of_success(PROVIDER, raw):
        raise failed
    text = _responses_text(raw) if "output" in raw or raw.get("object") == "response" else _chat_text(raw)
    if not text.strip():
        raise _garbled("it answered with nothing", "empty", raw)
    found = wrapping.json_object(text)
    if found is None:
        raise _garbled("its answer is not in the form that was asked for", "malformed", raw)
    return found


def _responses_text(raw: dict[str, Any]) -> str:
    parts = [
        part
        for item in dicts(raw.get("output"))
        if item.get("type") == "message"
        for part in dicts(item.get("content"))
    ]
    if refusal := next((part for part in parts if part.get("type") == "refusal"), None):
        raise _refusal(str(refusal.get("refusal")))
    if raw.get("status") == "incomplete":
        raise _cut_off(str(_object(raw.get("incomplete_details")).get("reason")), raw)
    return "".join(str(part.get("text", "")) for part in parts if part.get("type") == "output_text")


def _chat_text(raw: dict[str, Any]) -> str:
    choice = next(iter(dicts(raw.get("choices"))), {})
    message = _object(choice.get("message"))
    if message.get("refusal"):
        raise _refusal(str(message["refusal"]))
    if (reason := str(choice.get("finish_reason")).lower()) in CUT_OFF | FILTERED:
        raise _cut_off(reason, raw)
    content = message.get("content")
    if isinstance(content, list):  # in parts: thoughts are others
        return "".join(str(part.get("text", "")) for part in dicts(content) if part.get("type") in TEXT_PARTS)
    return str(content or "")


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a list; none where an answer has something else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _refusal(words: str) -> Rejected:
    return Rejected(
        PROVIDER,
        f"{IT} refuses to write about this",
        mend="change the idea",
        then=Then.HAND_IN,
        code="refusal",
        detail=words,
    )


def _cut_off(reason: str, raw: dict[str, Any]) -> Garbled | Rejected:
    if reason in FILTERED:
        return Rejected(
            PROVIDER,
            "its content filter stopped the answer",
            mend="change the idea",
            then=Then.HAND_IN,
            code="content_filter",
            detail=str(raw),
        )
    return _garbled("its answer was cut off before the end", "cut_off", raw)


def _garbled(reason: str, code: str, raw: dict[str, Any]) -> Garbled:
    return Garbled(PROVIDER, reason, then=Then.ASK_AGAIN, code=code, detail=str(raw))
