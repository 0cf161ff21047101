"""One failure has many names: each service's own is read before the status that it came with."""

from __future__ import annotations

from typing import Any

import pytest

from articles.failure_names import SHORT
from articles.providers import bodies, claude, text
from articles.providers.errors import Busy, ProviderError, Refused, Rejected, Unreachable


def openai(code: str | None, type_: str, message: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


def gateway(code: int, message: str, **metadata: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "metadata": metadata}}


def gemini(code: int, status: str, message: str) -> list[dict[str, Any]]:
    return [{"error": {"code": code, "message": message, "status": status}}]


def anthropic(kind: str, message: str = "") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


CASES: dict[str, tuple[object, type[ProviderError], str]] = {
    "OpenAI, no quota": (openai("insufficient_quota", "insufficient_quota"), Refused, "no_credit"),
    "OpenAI, hard limit": (openai("billing_hard_limit_reached", "invalid_request_error"), Refused, "no_credit"),
    "OpenAI, key": (openai("invalid_api_key", "invalid_request_error"), Refused, "401"),
    "OpenAI, rate": (openai("rate_limit_exceeded", "requests"), Busy, "429"),
    "OpenAI, model": (openai("model_not_found", "invalid_request_error"), Rejected, "model"),
    "OpenAI, too long": (openai("context_length_exceeded", "invalid_request_error"), Rejected, "too_long"),
    "OpenAI, policy": (
        openai("invalid_prompt", "invalid_request_error", "It may violate our usage policy"),
        Rejected,
        "content_filter",
    ),
    "OpenAI, country": (openai("unsupported_country_region_territory", "request_forbidden"), Refused, "403"),
    "OpenAI, its own": (openai(None, "server_error"), Unreachable, "failed"),
    "Azure, filter": (
        {"error": {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}, "status": 400}},
        Rejected,
        "content_filter",
    ),
    "Azure, deployment": (openai("DeploymentNotFound", ""), Rejected, "model"),
    "OpenRouter, credits": (gateway(402, "Insufficient credits"), Refused, "no_credit"),
    "OpenRouter, moderation": (
        gateway(403, "Moderation", reasons=["flagged for violence"]),
        Rejected,
        "content_filter",
    ),
    "OpenRouter, model down": (gateway(502, "Upstream error"), Unreachable, "failed"),
    "OpenRouter, no provider": (gateway(503, "No provider has capacity"), Busy, "429"),
    "OpenRouter, endpoints": (gateway(404, "No endpoints found for x/y"), Rejected, "model"),
    "Mistral, key": ({"message": "Unauthorized", "request_id": "1"}, Refused, "401"),
    "Mistral, tier": (
        {"object": "error", "message": "Service tier capacity exceeded", "type": "service_tier_capacity_exceeded"},
        Busy,
        "429",
    ),
    "Mistral, model": ({"object": "error", "message": "Invalid model: x", "type": "invalid_model"}, Rejected, "model"),
    "DeepSeek, balance": (
        openai("invalid_request_error", "unknown_error", "Insufficient Balance"),
        Refused,
        "no_credit",
    ),
    "DeepSeek, model": (openai("invalid_request_error", "invalid_request_error", "Model Not Exist"), Rejected, "model"),
    "DeepSeek, risk": (openai("invalid_request_error", "", "Content Exists Risk"), Rejected, "content_filter"),
    "Gemini, key": (gemini(400, "INVALID_ARGUMENT", "API key not valid. Please pass one."), Refused, "401"),
    "Gemini, overloaded": (gemini(503, "UNAVAILABLE", "The model is overloaded."), Busy, "429"),
    "Gemini, rate": (gemini(429, "RESOURCE_EXHAUSTED", "Quota exceeded."), Busy, "429"),
    "Gemini, place": (gemini(400, "FAILED_PRECONDITION", "User location is not supported."), Refused, "403"),
    "vLLM, model": (
        {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
        Rejected,
        "model",
    ),
    "Ollama, model": ({"error": {"message": "model 'x' not found, try pulling it first"}}, Rejected, "model"),
    "Ollama, words alone": ({"error": "model 'x' not found"}, Rejected, "model"),
    "LM Studio, nothing loaded": ({"error": "No models loaded. Please load one."}, Rejected, "model"),
    "llama.cpp, loading": (gateway(503, "Loading model"), Busy, "429"),
    "llama.cpp, too long": (
        openai("400", "exceed_context_size_error", "The request is too large"),
        Rejected,
        "too_long",
    ),
    "Anthropic, overloaded": (anthropic("overloaded_error", "Overloaded"), Busy, "429"),
    "Anthropic, credit": (
        anthropic("invalid_request_error", "Your credit balance is too low"),
        Refused,
        "no_credit",
    ),
    "Anthropic, key": (anthropic("authentication_error"), Refused, "401"),
    "Anthropic, its own": (anthropic("api_error", "Internal server error"), Unreachable, "failed"),
    "Replicate, credit": (
        {"title": "Insufficient credit", "detail": "You have none", "status": 402},
        Refused,
        "no_credit",
    ),
    "Replicate, key": (
        {"title": "Unauthenticated", "detail": "You did not pass a token", "status": 401},
        Refused,
        "401",
    ),
    "Replicate, throttled": ({"detail": "Request was throttled.", "status": 429}, Busy, "429"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_body_says(name: str) -> None:
    body, kind, code = CASES[name]
    failed = bodies.failure("text", body)

    assert (type(failed), failed and failed.code) == (kind, code)
    assert code in SHORT, "it has words"


@pytest.mark.parametrize("name", CASES)
def test_every_failure_that_is_for_a_person_says_what_to_do(name: str) -> None:
    failed = bodies.failure("text", CASES[name][0])
    assert failed is not None
    assert failed.retry or failed.mend


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (openai("rate_limit_exceeded", "") | {"object": "response", "status": "failed", "output": []}, Busy),
        ({"object": "response", "status": "failed", "error": None, "output": []}, Unreachable),
        (gateway(502, "Upstream error: service temporarily overloaded") | {"id": "gen-7"}, ProviderError),
        (gateway(418, "Short and stout"), Rejected),
        ({"error": "something else"}, Unreachable),
    ],
)
def test_an_error_in_the_place_of_an_answer(raw: dict[str, Any], kind: type[ProviderError]) -> None:
    with pytest.raises(kind) as caught:
        text.content(raw)
    assert caught.value.retry == (kind is not Rejected)


def test_an_error_in_the_place_of_a_page() -> None:
    with pytest.raises(Busy):
        claude.content(anthropic("overloaded_error", "Overloaded"))


@pytest.mark.parametrize(
    "body", ["", "<html>", "null", "[]", [], {}, {"error": None}, {"error": {}}, {"choices": []}, 3]
)
def test_what_names_no_error_is_none(body: object) -> None:
    assert bodies.failure("text", body) is None
