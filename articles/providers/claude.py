"""Claude, which lays pages out.

Reference: Anthropic's API reference, "Messages", read 2026-11.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from articles.providers import Answer, bodies, deadline, sdk, wrapping
from articles.providers.errors import IT, Garbled, Rejected
from articles.providers.prices import PUBLISHED, Bound, Prices

if TYPE_CHECKING:
    import anthropic

PROVIDER = "layout"
MAX_TOKENS = 20_000  # what it can write within one call's time
LONGEST_ARTICLE = 15_000  # tokens: laid out again with styles it must fit into MAX_TOKENS
# Reasons to end before the end; any other is an end.
CUT_OFF = ("max_tokens", "model_context_window_exceeded", "tool_use", "pause_turn")


def tokens_at_most(text: str) -> int:
    """A safe guess at the tokens of a text: English has 4 bytes to a token, most other scripts 3."""
    return len(text.encode()) // 3


def new_sdk(base_url: str, key: str, timeout: float) -> anthropic.Anthropic:
    """To be closed. It repeats nothing by itself, and follows nowhere."""
    import anthropic

    return anthropic.Anthropic(
        base_url=base_url,
        api_key=key,
        timeout=timeout,
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(
            follow_redirects=False, verify=sdk.certificates(), event_hooks={"request": [sdk.watch]}
        ),
    )


class ClaudeClient:
    """One request a call; `timeout` in seconds, for the whole call. To be entered before it is asked."""

    def __init__(
        self,
        base_url: str,
        key: str,
        model: str,
        *,
        allow_private: bool,
        timeout: float,
        prices: Prices = PUBLISHED,
    ) -> None:
        self.base_url, self.key, self.model = base_url, key, model
        self.allow_private, self.timeout, self.prices = allow_private, timeout, prices

    def most(self, instructions: str, prompt: str) -> Bound:
        """The most that the same may cost to `ask`: the answer has MAX_TOKENS at most."""
        return self.prices.most_of_tokens(self.model, [instructions, prompt], MAX_TOKENS)

    def __enter__(self) -> Self:
        self._client = new_sdk(self.base_url, self.key, self.timeout)
        self._messages = self._client.messages
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._client.close()

    def ask(self, instructions: str, prompt: str, *, key: str) -> Answer:
        """The raw answer. Raises ProviderError; what is in the answer, `content` reads."""
        import anthropic

        with (
            deadline.within(self.timeout, PROVIDER),
            sdk.speaking_to(anthropic, PROVIDER, self.base_url, allow_private=self.allow_private),
            self._messages.with_streaming_response.create(
                model=self.model,
                max_tokens=MAX_TOKENS,
                system=instructions,
                messages=[{"role": "user", "content": prompt}],
                extra_headers={"Idempotency-Key": key},
            ) as response,
        ):
            raw = sdk.raw_answer(response, PROVIDER)
        usage = raw.get("usage")
        used = usage if isinstance(usage, dict) else {}
        return sdk.answer(raw, self.model, used.get("input_tokens"), used.get("output_tokens"), prices=self.prices)


def content(raw: dict[str, Any]) -> str:
    """The HTML of a raw answer, without what its model has put around it.

    Raises Rejected for a refusal, Garbled for a part, and the error that stands in the answer's place.
    """
    if failed := bodies.of_success(PROVIDER, raw):
        raise failed
    if raw.get("stop_reason") == "refusal":
        raise Rejected(
            PROVIDER,
            f"{IT} refuses to lay this out",
            mend="choose the template",
            code="refusal",
            detail=str(raw),
        )
    if raw.get("stop_reason") in CUT_OFF:
        raise Garbled(PROVIDER, "its answer was cut off before the end", code="cut_off", detail=str(raw))
    blocks = raw.get("content")
    parts = (
        [str(block.get("text", "")) for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
        if isinstance(blocks, list)
        else []
    )
    text = "".join(parts).strip()
    if not text:
        raise Garbled(PROVIDER, f"{IT} answered with nothing", code="empty", detail=str(raw))
    return wrapping.html_alone(text)
