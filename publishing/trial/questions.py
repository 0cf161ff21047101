"""What is asked of a REST API that lets the user in: each question reads, and none changes anything at the site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone

from articles.providers.errors import ProviderError
from backups.clocks import DESK
from publishing.trial.findings import UNTOLD, Finding, State
from publishing.wordpress import seo
from publishing.wordpress.client import WordPress
from publishing.wordpress.reading import as_dict, as_dicts, plain

LARGE, SMALL = 4, 1  # MB of a picture: more than Galley's have, and less than most of them
NAMELESS = "rest_upload_no_content_disposition"  # what an upload without a name gets, once all of it has arrived
# What a user may do who lacks it is less, not nothing; by WordPress's names of rights, the gravest first.
RIGHTS = {"publish_posts": "no_publish", "manage_categories": "no_terms", "unfiltered_html": "cleaned"}


def answered(client: WordPress) -> Iterator[Finding]:
    """A finding for each question, whatever the others met."""
    questions: dict[str, Callable[[], Finding]] = {
        "rights": partial(_rights, client),
        "upload": partial(_upload, client),
        "types": partial(_types, client),
        "seo": partial(_seo, client),
        "time_zone": partial(_time_zone, client),
        "cache": partial(_cache, client),
    }
    for about, question in questions.items():
        try:
            yield question()
        except ProviderError as exc:
            yield Finding.of(about, exc, State.LOOK)


def _rights(client: WordPress) -> Finding:
    able = as_dict(client.me().get("capabilities")) or {}
    lacking = next((code for right, code in RIGHTS.items() if not able.get(right)), "")
    return Finding("rights", lacking or "all", State.LOOK if lacking else State.GOOD, {"user": client.login.user})


def _upload(client: WordPress) -> Finding:
    """By uploads that cannot be stored, as they have no name: refused for that alone, they have arrived whole."""
    for megabytes in (LARGE, SMALL):
        code = _refusal(client, megabytes)
        if code == NAMELESS:
            state = State.GOOD if megabytes == LARGE else State.LOOK
            return Finding("upload", "takes" if megabytes == LARGE else "at_most", state, {"megabytes": megabytes})
        if code != "413":
            return Finding("upload", UNTOLD, State.LOOK)
    return Finding("upload", "too_small", State.BAD, {"megabytes": SMALL})


def _refusal(client: WordPress, megabytes: int) -> str:
    body = b"\xff\xd8\xff\xe0".ljust(megabytes * 1_000_000, b"\0")
    try:
        client.ask("POST", "wp/v2/media", data=body, headers={"Content-Type": "image/jpeg"})
    except ProviderError as exc:
        return exc.code
    return ""


def _types(client: WordPress) -> Finding:
    """The kinds of files that may be asked for are those that may be uploaded."""
    endpoints = as_dicts((as_dict(client.ask("OPTIONS", "wp/v2/media")) or {}).get("endpoints")) or []
    for endpoint in endpoints:
        kinds = as_dict((as_dict(endpoint.get("args")) or {}).get("media_type")) or {}
        if isinstance(known := kinds.get("enum"), list):
            takes = "image" in known
            return Finding("types", "pictures" if takes else "no_pictures", State.GOOD if takes else State.BAD)
    return Finding("types", UNTOLD, State.LOOK)


def _seo(client: WordPress) -> Finding:
    support = seo.support(client)
    if support.plugin is None:
        return Finding("seo", "none", State.LOOK)
    words = [word for word in ("title", "description", "keyword") if word in support.words]
    code = "kept" if len(words) == len(support.plugin.keys) else "partly" if words else "closed"
    values = {"plugin": support.plugin.name, "words": words}
    return Finding("seo", code, State.GOOD if code == "kept" else State.LOOK, values)


def _time_zone(client: WordPress) -> Finding:
    """Whether clocks there show what those of the desk show."""
    index = as_dict(client.ask("GET", "", params={"_fields": "timezone_string,gmt_offset"})) or {}
    now, name = DESK.now(), client.login.black_out(plain(index.get("timezone_string")))[:60]
    there = _offset(name, index.get("gmt_offset"), now)
    if there is None:
        return Finding("time_zone", UNTOLD, State.LOOK)
    minutes = int((there - (now.utcoffset() or timedelta())).total_seconds() // 60)
    values = {"zone": name, "minutes": minutes, "desk": timezone.get_default_timezone_name()}
    return Finding("time_zone", "other" if minutes else "same", State.LOOK if minutes else State.GOOD, values)


def _offset(name: str, hours: object, now: datetime) -> timedelta | None:
    try:
        return ZoneInfo(name).utcoffset(now)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    try:
        return timedelta(hours=float(str(hours)))
    except (ValueError, OverflowError):
        return None


def _cache(client: WordPress) -> Finding:
    """A list that nobody has asked for before: `_listed` raises where a cache answers it."""
    client.posts_to_edit()
    return Finding("cache", "none", State.GOOD)
