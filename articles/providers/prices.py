"""What models cost, in US dollars, as their makers published it. A model that is not here has an unknown cost."""

from __future__ import annotations

from decimal import Decimal

# Per million tokens: input, output. Matched by the longest beginning of the model's name.
# Reference: the makers' price pages, read 2026-11.
TOKENS = {
    "gpt-5-nano": ("0.05", "0.40"),
    "gpt-5-mini": ("0.25", "2.00"),
    "gpt-5": ("1.25", "10.00"),
    "gpt-4.1-mini": ("0.40", "1.60"),
    "gpt-4.1": ("2.00", "8.00"),
    "gpt-4o-mini": ("0.15", "0.60"),
    "gpt-4o": ("2.50", "10.00"),
    "claude-haiku-4-5": ("1.00", "5.00"),
    "claude-haiku-5-5": ("0.10", "0.50"),
    "claude-sonnet-4": ("3.00", "15.00"),
    "claude-sonnet-5": ("2.00", "10.00"),
    "claude-opus-5": ("5.00", "25.00"),
    "claude-opus-5-5": ("4.00", "20.00"),
    "claude-fable-5": ("10.00", "50.00"),
}
PICTURES = {"bytedance/seedream-4": "0.03", "black-forest-labs/flux-schnell": "0.003"}


def of_tokens(model: str, input_tokens: int, output_tokens: int) -> Decimal | None:
    known = max((name for name in TOKENS if model.startswith(name)), key=len, default=None)
    if known is None:
        return None
    price_in, price_out = map(Decimal, TOKENS[known])
    return (price_in * input_tokens + price_out * output_tokens) / 1_000_000


def of_picture(model: str) -> Decimal | None:
    price = PICTURES.get(model.partition(":")[0])
    return Decimal(price) if price else None
