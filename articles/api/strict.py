"""What the schemas of all operations are made of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

BIGGEST_ID = 2**63 - 1


class Strict(BaseModel):
    """What goes in and out: nothing is converted, nothing is added in silence."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Message(Strict):
    """The answer to a request that was not done: why, in a sentence."""

    message: str


class Nothing(Strict):
    """The request has nothing to say: an empty object, or no body at all."""


REFUSALS: dict[int, type[Message]] = dict.fromkeys((400, 401, 403, 404, 405, 422, 429, 500), Message)


class InQuery(BaseModel):
    """What stands behind the question mark, in words that are read as numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def with_unknown_names(cls, data: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Ninja drops parameters that no schema knows, before they could be refused."""
        return {**info.context["request"].GET.dict(), **data} if info.context else data
