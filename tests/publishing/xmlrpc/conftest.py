"""One user of a real WordPress by both doors, and a double that answers in XML."""

from __future__ import annotations

import re
import xmlrpc.client
from collections.abc import Iterator
from typing import Any

import pytest

from publishing.wordpress.answers import Login
from publishing.wordpress.client import WordPress
from publishing.xmlrpc.client import XmlRpc
from tests.publishing.conftest import Answer, Impostor
from tests.services import wordpress as service

SECRET = "s3cret <pass> & 'word'"


def login(url: str, user: str = "desk", secret: str = SECRET, kind: Any = "app-password") -> Login:
    return Login("wordpress:1", "Magazine", url, user, secret, kind, 30)


def client(url: str, user: str = "desk", secret: str = SECRET, **more: Any) -> XmlRpc:
    return XmlRpc(login(url, user, secret), **{"allow_private": True, **more})


def said(value: Any) -> bytes:
    return xmlrpc.client.dumps((value,), methodresponse=True).encode()


def fault(code: int, words: str = "No.") -> bytes:
    return xmlrpc.client.dumps(xmlrpc.client.Fault(code, words)).encode()


class Door(Impostor):
    """It is told what to say to "POST /xmlrpc.php wp.newPost", too."""

    def answer_to(self, request: str) -> Answer:
        called = re.search(rb"<methodName>([\w.]+)<", self.requests[-1][3])
        return super().answer_to(f"{request} {called[1].decode()}" if called else request)

    def tells(self, method: str, value: Any) -> None:
        self.says(f"POST /xmlrpc.php {method}", said(value))


@pytest.fixture
def door() -> Iterator[Door]:
    """It lets everybody in, has nothing, and takes what it is given as number 7."""
    made = Door()
    made.says("POST /xmlrpc.php", said(True))
    for method, value in {"wp.getPosts": [], "wp.getMediaLibrary": [], "wp.newPost": "7", "wp.getTerms": []}.items():
        made.tells(method, value)
    for _ in made.serve():
        yield made


@pytest.fixture
def desk(wordpress: service.WordPress) -> XmlRpc:
    return client(wordpress.url, wordpress.user, wordpress.app_password)


@pytest.fixture
def by_rest(wordpress: service.WordPress) -> WordPress:
    return WordPress(login(wordpress.url, wordpress.user, wordpress.app_password), allow_private=True)
