"""What a turn of the agent costs, and the most that it may cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from articles.providers.agent import AgentClient, blocks
from articles.providers.errors import Garbled
from tests.doubles.pilot import Seen
from tests.doubles.server import Doubles, doubles

TOOLS = [{"type": "browser_toolset_20260801"}]


def client(running: Doubles) -> AgentClient:
    return AgentClient(running.anthropic_url, "sk-ant-test", "claude-sonnet-5-5", allow_private=True, timeout=20)


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": text}]}]


def test_what_comes_out_of_the_cache_counts_as_much_as_it_costs() -> None:
    with doubles() as running:
        running.steer(lambda _: "done")
        with client(running) as asking:
            answer = asking.ask("Steer.", TOOLS, said("Go on"), key="k")
    used = answer.raw["usage"]
    assert answer.input_tokens == 10 + used["cache_creation_input_tokens"] + used["cache_read_input_tokens"]
    cached = used["cache_creation_input_tokens"] * Decimal("1.25") + used["cache_read_input_tokens"] * Decimal("0.1")
    assert answer.cost
    assert abs(answer.cost - (2 * (10 + cached) + 10 * 80) / 1_000_000) < Decimal("0.00001")
    assert [block["text"] for block in blocks(answer.raw)] == ["done"]


def test_a_turn_costs_no_more_than_its_bound() -> None:
    with doubles() as running:
        running.steer(lambda seen: [("screenshot", {})] if isinstance(seen, Seen) else "")
        with client(running) as asking:
            words = said("Go on " * 1000)
            most, answer = asking.most(words), asking.ask("Steer.", TOOLS, words, key="k")
    assert answer.cost
    assert answer.cost < most.dollars
    assert asking.most(said("more"), known=100_000).dollars > most.dollars


def test_a_picture_counts_by_its_size_and_not_by_its_bytes() -> None:
    source = {"type": "base64", "media_type": "image/jpeg", "data": "A" * 100_000}
    shown: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    asking = AgentClient("", "", "claude-sonnet-5-5", allow_private=True, timeout=1)
    assert asking.most(shown).dollars - asking.most(said("")).dollars < Decimal("0.005")


@pytest.mark.parametrize("raw", [{}, {"content": "text"}, {"content": ["text"]}])
def test_an_answer_of_another_shape_is_no_answer(raw: dict[str, Any]) -> None:
    with pytest.raises(Garbled):
        blocks(raw)
