"""The real clients against the doubles: what is right parses, what is wrong is told as the clients say."""

import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anthropic
import httpx2
import openai
import pytest
import requests
from PIL import Image, ImageOps

from .server import Doubles, doubles

STRING = {"type": "string"}
ARTICLE = {
    "type": "object",
    "properties": {
        "title": STRING,
        "html": STRING,
        "components": {
            "type": "array",
            "items": {"type": "object", "properties": {"type": STRING, "text": STRING}},
        },
    },
}
PROMPTS = {
    "type": "object",
    "properties": {"hero": {"$ref": "#/$defs/prompt"}, "sections": {"type": "array", "items": STRING}},
    "$defs": {"prompt": {"type": "object", "properties": {"prompt": STRING, "alt": STRING}}},
}
PAGE = '<h2>Öne</h2><p>All of it &amp; more.</p><img src="cid:hero"><h2>Two</h2><p>The rest.</p>'
NO_ANSWER = 0.3  # seconds that a test waits for an answer that does not come
PATIENCE = 20  # seconds that it waits for one that does


@pytest.fixture
def d() -> Iterator[Doubles]:
    with doubles() as served:
        yield served


@pytest.fixture
def text(d: Doubles) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=d.openai_url,
        api_key="any",
        max_retries=0,
        timeout=PATIENCE,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.fixture
def desk(d: Doubles) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=d.anthropic_url,
        api_key="any",
        max_retries=0,
        timeout=PATIENCE,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.headers["Authorization"] = "Bearer any"
        yield opened


def respond(client: openai.OpenAI, prompt: str = "Lighthouses of the north", **more: Any) -> Any:
    return client.responses.create(model="gpt-5", input=prompt, **more)


def respond_json(text: openai.OpenAI, schema: dict[str, Any], prompt: str = "Lighthouses of the north") -> Any:
    format_ = {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}
    return json.loads(respond(text, prompt, text={"format": format_}).output_text)


def chat(text: openai.OpenAI, **more: Any) -> Any:
    messages: Any = [{"role": "user", "content": "Lighthouses of the north"}]
    return text.chat.completions.create(model="gpt-5", messages=messages, **more)


def dress(desk: anthropic.Anthropic, **more: Any) -> Any:
    asked: Any = {"model": "claude-opus-5", "max_tokens": 8000} | more
    return desk.messages.create(messages=[{"role": "user", "content": f"<article>{PAGE}</article>"}], **asked)


def stream(desk: anthropic.Anthropic) -> Any:
    content = f"Make it a page.\n<article>{PAGE}</article>"
    asked: Any = [{"role": "user", "content": [{"type": "text", "text": content}]}]
    with desk.messages.stream(model="claude-opus-5", max_tokens=8000, messages=asked) as events:
        return events.get_final_message()


def ask(
    d: Doubles,
    session: requests.Session,
    prompt: str = "a lighthouse",
    aspect: str = "16:9",
    timeout: float = PATIENCE,
) -> requests.Response:
    url = f"{d.replicate_url}/models/google/pictures/predictions"
    return session.post(url, json={"input": {"prompt": prompt, "aspect_ratio": aspect}}, timeout=timeout)


def poll(session: requests.Session, created: requests.Response) -> Any:
    answer = session.get(created.json()["urls"]["get"], timeout=PATIENCE)
    answer.raise_for_status()
    return answer.json()


def picture_url(d: Doubles, session: requests.Session, **more: Any) -> str:
    url = poll(session, ask(d, session, **more))["output"][0]
    assert isinstance(url, str)
    return url


# -- OpenAI


def test_an_article_keeps_to_the_schema_and_to_the_prompt(text: openai.OpenAI) -> None:
    article = respond_json(text, ARTICLE)

    assert article["title"].startswith("Lighthouses of the north")
    assert 700 < len(re.sub(r"<[^>]*>", " ", article["html"]).split()) < 1000
    assert [c["type"] for c in article["components"]] == [
        "pull_quote",
        "stat_highlight",
        "case_study",
        "sidebar",
        "executive_summary",
    ]
    assert article == respond_json(text, ARTICLE)
    assert article["html"] != respond_json(text, ARTICLE, "Something else")["html"]


