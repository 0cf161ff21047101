"""An editor at the desk: a real web server, real workers, a real browser."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import MANUSCRIPT
from tests.dealing import ALL, DAY
from tests.doubles.server import Doubles
from tests.journeys import pages
from tests.journeys.desk import CHROMIUM, LAPTOP, PHONE, Desk, content
from tests.journeys.installation import DATABASE

if TYPE_CHECKING:
    from django.db.models import Model
    from playwright.sync_api import Page, Route

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

# As if a site had refused the login for all of them.
FIFTY = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from articles.models import Article, StageRecord
from articles.pipeline.transitions import submit
from articles.failures import cause
for n in range(50):
    article = Article(owner=User.objects.get(username="ada"), manuscript=f"# Story {n}\\n\\n" + "A calm text. " * 30)
    article.scheduled_at = timezone.now() + timedelta(hours=1)
    submit(article)
    error = {"kind": "Refused", "provider": "wordpress:1", "stage": "upload", "thing": "the draft",
             "reason": "login refused by all", "mend": "", "then": "recover", "code": "all", "detail": ""}
    Article.objects.filter(pk=article.pk).update(
        status="failed", next_at=None, error=error, cause=cause(error, None), attempt=1, ended_at=timezone.now()
    )
"""
# A batch as somebody sees it who comes back to it: paused, with something written and something missing.
BATCHES = """
from django.db import transaction
from articles.batches.start import start_batch
from articles.models import Article, Batch
from django.contrib.auth.models import User
ada = User.objects.get(username="ada")
lists = {"styles": "\\n".join(f"Style {n}" for n in range(6)), "sections": "\\n".join(f"Room {n}" for n in range(24))}
for name in ("A draft", "A paused one"):
    batch = Batch.objects.create(owner=ada, name=name, key=name.lower(), brief="A {section} in {style}", **lists)
Batch.objects.filter(name="A draft").update(styles="style,country\\nArt Deco,France\\nArt Deco,Italy\\n,Spain")
with transaction.atomic():
    start_batch(batch, ada)
    Batch.objects.filter(pk=batch.pk).update(state="paused", reason="The text service has no credit left.")
error = {"provider": "text", "reason": "{it} does not write about this"}
first = batch.articles.order_by("pk").first()
first.sections.filter(index__lt=5).update(state="done", word_count=200)
first.sections.filter(index=6).update(state="failed", error=error)
Article.objects.filter(pk=first.pk).update(word_count=300)
"""

# German has them.
LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrikationsmaschinenbauingenieurverein"
# A publication that has gone wrong in a browser, and a document.
ELSEWHERE = """
from io import BytesIO
from PIL import Image
from articles.models import Article, DeskSettings
from articles.tree import earlier
from django.contrib.auth.models import User
from publishing.models import PublishTask, Shot, Site
from tests.worklist.conftest import arrive
DeskSettings.row()
article, jpeg = Article.objects.filter(status="done").first(), BytesIO()
error = {"kind": "Refused", "provider": "wordpress:1", "stage": "upload", "thing": "the draft", "then": "recover",
         "reason": "{it} shows a page that nobody knows", "mend": "see its picture", "code": "unknown_screen",
         "detail": "said"}
turn = {"from": "rest", "to": "playwright", "code": "403", "reason": "{it} is closed", "at": "2026-01-02T03:04:05+00"}
task = PublishTask.objects.create(
    article=article, site=Site.objects.get(), publisher="hybrid", way="playwright", status="failed", error=error,
    turns=[turn], options={"tags": ["Freight"]}, total_steps=7, completed_steps=2, progress=28, asked_by=article.owner,
)
Image.new("RGB", (1280, 800), "teal").save(jpeg, "JPEG")
for step in ("signed_in", "failed"):
    Shot.objects.create(task=task, step=step, jpeg=jpeg.getvalue())
arrive()
before = earlier.keep_page(article, article.record("format"), "look")
Article.objects.filter(pk=article.pk).update(earlier_files=[before])
"""
# Fields in which one writes or chooses, and that do not look as if.
ODD_FIELDS = """
[...document.querySelectorAll("input, select, textarea")].filter(field =>
    field.matches("select, textarea, [type=text], [type=password], [type=url], [type=number], [type^=date]")
    && getComputedStyle(field).backgroundColor !== getComputedStyle(document.body).backgroundColor
).map(field => `${field.name} looks like a button`)
"""
UNTIL_IT_RESTS = """() => Promise.allSettled(
    document.getAnimations().filter(each => each instanceof CSSTransition).map(each => each.finished)
)"""

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's package chromium"),
    pytest.mark.xdist_group("desk"),
    pytest.mark.dealt(2),
    pytest.mark.dealt_whole(3),
]


