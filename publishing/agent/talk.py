"""The conversation with the model: intent, call, raw answer saved, then done what it asks for.

Each turn is a paid call of its own. Another worker that takes the article up tells the model what it has asked for so
far, and shows it the page as it is now: nothing that was answered is asked again. The site says whether a goal was
reached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from anthropic.tools import ToolError
from anthropic.types.beta import BetaToolUseBlock

from articles import call_keys
from articles.models import Call
from articles.providers import agent
from articles.providers.agent import AgentClient, Json
from articles.providers.errors import Rejected
from publishing.agent.goals import Goal, instructions
from publishing.agent.tab import Tab, in_base64
from publishing.agent.toolset import Toolset
from publishing.agent.work import Work

CLAIMS = 2  # how often it may say that it is done where the site says otherwise
STILL = 4  # pages in a row that look the same, whatever it does
STRAYED = 3  # pages asked for that are none of its business
AGAIN = "The browser was started anew since; what this has done, the page shows."
NOT_YET = "The site does not have it yet. This is the page as it is now: go on, or say what is in the way."
EARLIER = "Not executed: an earlier action in this turn failed."
PUT: Json = {
    "name": "put",
    "description": "Puts the title, the text or the picture of the article in: into the editor that is open, else "
    "where the cursor stands; the picture into the page's field for files.",
    "input_schema": {
        "type": "object",
        "properties": {"what": {"type": "string", "enum": ["title", "text", "picture"]}},
        "required": ["what"],
    },
}


class Talk:
    """One conversation about one goal, from its first turn or from where another worker has left it."""

    def __init__(self, work: Work, goal: Goal, tab: Tab, within: Callable[[Callable[[], Any]], Any]) -> None:
        """`within` runs a closure in the browser's thread."""
        self._work, self._run, self._goal, self._tab = work, work.run, goal, tab
        self._tools = Toolset(tab, within)
        self._messages: list[Json] = []
        self._known, self._new = 0, 0  # tokens that the model knew at its last answer; messages that it knew
        self._turns, self._claims = 0, 0
        self._looks: list[str] = []

    def hold(self, client: AgentClient, words: str) -> Any:
        """What the goal's proof has found; `words` are the first that the model is told."""
        self._say([{"type": "text", "text": words}])
        for call in self._answered():
            self._resume(call)
        self._messages[-1]["content"].append(self._picture())
        while True:
            try:
                call = self._ask(client)
            except Rejected as exc:
                return self._proved(exc)
            with self._run.calls.reading(call, self._goal.thing):
                asked = self._heard(call)
            wanted = [block for block in asked if block.get("type") == "tool_use"]
            if wanted and call.raw.get("stop_reason") == "tool_use":
                self._say(self._done(wanted))
                self._run.calls.done(call)
                if said := self._is_lost():
                    return self._proved(said)
                continue
            self._run.calls.done(call)
            if (found := self._ended(call)) is not None:
                return found

    # Turns

    def _answered(self) -> list[Call]:
        """Turns of this goal that have an answer, in their order."""
        key = call_keys.agent_turn(self._work.limits.go, self._goal.name, 0)[:-1]
        calls = self._run.article.calls.filter(key__startswith=key)
        return sorted((call for call in calls if call.is_paid), key=lambda call: call.pk)

    def _resume(self, call: Call) -> None:
        wanted = [block for block in self._heard(call) if block.get("type") == "tool_use"]
        self._say([_result(block, AGAIN) for block in wanted] or [{"type": "text", "text": AGAIN}])
        if call.state != Call.State.DONE:
            self._run.calls.done(call)

    def _ask(self, client: AgentClient) -> Call:
        """The next turn. Raises Rejected where it has no room."""
        self._work.begins(self._goal, self._turns + 1)
        most = client.most(self._messages[self._new :], known=self._known)
        self._work.limits.look(most)
        call = self._run.calls.ask(
            call_keys.agent_turn(self._work.limits.go, self._goal.name, self._turns + 1),
            f"a turn of the agent, about {self._goal.thing}",
            provider=agent.PROVIDER,
            most=most,
            send=lambda call: client.ask(
                instructions(), [dict(self._tools.to_dict()), PUT], _cached(self._messages), key=call.idempotency_key
            ),
        )
        self._work.limits.note_cost()
        return call

    def _heard(self, call: Call) -> list[Json]:
        asked = agent.blocks(call.raw)
        self._turns += 1
        self._messages.append({"role": "assistant", "content": asked})
        self._known, self._new = call.input_tokens + call.output_tokens, len(self._messages)
        return asked

    def _say(self, content: list[Json]) -> None:
        self._messages.append({"role": "user", "content": content})

    # What it asks for

    def _done(self, wanted: list[Json]) -> list[Json]:
        """The result of each action; after one that failed, the others of its turn are not done."""
        results: list[Json] = []
        for block in wanted:
            failed = bool(results) and results[-1].get("is_error", False)
            results.append(_result(block, EARLIER, is_error=True) if failed else self._acted(block))
        if self._tools.broken:
            raise self._tools.broken
        self._look()
        return results

    def _acted(self, block: Json) -> Json:
        self._work.acts()
        if block.get("toolset_name") == self._tools.toolset_name:
            return dict(self._tools.tool_result(BetaToolUseBlock.construct(**block)))
        if block.get("name") != PUT["name"]:
            return _result(block, "There is no such tool.", is_error=True)
        asked = block.get("input")
        what = str(asked.get("what")) if isinstance(asked, dict) else ""
        try:
            self._tools.do(lambda: self._tab.put(what, self._goal.parcel))
        except ToolError as exc:
            return _result(block, str(exc.content), is_error=True)
        return _result(block, "It is in its place.")

    # How it ends

    def _ended(self, call: Call) -> Any:
        """What the proof has found; None where the model is told that it has not. Raises Rejected."""
        if (found := self._goal.proof()) is not None:
            return found
        stopped, reason = self._work.stopped, call.raw.get("stop_reason")
        if reason == "refusal":
            raise stopped("the agent's model refuses to do this", "agent_refused")
        if reason != "end_turn":
            raise stopped("the agent's answer was cut off before its end", "agent_cut_off")
        self._claims += 1
        if self._claims == CLAIMS:
            said = "the agent says that it is done, or cannot do it, and the site does not have it"
            raise stopped(said, "agent_contradicted")
        self._say([{"type": "text", "text": NOT_YET}, self._picture()])
        return None

    def _is_lost(self) -> Rejected | None:
        if self._tab.refused >= STRAYED:
            return self._work.stopped("the agent went where it has no business", "agent_strayed")
        if len(self._looks) >= STILL and len(set(self._looks[-STILL:])) == 1:
            return self._work.stopped("the agent comes no further: the page stays as it is", "agent_stuck")
        return None

    def _proved(self, exc: Rejected) -> Any:
        """It was stopped; the site may have what is wanted all the same. Raises `exc` where it has not."""
        if (found := self._goal.proof()) is None:
            raise exc
        return found

    # Pictures

    def _picture(self) -> Json:
        """The page as it is now."""
        jpeg = self._look()
        if not jpeg:
            return {"type": "text", "text": "The page cannot be shown."}
        source = {"type": "base64", "media_type": "image/jpeg", "data": in_base64(jpeg)}
        return {"type": "image", "source": source}

    def _look(self) -> bytes:
        """A picture of the page, for the film as well; none where it cannot be had."""
        try:
            jpeg = self._tools.do(self._tab.picture)
        except ToolError:
            return b""
        self._looks.append(hashlib.sha256(jpeg).hexdigest())
        self._work.show(jpeg)
        return jpeg


def _result(block: Json, said: str, *, is_error: bool = False) -> Json:
    of_toolset = {"toolset_name": name} if (name := block.get("toolset_name")) else {}
    failed = {"is_error": True} if is_error else {}
    return {"type": "tool_result", "tool_use_id": block.get("id"), **of_toolset, "content": said, **failed}


def _cached(messages: list[Json]) -> list[Json]:
    """All of them may come out of the cache at the next turn."""
    last = messages[-1]
    *before, block = last["content"]
    return [*messages[:-1], {**last, "content": [*before, {**block, "cache_control": {"type": "ephemeral"}}]}]