def test_image_prompts_are_one_for_the_hero_and_three_for_sections(text: openai.OpenAI) -> None:
    answer = respond_json(text, PROMPTS)

    prompts = [answer["hero"]["prompt"], *answer["sections"]]
    assert len(set(prompts)) == 4
    assert len(respond_json(text, {"properties": {"prompts": {"type": "array", "items": STRING}}})["prompts"]) == 4


def test_any_other_schema_is_filled_too(text: openai.OpenAI) -> None:
    schema = {
        "properties": {
            "outline": {
                "type": "array",
                "minItems": 5,
                "items": {"properties": {"index": {"type": "integer"}}},
            },
            "tone": {"enum": ["calm", "loud"]},
            "note": {"anyOf": [{"type": ["string", "null"]}, {"type": "null"}]},
            "final": {"type": "boolean"},
        }
    }

    answer = respond_json(text, schema)

    assert [item["index"] for item in answer["outline"]] == [1, 2, 3, 4, 5]
    assert (answer["tone"], answer["final"]) == ("calm", True)
    assert isinstance(answer["note"], str)


def test_a_response_tells_what_it_cost_and_who_asked(text: openai.OpenAI) -> None:
    answer = respond(text, reasoning={"effort": "low"})

    assert answer.status == "completed"
    assert answer.usage.output_tokens_details.reasoning_tokens > 0
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer._request_id.startswith("req_")


def test_chat_completions_parse(text: openai.OpenAI) -> None:
    format_ = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ARTICLE}}

    answer = chat(text, response_format=format_)

    assert answer.choices[0].finish_reason == "stop"
    assert "title" in json.loads(answer.choices[0].message.content)
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0
    assert "html" in json.loads(chat(text, response_format={"type": "json_object"}).choices[0].message.content)


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("unauthorized", openai.AuthenticationError, "invalid_api_key"),
        ("model_not_found", openai.NotFoundError, "model_not_found"),
        ("rate_limited", openai.RateLimitError, "rate_limit_exceeded"),
        ("quota", openai.RateLimitError, "insufficient_quota"),
        ("server_error", openai.InternalServerError, None),
    ],
)
@pytest.mark.parametrize("operation", ["responses", "chat"])
def test_openai_errors_are_told_by_class_and_code(
    d: Doubles,
    text: openai.OpenAI,
    operation: str,
    kind: str,
    error: type[openai.APIStatusError],
    code: str | None,
) -> None:
    d.fail("openai", operation, kind)

    with pytest.raises(error) as told:
        respond(text) if operation == "responses" else chat(text)

    assert told.value.code == code
    assert told.value.request_id
    assert "error" in json.loads(told.value.response.text)  # the raw answer can be kept
    assert ("retry-after" in told.value.response.headers) == (kind == "rate_limited")


def test_a_refusal_is_a_completed_response_without_text(d: Doubles, text: openai.OpenAI) -> None:
    d.fail("openai", "responses", "refusal")
    d.fail("openai", "chat", "refusal")

    answer, message = respond(text), chat(text).choices[0].message

    assert (answer.status, answer.output_text) == ("completed", "")
    assert answer.output[-1].content[0].type == "refusal"
    assert (message.content, bool(message.refusal)) == (None, True)


@pytest.mark.parametrize(
    ("kind", "reason", "finish"),
    [("max_tokens", "max_output_tokens", "length"), ("content_filter", "content_filter", "content_filter")],
)
def test_an_unfinished_answer_names_its_reason(
    d: Doubles, text: openai.OpenAI, kind: str, reason: str, finish: str
) -> None:
    d.fail("openai", "responses", kind)
    d.fail("openai", "chat", kind)

    answer = respond(text)

    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", reason)
    assert chat(text).choices[0].finish_reason == finish