@pytest.fixture(scope="module")
def services(desk: Desk) -> Doubles:
    desk.services.reset()
    return desk.services


def hand_in(page: Page, title: str, *, in_tabs: bool = True, **choices: str) -> None:
    """Through the form, as an editor does; without scripts it has no tabs."""
    page.goto("/admin/")
    page.get_by_role("link", name="Write an article", exact=True).first.click()
    if in_tabs:
        page.get_by_role("tab", name="Text").click()
    page.get_by_label("Manuscript:").fill(MANUSCRIPT.replace("Tariffs and AI", title))
    page.get_by_text("Page, site and time").click()
    for label, choice in choices.items():
        page.get_by_label(f"{label}:").select_option(label=choice)
    page.get_by_role("button", name="Hand in").click()
    page.get_by_text("is handed in").wait_for()


def done(page: Page) -> None:
    page.locator(".report.done").wait_for()


def test_a_manuscript_becomes_a_page_before_the_editors_eyes(desk: Desk) -> None:
    with desk.page() as page:
        hand_in(page, "Night trains")
        page.evaluate("window.unmoved = true")
        done(page)
        assert page.evaluate("window.unmoved"), "the page moved by itself, without being loaded again"
        assert page.locator("[data-moving=yes]").count() == 0
        assert "Done" in page.locator("#live").inner_text()

        frame = page.frame_locator("iframe.page")
        assert frame.get_by_role("heading", name="Night trains").is_visible()
        assert frame.locator("img").first.evaluate("async image => (await image.decode(), image.naturalWidth)") > 0
        thumbnails = page.locator(".pictures img")
        thumbnails.last.scroll_into_view_if_needed()
        assert thumbnails.count() == 4
        for n in range(4):
            assert thumbnails.nth(n).evaluate("async image => (await image.decode(), image.naturalWidth)") > 0

        page.get_by_text("Manifest and files").click()
        assert page.locator(".files").get_by_text("05_final.html").is_visible(), "what came last is there, too"


def test_every_artefact_opens_and_downloads(desk: Desk) -> None:
    with desk.page() as page:
        hand_in(page, "Harbours")
        done(page)
        page.reload()
        links = page.locator('a[href*="/files/"]').evaluate_all("links => links.map(link => link.href)")
        names = {re.sub(r".*/files/|\?.*", "", link) for link in links}
        assert names == {
            *("01_raw_article.html", "02_prompts.txt", "04_formatted.html", "05_final.html", "manifest.json"),
            *(f"03_{role}{end}" for role in ("hero", "section_1", "section_2", "section_3")
              for end in (".jpg", "_base64.txt")),
        }  # fmt: skip
        for link in set(links):
            answer = page.request.get(link)
            assert answer.status == 200, link
            assert ("attachment" in answer.headers.get("content-disposition", "")) == link.endswith("?download")


