"""A real WordPress, an impostor that answers what it likes, and articles that are ready to be published."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from articles.models import Article
from articles.pipeline.sweep import sweep
from publishing.models import Site, Way
from publishing.publishers import hybrid
from tests.publishing.memory_site import MemorySite
from tests.publishing.nearly_done import PAGE, nearly_done
from tests.services import wordpress as service
from tests.services.wordpress import WordPress


@pytest.fixture(scope="session")
def running_wordpress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WordPress]:
    if reason := service.available():
        pytest.skip(reason)
    with service.wordpress(tmp_path_factory.mktemp("wordpress")) as running:
        yield running


@pytest.fixture
def wordpress(running_wordpress: WordPress) -> WordPress:
    running_wordpress.reset()
    return running_wordpress


def new_site(url: str, user: str = "desk", secret: str = "s3cret pass word", **fields: Any) -> Site:
    """One that articles reach by REST alone, unless a test says otherwise."""
    usual = {"name": "Magazine", "url": url, "user": user, "time_limit": 1, "publisher": Way.REST}
    site = Site(**{**usual, **fields})
    site.secret = secret
    site.save()
    return site


@pytest.fixture
def site(wordpress: WordPress, db: None) -> Site:
    return new_site(wordpress.url, wordpress.user, wordpress.app_password)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemorySite:
    """A site in memory, to which REST and XML-RPC lead."""
    site = MemorySite()
    monkeypatch.setattr(hybrid, "WAYS", site.ways("rest", "xmlrpc"))
    return site


@pytest.fixture
def magazine(db: None) -> Site:
    """A row for it."""
    return new_site("https://magazine.example.org", publisher=Way.HYBRID)


class Ready(Protocol):
    def __call__(self, site: Site | None = None, title: str = "Tariffs and AI", page: str = PAGE) -> Article: ...


@pytest.fixture
def ready(editor: User) -> Ready:
    """Makes an article with four stages done and two pictures, small ones: only the upload is left."""

    def make(site: Site | None = None, title: str = "Tariffs and AI", page: str = PAGE) -> Article:
        return nearly_done(editor, site, title, page)

    return make


Drive = Callable[[Article], Article]


@pytest.fixture
def go_on(run: Drive) -> Drive:
    """Does what time and the sweep would do, and stops where the article stops. Waits only where the site must."""

    def drive(article: Article) -> Article:
        for _ in range(8):
            article.refresh_from_db()
            if article.status == Article.Status.WAITING:
                if article.error and article.error["code"] == "settling":
                    _let_settle(article)
                Article.objects.filter(pk=article.pk).update(next_at=timezone.now())
                sweep()
            elif article.status != Article.Status.QUEUED:
                return article
            article = run(article)
        return article

    return drive


def _let_settle(article: Article) -> None:
    assert article.next_at
    time.sleep(max((article.next_at - timezone.now()).total_seconds(), 0))


Answer = tuple[int, dict[str, str], bytes]


class Impostor:
    """A web server that answers what a test tells it to, and keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[tuple[str, Answer]] = []
        impostor = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                impostor.requests.append((self.command, self.path, dict(self.headers), body))
                status, headers, said = impostor.answer_to(f"{self.command} {self.path}")
                self.send_response(status)
                for name, value in {"Content-Length": str(len(said)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(said)

            do_GET = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815  the names of http.server

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def says(self, request: str, answer: Any = b"", status: int = 200, headers: dict[str, str] | None = None) -> None:
        """To requests that begin so, from now on; what was said last counts first."""
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.answers.insert(0, (request, (status, headers or {}, body)))

    def answer_to(self, request: str) -> Answer:
        return next((answer for start, answer in self.answers if request.startswith(start)), (404, {}, b"Not here"))

    def serve(self) -> Iterator[Impostor]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield self
        self._server.shutdown()
        self._server.server_close()
        thread.join()


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    """It lets `desk` in and has nothing yet, until it is told otherwise."""
    made = Impostor()
    made.says("HEAD /")
    made.says("GET /wp-json/wp/v2/", [])
    made.says("GET /wp-json/wp/v2/users/me", {"id": 1, "capabilities": {"edit_posts": True, "upload_files": True}})
    yield from made.serve()


@pytest.fixture
def other_host() -> Iterator[Impostor]:
    """Another site, where no password may go."""
    yield from Impostor().serve()
