"""The desk behind nginx, both as the operator's page and the units set them up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.config.test_deploy import PATIENT, started, words_of
from tests.journeys.installation import Installation
from tests.services.nginx import nginx, program
from tests.services.process import free_port, wait_until

PASSWORD = "a long password"
PEOPLE = "__import__('django.contrib.auth.models', fromlist=['User']).User.objects"
MEGABYTE = 1024 * 1024


class _From(HTTPAdapter):
    """Somebody at another address than the proxy: the whole of 127/8 is this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, source_address=(self.address, 0), **kwargs)  # type: ignore[arg-type]


class Visitor:
    def __init__(self, url: str, address: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.mount("http://", _From(address))
        self.http.headers["Referer"] = "https://desk.example.org/admin/"
        self.http.headers["Host"] = "desk.example.org"

    def token(self) -> str:
        return str(self._cookies().get("csrftoken", ""))

    def _cookies(self) -> dict[str, str]:
        """Sent by hand: they are for https, which the proxy speaks in earnest and not here."""
        return {cookie.name: str(cookie.value) for cookie in self.http.cookies}

    def get(self, path: str) -> requests.Response:
        return self._send("GET", path)

    def post(self, path: str, data: dict[str, str], **options: Any) -> requests.Response:
        self.get("/admin/login/")
        return self._send("POST", path, data={**data, "csrfmiddlewaretoken": self.token()}, **options)

    def _send(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> requests.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies().items())
        sent = {**(headers or {}), "Cookie": cookies}
        return self.http.request(
            method,
            self.url + path,
            headers=sent,
            timeout=PATIENT,
            allow_redirects=False,
            **options,
        )

    def log_in(self, name: str, password: str, **headers: str) -> int:
        return self.post("/admin/login/", {"username": name, "password": password}, headers=headers).status_code


@contextmanager
def desk(folder: Path) -> Iterator[tuple[str, Installation]]:
    """nginx before uvicorn, as documented. The address of nginx, and the installation."""
    if program() is None:
        pytest.skip("needs nginx (Debian: nginx)")
    galley = Installation(
        folder / "var", {"GALLEY_BASE_URL": "https://desk.example.org", "GALLEY_PROXIES": "127.0.0.1"}
    )
    galley.folder.mkdir()
    galley.prepare()
    galley.ask(f"[{PEOPLE}.create_superuser(name, password={PASSWORD!r}).pk for name in ('root', 'chief')]")
    port = free_port()
    words = [str(port) if word == "8000" else word for word in words_of("galley-web.service")]
    proxy = nginx(folder / "nginx", f"127.0.0.1:{port}", https=True)
    with started(galley, words):
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), PATIENT)
        proxy.start()
        try:
            yield f"http://127.0.0.1:{proxy.port}", galley
        finally:
            proxy.kill()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=PATIENT).ok
    except requests.ConnectionError:
        return False


def _holds(log: Path, words: str) -> bool:
    return words in log.read_text()


def test_the_desk_behind_the_documented_proxy(tmp_path: Path) -> None:
    with desk(tmp_path) as (url, galley):
        guessing, working = Visitor(url, "127.0.0.2"), Visitor(url, "127.0.0.3")

        # Who makes up where they come from is locked out all the same, with the right password, too.
        made_up = [guessing.log_in("root", "wrong", **{"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(10)]
        assert made_up == [200] * 7 + [429] * 3
        assert guessing.log_in("root", PASSWORD, **{"X-Forwarded-For": "198.51.100.7"}) == 429
        # Nobody else is.
        assert working.log_in("root", PASSWORD) == 302

        # What the desk takes, the proxy takes.
        large = ("large.md", b"# Large\n\n" + b"word " * (MEGABYTE * 4 // 5), "text/markdown")
        handed_in = working.post("/admin/articles/article/add/", {"formatter": "auto"}, files={"file": large})
        assert handed_in.status_code == 302, handed_in.text[:2000]
        uid = galley.ask("Article.objects.get().uid")

        # No log says what stands behind a question mark.
        assert working.get(f"/preview/{uid}/?key=signature-of-a-picture").status_code in (200, 404)
        for log in (tmp_path / "nginx" / "access", galley.folder / "log"):
            wait_until(partial(_holds, log, f"/preview/{uid}/"), PATIENT)
            said = log.read_text()
            assert "signature-of-a-picture" not in said, log