def test_a_declined_picture_is_told_and_its_prompt_changed(desk: Desk, services: Doubles) -> None:
    services.fail("replicate", "create", "nsfw")
    with desk.page() as page:
        hand_in(page, "Art Deco")
        page.locator(".report.failed").wait_for()
        told = page.locator(".report").inner_text()
        assert "Galley could not finish “Art Deco”: The picture service declined the hero image (step 3 of 5)." in told
        assert "change the prompt, then press Recover" in told
        assert "article (" in told
        page.get_by_text("The full answer").first.click()
        assert "E005" in page.locator("#answer pre").inner_text()

        page.get_by_label("Prompt:").fill("A calm lobby in brass and walnut")
        page.get_by_role("button", name="Save and recover").click()
        page.get_by_role("button", name="Recover 1 article").click()
        done(page)
        asked = [request.body["input"]["prompt"] for request in services.requests("replicate", "create")]
        assert asked.count("A calm lobby in brass and walnut") == 1
        page.get_by_role("link", name="History").click()
        assert "Recover: 1 image" in content(page)


def test_a_problem_is_recovered_from_the_start_page(desk: Desk, services: Doubles) -> None:
    services.fail("replicate", "create", "no_credit")
    with desk.page() as page:
        hand_in(page, "Canals")
        page.locator(".report.failed").wait_for()

        page.goto("/admin/")
        problem = page.locator(".problems li", has_text="Images")
        assert "1 article stopped" in problem.inner_text()
        problem.get_by_role("link", name="Recover").click()
        asked = content(page)
        assert "Done again" in asked
        assert "1 image, 1 formatted page, 1 upload. About 2 min." in asked
        page.get_by_role("button", name="Recover 1 article").click()
        page.get_by_text("“Canals” goes on.").wait_for()
        page.locator("section", has_text="Done today").get_by_role("link", name="Canals").wait_for()
        page.get_by_text("Nothing. No article is stopped.").wait_for()


def test_a_row_of_the_list_is_recovered(desk: Desk, services: Doubles) -> None:
    services.fail("replicate", "create", "no_credit")
    with desk.page() as page:
        hand_in(page, "Lighthouses")
        page.locator(".report.failed").wait_for()

        page.goto("/admin/articles/article/?state=stopped")
        row = page.locator("#result_list tr", has_text="Lighthouses")
        assert "Stopped: no credit left" in row.inner_text()
        row.get_by_role("button", name="Recover").click()
        page.get_by_role("button", name="Recover 1 article").click()
        page.get_by_text("“Lighthouses” goes on.").wait_for()
        assert page.url.endswith("?state=stopped"), "back to where it was pressed"
        page.goto("/admin/articles/article/")
        page.locator("#result_list tr", has_text="Lighthouses").get_by_text("Preview ↗").wait_for()


def test_fifty_that_stopped_for_one_reason_are_recovered_at_once_on_a_phone(desk: Desk) -> None:
    desk.installation.manage("shell", "--verbosity", "0", "-c", FIFTY)
    with desk.page(size=PHONE) as page:
        page.goto("/admin/articles/article/stopped/")
        problem = page.locator(".problems li", has_text="login refused by all")
        assert "50 articles stopped at Upload" in problem.inner_text()
        problem.get_by_role("link", name="Recover 50").click()

        page.get_by_role("heading", name="Recover 50 articles").wait_for()
        page.get_by_label("Formatter:").select_option(label="The template")
        page.get_by_role("button", name="Recover 50 articles").click()
        assert "Nothing has begun yet." in content(page), "the plan with the choice comes first"
        page.get_by_role("button", name="Recover 50 articles").click()

        page.get_by_text("50 articles recovered.").wait_for()
        assert page.locator(".problems li", has_text="login refused by all").count() == 0
        page.goto("/admin/")
        page.locator("[data-moving=no]").wait_for(timeout=240_000)  # fifty of them
        page.get_by_text("Nothing is running.").wait_for()