def test_a_limit_that_is_too_small_cuts_the_answer(text: openai.OpenAI) -> None:
    answer = respond(text, max_output_tokens=20)

    assert (answer.status, len(answer.output_text)) == ("incomplete", 80)
    assert chat(text, max_completion_tokens=20).choices[0].finish_reason == "length"


def test_empty_malformed_and_failed_answers_raise_nothing(d: Doubles, text: openai.OpenAI) -> None:
    d.fail("openai", "responses", "empty")
    assert (respond(text).status, respond(text).output_text == "") == ("completed", False)

    d.fail("openai", "responses", "malformed")
    with pytest.raises(json.JSONDecodeError):
        respond_json(text, ARTICLE)

    d.fail("openai", "responses", "failed")
    answer = respond(text)
    assert (answer.status, answer.error.code, answer.usage) == ("failed", "server_error", None)


def test_without_a_key_nothing_is_written(d: Doubles) -> None:
    assert (
        requests.post(f"{d.openai_url}/responses", json={"model": "m", "input": "x"}, timeout=PATIENCE).status_code
        == 401
    )
    assert requests.post(f"{d.anthropic_url}/v1/messages", json={}, timeout=PATIENCE).status_code == 401
    assert requests.post(f"{d.replicate_url}/predictions", json={}, timeout=PATIENCE).status_code == 401
    assert not any(request.with_key for request in d.requests())


def test_what_is_asked_wrongly_is_an_error(d: Doubles, text: openai.OpenAI, desk: anthropic.Anthropic) -> None:
    with pytest.raises(openai.BadRequestError):
        respond(text, stream=True)
    with pytest.raises(openai.NotFoundError):
        text.models.list()
    with pytest.raises(anthropic.BadRequestError):
        dress(desk, model="")
    with pytest.raises(anthropic.NotFoundError):
        desk.models.list()
    assert requests.get(f"{d.url}/elsewhere", timeout=PATIENCE).status_code == 404


# -- What can happen to any answer


@pytest.mark.parametrize("kind", ["hang", "drip", "half_body", "reset"])
def test_the_openai_client_on_a_bad_line(d: Doubles, text: openai.OpenAI, kind: str) -> None:
    d.fail("openai", "responses", kind)
    text = text.with_options(timeout=NO_ANSWER)

    if kind == "drip":  # no read is late, so the client's time-out does not end it
        with pytest.raises(_StillWaitingError):
            _give_up(lambda: respond(text))
        return
    with pytest.raises(openai.APIConnectionError) as told:
        respond(text)

    assert isinstance(told.value, openai.APITimeoutError) == (kind == "hang")
    assert told.value.body is None
    assert isinstance(told.value.__cause__, httpx2.TransportError)
    assert len(d.requests("openai")) == 1


@pytest.mark.parametrize("kind", ["hang", "half_body", "reset"])
def test_the_anthropic_client_on_a_bad_line(d: Doubles, desk: anthropic.Anthropic, kind: str) -> None:
    d.fail("anthropic", "messages", kind)

    with pytest.raises(anthropic.APIConnectionError) as told:
        dress(desk.with_options(timeout=NO_ANSWER if kind == "hang" else PATIENCE))

    assert isinstance(told.value, anthropic.APITimeoutError) == (kind == "hang")
    assert len(d.requests("anthropic")) == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("hang", requests.ReadTimeout),
        ("half_body", requests.exceptions.ChunkedEncodingError),
        ("reset", requests.ConnectionError),
    ],
)
def test_requests_on_a_bad_line(d: Doubles, session: requests.Session, kind: str, error: type[Exception]) -> None:
    d.fail("replicate", "create", kind)

    with pytest.raises(error):
        ask(d, session, timeout=NO_ANSWER)

    # It was made all the same, and can be found.
    listed = session.get(f"{d.replicate_url}/predictions", timeout=PATIENCE).json()["results"]
    assert [prediction["input"]["prompt"] for prediction in listed] == ["a lighthouse"]


class _StillWaitingError(Exception):
    pass


