"""The desk for an ASGI server. A wrong setting stops the start with its check's sentence."""

import os
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("GALLEY_DATABASE_POOL", "8")
# WhiteNoise hands out the desk's few small static files as synchronous streams, which is all that this is about.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
django = get_asgi_application()
call_command("check")

from articles.live import hub  # noqa: E402  its models want Django set up

Message = dict[str, Any]


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Django, and what it leaves out: the server's own start, when its signals are in place."""
    if scope["type"] != "lifespan":
        return await django(scope, receive, send)  # type: ignore[arg-type]
    await receive()
    hub.close_on_signals()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
    return None
