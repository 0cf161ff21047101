"""Answers of models as services send them, over a socket and through the provider's own reader."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from articles.content import markup
from articles.providers import claude, replicate, text
from articles.providers.errors import ProviderError
from tests.corpus_reports import Sample, samples
from tests.services.http_faults import Faults, in_front_of

WORDS = "The ferry left the island at noon, and nobody waved."
NOBODY = ("127.0.0.1", 1)  # every answer is one of ours
Ask = Callable[[str], Any]  # an address: what is made of the answer that comes from there


@pytest.fixture
def service() -> Iterator[Faults]:
    with in_front_of(*NOBODY) as service:
        yield service


def of_responses(url: str) -> dict[str, Any]:
    return of_text(url, "responses")


def of_text(url: str, api: Any = "chat") -> dict[str, Any]:
    with text.TextClient(url, "k", "m", api=api, allow_private=True, timeout=20) as client:
        return text.content(client.ask("Write.", "Of ships.", name="article", schema={"type": "object"}, key="1").raw)


def of_page(url: str) -> str:
    with claude.ClaudeClient(url, "k", "m", allow_private=True, timeout=20) as client:
        return markup.clean_page(claude.content(client.ask("Lay it out.", "<p>…</p>", key="1").raw), ())


def of_picture(url: str) -> bytes | str:
    client = replicate.PictureClient(url, "k", "a/b", allow_private=True, timeout=20)
    try:
        address = replicate.picture_url(client.create("A ship", "16:9", key="1").raw)
        return client.download(address) if address.startswith("data:") else address
    finally:
        client.close()


READERS: dict[str, Ask] = {"text": of_text, "claude": of_page, "prediction": of_picture, "response": of_responses}


def _reader(sample: Sample) -> Ask:
    is_response = sample.note["answer"].get("object") == "response"
    return READERS["response" if is_response else sample.note["kind"]]


def _says(service: Faults, body: object, status: int = 200, **headers: str) -> None:
    said = {"Content-Type": "application/json", **headers}
    service.habit = lambda *_: (status, said, json.dumps(body).encode())


def _of(*kinds: str) -> list[Any]:
    return [found for found in samples("answers") if found.values[0].note["kind"] in kinds]


@pytest.mark.parametrize("sample", _of("text", "claude", "prediction"))
def test_an_answer_is_read_or_told_for_what_it_is(service: Faults, sample: Sample) -> None:
    _says(service, sample.note["answer"])
    if "raises" in sample.note or "code" in sample.note:
        with pytest.raises(ProviderError) as caught:
            _reader(sample)(service.url)
        assert caught.value.reason
        assert caught.value.retry == (sample.note.get("raises") == "retry")
        assert caught.value.code == sample.note.get("code", caught.value.code)
        return

    found = _reader(sample)(service.url)

    assert len(service.asked) == 1, "it was paid for once"
    _assert_used(sample, found)


def _assert_used(sample: Sample, found: Any) -> None:
    if isinstance(found, dict):
        assert set(found) >= {"title", "html"}
        assert WORDS in found["html"]
        found = found["html"]
    elif sample.note["kind"] == "claude":
        assert markup.text_of(found).count(WORDS) == json.dumps(sample.note["answer"]).count(WORDS)
    elif sample.note.get("download"):
        assert found.startswith(b"\xff\xd8")
    else:
        assert found == next(iter(sample.note["answer"]["output"].values()))
    assert all(words not in found for words in sample.words("must_not"))


@pytest.mark.parametrize("ask", READERS.values(), ids=READERS)
@pytest.mark.parametrize("sample", _of("retry_after"))
def test_the_time_that_a_service_asks_for_is_waited(service: Faults, sample: Sample, ask: Ask) -> None:
    def header(found: re.Match[str]) -> str:
        return format_datetime(datetime.now(UTC) + timedelta(seconds=int(found[1])), usegmt=True)

    said = {name: re.sub(r"\{\+(\d+)\}", header, value) for name, value in sample.note["headers"].items()}
    _says(service, {"error": {"message": "slow down"}}, 429, **said)

    with pytest.raises(ProviderError) as caught:
        ask(service.url)

    waits = caught.value.retry_after
    assert waits is not None
    assert sample.note["seconds"] - 60 < waits <= sample.note["seconds"] + 1
