"""How often a request goes from the loop to a thread and back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from pytest_django import Settings

from config.supervision.one_thread import InOneThread

threads = set[int]()
LOGIN = {
    "type": "http",
    "method": "GET",
    "path": "/admin/login/",
    "headers": [(b"host", b"127.0.0.1"), (b"x-forwarded-proto", b"https")],
    "query_string": b"",
}


def noting(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware that notes where it is."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        threads.add(threading.get_ident())
        return get_response(request)

    return answered


async def asked() -> list[dict[str, Any]]:
    """What is said to the web server."""
    given, said = asyncio.Queue[dict[str, Any]](), list[dict[str, Any]]()
    given.put_nowait({"type": "http.request"})

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await InOneThread()(LOGIN, given.get, send)  # type: ignore[arg-type]  # Django's types want each message's own
    return said


@pytest.mark.django_db(transaction=True)
def test_a_request_is_answered_whole_in_one_thread(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    here = f"{__name__}.noting"
    settings.MIDDLEWARE = [here, *(part for each in settings.MIDDLEWARE for part in (each, here))]
    ways, real = list[Any](), SyncToAsync.__call__

    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        ways.append(self.func)
        return await real(self, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", counted)
    threads.clear()
    begun, page = asyncio.run(asked())
    assert (begun["status"], b"Log in" in page["body"]) == (200, True)
    assert len(threads) == 1
    assert len(ways) == 3, f"one as it begins, one for the answer, one as it ends: {ways}"
