"""Replicate's predictions API: pictures by the model that the settings name.

Reference: Replicate's HTTP API, "predictions.create", "predictions.get" and "predictions.cancel", read 2026-11.
A picture's address dies within the hour, so it is downloaded the moment it is known.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from articles.providers import Answer, deadline, web
from articles.providers.errors import IT, Garbled, ProviderError, Rejected, Then, Unreachable
from articles.providers.prices import PUBLISHED, Bound, Prices

PROVIDER = "pictures"
URL_LIFE = timedelta(minutes=60)
PICTURE_BYTES = 25 * 1024 * 1024
ANSWER_BYTES = 2 * 1024 * 1024
WORKING = ("starting", "processing")
FAILED = ("failed", "canceled", "aborted")  # whether such a one is charged, nobody knows
GONE = ("expired", "gone")  # codes: it was made, and is there no more
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


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
    ) -> None:
        self.model, self.prices = model, prices
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
        """Ask for a picture. The answer is a prediction, seldom finished yet; its cost is what it will be."""
        body: dict[str, Any] = {"input": {"prompt": prompt, "aspect_ratio": aspect}}
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
            raise Garbled(PROVIDER, "its answer names no prediction", code="malformed", detail=str(raw))
        cost = None if raw.get("status") in FAILED else self.prices.of_picture(self.model)
        return Answer(raw, model=self.model[:100], cost=cost)

    def download(self, url: str) -> bytes:
        """A finished picture, whole. Raises Rejected where its address has died."""
        with web.speaking_to(PROVIDER):
            scheme = urlsplit(url).scheme
        if scheme not in ("http", "https"):
            raise Garbled(PROVIDER, "the picture's address is none", code="malformed", detail=url)
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


def _answer_error(response: requests.Response, body: str) -> ProviderError:
    if response.status_code == 422:
        return Rejected(
            PROVIDER,
            f"{IT} did not accept the prompt",
            mend="change the prompt",
            code="invalid",
            detail=body,
        )
    return web.answer_error(PROVIDER, response.status_code, body, response.headers, credential="API token")


def is_working(raw: dict[str, Any]) -> bool:
    return raw.get("status") in WORKING


def picture_url(raw: dict[str, Any]) -> str:
    """Where a finished prediction's picture is. Raises Rejected when it was declined or failed, Garbled without one."""
    status, error = raw.get("status"), str(raw.get("error") or "")
    if status in ("failed", "aborted") and "E005" in error:
        raise Rejected(
            PROVIDER,
            f"{IT} declined the prompt as sensitive",
            mend="change the prompt",
            code="declined",
            detail=error,
        )
    if status in FAILED:
        raise Rejected(
            PROVIDER,
            "the picture could not be made",
            then=Then.ASK_AGAIN,
            code=str(status),
            detail=error,
        )
    output = raw.get("output")
    url = output[0] if isinstance(output, list) and output else output
    if status != "succeeded" or not isinstance(url, str):
        gone = bool(raw.get("data_removed"))
        raise Garbled(
            PROVIDER,
            "the picture is gone already" if gone else "its answer has no picture",
            then=Then.REMAKE,
            code="gone" if gone else "malformed",
            detail=str(raw),
        )
    return url
