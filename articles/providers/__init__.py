"""The outside services, one module each, plain Python: no models, no settings.

A client takes its address and key, makes one request a call, never repeats one by itself, and raises only the errors
of `articles.providers.errors`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a service answered, untouched, and what it says it used. `cost` is in US dollars, None when unknown."""

    raw: dict[str, Any]
    model: str = ""
    cost: Decimal | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