def test_a_page_of_somebody_else_instead_of_an_answer(d: Doubles, text: openai.OpenAI) -> None:
    d.fail("openai", "responses", "bad_gateway")
    with pytest.raises(openai.InternalServerError) as told:
        respond(text)
    assert told.value.status_code == 502
    assert "<title>" in str(told.value.body)

    d.fail("openai", "responses", "html")
    with pytest.raises(openai.APIResponseValidationError):
        respond(text)

    d.fail("openai", "responses", "html")
    with openai.OpenAI(base_url=d.openai_url, api_key="any", max_retries=0) as lenient:
        assert isinstance(respond(lenient), str)  # not even a Response


def _give_up(call: Any) -> None:
    """Call in a thread of its own, and stop waiting after three times the client's own time-out."""
    ended = threading.Event()

    def run() -> None:
        try:
            call()
        except openai.APIConnectionError:
            pass  # cut by the end of the test
        finally:
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    if not ended.wait(3 * NO_ANSWER):
        raise _StillWaitingError


def test_the_sdks_try_again_by_themselves_unless_told_not_to(d: Doubles, text: openai.OpenAI) -> None:
    d.fail("openai", "responses", "server_error")

    answer = respond(text.with_options(max_retries=1, timeout=PATIENCE))

    assert answer.status == "completed"
    assert [r.headers["x-stainless-retry-count"] for r in d.requests("openai")] == ["0", "1"]


# -- Anthropic


@pytest.mark.parametrize("ask_for", [dress, stream])
def test_a_page_keeps_every_word_and_picture(desk: anthropic.Anthropic, ask_for: Any) -> None:
    answer = ask_for(desk)

    page = answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert page.count("<section") == 2
    assert all(piece in page for piece in re.split("(?=<h2)", PAGE))
    assert answer.usage.output_tokens > 1


@pytest.mark.parametrize(
    ("kind", "error", "type_"),
    [
        ("unauthorized", anthropic.AuthenticationError, "authentication_error"),
        ("no_credit", anthropic.BadRequestError, "invalid_request_error"),
        ("rate_limited", anthropic.RateLimitError, "rate_limit_error"),
        ("server_error", anthropic.InternalServerError, "api_error"),
        ("overloaded", anthropic.InternalServerError, "overloaded_error"),
    ],
)
@pytest.mark.parametrize("ask_for", [dress, stream])
def test_anthropic_errors_are_told_by_class_and_type(
    d: Doubles,
    desk: anthropic.Anthropic,
    ask_for: Any,
    kind: str,
    error: type[anthropic.APIStatusError],
    type_: str,
) -> None:
    d.fail("anthropic", "messages", kind)

    with pytest.raises(error) as told:
        ask_for(desk)

    assert told.value.type == type_
    assert told.value.request_id
    assert told.value.response.text
    assert ("retry-after" in told.value.response.headers) == (kind == "rate_limited")