def test_the_keyboard_alone_recovers(desk: Desk, services: Doubles) -> None:
    services.fail("replicate", "create", "no_credit")
    with desk.page() as page:
        hand_in(page, "Harbours")
        page.locator(".report.failed").wait_for()

        page.get_by_role("button", name="Recover", exact=True).focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Recover 1 article").wait_for()
        while page.evaluate("document.activeElement.textContent.trim()") != "Recover 1 article":
            page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        assert page.locator(".messagelist").inner_text() == "“Harbours” goes on."
        done(page)


def test_no_button_is_there_before_the_form_that_it_sends(desk: Desk, services: Doubles) -> None:
    """However slow the page with the form is, and however quick the editor."""
    services.fail("replicate", "create", "no_credit")

    def slowly(route: Route) -> None:
        time.sleep(1)
        route.continue_()

    with desk.page() as page:
        hand_in(page, "Lighthouses")
        page.route("**/change/", slowly)
        page.get_by_role("button", name="Recover", exact=True).click()
        page.get_by_role("button", name="Recover 1 article").wait_for()


def test_a_scheduled_article_waits_in_the_calendar_and_is_begun_there(desk: Desk) -> None:
    with desk.page() as page:
        page.goto("/admin/articles/article/calendar/")
        page.get_by_role("link", name=re.compile("→")).click()
        page.get_by_role("link", name=re.compile("^Write an article for 15 ")).click()
        assert page.get_by_label("Begin:").input_value().endswith("-15T09:00")
        page.get_by_role("tab", name="Text").click()
        page.get_by_label("Manuscript:").fill(MANUSCRIPT.replace("Tariffs and AI", "Orchards"))
        page.get_by_role("button", name="Hand in").click()
        assert "Scheduled: begins at 15" in page.locator(".report").inner_text()

        page.goto("/admin/articles/article/calendar/")
        page.get_by_role("link", name=re.compile("→")).click()
        page.locator(".calendar td", has_text="Orchards").get_by_role("link", name="Orchards").click()
        page.get_by_role("button", name="Begin now").click()
        page.get_by_role("button", name="Begin 1 article").click()
        page.get_by_text("“Orchards” goes on.").wait_for()
        done(page)


def test_a_cancelled_article_goes_on_after_recover(desk: Desk, services: Doubles) -> None:
    services.configure(latency={"create": 2.0})
    before = len(services.requests("replicate", "create"))
    try:
        with desk.page() as page:
            hand_in(page, "Ferries")
            page.locator(".report", has_text="Running: Images").wait_for()
            page.get_by_role("button", name="Cancel").click()
            page.locator(".report.cancelled").wait_for()
            services.configure(latency={})
            page.get_by_role("button", name="Recover", exact=True).click()
            page.get_by_role("button", name="Recover 1 article").click()
            done(page)
            asked = len(services.requests("replicate", "create")) - before
            # One call was on its way when Recover was pressed. If it was made again, the page says so.
            assert asked in (4, 5)
            assert ("twice" in page.content()) == (asked == 5)
    finally:
        services.configure(latency={})


def test_the_desk_works_without_scripts(desk: Desk) -> None:
    with desk.page() as page:
        page.goto("/admin/")
    with desk.page(scripts=False) as page:
        hand_in(page, "Windmills", in_tabs=False)
        page.locator(".report.done").wait_for()  # the page loads itself again until it is


