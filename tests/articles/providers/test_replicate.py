"""Where the picture is in what a prediction says, and whether what failed will pass."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from articles.providers import replicate
from articles.providers.errors import Garbled, ProviderError, Rejected, Unreachable

URL = "https://delivery.example.org/a.png"
DATA = "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8 a picture").decode()


def prediction(status: str, output: object = None, error: str | None = None) -> dict[str, Any]:
    return {"id": "p1", "status": status, "output": output, "error": error}


@pytest.mark.parametrize(
    "output",
    [
        URL,
        [URL],
        [URL, "https://delivery.example.org/b.png"],
        {"image": URL},
        [{"url": URL}],
        {"images": [{"url": URL}]},
        {"seed": 3, "nsfw": [False], "image": URL},
    ],
)
def test_an_address_is_found_wherever_it_stands(output: object) -> None:
    assert replicate.picture_url(prediction("succeeded", output)) == URL


def test_a_picture_may_stand_in_the_answer_itself() -> None:
    url = replicate.picture_url(prediction("succeeded", [DATA]))
    client = replicate.PictureClient("https://example.org", "t", "a/b", allow_private=False, timeout=1)
    try:
        assert client.download(url) == b"\xff\xd8 a picture"
        assert client.download("data:image/svg+xml,%3Csvg%3E") == b"<svg>"
        with pytest.raises(Garbled):
            client.download("data:image/png;base64,a")
    finally:
        client.close()


@pytest.mark.parametrize("output", [None, [], {}, "words", ["words"], 3, [[[[[[[[[URL]]]]]]]]]])
def test_without_an_address_it_cannot_be_used(output: object) -> None:
    with pytest.raises(Garbled):
        replicate.picture_url(prediction("succeeded", output))


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ("The input or output was judged sensitive (E005).", Rejected, "declined"),
        ("NSFW content detected. Try running it again, or try a different prompt.", Rejected, "declined"),
        ("Prediction interrupted; please retry (code: PA)", Unreachable, "interrupted"),
        ("Service is under high demand (E003)", Unreachable, "interrupted"),
        ("CUDA out of memory", Unreachable, "interrupted"),
        ("Model timed out", Unreachable, "interrupted"),
        ("'NoneType' object has no attribute 'shape'", Rejected, "failed"),
    ],
)
def test_why_a_prediction_failed(error: str, kind: type[ProviderError], code: str) -> None:
    with pytest.raises(kind) as caught:
        replicate.picture_url(prediction("failed", error=error))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("status", "output", "error", "works"),
    [
        ("starting", None, None, True),
        ("processing", [URL], None, True),  # a first draft of it
        ("queued", None, None, True),
        ("warming", None, None, True),
        ("complete", [URL], None, False),
        ("refused", None, "no", False),
        ("succeeded", None, None, False),
        ("failed", None, None, False),
    ],
)
def test_what_nobody_knows_is_waited_for(status: str, output: object, error: str | None, works: bool) -> None:
    assert replicate.is_working(prediction(status, output, error)) is works
