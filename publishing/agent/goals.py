"""What the agent is asked to bring about, and how the site proves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from django.template.loader import render_to_string

from publishing.agent.tab import Parcel


@dataclass(frozen=True)
class Goal:
    """`name` is its part of the keys of its calls; `thing` is what it is about in sentences.

    `proof` looks at the site, by Galley itself, and gives what was found there; None: it is not so yet.
    """

    name: str
    thing: str
    sends: Literal["page", "picture", "post"]
    proof: Callable[[], Any]
    parcel: Parcel = field(default_factory=Parcel)

    def words(self, dashboard: str) -> str:
        """For the model; `dashboard` is the address of the site's."""
        return render_to_string("prompts/agent.txt", {"goal": self, "dashboard": dashboard})


def instructions() -> str:
    return render_to_string("prompts/agent_instructions.txt")