def test_the_keyboard_is_enough(desk: Desk) -> None:
    with desk.page() as page:
        page.goto("/admin/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip-to-content-link"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Write an article"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.wait_for_url("**/add/")


def test_a_page_says_when_it_is_not_live_and_the_tab_how_it_ended(desk: Desk) -> None:
    with desk.page(strict=False) as page:  # the browser complains of what is cut off
        page.route("**/progress/", lambda route: route.abort())
        hand_in(page, "Fog horns")
        page.locator(".stale", has_text="the desk does not answer").wait_for()
        assert "Not live since" in page.locator(".stale").inner_text()
        page.unroute("**/progress/")
        done(page)
        page.locator(".stale").wait_for(state="detached")
        assert page.title().startswith("✓ done: Fog horns")

        page.keyboard.press("?")
        page.get_by_role("dialog", name="Keys").get_by_role("button", name="Close").click()
        page.get_by_role("link", name="Hand in again").click()
        page.wait_for_load_state()  # its keys are there
        assert page.get_by_label("Manuscript:").input_value().startswith("# Fog horns")
        page.get_by_label("Manuscript:").press("Control+Enter")
        page.get_by_text("is handed in").wait_for()


@pytest.fixture(scope="module")
def addresses(desk: Desk, services: Doubles) -> dict[str, str]:
    """A page of every kind: of an article that is done, one that stopped, one that waits."""
    addresses = {
        "start": "/admin/",
        "list": "/admin/articles/article/",
        "nothing": "/admin/articles/article/?q=nothing+like+it",
        "write": "/admin/articles/article/add/",
        "preferences": "/admin/articles/preferences/",
        "sites": "/admin/publishing/site/",
        "site": "/admin/publishing/site/1/change/",
        "password": "/admin/password_change/",
        "problems": "/admin/articles/article/stopped/",
        "calendar": "/admin/articles/article/calendar/",
        "tokens": "/admin/config/token/",
        "new token": "/admin/config/token/add/",
    }
    faults = {"done": None, "stopped": "nsfw", "waiting": "rate_limited"}
    with desk.page() as page:
        for state, fault in faults.items():
            if fault:
                services.fail("replicate", "create", fault, times=1 if fault == "nsfw" else None)
            hand_in(page, f"{LONG_WORD} {state}")
            page.locator(f".report.{state.replace('stopped', 'failed')}").wait_for()
            addresses[state] = page.url
        addresses["history"] = addresses["done"].replace("change", "history")
        desk.installation.manage("shell", "--verbosity", "0", "-c", BATCHES)
        addresses |= {"batches": "/admin/articles/batch/", "new batch": "/admin/articles/batch/add/"}
        for name in ("A draft", "A paused one"):
            page.goto(addresses["batches"])
            page.get_by_role("link", name=name).click()
            page.get_by_role("heading", name=name).wait_for()
            addresses[name] = page.url
        pk = addresses["stopped"].split("/")[-3]
        addresses["plan"] = f"/admin/articles/article/recover/?ids={pk}"
        services.reset()
    return addresses


def inspected(page: Page) -> list[str]:
    """What is wrong with a page: violations of the policy, its width, odd fields, what axe takes seriously."""
    page.wait_for_load_state()  # a phone is 980 pixels wide until a page has said otherwise
    wrong = list(page.evaluate("window.violations"))
    width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    if width > 0:
        wrong.append(f"{width} pixels too wide")
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    page.evaluate(UNTIL_IT_RESTS)  # on a busy machine a colour may still be on its way
    wrong += page.evaluate(ODD_FIELDS)
    found = axe.Axe().run(page).response["violations"]
    return wrong + [
        f"{violation['id']}: {[node['html'][:150] for node in violation['nodes']]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.dealt(3)
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_readable(scheme: str, size: tuple[int, int], desk: Desk, addresses: dict[str, str]) -> None:
    wrong: dict[str, list[str]] = {}
    # Not strict: axe brings styles of its own, after the violations have been read.
    with desk.page("", size, scheme, strict=False) as page:
        page.goto("/admin/login/")
        wrong["login"] = inspected(page)
    for who, names in (("ada", addresses), ("chief", ("start", "list", "site")), ("newcomer", ("start", "list"))):
        with desk.page(who, size, scheme, strict=False) as page:
            for name in names:
                page.goto(addresses[name])
                wrong[f"{name} of {who}"] = inspected(page)
            if who == "ada":
                page.goto(f"{addresses['list']}?state=stopped")
                assert not page.get_by_label("Action:").is_visible(), "there is nothing yet to act on"
                page.locator(".action-select").first.check()
                page.get_by_label("Action:").select_option(label="Cancel the chosen articles")
                page.get_by_role("button", name="Go").click()
                page.get_by_role("button", name=re.compile("Cancel .* article")).wait_for()
                wrong["asking"] = inspected(page)
    assert {name: findings for name, findings in wrong.items() if findings} == {}


@pytest.fixture(scope="module")
def walked(desk: Desk, addresses: dict[str, str]) -> dict[str, str]:
    """Every page of the desk by its URLconf: what answers a chief editor with one."""
    desk.installation.manage("shell", "--verbosity", "0", "-c", ELSEWHERE)
    with closing(sqlite3.connect(desk.installation.folder / DATABASE, timeout=20)) as file:

        def newest(model: type[Model]) -> Any:
            sql = f'SELECT "{model._meta.pk.column}" FROM "{model._meta.db_table}" ORDER BY 1 DESC LIMIT 1'  # noqa: S608
            return next(iter(file.execute(sql).fetchone() or ()), None)

        sql = "SELECT id FROM articles_article WHERE status = 'done' ORDER BY created_at DESC, id DESC LIMIT 1"
        known = pages.addresses(newest, file.execute(sql).fetchone()[0])
    found = {}
    with desk.page("chief") as page:
        for name, address in known.items():
            answer = page.request.get(address, max_redirects=0)
            assert answer.status < 500, name
            if answer.status == 200 and 'id="content"' in answer.text():
                found[name] = address
    assert {
        *pages.OF_DONE,
        "articles_article_publish",
        "publishing_publishtask_change",
        "publishing_site_add",
    } <= found.keys()
    return found


@pytest.mark.dealt(1)
def test_every_page_of_the_urlconf_is_readable_and_needs_no_mouse(desk: Desk, walked: dict[str, str]) -> None:
    """A quarter of them a day, in one of four lights; after sixteen days all are met in each."""
    day, everything = int(os.environ[DAY]), bool(os.environ.get(ALL))
    lights = [(size, scheme) for size in (LAPTOP, PHONE) for scheme in ("light", "dark")]
    wrong: dict[str, list[str]] = {}
    for size, scheme in lights if everything else [lights[day // 4 % 4]]:
        with desk.page("chief", size, scheme, strict=False) as page:
            for name in sorted(walked) if everything else sorted(walked)[day % 4 :: 4]:
                page.goto(walked[name])
                wrong[f"{name}, {scheme}, {size[0]}"] = inspected(page) + pages.walked_by_keys(page)
    assert {name: findings for name, findings in wrong.items() if findings} == {}


@pytest.mark.parametrize(("system", "chosen"), [("light", ["dark", "light"]), ("dark", ["light", "dark"])])
def test_the_theme_is_the_systems_until_somebody_chooses_one(system: str, chosen: list[str], desk: Desk) -> None:
    paper = {"light": "rgb(253, 252, 249)", "dark": "rgb(23, 24, 22)"}
    with desk.page(scheme=system) as page:
        page.goto("/admin/")
        for theme in (system, *chosen, system):  # the third press gives it back to the system
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper[theme]
            page.get_by_role("button", name="Toggle theme").click()


def test_a_site_that_does_not_answer_is_said(desk: Desk) -> None:
    with desk.page("chief") as page:
        page.goto("/admin/publishing/site/1/change/")
        page.get_by_role("button", name="Test").click()
        page.locator(".messagelist .error").wait_for()
        assert "“Magazine” cannot be used: nothing answers at its address" in page.locator(".messagelist").inner_text()
        message = page.locator(".messagelist li")
        for level in ("debug", "info", "success", "warning", "error"):
            message.evaluate("(message, level) => { message.className = level; }", level)
            assert message.evaluate("message => getComputedStyle(message).backgroundImage") == "none", level
        assert page.get_by_label("Password:").input_value() == ""
