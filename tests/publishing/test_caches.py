"""A cache in front of the site: what it has kept is not what is there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from django.utils import timezone

from articles.models import Article
from articles.pipeline.sweep import sweep
from publishing.models import Site
from publishing.wordpress.answers import Reply, is_from_a_cache
from tests.conftest import error_of
from tests.publishing.conftest import Drive, Ready, new_site
from tests.publishing.test_stage import assert_published
from tests.services.wordpress import WordPress

KEPT = {"Content-Type", "Link"}


class Cache:
    """A reverse proxy that keeps what was answered to a GET, by a key of its path, and marks what it has kept."""

    def __init__(self, site: str, key: Callable[[str], str], marks: dict[str, str]) -> None:
        kept: dict[str, requests.Response] = {}

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                name = key(self.path)
                hit = self.command == "GET" and name in kept
                if not hit:
                    try:
                        found = self.ask(body)
                    except requests.ConnectionError:
                        self.close_connection = True
                        return
                    if self.command == "GET":
                        kept[name] = found
                reply = kept[name] if hit else found
                self.send_response(reply.status_code)
                headers = {name: value for name, value in reply.headers.items() if name in KEPT}
                for header in {**headers, "Content-Length": str(len(reply.content)), **(marks if hit else {})}.items():
                    self.send_header(*header)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.content)

            def ask(self, body: bytes) -> requests.Response:
                headers = {name: value for name, value in self.headers.items() if name != "Connection"}
                url = f"{site}{self.path}"
                return requests.request(
                    self.command, url, headers=headers, data=body, allow_redirects=False, timeout=20
                )

            do_GET = do_POST = do_HEAD = answer  # noqa: N815  the names of http.server

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self) -> Iterator[Cache]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield self
        self._server.shutdown()
        self._server.server_close()
        thread.join()


@pytest.fixture
def exact_cache(wordpress: WordPress) -> Iterator[Cache]:
    """It tells answers apart by their whole address, and says nothing."""
    yield from Cache(wordpress.url, lambda path: path, {}).serve()


@pytest.fixture
def coarse_cache(wordpress: WordPress) -> Iterator[Cache]:
    """It leaves out what stands behind the question mark, for posts, and marks what it has kept."""
    yield from Cache(
        wordpress.url, lambda path: path.split("?")[0] if "/posts" in path else path, {"X-LiteSpeed-Cache": "hit"}
    ).serve()


def _next(article: Article, run: Drive) -> Article:
    Article.objects.filter(pk=article.pk).update(next_at=timezone.now())
    sweep()
    return run(article)


@pytest.mark.reported("wp-cache-keeps-gets.md")
@pytest.mark.django_db
def test_a_lost_draft_is_found_behind_a_cache(
    exact_cache: Cache, wordpress: WordPress, ready: Ready, run: Drive, go_on: Drive
) -> None:
    site = new_site(exact_cache.url, wordpress.user, wordpress.app_password)
    wordpress.fail("exit", "after", "^POST /wp/v2/posts")
    article = run(ready(site))
    assert article.status == Article.Status.WAITING

    assert_published(wordpress, go_on(article))


@pytest.mark.django_db
def test_nothing_is_made_by_the_word_of_a_cache(
    coarse_cache: Cache, wordpress: WordPress, ready: Ready, run: Drive, go_on: Drive
) -> None:
    site = new_site(coarse_cache.url, wordpress.user, wordpress.app_password)
    article = run(ready(site))  # its second look-up is the first's address already
    assert (article.status, error_of(article)["code"]) == ("waiting", "cached")
    assert wordpress.posts() == []
    article = _next(article, run)
    assert wordpress.posts() == []
    assert "to keep its REST API (/wp-json/) out of the cache" in error_of(article)["mend"]

    Site.objects.update(url=wordpress.url)  # the cache is gone

    assert_published(wordpress, go_on(article))


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"Age": "17"}, True),
        ({"age": "0"}, False),
        ({"X-Cache": "HIT from edge"}, True),
        ({"X-Cache": "Miss from cloudfront"}, False),
        ({"CF-Cache-Status": "HIT"}, True),
        ({"CF-Cache-Status": "DYNAMIC"}, False),
        ({"x-litespeed-cache": "hit,litemage"}, True),
        ({"X-LiteSpeed-Cache-Control": "no-cache"}, False),
        ({"Cache-Status": "ExampleCache; hit; ttl=30"}, True),
        ({"Cache-Status": "ExampleCache; fwd=miss"}, False),
        ({"X-Proxy-Cache": "HIT"}, True),
        ({"Cache-Control": "no-cache, must-revalidate"}, False),
        ({}, False),
    ],
)
def test_the_marks_of_a_cache(headers: dict[str, str], *, kept: bool) -> None:
    assert is_from_a_cache(Reply(200, headers, {}, "[]")) is kept
