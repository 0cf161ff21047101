"""What the schemas of all operations are made of."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from http import HTTPStatus
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, WithJsonSchema, model_validator

BIGGEST_ID = 2**63 - 1


class Strict(BaseModel):
    """What goes in and out: nothing is converted, nothing is added in silence."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class FieldProblem(Strict):
    """What is wrong with one field: its place and name as they were sent, and why, in a sentence."""

    field: str
    message: str


class Problem(Strict):
    """The answer to a request that was not done, as RFC 9457 has it: `message` and `detail` say why, in a sentence.

    No kind of problem has a page of its own: what it is says the status, and `title` is HTTP's name for that.
    """

    message: str
    type: Literal["about:blank"] = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []

    @classmethod
    def of(cls, status: int, message: str, **more: Any) -> Self:
        return cls(message=message, title=HTTPStatus(status).phrase, status=status, detail=message, **more)


def one_of(values: Iterable[str]) -> WithJsonSchema:
    """Describes a field by these words and gives them no name, which another list of words could have, too.

    Of an enumeration the words keep the names that they have in it, for generated programs.
    """
    words = list(values)
    names = [word.name for word in words if isinstance(word, Enum)]
    return WithJsonSchema({"type": "string", "enum": words} | ({"x-enum-varnames": names} if names else {}))


A_TIME = WithJsonSchema({"type": "string", "format": "date-time"})  # of a text that is one


class Nothing(Strict):
    """The request has nothing to say: an empty object, or no body at all."""


REFUSALS: dict[int, type[Problem]] = dict.fromkeys((400, 401, 403, 404, 405, 422, 429, 500), Problem)


class InQuery(BaseModel):
    """What stands behind the question mark, in words that are read as numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def with_unknown_names(cls, data: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Ninja drops parameters that no schema knows, before they could be refused."""
        return {**info.context["request"].GET.dict(), **data} if info.context else data
