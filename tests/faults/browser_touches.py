"""What a process does to the world by a browser, for the reaper: it starts and ends one, and asks it for a step.

Each step has a moment before the browser is asked, and one when it has sent what may change something. When its answer
has come, nothing changes until the next touch.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from publishing.browser.chromium import Chromium

Touch = Callable[[str], None]
HEARTBEAT = "action=heartbeat"  # of the dashboard's own scripts, whenever they like


def watch(touch: Touch) -> None:
    """From now on, and until this process ends. Some of it is in the browser's thread; the other one waits then."""
    before(Chromium, "_launched", touch, lambda *_: "start a browser")
    before(Chromium, "_page", touch, lambda *_: "open its page")
    before(Chromium, "close", touch, lambda *_: "end the browser")
    before(Chromium, "do", touch, lambda _, work, __: f"ask for {_name(work)}")
    if importlib.util.find_spec("playwright") is None:
        return
    from playwright.sync_api import Route

    original = Route.continue_

    def continue_(route: Route, **options: Any) -> None:
        original(route, **options)
        request = route.request
        if request.method == "POST" and HEARTBEAT not in (request.post_data_buffer or b"").decode(errors="replace"):
            touch(f"sent POST {urlsplit(request.url).path}")

    setattr(Route, "continue_", continue_)  # noqa: B010  its own has more names than are used here


def before(owner: Any, name: str, touch: Touch, words: Callable[..., str]) -> None:
    original = getattr(owner, name)

    def touching(*args: Any, **kwargs: Any) -> Any:
        touch(words(*args))
        return original(*args, **kwargs)

    setattr(owner, name, touching)


def _name(work: Any) -> str:
    """Of a closure that the browser's thread is handed."""
    if isinstance(work, partial):
        asked = work.keywords
        where = urlsplit(asked["url"]).path if "url" in asked else asked.get("button", "")
        return " ".join(filter(None, (work.func.__name__, asked.get("method", ""), where)))
    return str(work.__qualname__).replace(".<locals>.<lambda>", "")
