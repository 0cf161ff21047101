"""Anthropic's browser toolset, seen from their side: what a conversation must look like, and a script that steers.

Shapes: https://platform.claude.com/docs/en/agents-and-tools/tool-use/browser-use-tool. A script gets what the model
would see (`Seen`) and says what it would want: actions by their names, or a last word. It knows nothing but that, so
it reads where a button is from the page's own outline, and hangs on no pixels.
"""

import base64
import io
import json
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from PIL import Image

from . import Json

TOOLSET, FAMILY = "browser_toolset_20260801", "browser"
Action = tuple[str, Json]
Script = Callable[["Seen"], str | Sequence[Action]]
FRAME_TOKENS = 6_600  # that the toolset takes of each request
MOST_BREAKPOINTS = 4


@dataclass(frozen=True)
class Seen:
    """A conversation as the model has it."""

    messages: list[Json]

    @property
    def turn(self) -> int:
        """1, 2, 3…"""
        return 1 + len([message for message in self.messages if message["role"] == "assistant"])

    @property
    def goal(self) -> str:
        return str(self.messages[0]["content"][0]["text"])

    @property
    def dashboard(self) -> str:
        found = re.search(r"https?://\S+/wp-admin/", self.goal)
        assert found
        return found[0]

    @cached_property
    def last(self) -> list[Json]:
        """What was said to it last, results unpacked."""
        return [part for block in self.messages[-1]["content"] for part in _parts(block)]

    @property
    def text(self) -> str:
        return "\n".join(part["text"] for part in self.last if part["type"] == "text")

    def ref(self, what: str) -> str:
        """Of a part of the page, by its role and name: `button "Save draft"`."""
        found = re.search(rf"{re.escape(what)}.*?\[ref=(\w+)\]", self.text)
        assert found, f"there is no {what} on the page:\n{self.text}"
        return found[1]


def _parts(block: Json) -> list[Json]:
    if block["type"] != "tool_result":
        return [block]
    content = block["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def click(ref: str) -> Action:
    return "left_click", {"target": {"type": "ref", "ref": ref}}


def wrong(body: Json) -> str:
    """Why they would answer with 400; "" where they would not."""
    toolsets = [tool for tool in body["tools"] if tool.get("type") == TOOLSET]
    if len(toolsets) != 1 or "name" in toolsets[0]:
        return "tools: one toolset, without a name"
    if not re.match(r"claude-(opus|sonnet|fable|mythos)-5", body["model"]):
        return f"tools: {TOOLSET} is not supported by {body['model']}"
    if json.dumps(body).count('"cache_control"') > MOST_BREAKPOINTS:
        return "cache_control: too many breakpoints"
    messages = body["messages"]
    if [message["role"] for message in messages] != (["user", "assistant"] * len(messages))[: len(messages)]:
        return "messages: roles must alternate"
    return next(filter(None, map(_unpaired, messages, [*messages[1:], None])), "") or _bad_picture(messages)


def _unpaired(message: Json, answer: Json | None) -> str:
    used = {block["id"]: block for block in message["content"] if block["type"] == "tool_use"}
    results = [block for block in (answer or {}).get("content", []) if block["type"] == "tool_result"]
    if message["role"] != "assistant":
        return ""
    if [result["tool_use_id"] for result in results] != list(used):
        return "messages: each tool_use needs its tool_result, in the next message"
    for result in results:
        if result.get("toolset_name") != used[result["tool_use_id"]].get("toolset_name"):
            return "tool_result: toolset_name does not fit"
        states = [part for part in _parts(result) if part["type"] == "browser_state"]
        if states and result.get("is_error"):
            return "tool_result: no browser_state with an error"
        if any(sum(tab.get("active", False) for tab in state["tabs"]) != 1 for state in states if state["tabs"]):
            return "browser_state: one tab is active"
    return ""


def _bad_picture(messages: list[Json]) -> str:
    for message in messages:
        for part in (part for block in message["content"] for part in _parts(block) if part["type"] == "image"):
            picture = Image.open(io.BytesIO(base64.b64decode(part["source"]["data"])))
            if Image.MIME[picture.format or ""] != part["source"]["media_type"] or max(picture.size) > 2000:
                return "image: of another kind, or too large"
    return ""


def content(wanted: str | Sequence[Action]) -> list[Json]:
    if isinstance(wanted, str):
        return [{"type": "text", "text": wanted}]
    return [_use(name, asked) for name, asked in wanted]


def _use(name: str, asked: Json) -> Json:
    use = {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:20]}", "name": name, "input": asked}
    return use if name == "put" else {**use, "toolset_name": FAMILY}


def usage(body: Json) -> dict[str, Any]:
    """All but the new message comes out of the cache."""
    *before, last = body["messages"]
    read = len(json.dumps(before)) // 40
    return {
        "input_tokens": 10,
        "cache_creation_input_tokens": len(json.dumps(last)) // 40,
        "cache_read_input_tokens": FRAME_TOKENS + read,
        "output_tokens": 80,
        "service_tier": "standard",
    }
