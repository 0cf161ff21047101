"""What a service says of a failure in the body of its answer, whatever the status that the body came with.

Services that speak one protocol name one failure in many ways, and some send it as a success: gateways with an error
inside a 200, a generation that failed half-way. So the body's own code is read first, its words where it has none.

References, read 2026-11: the error pages of OpenAI, Azure OpenAI, OpenRouter, Mistral, DeepSeek, Gemini (its OpenAI
form), Anthropic and Replicate; the servers' sources of vLLM, Ollama, LM Studio and llama.cpp.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from articles.providers import web
from articles.providers.errors import IT, Busy, ProviderError, Refused, Rejected, Then, Unreachable


@dataclass(frozen=True)
class Said:
    """An error in a body: its codes as the service has them, lower-cased, and its words."""

    codes: frozenset[str]
    words: str
    detail: str


@dataclass(frozen=True)
class _Kind:
    """A kind of failure: what services call it, by code and in words, and what it is to us."""

    codes: frozenset[str]
    words: re.Pattern[str]
    error: type[ProviderError]
    code: str
    reason: str
    mend: str = ""
    then: Then = Then.RECOVER

    def matches(self, said: Said) -> bool:
        return bool(self.codes & said.codes) or bool(self.words.search(said.words))


def _kind(codes: str, words: str, *facts: Any, **more: Any) -> _Kind:
    return _Kind(frozenset(codes.split()), re.compile(words, re.IGNORECASE), *facts, **more)


GAVE_UP = f"{IT} gave up in the middle of its work"
# The first that matches counts: what a person must mend comes before what passes by itself.
KINDS = (
    _kind(
        "insufficient_quota billing_hard_limit_reached billing_not_active insufficient_balance billing_error 402",
        r"credit balance|insufficient (?:credit|balance|fund)|spend limit|billing hard limit|payment required",
        Refused,
        "no_credit",
        "the account has no credit left",
        "add credit to the account",
    ),
    _kind(
        "invalid_api_key authentication_error account_deactivated invalid_authentication unauthenticated 401",
        r"api[ _-]?key (?:is )?(?:not valid|invalid|expired|not found)|(?:invalid|incorrect|missing) api[ _-]?key"
        r"|invalid subscription key|no auth credentials|unauthori[sz]ed|unauthenticated",
        Refused,
        "401",
        f"{IT} did not accept the API key",
        "check the API key",
    ),
    _kind(
        "content_filter content_policy_violation responsibleaipolicyviolation moderation_blocked prohibited_content"
        " data_inspection_failed",
        r"content (?:management|filter|policy)|usage polic|content exists risk|flagged (?:as|by|for)|input was flagged",
        Rejected,
        "content_filter",
        "its content filter declined this",
        "change the idea",
        Then.HAND_IN,
    ),
    _kind(
        "context_length_exceeded exceed_context_size_error request_too_large",
        r"maximum context length|context (?:length|window|size)|prompt is too long|too many (?:input )?tokens",
        Rejected,
        "too_long",
        "this is longer than the model can read at once",
        "name a model in the settings that reads more",
    ),
    _kind(
        "model_not_found deploymentnotfound not_found_error notfounderror invalid_model model_not_available 404",
        r"model[^.]{0,100}(?:does not exist|not (?:be )?found|not exist)|no (?:allowed providers|endpoints found)"
        r"|unknown model|no models? (?:are |is )?loaded|not a valid model|invalid version",
        Rejected,
        "model",
        f"{IT} does not know the model",
        "check the model's name in the settings",
    ),
    _kind(
        "unsupported_country_region_territory permission_denied permission_error 403",
        r"(?:country|region|location)[^.]{0,60}not supported",
        Refused,
        "403",
        "the API key has not the right to do this",
        "check the API key",
    ),
    _kind(
        "rate_limit_exceeded rate_limit_error resource_exhausted overloaded_error engine_overloaded unavailable"
        " unavailable_error service_unavailable service_tier_capacity_exceeded nocapacity 409 425 429 503 529",
        r"overloaded|rate limit|too many requests|throttled|high demand|capacity|loading model|temporarily unavailable",
        Busy,
        "429",
        f"{IT} has too much to do at the moment",
    ),
    _kind(
        "server_error api_error internal_error internal internal_server_error timeout_error 408 500 502 504 520",
        r"internal (?:server )?error|timed? ?out|interrupted|(?:please|try) (?:re)?try|try again|upstream error",
        Unreachable,
        "failed",
        GAVE_UP,
    ),
)

CODES = frozenset(kind.code for kind in KINDS)


def failure(provider: str, body: object, *, retry_after: float | None = None) -> ProviderError | None:
    """The error that an answer's body names; None where it names none, or one that is in no table."""
    said = read(body)
    if said is None:
        return None
    kind = next((kind for kind in KINDS if kind.matches(said)), None)
    if kind is None:
        return None
    facts: dict[str, Any] = {"lost": False} if kind.error is Unreachable else {}
    return kind.error(
        provider,
        kind.reason,
        mend=kind.mend,
        then=kind.then,
        code=kind.code,
        detail=said.detail,
        retry_after=retry_after,
        **facts,
    )


def of_success(provider: str, raw: dict[str, Any]) -> ProviderError | None:
    """The error that stands in the place of an answer, under a status that says success; None: it is an answer.

    One that no table knows is taken for a failure of the service's own: what it has half done is of no use.
    """
    error = raw.get("error")
    if not (isinstance(error, dict | str) and error) and raw.get("object") != "error" and raw.get("status") != "failed":
        return None
    if known := failure(provider, raw):
        return known
    status = error.get("code") if isinstance(error, dict) else None
    if isinstance(status, int) and 400 <= status < 600:
        return web.answer_error(provider, status, str(raw), {}, credential="API key")
    return Unreachable(provider, GAVE_UP, code="failed", detail=str(raw), lost=False)


def read(body: object) -> Said | None:
    """The error in a body: JSON, read or not, or a list with it (Gemini's); None where there is none."""
    if isinstance(body, str):
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
    if isinstance(body, list):
        body = next(iter(body), None)
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, dict):
        return _said(error, body)
    if isinstance(error, str) and error:  # Ollama, LM Studio
        return _said({"message": error}, body)
    if body.get("object") == "error" or "detail" in body or "message" in body:  # vLLM, Mistral, Replicate
        return _said(body, body)
    return None


def _said(error: dict[str, Any], body: dict[str, Any]) -> Said:
    inner = error.get("innererror")
    metadata = error.get("metadata")
    codes = [error.get("code"), error.get("type"), error.get("status")]
    codes += [inner.get("code")] if isinstance(inner, dict) else []
    words = [error.get("message"), error.get("detail"), error.get("title"), error.get("param")]
    words += [metadata.get("raw"), *_list(metadata.get("reasons"))] if isinstance(metadata, dict) else []
    return Said(
        frozenset(str(code).lower() for code in codes if isinstance(code, str | int)),
        " ".join(str(word)[:2000] for word in words if word),
        str(body),
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
