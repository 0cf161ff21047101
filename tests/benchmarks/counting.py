"""The desk as uvicorn serves it, with one address more: `/_queries`, how many queries this process has made."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Any

from django.db.backends.signals import connection_created

from config.asgi import application as desk

_lock = threading.Lock()
_made = 0


def _counted(execute: Callable[..., Any], *query: Any) -> Any:
    global _made
    with _lock:
        _made += 1
    return execute(*query)


def _count_those_of(connection: Any, **_: Any) -> None:
    if _counted not in connection.execute_wrappers:
        connection.execute_wrappers.append(_counted)


connection_created.connect(_count_those_of)


async def application(scope: dict[str, Any], receive: Callable[..., Awaitable[Any]], send: Callable[..., Any]) -> None:
    if scope.get("path") != "/_queries":
        return await desk(scope, receive, send)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(_made).encode()})
    return None
