"""OpenAI's two text interfaces: Responses and Chat Completions.

Shapes: https://platform.openai.com/docs/api-reference/responses and /chat. The text is made from the
prompt alone, so the same prompt gives the same article; ids are new each time, as each answer is paid for.
"""

import json
import random
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from . import Answer, Json, Request, Settings, canonical, last_prompt

# kind: status, type, code, message
ERRORS: dict[str, tuple[int, str, str | None, str]] = {
    "unauthorized": (401, "invalid_request_error", "invalid_api_key", "This API key is not correct."),
    "model_not_found": (404, "invalid_request_error", "model_not_found", "There is no such model for you."),
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Too many requests. Try again soon."),
    "quota": (429, "insufficient_quota", "insufficient_quota", "The quota is used up. Check the billing."),
    "server_error": (500, "server_error", None, "The server had an error. Try again."),
}
OUTCOMES = {"refusal", "max_tokens", "content_filter", "empty", "malformed", "no_usage"}
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}  # in the words of each
REFUSAL = "I am sorry, but I cannot help with that."

COMPONENTS = ("pull_quote", "stat_highlight", "case_study", "sidebar", "executive_summary")
LENGTHS = {"components": len(COMPONENTS), "sections": 3, "prompts": 4}


class OpenAI:
    name = "openai"
    prefixes: tuple[str, ...] = ("/openai/",)
    faults: Mapping[str, frozenset[str]] = {
        "responses": frozenset({*ERRORS, *OUTCOMES, "failed"}),
        "chat": frozenset({*ERRORS, *OUTCOMES, "old"}),
    }

    def operation(self, method: str, path: str) -> str:
        operations = {"/openai/v1/responses": "responses", "/openai/v1/chat/completions": "chat"}
        return operations.get(path, "") if method == "POST" else ""

    def subject(self, request: Request) -> str:
        return canonical(request.body)

    def answer(self, request: Request, fault: str, settings: Settings) -> Answer:
        if not request.operation:
            return _error(404, "invalid_request_error", None, "Unknown address.")
        if not request.with_key:
            fault = "unauthorized"
        if fault in ERRORS:
            return _error(*ERRORS[fault], retry_after=settings.retry_after if fault == "rate_limited" else None)
        if not request.body.get("model") or request.body.get("stream"):
            return _error(400, "invalid_request_error", None, "A model is needed; this double does not stream.")
        if request.operation == "responses":
            return _json(_response(request.body, fault))
        if fault == "old" and (unknown := _unknown_to_an_old_server(request.body)):
            return _error(400, "invalid_request_error", "unsupported_parameter", f"{unknown} is not supported.")
        completion = _completion(request.body, fault)
        return _json({k: v for k, v in completion.items() if k != "usage"} if fault == "no_usage" else completion)

    def reset(self) -> None:
        """Nothing is kept between requests."""


def _json(body: Json, status: int = 200, **headers: str) -> Answer:
    common = {"x_request_id": f"req_{uuid.uuid4().hex}", "openai_version": "2020-10-01"}
    return Answer.json(body, status, **common, **headers)


def _error(status: int, type_: str, code: str | None, message: str, retry_after: int | None = None) -> Answer:
    headers = {"retry_after": str(retry_after)} if retry_after else {}
    error = {"message": message, "type": type_, "param": None, "code": code}
    return _json({"error": error}, status, **headers)


# -- Responses


def _response(body: Json, fault: str) -> Json:
    prompt = last_prompt(body["input"])
    whole = write(prompt, body.get("text", {}).get("format", {}))
    text, finish = _spoil(whole, body.get("max_output_tokens"), fault)
    reason = INCOMPLETE.get(finish)
    failed = fault == "failed"
    status = "failed" if failed else "incomplete" if reason else "completed"
    return {
        "id": _id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "background": False,
        "error": {"code": "server_error", "message": "The model stopped."} if failed else None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": {},
        "model": _dated(body["model"]),
        "output": [] if failed else _output(text, status, fault),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": body.get("reasoning", {}).get("effort", "medium"), "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": body.get("text", {"format": {"type": "text"}}),
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None if failed or fault == "no_usage" else _response_usage(prompt, text),
        "user": None,
    }


def _output(text: str, status: str, fault: str) -> list[Json]:
    part: Json = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    if fault == "refusal":
        part = {"type": "refusal", "refusal": REFUSAL}
    return [
        {"id": _id("rs"), "type": "reasoning", "summary": []},
        {"id": _id("msg"), "type": "message", "role": "assistant", "status": status, "content": [part]},
    ]


def _response_usage(prompt: str, text: str) -> Json:
    read, written, thought = _tokens(prompt, text)
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written + thought,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": read + written + thought,
    }


# -- Chat Completions


def _told_in_words(messages: list[Json]) -> Json:
    """A schema that the instructions hold, as nothing else can say it."""
    _, told, schema = str(messages[0]["content"]).partition("JSON Schema:\n")
    return {"schema": json.loads(schema)} if told else {}


def _unknown_to_an_old_server(body: Json) -> str:
    if body["response_format"]["type"] == "json_schema":
        return "response_format.json_schema"
    return "max_completion_tokens" if "max_completion_tokens" in body else ""


