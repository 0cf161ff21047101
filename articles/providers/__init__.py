"""The outside services, one module each, plain Python: no models, no settings.

A client takes its address and key, makes one request a call, never repeats one by itself, and raises only the errors
of `articles.providers.errors`.

provider   who does something for an article, by an id that nobody edits: "text", "pictures", "layout", "wordpress:3"
client     one service, as a stage speaks to it
answer     what came back, untouched, and what it says it used
error      what a service did to us, as facts; `articles.failures` has the words
price      what a model or a picture costs, in US dollars
bound      the most that one call may cost, known before it is made
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from backups.redaction import black_out

DEEPEST = 60  # of JSON within JSON; services nest about ten


def storable(value: Any, depth: int = 0) -> Any:
    """JSON as it may be kept: no NUL characters, nothing nested without end, and none of our secrets."""
    if isinstance(value, str):
        return black_out(value.replace("\x00", "\ufffd"))
    if depth > DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {storable(str(key)): storable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item, depth + 1) for item in value]
    return value


@dataclass(frozen=True)
class Answer:
    """What a service answered, untouched, and what it says it used. Costs are in US dollars, None when unknown."""

    raw: dict[str, Any]
    model: str = ""
    cost: Decimal | None = None
    at_most: Decimal | None = None  # where the cost is unknown, and not what was used
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "raw", storable(self.raw))
        object.__setattr__(self, "model", storable(self.model))
