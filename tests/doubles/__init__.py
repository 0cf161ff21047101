"""Doubles of the providers, on a real socket, in the providers' own shapes.

    tests.doubles            the words that the doubles share: Request, Answer, Settings, Provider
    tests.doubles.server     the socket, the log, the script of faults; `doubles()` starts all three
    tests.doubles.openai     text        tests.doubles.anthropic  formatting
    tests.doubles.replicate  pictures and their delivery
    tests.doubles.pilot      steering a browser, at Anthropic's end

They stand at the far end of a connection and not in place of a client, so that time-outs, cut connections
and killed processes are the real ones.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What a double was asked. It is in the log before anything is answered.

    `digest` is the same for the same JSON, whatever the order of its keys. Keys and tokens are not kept:
    `with_key` says only that one was sent.
    """

    number: int  # 1, 2, 3… in order of arrival
    time: float  # seconds since 1970
    provider: str
    operation: str  # "" where the provider has no such address
    method: str
    origin: str  # http://127.0.0.1:port
    path: str
    headers: Mapping[str, str]  # lower case, and only those that a test may want
    with_key: bool
    digest: str
    body: Any  # parsed JSON; None without a body


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. `length` announces another length than that of the body."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None

    @classmethod
    def json(cls, body: Any, status: int = 200, **headers: str) -> "Answer":
        """Header names are written with underscores: `retry_after="1"`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(body).encode(), {"content-type": "application/json"} | named)


@dataclass(frozen=True)
class Settings:
    """How the doubles behave when nothing goes wrong."""

    latency: Mapping[str, float] = field(default_factory=dict)  # operation: seconds before its answer
    retry_after: int = 1  # seconds, in every 429
    polls: int = 1  # the poll at which a prediction has succeeded
    output_as_list: bool = True  # [URL] or URL: models differ
    image_bytes: int = 60_000  # about; photographs have 1_100_000
    image_width: int = 512  # pixels, photographs have 2048; wide pictures have a quarter more
    orientation: int = 1  # EXIF; 6: stored on its side, upright only for those who obey


class Provider(Protocol):
    """One service: which addresses it has, what can go wrong there, and what it says."""

    name: str
    prefixes: tuple[str, ...]
    faults: Mapping[str, frozenset[str]]  # operation: kinds

    def operation(self, method: str, path: str) -> str:
        """The name of what is asked for, "" if there is no such thing."""

    def subject(self, request: Request) -> str:
        """The text in which a fault's `match` is looked for."""

    def answer(self, request: Request, fault: str, settings: Settings) -> Answer:
        """`fault` is "" when all goes well."""

    def reset(self) -> None:
        """Forget everything."""


def canonical(body: Any) -> str:
    """One text for the same JSON."""
    return json.dumps(body, sort_keys=True, ensure_ascii=False)


def digest(body: Any) -> str:
    return hashlib.sha256(canonical(body).encode()).hexdigest()


def last_prompt(messages: str | list[Json]) -> str:
    """What the user said last, of a plain text or of messages, whose content is text or parts of text."""
    if isinstance(messages, str):
        return messages
    content = next(m["content"] for m in reversed(messages) if m.get("role") == "user")
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
