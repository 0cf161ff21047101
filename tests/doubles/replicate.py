"""Replicate's predictions, and the place from which their pictures are fetched.

Shapes: https://replicate.com/docs/reference/http. A prediction is made by the request that asks for it,
whether or not its answer arrives: the list of predictions finds it again, as theirs does.
"""

import hashlib
import io
import json
import random
import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from PIL import Image

from . import Answer, Json, Request, Settings, canonical

# kind: status, title, detail
ERRORS = {
    "unauthorized": (401, "Unauthenticated", "There was no valid authentication token."),
    "no_credit": (402, "Insufficient credit", "There is not enough credit to run this model."),
    "missing": (404, "", "There is no such prediction."),
    "invalid": (422, "Input validation failed", "- input.prompt: a prompt is required\n"),
    "shape": (
        422,
        "Input validation failed",
        '- input.aspect_ratio: aspect_ratio must be one of the following: "1:1", "16:9", "3:2"\n',
    ),
    "rate_limited": (429, "", "Request was throttled."),
    "server_error": (500, "Internal server error", "Something went wrong."),
}
# What becomes of a prediction, decided when it is made: status, error
FATES = {
    "failed": ("failed", "Prediction interrupted; please retry (code: PA)"),
    "nsfw": ("failed", "The input or output was judged sensitive (E005). Try another prompt."),
    "canceled": ("canceled", None),
    "never": ("processing", None),
}
# kind: status, content type, body
DELIVERY_ERRORS = {
    "expired": (403, "application/xml", "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
    "gone": (404, "text/html", "<!doctype html><title>404</title><p>Not found</p>"),
    "server_error": (500, "text/plain", "Internal Server Error"),
}
HUGE = 50 * 10**9  # bytes announced; a few arrive
COMMON = {"unauthorized", "rate_limited", "server_error"}
ENDED = {"succeeded", "failed", "canceled"}

ADDRESSES = {
    "create": r"POST /replicate/v1/(?:models/[^/]+/[^/]+/)?predictions",
    "list": r"GET /replicate/v1/predictions",
    "poll": r"GET /replicate/v1/predictions/(\w+)",
    "cancel": r"POST /replicate/v1/predictions/(\w+)/cancel",
    "deliver": r"GET /delivery/(\w+)/out-0\.jpg",
}


@dataclass
class Prediction:
    id: str
    model: str
    version: str
    input: Json
    created_at: str
    fate: str = ""
    polls: int = 0
    canceled: bool = False

    def status(self, polls_needed: int) -> str:
        if self.canceled:
            return "canceled"
        if self.polls == 0:
            return "starting"
        if self.polls < polls_needed:
            return "starting" if self.polls < polls_needed - 1 else "processing"
        return FATES[self.fate][0] if self.fate else "succeeded"


class Replicate:
    name = "replicate"
    prefixes: tuple[str, ...] = ("/replicate/", "/delivery/")
    faults: Mapping[str, frozenset[str]] = {
        "create": frozenset({*COMMON, "no_credit", "invalid", "few_shapes", *FATES}),
        "list": frozenset(COMMON),
        "poll": frozenset({*COMMON, "missing", "data_removed"}),
        "cancel": frozenset({*COMMON, "missing"}),
        "deliver": frozenset({*DELIVERY_ERRORS, "huge", "cut_picture"}),
    }

    def __init__(self, state: Path | None = None) -> None:
        """`state` keeps the predictions, so that a double started again still knows what it promised."""
        self._lock = threading.Lock()
        self._state = state
        self._predictions: dict[str, Prediction] = {}
        if state and state.exists():
            for line in state.read_text().splitlines():
                prediction = Prediction(**json.loads(line))
                self._predictions[prediction.id] = prediction  # the last line of a prediction wins

    def operation(self, method: str, path: str) -> str:
        asked = f"{method} {path}"
        return next((name for name, address in ADDRESSES.items() if re.fullmatch(address, asked)), "")

    def subject(self, request: Request) -> str:
        prediction = self._asked_for(request)
        return canonical(prediction.input if prediction else request.body)

    def answer(self, request: Request, fault: str, settings: Settings) -> Answer:
        if request.operation == "deliver":
            return self._deliver(request, fault, settings)
        if not request.with_key:
            return _error("unauthorized", settings)
        if fault in ERRORS:
            return _error(fault, settings)
        with self._lock:
            if request.operation == "create":
                return self._create(request, fault, settings)
            if request.operation == "list":
                newest_first = reversed(self._predictions.values())
                results = [_view(p, request.origin, settings) for p in newest_first]
                return _json({"previous": None, "next": None, "results": results})
            prediction = self._asked_for(request)
            if prediction is None:
                return _error("missing", settings)
            if request.operation == "poll":
                prediction.polls += 1
            elif prediction.status(settings.polls) not in ENDED:
                prediction.canceled = True
                self._save(prediction)
            return _json(_view(prediction, request.origin, settings, removed=fault == "data_removed"))

    def reset(self) -> None:
        with self._lock:
            self._predictions.clear()
            if self._state:
                self._state.unlink(missing_ok=True)

    def _create(self, request: Request, fault: str, settings: Settings) -> Answer:
        asked = request.body.get("input") or {}
        if not asked.get("prompt") or not re.fullmatch(r"\d+:\d+", asked.get("aspect_ratio", "1:1")):
            return _error("invalid", settings)
        if fault == "few_shapes" and asked.get("aspect_ratio") not in ("1:1", "16:9", "3:2"):
            return _error("shape", settings)
        model = re.search(r"/models/([^/]+/[^/]+)/", request.path)
        prediction = Prediction(
            id=uuid.uuid4().hex[:26],
            model=model.group(1) if model else "galley/pictures",
            version=request.body.get("version", "hidden"),
            input=asked,
            created_at=datetime.now(UTC).isoformat(),
            fate=fault if fault in FATES else "",
        )
        self._predictions[prediction.id] = prediction
        self._save(prediction)
        return _json(_view(prediction, request.origin, settings), 201)

    def _deliver(self, request: Request, fault: str, settings: Settings) -> Answer:
        prediction = self._asked_for(request)
        if prediction is None:
            fault = "gone"
        if prediction is None or fault in DELIVERY_ERRORS:
            status, content_type, page = DELIVERY_ERRORS[fault]
            return Answer(status, page.encode(), {"content-type": content_type})
        content = picture(prediction, settings)
        headers = {"content-type": "image/jpeg", "etag": f'"{hashlib.sha256(content).hexdigest()}"'}
        if fault == "huge":
            return Answer(200, content[:1000], headers, length=HUGE)
        return Answer(200, content[: len(content) // 2] if fault == "cut_picture" else content, headers)

    def _asked_for(self, request: Request) -> Prediction | None:
        found = re.search(r"/(?:predictions|delivery)/(\w+)", request.path)
        return self._predictions.get(found.group(1)) if found else None

    def _save(self, prediction: Prediction) -> None:
        if self._state:
            with self._state.open("a") as lines:
                lines.write(json.dumps(asdict(prediction)) + "\n")


def _json(body: Json, status: int = 200, **headers: str) -> Answer:
    return Answer.json(body, status, ratelimit_remaining="599", ratelimit_reset="1", **headers)


def _error(kind: str, settings: Settings) -> Answer:
    status, title, detail = ERRORS[kind]
    body: Json = {"detail": detail, "status": status}
    if kind == "rate_limited":
        body["retry_after"] = settings.retry_after
        return _json(body, status, retry_after=str(settings.retry_after))
    if title:
        return _json({"title": title} | body, status, content_type="application/problem+json")
    return _json(body, status)


def _view(prediction: Prediction, origin: str, settings: Settings, *, removed: bool = False) -> Json:
    """A prediction as it is told: `output` and the times appear when it has come so far."""
    status = prediction.status(settings.polls)
    view: Json = {key: getattr(prediction, key) for key in ("id", "model", "version", "input", "created_at")}
    get = f"{origin}/replicate/v1/predictions/{prediction.id}"
    view |= {"status": status, "logs": "", "error": None, "data_removed": removed}
    view["urls"] = {"get": get, "cancel": f"{get}/cancel"}
    if status in ENDED:
        ended = datetime.now(UTC).isoformat()
        view |= {"started_at": prediction.created_at, "completed_at": ended, "metrics": {"predict_time": 3.8}}
        view |= {"output": None, "error": FATES[prediction.fate][1] if status == "failed" else None}
    if status == "succeeded" and not removed:
        url = f"{origin}/delivery/{prediction.id}/out-0.jpg"
        view["output"] = [url] if settings.output_as_list else url
    if removed:
        view |= {"input": {}, "logs": None}
    return view


# -- The pictures


def picture(prediction: Prediction, settings: Settings) -> bytes:
    """The JPEG of a prediction. Its own, by a comment with the id: two pictures never have one hash."""
    aspect = prediction.input.get("aspect_ratio", "1:1")
    jpeg = _photograph(aspect, settings.image_bytes, settings.image_width, settings.orientation)
    comment = prediction.id.encode()
    first_header_ends = 4 + int.from_bytes(jpeg[4:6], "big")  # JFIF wants to be the first
    segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
    return jpeg[:first_header_ends] + segment + jpeg[first_header_ends:]


@lru_cache
def _photograph(aspect: str, size: int, width: int, orientation: int) -> bytes:
    """A gradient under the grain of a film, of about `size` bytes."""
    across, down = map(int, aspect.split(":"))
    if across / down > 2:
        width = width * 5 // 4
    shape = (width, round(width * down / across))
    light = Image.linear_gradient("L").resize(shape)
    noise = Image.frombytes("L", shape, random.Random(aspect).randbytes(shape[0] * shape[1]))
    grain = Image.blend(light, noise, 0.25)
    image = Image.merge("RGB", (grain, light, grain.transpose(Image.Transpose.ROTATE_180)))
    if orientation == 6:
        image = image.transpose(Image.Transpose.ROTATE_90)
    low, high = 1, 95
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(_encode(image, middle, orientation)) <= size else (low, middle - 1)
    return _encode(image, low, orientation)


def _encode(image: Image.Image, quality: int, orientation: int) -> bytes:
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()
