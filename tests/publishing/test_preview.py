"""The preview of a page that nobody trusts: it runs nothing, shows its pictures, and tells nobody else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.signing import TimestampSigner
from django.test import Client
from django.urls import reverse

from articles.models import Article, Stage
from publishing import preview
from tests.publishing.conftest import Ready
from tests.publishing.nearly_done import PAGE

pytestmark = pytest.mark.django_db
HOSTILE = (
    "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
    "<iframe src='javascript:parent.document.title=`ran`'></iframe>"
    "<form action='/admin/logout/' method=post><button id=b>Go</button></form>"
    "<a href='javascript:document.title=`ran`' id=a>link</a><svg onload=\"document.title='ran'\"></svg>"
    "<meta http-equiv=refresh content='0;url=/admin/'><link rel=stylesheet href='https://evil.example/x.css'>"
    "<img src='/admin/jsi18n/'>"
)
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture
def article(ready: Ready) -> Article:
    return ready(page=PAGE + HOSTILE)


@pytest.fixture
def desk(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


def page_of(article: Article) -> str:
    return reverse("preview", args=[article.uid])


def artefact_of(article: Article, name: str) -> str:
    return reverse("artefact", args=[article.uid, name])


def picture_of(html: str) -> str:
    return html.split('src="', 1)[1].split('"', 1)[0].removeprefix("http://testserver")


def test_a_page_is_a_document_without_an_origin(desk: Client, article: Article) -> None:
    answer = desk.get(page_of(article))
    assert answer.status_code == 200
    rules = {rule.split()[0]: rule.split()[1:] for rule in answer["Content-Security-Policy"].split("; ")}
    assert rules["sandbox"] == [], "no exceptions: no scripts, no forms, no origin"
    assert rules["default-src"] == ["'none'"]
    assert rules["img-src"] == ["http://testserver/preview/picture/"]
    assert rules["frame-ancestors"] == ["'self'"]
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_the_furthest_page_is_shown(desk: Client, article: Article) -> None:
    assert "so they say" in desk.get(page_of(article)).content.decode()
    article.records.filter(stage=Stage.FORMAT).update(file="")
    stored = article.tree.add("01_raw_article.html", b"<p>Raw</p>")
    article.records.filter(stage=Stage.ARTICLE).update(file=stored.name, sha256=stored.sha256, bytes=stored.bytes)
    assert desk.get(page_of(article)).content == b"<p>Raw</p>"


def test_a_page_that_is_not_there_or_damaged_is_not_found(desk: Client, article: Article) -> None:
    article.tree.add("04_formatted.html", b"changed by somebody")
    assert desk.get(page_of(article)).status_code == 404
    article.records.update(file="")
    assert desk.get(page_of(article)).status_code == 404


def test_pictures_of_the_page_and_of_the_site_are_shown_from_here(desk: Client, ready: Ready) -> None:
    article = ready(
        page='<img src="03_hero.jpg"><p>"03_hero.jpg"</p><img src="https://m.example.org/1.jpg?a=1&amp;b=2">'
    )
    article.images.filter(role="section_1").update(wordpress_url="https://m.example.org/1.jpg?a=1&b=2")
    html = desk.get(page_of(article)).content.decode()
    assert html.count('src="http://testserver/preview/picture/') == 2
    assert '<p>"03_hero.jpg"</p>' in html, "words stay words"


def test_a_signed_picture_needs_no_session_and_dies(
    desk: Client, article: Article, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = picture_of(desk.get(page_of(article)).content.decode())
    answer = Client().get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer.content == article.tree.read(article.images.get(role="hero").stored)

    later = time.time() + preview.PICTURE_LIFE + 1
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: later)
        assert Client().get(address).status_code == 404


@pytest.mark.parametrize("change", ["role", "reader", "salt", "signature", "none"])
def test_a_picture_with_another_signature_is_not_found(
    desk: Client, article: Article, editor: User, chief: User, change: str
) -> None:
    address = picture_of(desk.get(page_of(article)).content.decode())
    bare = reverse("preview-picture", args=[article.uid, "03_hero.jpg"])
    value = f"{editor.pk}/{article.uid}/03_hero.jpg"
    other = TimestampSigner(salt="other").sign(value).removeprefix(value)
    changed = {
        "role": address.replace("03_hero", "03_section_1"),
        "reader": address.replace(f"?key={editor.pk}", f"?key={chief.pk}"),
        "salt": f"{bare}?key={editor.pk}{other}",
        "signature": address[:-1] + ("A" if address[-1] != "A" else "B"),
        "none": bare,
    }[change]
    assert changed != address
    assert Client().get(changed).status_code == 404


@pytest.mark.parametrize("name", ["03_hero.jpg", "04_formatted.html"])
def test_others_do_not_see_it(client: Client, article: Article, other_editor: User, chief: User, name: str) -> None:
    for address in (page_of(article), artefact_of(article, name)):
        answer = Client().get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/?next=/preview/")

        client.force_login(other_editor)
        assert client.get(address).status_code == 404

        client.force_login(chief)
        assert client.get(address).status_code == 200


def test_nothing_is_changed_by_looking(desk: Client, article: Article) -> None:
    assert desk.post(page_of(article)).status_code == 405
    assert desk.head(page_of(article)).status_code == 200


def test_artefacts_are_text_to_look_at_or_files_to_keep(desk: Client, article: Article) -> None:
    answer = desk.get(artefact_of(article, "04_formatted.html"))
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.content.decode() == PAGE + HOSTILE

    answer = desk.get(artefact_of(article, "04_formatted.html"), {"download": ""})
    assert answer["Content-Disposition"] == 'attachment; filename="04_formatted.html"'

    assert desk.get(artefact_of(article, "03_hero.jpg"))["Content-Type"] == "image/jpeg"


def test_the_manifest_comes_as_it_lies_there(desk: Client, article: Article) -> None:
    assert desk.get(artefact_of(article, "manifest.json")).status_code == 404
    written = article.tree.commit({"schema": 1}, {})
    assert desk.get(artefact_of(article, "manifest.json")).content == written


@pytest.mark.parametrize(
    "name",
    [
        *("../manifest.json", "..%2fmanifest.json", "%2e%2e/manifest.json", "..", ".", "%2e%2e%2fuser_1"),
        *("/etc/passwd", "%2fetc%2fpasswd", "03_hero.jpg%00.html", "03_hero.jpg/", "03_HERO.jpg", "..%5cmanifest.json"),
        *(".part-1", "02_prompts.txt", "05_final.html", 'a"b', "a%0d%0aSet-Cookie:x=1"),
    ],
)
def test_names_lead_nowhere_else(desk: Client, article: Article, name: str) -> None:
    article.tree.add("02_prompts.txt", b"not named by any record")
    answer = desk.get(f"/preview/{article.uid}/files/{name}")
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer


# In a real browser


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not os.path.exists(CHROMIUM):  # noqa: PTH110
        pytest.skip("needs chromium")
    # Playwright keeps an event loop in this thread, where Django refuses to ask its database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        with playwright.chromium.launch(executable_path=CHROMIUM, args=flags) as chromium:
            yield chromium


@pytest.mark.parametrize("framed", [True, False], ids=["in the desk's frame", "alone"])
def test_a_hostile_page_runs_nothing_and_shows_its_pictures(
    browser: Any, live_server: Any, client: Client, ready: Ready, editor: User, framed: bool
) -> None:
    article = ready(page=PAGE + HOSTILE)
    client.force_login(editor)
    cookie = client.cookies["sessionid"].value
    context = browser.new_context()
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    asked: list[str] = []
    context.on("requestfinished", lambda request: asked.append(request.url))
    page = context.new_page()
    address = f"{live_server.url}{page_of(article)}"
    if framed:
        frame = f'<!doctype html><title>desk</title><iframe sandbox src="{address}" width=900 height=900></iframe>'
        context.route("**/desk", lambda route: route.fulfill(body=frame, content_type="text/html"))
        page.goto(f"{live_server.url}/desk", wait_until="networkidle")
        [shown] = [frame for frame in page.frames if frame.url.startswith(address)]
    else:
        page.goto(address, wait_until="networkidle")
        shown = page.main_frame

    widths = shown.locator("article img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert widths == [400, 400]
    assert "ran" not in page.title()
    shown.locator("#b").click()
    shown.locator("#a").click()
    page.wait_for_timeout(200)
    assert "ran" not in page.title()
    wanted = (f"{live_server.url}/desk", address, f"{live_server.url}/preview/picture/")
    assert [url for url in asked if not url.startswith(wanted)] == []
    assert shown.evaluate("origin") == "null"
