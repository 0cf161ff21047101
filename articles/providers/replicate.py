"""Replicate's predictions API: pictures by the model that the settings name.

Reference: Replicate's HTTP API, "predictions.create", "predictions.get" and "predictions.cancel", read 2026-11.
A picture's address dies within the hour, so it is downloaded the moment it is known.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import orjson
import requests

from articles.providers import Answer, bodies, deadline, web
from articles.providers.errors import IT, Garbled, ProviderError, Rejected, Then, Unreachable
from articles.providers.prices import PUBLISHED, Bound, Prices

PROVIDER = "pictures"
URL_LIFE = timedelta(minutes=60)
PICTURE_BYTES = 25 * 1024 * 1024
ANSWER_BYTES = 36 * 1024 * 1024  # a picture may stand within it, a third longer than it is
WORKING = ("starting", "processing", "queued")
FAILED = ("failed", "canceled", "aborted")  # whether such a one is charged, nobody knows
GONE = ("expired", "gone")  # codes: it was made, and is there no more
ASPECT = "aspect"  # code: the model does not know it
INTERRUPTED = "interrupted"  # code: it was begun and not made, which passes
DEEPEST = 6  # of an output within which a picture is looked for
_RATIO = re.compile(r"\b[1-9]\d?:[1-9]\d?\b")
_LEARNED: dict[str, tuple[str, ...]] = {}  # the aspects of a model, by what it has said in this process
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
# What a failed prediction says of its end, in words with a code at times: only some of them are lasting.
_DECLINED = re.compile(r"\bE005\b|nsfw|sensitive|flagged|safety|content polic", re.IGNORECASE)
_PASSING = re.compile(
    r"\bE00[1348]\b|\(code: PA\)|interrupted|please retry|high demand|temporar|timed? ?out|overloaded|out of memory"
    r"|try again later|unavailable",
    re.IGNORECASE,
)


class PictureClient:
    """Creates, polls, cancels and downloads. Not for more than one thread; `timeout` in seconds, for each of these."""

    def __init__(
        self,
        base_url: str,
        token: str,
        model: str,
        *,
        allow_private: bool,
        timeout: float,
        prices: Prices = PUBLISHED,
        aspects: Sequence[str] = (),
    ) -> None:
        """`aspects` are the ratios that the model knows, as `16:9`; empty: what it does not know, it says."""
        self.model, self.prices = model, prices
        self._aspects = tuple(aspects) or _LEARNED.get(model)
        self.base_url, self.seconds, self.timeout = base_url, timeout, (web.CONNECT_SECONDS, timeout)
        self._api = web.session(allow_private=allow_private)
        self._api.headers["Authorization"] = f"Bearer {token}"
        # Another session: the token is for the API, not for the host that a picture lies on.
        self._delivery = web.session(allow_private=allow_private)

    def close(self) -> None:
        self._api.close()
        self._delivery.close()

    @property
    def most(self) -> Bound:
        """The most that one picture may cost."""
        return self.prices.most_of_picture(self.model)

    def create(self, prompt: str, aspect: str, *, key: str) -> Answer:
        """Ask for a picture. The answer is a prediction, seldom finished yet; its cost is what it will be.

        A model that does not know the aspect has declined, and is asked for the nearest that it knows.
        """
        try:
            return self._create(prompt, self._nearest(aspect), key)
        except Rejected as exc:
            if exc.code != ASPECT or self._aspects is not None:
                raise
            self._aspects = _LEARNED[self.model] = tuple(dict.fromkeys(_RATIO.findall(exc.detail)))
        return self._create(prompt, self._nearest(aspect), key)

    def _nearest(self, aspect: str) -> str:
        """Empty for a model that knows no aspects at all."""
        if self._aspects is None:
            return aspect
        return min(self._aspects, key=lambda known: abs(math.log(_ratio(known) / _ratio(aspect))), default="")

    def _create(self, prompt: str, aspect: str, key: str) -> Answer:
        body: dict[str, Any] = {"input": {"prompt": prompt} | ({"aspect_ratio": aspect} if aspect else {})}
        owner_and_name, _, version = self.model.partition(":")
        path = f"models/{owner_and_name}/predictions"
        if version:
            path, body["version"] = "predictions", version
        return self._prediction(self._request("POST", path, json=body, headers={"Idempotency-Key": key}))

    def get(self, prediction_id: str) -> Answer:
        """How far a prediction is."""
        return self._prediction(self._request("GET", f"predictions/{prediction_id}"))

    def cancel(self, prediction_id: str) -> None:
        self._request("POST", f"predictions/{prediction_id}/cancel")

    def _request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        with (
            deadline.within(self.seconds, PROVIDER),
            web.speaking_to(PROVIDER),
            self._api.request(
                method,
                f"{self.base_url}/{path}",
                timeout=self.timeout,
                stream=True,
                allow_redirects=False,
                **options,
            ) as response,
        ):
            body = web.body_within(response, ANSWER_BYTES, PROVIDER)
        if response.status_code not in (200, 201, 202):
            raise _answer_error(response, body.decode(errors="replace"))
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise Garbled(
                PROVIDER,
                "the answer is not what this service should send",
                code="not_json",
                detail=body.decode(errors="replace"),
            )
        return answer

    def _prediction(self, raw: dict[str, Any]) -> Answer:
        if not _ID.fullmatch(str(raw.get("id", ""))):
            raise Garbled(PROVIDER, "its answer does not say which picture it makes", code="malformed", detail=str(raw))
        cost = None if raw.get("status") in FAILED else self.prices.of_picture(self.model)
        return Answer(raw, model=self.model[:100], cost=cost)

    def download(self, url: str) -> bytes:
        """A finished picture, whole, from its address or out of it. Raises Rejected where its address has died."""
        if url.startswith("data:"):
            return _embedded(url)
        with web.speaking_to(PROVIDER):
            scheme = urlsplit(url).scheme
        if scheme not in ("http", "https"):
            raise Garbled(PROVIDER, "it gave no usable address for the picture", code="malformed", detail=url)
        with (
            deadline.within(self.seconds, PROVIDER),
            web.speaking_to(PROVIDER),
            self._delivery.get(url, timeout=self.timeout, stream=True) as response,
        ):
            if response.status_code in (403, 404, 410):
                raise expired()
            if response.status_code != 200:
                raise Unreachable(
                    PROVIDER, f"the picture could not be downloaded ({response.status_code})", code="download"
                )
            return web.body_within(response, PICTURE_BYTES, PROVIDER)


def expired() -> Rejected:
    return Rejected(
        PROVIDER,
        "the picture's address has expired",
        then=Then.REMAKE,
        code="expired",
    )


def _ratio(aspect: str) -> float:
    width, height = map(int, aspect.split(":"))
    return width / height


def _answer_error(response: requests.Response, body: str) -> ProviderError:
    if response.status_code == 422 and "aspect_ratio" in body:
        return Rejected(
            PROVIDER,
            f"{IT} does not know the shape of the picture",
            mend="have the operator name in the settings what the model knows",
            code=ASPECT,
            detail=body,
        )
    beginning = response.request.method == "POST" and str(response.request.url).endswith("/predictions")
    if response.status_code in (400, 402, 422) or (response.status_code == 404 and beginning):
        known = bodies.failure(PROVIDER, body)
        if known and not known.retry:
            return known
    if response.status_code == 422:
        return Rejected(
            PROVIDER,
            f"{IT} did not accept the prompt",
            mend="change the prompt",
            code="invalid",
            detail=body,
        )
    return web.answer_error(PROVIDER, response.status_code, body, response.headers, credential="API token")


def _embedded(url: str) -> bytes:
    """The bytes that an address of the form `data:image/png;base64,…` holds. Reference: RFC 2397."""
    head, _, content = url.partition(",")
    try:
        return base64.b64decode(content) if head.endswith(";base64") else unquote_to_bytes(content)
    except ValueError as exc:
        raise Garbled(PROVIDER, "the picture in its answer is damaged", then=Then.REMAKE, code="malformed") from exc


def is_working(raw: dict[str, Any]) -> bool:
    """Also under a status that nobody knows, as long as it has neither failed nor a picture."""
    status = raw.get("status")
    if status in WORKING:
        return True
    return status not in ("succeeded", *FAILED) and not raw.get("error") and not _address(raw.get("output"))


def picture_url(raw: dict[str, Any]) -> str:
    """Where a finished prediction's picture is: an address, or one that holds the picture itself.

    Raises Rejected when it was declined or failed for good, Unreachable when what kept it from being made passes,
    Garbled without a picture.
    """
    status, error = raw.get("status"), str(raw.get("error") or "")
    if status in FAILED and _DECLINED.search(error):
        raise Rejected(
            PROVIDER,
            f"{IT} declined the prompt as sensitive",
            mend="change the prompt",
            code="declined",
            detail=error,
        )
    if status in FAILED and _PASSING.search(error):
        said = f"{IT} could not make the picture just then"
        raise Unreachable(PROVIDER, said, code=INTERRUPTED, detail=error, lost=False)
    if status in FAILED:
        raise Rejected(
            PROVIDER,
            "the picture could not be made",
            then=Then.ASK_AGAIN,
            code=str(status),
            detail=error,
        )
    if not (url := _address(raw.get("output"))):
        gone = bool(raw.get("data_removed"))
        raise Garbled(
            PROVIDER,
            "the picture is gone already" if gone else "its answer has no picture",
            then=Then.REMAKE,
            code="gone" if gone else "malformed",
            detail=str(raw),
        )
    return url


def _address(output: object, depth: int = 0) -> str:
    """The first address in an output, which models nest as they like; empty where there is none."""
    if isinstance(output, str):
        return output if output.startswith(("http://", "https://", "data:image/")) else ""
    if depth < DEEPEST and isinstance(output, list | dict):
        within = output.values() if isinstance(output, dict) else output
        return next((found for item in within if (found := _address(item, depth + 1))), "")
    return ""