@pytest.mark.parametrize("ask_for", [dress, stream])
def test_what_a_formatter_may_do_to_a_page(d: Doubles, desk: anthropic.Anthropic, ask_for: Any) -> None:
    whole = ask_for(desk).content[0].text

    d.fail("anthropic", "messages", "refusal")
    refused = ask_for(desk)
    assert (refused.stop_reason, refused.content) == ("refusal", [])
    assert refused.stop_details.type == "refusal"

    d.fail("anthropic", "messages", "max_tokens")
    cut = ask_for(desk)
    assert (cut.stop_reason, cut.content[0].text) == ("max_tokens", whole[: len(whole) // 2])

    d.fail("anthropic", "messages", "shorter")
    shorter = ask_for(desk)
    assert (shorter.stop_reason, "The rest." in shorter.content[0].text) == ("end_turn", False)

    d.fail("anthropic", "messages", "empty")
    assert ask_for(desk).content == []

    d.fail("anthropic", "messages", "hostile")
    hostile = ask_for(desk).content[0].text
    assert all(evil in hostile for evil in ("<script", "onerror", "javascript:", "<iframe", "The rest."))

    d.fail("anthropic", "messages", "fenced")
    assert f"```html\n{whole}\n```" in ask_for(desk).content[0].text


def test_an_error_in_a_stream_has_status_200(d: Doubles, desk: anthropic.Anthropic) -> None:
    d.fail("anthropic", "messages", "stream_error")

    with pytest.raises(anthropic.APIStatusError) as told:
        stream(desk)

    assert (told.value.status_code, told.value.type) == (200, "overloaded_error")


def test_a_stream_that_just_ends_looks_like_an_answer(d: Doubles, desk: anthropic.Anthropic) -> None:
    d.fail("anthropic", "messages", "stream_end")

    answer = stream(desk)

    assert answer.stop_reason is None  # the only sign
    assert "The rest." not in answer.content[0].text


def test_a_stream_cut_on_its_way_raises(d: Doubles, desk: anthropic.Anthropic) -> None:
    d.fail("anthropic", "messages", "half_body")

    with pytest.raises(httpx2.RemoteProtocolError):
        stream(desk)


# -- Replicate


def test_a_prediction_becomes_a_picture(d: Doubles, session: requests.Session) -> None:
    d.configure(polls=3)

    created = ask(d, session)

    assert (created.status_code, created.json()["status"]) == (201, "starting")
    assert [poll(session, created)["status"] for _ in range(3)] == ["starting", "processing", "succeeded"]
    done = poll(session, created)
    assert done["input"]["aspect_ratio"] == "16:9"
    assert done["metrics"]["predict_time"] > 0
    delivered = requests.get(done["output"][0], timeout=PATIENCE)
    assert delivered.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(delivered.content)).size == (512, 288)


def test_output_may_be_a_url_alone(d: Doubles, session: requests.Session) -> None:
    d.configure(output_as_list=False)
    created = session.post(f"{d.replicate_url}/predictions", json={"version": "v", "input": {"prompt": "x"}})

    assert poll(session, created)["output"].endswith("/out-0.jpg")


@pytest.mark.parametrize(("aspect", "size"), [("16:9", (2048, 1152)), ("21:9", (2560, 1097))])
def test_pictures_have_the_size_and_weight_of_photographs(
    d: Doubles, session: requests.Session, aspect: str, size: tuple[int, int]
) -> None:
    d.configure(image_bytes=1_100_000, image_width=2048)

    content = requests.get(picture_url(d, session, aspect=aspect), timeout=PATIENCE).content

    assert Image.open(io.BytesIO(content)).size == size
    assert 900_000 < len(content) < 1_150_000


def test_two_pictures_are_never_the_same_and_one_always_is(d: Doubles, session: requests.Session) -> None:
    first, second = picture_url(d, session), picture_url(d, session)

    contents = [requests.get(url, timeout=PATIENCE).content for url in (first, first, second)]

    assert contents[0] == contents[1] != contents[2]


def test_a_picture_may_lie_on_its_side(d: Doubles, session: requests.Session) -> None:
    d.configure(orientation=6)

    image = Image.open(io.BytesIO(requests.get(picture_url(d, session), timeout=PATIENCE).content))

    assert image.size == (288, 512)
    assert ImageOps.exif_transpose(image).size == (512, 288)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("unauthorized", 401),
        ("no_credit", 402),
        ("invalid", 422),
        ("rate_limited", 429),
        ("server_error", 500),
    ],
)
def test_replicate_errors_have_a_detail(d: Doubles, session: requests.Session, kind: str, status: int) -> None:
    d.configure(retry_after=7)
    d.fail("replicate", "create", kind)

    answer = ask(d, session)

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.json()["detail"]
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
    assert ("problem+json" in answer.headers["content-type"]) == ("title" in answer.json())


def test_an_input_that_is_not_one_is_invalid(d: Doubles, session: requests.Session) -> None:
    assert ask(d, session, prompt="").status_code == 422
    assert ask(d, session, aspect="wide").status_code == 422


