"""A request is answered whole in one thread, as all views of the desk are synchronous."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class InOneThread(ASGIHandler):
    """Django's own goes from the loop to a thread and back for each middleware, some twenty times a request.

    That was a quarter of all processor time, and where others compete for it each way is a wait of its own. An answer
    that streams leaves the thread before it begins.
    """

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002  Django says True
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self.get_response)(request)
