"""The desk for an ASGI server. A wrong setting stops the start with its check's sentence."""

import itertools
import os
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django
from asgiref.sync import ThreadSensitiveContext
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.umask(0o077)  # what is written is for this user alone
os.environ.setdefault("GALLEY_DATABASE_POOL", "8")
# WhiteNoise hands out the desk's few small static files as synchronous streams, which is all that this is about.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
django.setup(set_prefix=False)
call_command("check")

from articles.batches.stream import hub  # noqa: E402  its models want Django set up
from config.supervision.one_thread import InOneThread  # noqa: E402
from config.supervision.web import said_to_run  # noqa: E402

Message = dict[str, Any]
desk = InOneThread()
# Django keeps a thread for each request until its answer has ended. An open stream needs none: those who want one
# share a few threads that let them in.
doors = itertools.cycle([ThreadPoolExecutor(1, thread_name_prefix="door") for _ in range(4)])


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Django, and what it leaves out."""
    if scope["type"] == "lifespan":
        await receive()
        hub.close_on_signals()  # now, as at import the server's own handlers are not in place
        async with said_to_run():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["path"].endswith("/events"):
        async with ThreadSensitiveContext(executor=next(doors)):
            await desk(scope, receive, send)  # type: ignore[arg-type]
    else:
        await desk(scope, receive, send)  # type: ignore[arg-type]