def _completion(body: Json, fault: str) -> Json:
    prompt = last_prompt(body["messages"])
    format_ = body.get("response_format", {})
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    asked = format_ | format_.get("json_schema", {}) | _told_in_words(body["messages"])
    text, finish = _spoil(write(prompt, asked), limit, fault)
    message: Json = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if fault == "refusal":
        message |= {"content": None, "refusal": REFUSAL}
    read, written, thought = _tokens(prompt, text)
    return {
        "id": _id("chatcmpl"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": _dated(body["model"]),
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written + thought,
            "total_tokens": read + written + thought,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": thought},
        },
        "service_tier": "default",
        "system_fingerprint": None,
    }


# -- What both share


def _spoil(text: str, limit: int | None, fault: str) -> tuple[str, str]:
    """The text as it is sent, and why it ends there. A token is taken as four characters."""
    if fault in ("empty", "content_filter"):
        return "", fault if fault == "content_filter" else "stop"
    if fault == "malformed":  # the model says that it is done, and is not
        return text[: len(text) * 2 // 3], "stop"
    allowed = len(text) // 2 if fault == "max_tokens" else 4 * (limit or len(text))
    return text[:allowed], "length" if allowed < len(text) else "stop"


def _tokens(prompt: str, text: str) -> tuple[int, int, int]:
    """Read, written, thought. At least one of each: nothing is free."""
    return len(prompt) // 4 + 1, len(text) // 4 + 1, 64


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def _dated(model: str) -> str:
    """Asked for by its family name, a model answers with the date of its snapshot."""
    return model if re.search(r"-\d{4}-\d\d-\d\d$", model) else f"{model}-2026-08-07"


# -- The writing


def write(prompt: str, format_: Json) -> str:
    """An article; as JSON that keeps to the schema, if one is asked for."""
    schema = format_.get("schema")
    if schema is None and format_.get("type") == "json_object":
        schema = {"properties": {"title": {"type": "string"}, "html": {"type": "string"}}}
    author = Author(prompt, schema or {})
    return json.dumps(author.value(schema), ensure_ascii=False) if schema else author.article()


class Author:
    """Fills a JSON schema with plausible things, guided by the names of its properties."""

    def __init__(self, prompt: str, schema: Json) -> None:
        self._schema = schema
        self._chance = random.Random(prompt)
        words = re.sub(r"<[^>]*>", " ", prompt).split()
        self.title = f"{' '.join(words[:8])}: a closer look"

    def value(self, schema: Json, name: str = "", nth: int = 0) -> Any:
        """One value for `schema`; `nth` counts within a list, and picks the nth choice of an enumeration."""
        if "$ref" in schema:
            return self.value(self._schema["$defs"][schema["$ref"].rpartition("/")[2]], name, nth)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self.value(choices[0], name, nth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][nth % len(schema["enum"])]
        if "properties" in schema:
            return {key: self.value(inner, key, nth) for key, inner in schema["properties"].items()}
        return self._plain_value(schema, name, nth)

    def _plain_value(self, schema: Json, name: str, nth: int) -> Any:
        kind = schema.get("type", "string")
        match kind[0] if isinstance(kind, list) else kind:
            case "array":
                length = max(LENGTHS.get(name, 2), schema.get("minItems", 0))
                length = min(length, schema.get("maxItems", length))
                return [self.value(schema["items"], name, n) for n in range(length)]
            case "object":
                return {}
            case "integer" | "number":
                return nth + 1
            case "boolean":
                return True
            case _:
                return self._text(name, nth)

    def _text(self, name: str, nth: int) -> str:
        if name == "title":
            return self.title
        if name == "html":
            return self.article() if "title" in self._schema.get("properties", {}) else self.passage(12)
        if name in ("type", "kind", "components"):
            return COMPONENTS[nth % len(COMPONENTS)]
        if name in ("hero", "sections", "prompts") or name.endswith("prompt"):
            return f"Photograph {nth + 1} for “{self.title}”: {self._sentence()}"
        return self._sentence()

    def article(self) -> str:
        """About 800 words of HTML under five headings; without the title, which has its own place."""
        return self.passage(2) + "".join(f"<h2>{self._heading()}</h2>{self.passage(2)}" for _ in range(5))

    def passage(self, paragraphs: int) -> str:
        return "".join(f"<p>{' '.join(self._sentence() for _ in range(4))}</p>" for _ in range(paragraphs))

    def _heading(self) -> str:
        return f"{self._chance.choice(WHO)} and {self._chance.choice(WHAT)}"

    def _sentence(self) -> str:
        pick = self._chance.choice
        return f"{pick(WHO)} {pick(DOES)} {pick(WHAT)} {pick(WHEN)}, {pick(SO)}."


# With accents, quotes and an ampersand: text that survives these survives most things.
WHO = (
    "The harbour office",
    "A small bakery",
    "Müller &amp; Söhne",
    "The night shift",
    "Café Zoë",
    "A young team",
)
DOES = ("has rebuilt", "keeps measuring", "quietly improves", "now shares", "no longer hides", "calls “ours”")
WHAT = (
    "the way it counts",
    "its oldest habit",
    "a map of the coast",
    "every third delivery",
    "the long queue",
)
WHEN = ("since last spring", "for a tenth of the price", "between two tides", "in fewer than 90 days")
SO = (
    "and the figures agree",
    "which surprised the owners",
    "so others have begun to ask",
    "at no one’s cost",
)