@pytest.mark.parametrize(
    ("fate", "status", "word"),
    [
        ("failed", "failed", "PA"),
        ("nsfw", "failed", "E005"),
        ("canceled", "canceled", ""),
        ("never", "processing", ""),
    ],
)
def test_a_prediction_may_end_badly_or_not_at_all(
    d: Doubles, session: requests.Session, fate: str, status: str, word: str
) -> None:
    d.fail("replicate", "create", fate)

    created = ask(d, session)
    told = [poll(session, created) for _ in range(3)][-1]

    assert (created.status_code, told["status"]) == (201, status)
    assert word in (told["error"] or "")
    assert not told.get("output")


def test_a_prediction_can_be_cancelled(d: Doubles, session: requests.Session) -> None:
    created = ask(d, session)

    cancelled = session.post(created.json()["urls"]["cancel"], timeout=PATIENCE)

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "canceled")
    assert poll(session, created)["status"] == "canceled"


def test_a_prediction_may_lose_its_data_or_be_unknown(d: Doubles, session: requests.Session) -> None:
    created = ask(d, session)
    d.fail("replicate", "poll", "data_removed")
    d.fail("replicate", "poll", "missing")

    removed = poll(session, created)

    assert (removed["status"], removed["data_removed"], removed["output"]) == ("succeeded", True, None)
    with pytest.raises(requests.HTTPError):
        poll(session, created)


@pytest.mark.parametrize(
    ("kind", "status", "content_type"),
    [
        ("expired", 403, "application/xml"),
        ("gone", 404, "text/html"),
        ("html", 200, "text/html; charset=utf-8"),
        ("server_error", 500, "text/plain"),
    ],
)
def test_a_delivery_may_be_something_else(
    d: Doubles, session: requests.Session, kind: str, status: int, content_type: str
) -> None:
    url = picture_url(d, session)
    d.fail("replicate", "deliver", kind)

    answer = requests.get(url, timeout=PATIENCE)

    assert (answer.status_code, answer.headers["content-type"]) == (status, content_type)
    assert requests.get(url, timeout=PATIENCE).headers["content-type"] == "image/jpeg"


def test_a_delivery_may_stop_half_way(d: Doubles, session: requests.Session) -> None:
    url = picture_url(d, session)
    d.fail("replicate", "deliver", "half_body")
    d.fail("replicate", "deliver", "huge")
    d.fail("replicate", "deliver", "cut_picture")

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(url, timeout=PATIENCE)
    with requests.get(url, timeout=PATIENCE, stream=True) as huge:
        assert int(huge.headers["content-length"]) > 10**10
    cut = requests.get(url, timeout=PATIENCE)  # nothing is wrong with the transport
    assert cut.ok
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(cut.content)).load()


def test_an_unknown_delivery_is_gone(d: Doubles) -> None:
    assert requests.get(f"{d.url}/delivery/nobody/out-0.jpg", timeout=PATIENCE).status_code == 404


# -- The script and the log


def test_a_fault_waits_for_its_match_and_counts(d: Doubles, session: requests.Session) -> None:
    d.fail("replicate", "create", "server_error", times=2, match="storm")

    statuses = [ask(d, session, prompt=prompt).status_code for prompt in ("calm", "a storm", "storm", "storm")]

    assert statuses == [201, 500, 500, 201]


def test_a_poll_and_a_download_match_by_the_input_of_their_prediction(d: Doubles, session: requests.Session) -> None:
    d.fail("replicate", "deliver", "gone", times=None, match="storm")
    calm, storm = (picture_url(d, session, prompt=prompt) for prompt in ("calm", "storm"))

    assert [requests.get(url, timeout=PATIENCE).status_code for url in (calm, storm, storm)] == [
        200,
        404,
        404,
    ]


def test_a_fault_that_cannot_be_is_refused(d: Doubles) -> None:
    for fault in (
        ("openai", "responses", "expired"),
        ("openai", "create", "hang"),
        ("google", "chat", "hang"),
    ):
        with pytest.raises(ValueError, match="cannot fail"):
            d.fail(*fault)
    with pytest.raises(TypeError):
        d.configure(speed=3)


