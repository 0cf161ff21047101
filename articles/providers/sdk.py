"""What the two SDKs have in common: they come from one generator and fail in the same ways.

Seen in openai 3.54 and anthropic 2.12: both repeat a failed request twice by themselves unless told not to, which may
pay twice; their time-outs count from one read to the next, so that a slow trickle never ends; and while a body is
read, the errors of the transport come through unwrapped. Both take seconds and 90 MB to load, which is
for those that ask services alone: nothing here is imported from them before a client is entered, or `load` is called.
"""

from __future__ import annotations

import importlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpx2
import orjson

from articles.providers import Answer, bodies, deadline, web, wrapping
from articles.providers.errors import IT, Garbled, ProviderError, Rejected, Unreachable
from articles.providers.prices import Prices

ANSWER_BYTES = 32 * 1024 * 1024


def load() -> None:
    """Both SDKs: before workers are forked, which then share them."""
    for name in "openai", "anthropic", "anthropic.tools.browser":
        importlib.import_module(name)


def raw_answer(response: Any, provider: str) -> dict[str, Any]:
    """The JSON object of a streamed response. Raises Garbled, and the error that it names instead of an answer."""
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > ANSWER_BYTES:
            raise Garbled(provider, "the answer is far too large", code="too_large")
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = wrapping.json_object(body.decode(errors="replace"))
    if not isinstance(answer, dict):
        raise _not_json(provider, bytes(body))
    if failed := bodies.of_success(provider, answer):
        raise failed
    return answer


def answer(
    raw: dict[str, Any], asked: str, used_in: object, used_out: object, reasoning: object = 0, *, prices: Prices
) -> Answer:
    """A raw answer with what it says it used, and what that costs: unknown where it does not say."""
    model = str(raw.get("model") or asked)[:100]
    tokens_in, tokens_out = _count(used_in), _count(used_out)
    # Nothing is asked with no tokens: who says so does not count them.
    used = (tokens_in, tokens_out) if tokens_in and isinstance(used_out, int) else (None, None)
    return Answer(
        raw,
        model=model,
        cost=prices.of_tokens(model, *used),
        at_most=prices.at_most(*used),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        reasoning_tokens=_count(reasoning),
    )


def _count(value: object) -> int:
    return min(value, 2**31 - 1) if isinstance(value, int) and value > 0 else 0


def _not_json(provider: str, body: bytes) -> Garbled:
    return Garbled(
        provider,
        "the answer is not what this service should send",
        mend="have the operator check its address in the settings",
        code="not_json",
        detail=body.decode(errors="replace"),
    )


@cache
def certificates() -> ssl.SSLContext:
    """Whom to trust, read once: it takes 20 ms of processor time, and every client would read it again."""
    return httpx2.create_ssl_context()


def watch(request: httpx2.Request) -> None:
    """For a client's hooks: the connection that a request opens is cut when the time of its call is up."""

    def trace(event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            deadline.watch(info["return_value"].get_extra_info("socket"))

    request.extensions["trace"] = trace


@contextmanager
def speaking_to(sdk: Any, provider: str, base_url: str, *, allow_private: bool) -> Iterator[None]:
    """Turns the errors of an SDK and of its transport into ours. Raises Rejected for an address inside the network."""
    try:
        if not allow_private:
            web.refuse_private(base_url)
        yield
    except web.PrivateAddress as exc:
        raise web.private_address(provider) from exc
    except (sdk.APITimeoutError, httpx2.ReadTimeout, httpx2.WriteTimeout) as exc:
        raise Unreachable(provider, f"{IT} did not answer in time", code="timeout", lost=not _never_left(exc)) from exc
    except sdk.APIConnectionError as exc:
        raise Unreachable(
            provider,
            "nothing answers at its address" if _never_left(exc) else "the connection broke off",
            code="connect",
            lost=not _never_left(exc),
            detail=str(exc.__cause__ or exc),
        ) from exc
    except httpx2.RequestError as exc:  # also a body that does not unpack
        raise Unreachable(provider, "the connection broke off", code="broken", detail=str(exc)) from exc
    except sdk.APIStatusError as exc:
        raise _status_error(provider, exc) from exc


def _never_left(exc: Exception) -> bool:
    return isinstance(exc.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)


def _status_error(provider: str, exc: Any) -> ProviderError:
    """By what the body says, else by the status."""
    body = exc.response.text if exc.response.is_stream_consumed else str(exc.body or exc)
    waits = web.retry_after(exc.response.headers)
    if (failed := bodies.failure(provider, body, retry_after=waits)) and _agree(failed, exc.status_code):
        return failed
    code = str(getattr(exc, "code", None) or getattr(exc, "type", None) or exc.status_code)
    if exc.status_code == 404:
        return Rejected(
            provider,
            "nothing is at the address that it was asked at",
            mend="have the operator check its address and the model's name in the settings",
            code=code,
            detail=body,
        )
    return web.answer_error(provider, exc.status_code, body, exc.response.headers, code=code, credential="API key")


def _agree(failed: ProviderError, status: int) -> bool:
    """Whether a body is believed with this status. That it passes by itself is not, of a request that was refused as
    it stands; nor of a gateway, which may have lost an answer.
    """
    return not failed.retry or status in (409, 425, 429)
