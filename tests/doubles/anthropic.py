"""Anthropic's Messages, whole and as a stream.

Shapes: https://platform.claude.com/docs/en/api/messages and /streaming. It formats: what stands between
<article> and </article> in the last user message comes back in a magazine's clothes, every word and
picture of it.
"""

import json
import re
import uuid
from collections.abc import Mapping

from . import Answer, Json, Request, Settings, canonical, last_prompt, pilot

# kind: status, type, message
ERRORS = {
    "unauthorized": (401, "authentication_error", "This x-api-key is not valid."),
    # Their interface has no error of its own for an empty account: only the message tells (seen in 2026).
    "no_credit": (400, "invalid_request_error", "Your credit balance is too low for this request."),
    "rate_limited": (429, "rate_limit_error", "This would exceed the rate limit of your account."),
    "server_error": (500, "api_error", "Internal server error."),
    "overloaded": (529, "overloaded_error", "Overloaded."),
}
OUTCOMES = {"refusal", "max_tokens", "shorter", "empty", "hostile", "fenced", "chatty", "adding"}
STREAM_FAULTS = {"stream_error", "stream_end"}  # an error among the events; a stream that just ends

HOSTILE = (
    '<script>document.title="owned"</script><img src="x" onerror="alert(1)">'
    '<a href="javascript:alert(2)">more</a><iframe src="https://evil.example/"></iframe>'
)


class Anthropic:
    name = "anthropic"
    prefixes: tuple[str, ...] = ("/anthropic/",)
    faults: Mapping[str, frozenset[str]] = {"messages": frozenset({*ERRORS, *OUTCOMES, *STREAM_FAULTS})}
    script: pilot.Script | None = None  # of whoever steers a browser

    def operation(self, method: str, path: str) -> str:
        return "messages" if (method, path) == ("POST", "/anthropic/v1/messages") else ""

    def subject(self, request: Request) -> str:
        return canonical(request.body)

    def answer(self, request: Request, fault: str, settings: Settings) -> Answer:
        if not request.operation:
            return _error(404, "not_found_error", "Not found.")
        if not request.with_key:
            fault = "unauthorized"
        if fault in ERRORS:
            return _error(*ERRORS[fault], retry_after=settings.retry_after if fault == "rate_limited" else None)
        for needed in ("model", "max_tokens", "messages"):
            if not request.body.get(needed):
                return _error(400, "invalid_request_error", f"{needed}: Field required")
        if request.body.get("tools"):
            return self._steer(request.body, fault)
        message = _message(request.body, fault)
        if request.body.get("stream"):
            return _stream(message, fault)
        return Answer.json(message, request_id=_id("req"))

    def _steer(self, body: Json, fault: str) -> Answer:
        if said := pilot.wrong(body):
            return _error(400, "invalid_request_error", said)
        assert self.script, "nobody steers"
        wanted = "" if fault == "refusal" else self.script(pilot.Seen(body["messages"]))
        ends = "end_turn" if isinstance(wanted, str) else "tool_use"
        message = {
            "id": _id("msg"),
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": pilot.content(wanted) if wanted else [],
            "stop_reason": fault if fault in ("refusal", "max_tokens") else ends,
            "stop_sequence": None,
            "usage": pilot.usage(body),
        }
        return Answer.json(message, request_id=_id("req"))

    def reset(self) -> None:
        """Nothing is kept between requests."""


def _error(status: int, type_: str, message: str, retry_after: int | None = None) -> Answer:
    headers = {"retry_after": str(retry_after)} if retry_after else {}
    request_id = _id("req")
    error = {"type": "error", "error": {"type": type_, "message": message}, "request_id": request_id}
    return Answer.json(error, status, request_id=request_id, **headers)


def _message(body: Json, fault: str) -> Json:
    prompt = last_prompt(body["messages"])
    whole = "" if fault in ("refusal", "empty") else _dress(prompt, fault)
    allowed = len(whole) // 2 if fault == "max_tokens" else 4 * body["max_tokens"]
    text = whole[:allowed]
    refused = {"type": "refusal", "category": None, "explanation": "This was declined."}
    return {
        "id": _id("msg"),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": "refusal" if fault == "refusal" else "max_tokens" if text != whole else "end_turn",
        "stop_sequence": None,
        "stop_details": refused if fault == "refusal" else None,
        "usage": {
            "input_tokens": len(prompt) // 4 + 1,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": len(text) // 4 + 1,
            "service_tier": "standard",
        },
    }


def _dress(prompt: str, fault: str) -> str:
    """The article of the prompt in styled sections, one a heading; the whole prompt where there is none."""
    found = re.search(r"<article[^>]*>(.*)</article>", prompt, re.DOTALL)
    parts = re.split(r"(?=<h2)", (found.group(1) if found else prompt).strip())
    sections = [part for part in parts if part]
    if fault == "shorter":
        sections = sections[: max(1, len(sections) // 2)]
    html = "\n".join(f'<section style="{STYLE}">\n{section}\n</section>' for section in sections)
    if fault == "hostile":
        html += HOSTILE
    if fault == "adding":
        html = f"<p>Readers who like this will love our other stories about trains.</p>{html}"
    magazine = f'<div class="magazine">\n{html}\n</div>'
    if fault == "chatty":
        return f"Here is the page that you asked for:\n\n{magazine}\n\nLet me know if you want changes!"
    return f"Here is the page:\n\n```html\n{magazine}\n```" if fault == "fenced" else magazine


STYLE = "max-width: 42rem; margin: 2rem auto; border-left: 4px solid #b5522b; font-family: Georgia, serif"


def _stream(message: Json, fault: str) -> Answer:
    events = _events(message)
    if fault in STREAM_FAULTS:
        events = events[: len(events) // 2]
    if fault == "stream_error":
        events.append({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded."}})
    lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    headers = {"content-type": "text/event-stream; charset=utf-8", "request-id": _id("req")}
    return Answer(200, "".join(lines).encode(), headers)


def _events(message: Json) -> list[Json]:
    start = message | {"content": [], "stop_reason": None, "stop_details": None}
    start["usage"] = message["usage"] | {"output_tokens": 1}
    end = {key: message[key] for key in ("stop_reason", "stop_sequence", "stop_details")}
    return [
        {"type": "message_start", "message": start},
        *_block_events("".join(block["text"] for block in message["content"])),
        {
            "type": "message_delta",
            "delta": end,
            "usage": {"output_tokens": message["usage"]["output_tokens"]},
        },
        {"type": "message_stop"},
    ]


def _block_events(text: str) -> list[Json]:
    if not text:
        return []
    pieces = [text[at : at + 200] for at in range(0, len(text), 200)]
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
    ]


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:24]}"