def test_a_request_is_logged_before_it_is_answered(d: Doubles) -> None:
    d.fail("replicate", "create", "hang")
    body = b'{"input": {"prompt": "x"}}'
    head = "POST /replicate/v1/predictions HTTP/1.1\r\nAuthorization: Bearer any\r\nIdempotency-Key: k1\r\n"

    with socket.create_connection(("127.0.0.1", int(d.url.rpartition(":")[2]))) as client:
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        _wait_for(lambda: d.requests("replicate"))

    [request] = d.requests("replicate", "create")
    assert (request.headers, request.with_key) == ({"idempotency-key": "k1"}, True)
    assert request.body == {"input": {"prompt": "x"}}


def test_the_digest_is_of_the_meaning_and_not_of_the_spelling(d: Doubles) -> None:
    for spelling in ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}', '{"a": 1, "b": [3]}'):
        requests.post(f"{d.openai_url}/responses", data=spelling, timeout=PATIENCE)

    first, second, third = (request.digest for request in d.requests())
    assert first == second != third


def test_latency_is_by_operation(d: Doubles, session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("tests.doubles.server.time", SimpleNamespace(time=time.time, sleep=slept.append))
    d.configure(latency={"poll": 0.5})

    created = ask(d, session)
    assert slept == []
    poll(session, created)
    assert sum(slept) == pytest.approx(0.5)


def test_reset_forgets_everything(d: Doubles, session: requests.Session) -> None:
    d.configure(polls=9)
    d.fail("replicate", "create", "server_error", times=None)
    ask(d, session)

    d.reset()

    assert d.requests() == []
    assert poll(session, ask(d, session))["status"] == "succeeded"


def test_many_threads_share_one_double(d: Doubles) -> None:
    d.fail("replicate", "create", "server_error", times=10)
    statuses: list[int] = []

    def work() -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = "Bearer any"
            statuses.extend(ask(d, session).status_code for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (statuses.count(500), statuses.count(201)) == (10, 70)
    assert [request.number for request in d.requests()] == list(range(1, 81))


# -- In a process of its own


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def _wait_for(condition: Any, seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def _start(log: Path, port: str = "0") -> tuple[subprocess.Popen[str], str]:
    package = "tests.doubles.server"
    files = ["--log", str(log), "--state", str(log.with_name("state.jsonl"))]
    command = [sys.executable, "-m", package, "--port", port, *files]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout
    return process, process.stdout.readline().strip()


def test_a_double_of_its_own_is_scripted_over_http(log: Path) -> None:
    process, url = _start(log)
    with process, requests.Session() as session:
        session.headers["Authorization"] = "Bearer any"
        created = f"{url}/replicate/v1/predictions"
        asked = {"input": {"prompt": "x"}}
        fault = {"provider": "replicate", "operation": "create", "kind": "rate_limited"}

        assert session.post(f"{url}/_control/fail", json=fault).status_code == 200
        assert session.post(f"{url}/_control/fail", json=fault | {"kind": "bored"}).status_code == 400
        assert session.post(f"{url}/_control/configure", json={"retry_after": 9}).status_code == 200
        assert session.post(created, json=asked).headers["retry-after"] == "9"
        assert [r["body"] for r in session.get(f"{url}/_control/requests?provider=replicate").json()] == [asked]
        session.post(f"{url}/_control/reset")
        assert session.get(f"{url}/_control/requests").json() == []
        assert session.get(f"{url}/_control/nothing").status_code == 404
        process.kill()

    assert [json.loads(line)["operation"] for line in log.read_text().splitlines()] == ["create"]


def test_a_double_killed_and_started_again_keeps_its_predictions(log: Path) -> None:
    process, url = _start(log)
    with process, requests.Session() as session:
        session.headers["Authorization"] = "Bearer any"
        created = session.post(f"{url}/replicate/v1/predictions", json={"input": {"prompt": "x"}})
        process.kill()

    process, again = _start(log, url.rpartition(":")[2])
    with process, requests.Session() as session:
        session.headers["Authorization"] = "Bearer any"
        assert (again, poll(session, created)["status"]) == (url, "succeeded")
        process.kill()
    assert len(log.read_text().splitlines()) == 2
