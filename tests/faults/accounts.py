"""Services within this process that keep accounts: what was asked when, and what was paid how often."""

from __future__ import annotations

import io
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self
from unittest import mock

from PIL import Image

from articles.providers import Answer, replicate, text
from articles.providers.errors import Unreachable
from articles.stages import images
from tests.doubles.openai import write

PRICE = Decimal("0.01")


@dataclass
class Accounts:
    """`asked` has the seconds at which each service was asked for something that costs, `paid` the calls by their key.

    `sleep` and `clock` are those of the simulation in which they stand.
    """

    chance: random.Random
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    asked: dict[str, list[float]] = field(default_factory=lambda: {text.PROVIDER: [], replicate.PROVIDER: []})
    paid: Counter[str] = field(default_factory=Counter)
    ready: dict[str, float] = field(default_factory=dict)  # when a picture is made
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def pay(self, provider: str, key: str, seconds: float) -> None:
        """A request arrives and is paid for; its answer takes so long. Whoever was frozen meanwhile may miss it."""
        self.asked[provider].append(self.clock())
        self.paid[key] += 1
        self.wait(provider, seconds)

    def wait(self, provider: str, seconds: float) -> None:
        began = self.clock()
        self.sleep(seconds)
        if self.clock() - began > 2 * seconds and self.chance.random() < 0.5:
            raise Unreachable(provider, "the connection broke off")

    @contextmanager
    def in_use(self) -> Iterator[Self]:
        """The stages speak to these services."""
        with (
            mock.patch.object(text, "TextClient", lambda *given, **named: _Text(self, *given, **named)),
            mock.patch.object(images, "PictureClient", lambda *given, **named: _Pictures(self, *given, **named)),
        ):
            yield self


class _Text(text.TextClient):
    def __init__(self, accounts: Accounts, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.accounts = accounts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, instructions: str, prompt: str, *, name: str, schema: dict[str, Any], key: str) -> Answer:  # noqa: ARG002
        self.accounts.pay(text.PROVIDER, key, self.accounts.chance.uniform(60, 280))
        content = {"type": "output_text", "text": write(prompt, {"schema": schema})}
        message = {"type": "message", "role": "assistant", "status": "completed", "content": [content]}
        return Answer({"status": "completed", "output": [message]}, model=self.model, cost=PRICE)


class _Pictures(replicate.PictureClient):
    def __init__(self, accounts: Accounts, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.accounts = accounts

    def create(self, prompt: str, aspect: str, *, key: str) -> Answer:  # noqa: ARG002  as the client has it
        name = f"p{next(self.accounts._numbers)}"
        self.accounts.ready[name] = self.accounts.clock() + self.accounts.chance.uniform(5, 60)
        self.accounts.pay(replicate.PROVIDER, key, 1)
        return Answer({"id": name, "status": "starting"}, model=self.model, cost=PRICE)

    def get(self, prediction_id: str) -> Answer:
        self.accounts.wait(replicate.PROVIDER, 0.2)
        raw = {"id": prediction_id, "status": "processing"}
        if self.accounts.clock() >= self.accounts.ready[prediction_id]:
            raw |= {"status": "succeeded", "output": f"https://pictures.example/{prediction_id}"}
        return Answer(raw, model=self.model, cost=PRICE)

    def download(self, url: str) -> bytes:  # noqa: ARG002
        self.accounts.wait(replicate.PROVIDER, 1)
        return _picture()


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (480, 270), "teal").save(file, "JPEG")
    return file.getvalue()
