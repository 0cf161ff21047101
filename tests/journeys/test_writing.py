"""The form of a new article in a browser: tabs, files that are dropped, text that is pasted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypedDict

import pytest

from tests.journeys.desk import CHROMIUM, PHONE, Desk
from tests.journeys.test_desk import axe, inspected

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WRITE, FILES = "/admin/articles/article/add/", "/admin/articles/article/files/"
ORCHARDS, FERRIES = ("orchards.md", "# Orchards\n\nThey bloom."), ("ferries.txt", "Ferries\n\nThey cross.")
DROP = """
files => {
    const dataTransfer = new DataTransfer();
    for (const [name, text] of files) {
        dataTransfer.items.add(new File([text], name, { type: "text/plain" }));
    }
    for (const type of ["dragenter", "dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    }
}
"""
PASTE = """
([html, plain]) => {
    const area = document.querySelector("textarea[name=manuscript]");
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/html", html);
    clipboardData.setData("text/plain", plain);
    area.focus();
    area.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    document.execCommand("insertText", false, plain);
}
"""
HOSTILE = """<h2>Trains</h2><img src=x onerror="window.ran = 1"><script>window.ran = 2</script>
<a href="javascript:window.ran = 3">bad</a> <a href="https://example.org/">good</a><ul><li>one</li></ul>"""

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's package chromium"),
    pytest.mark.xdist_group("writing"),
    pytest.mark.dealt(2),
    pytest.mark.dealt_whole(3),
]
assert axe


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent"))


def test_tabs_by_keyboard_keep_what_is_typed(desk: Desk) -> None:
    with desk.page(strict=False) as page:  # leaving asks
        page.goto(WRITE)
        idea, written, file = (page.get_by_role("tab", name=name) for name in ("Idea", "Text", "File"))
        page.get_by_label("Idea:").fill("Night trains")
        idea.focus()
        page.keyboard.press("ArrowRight")
        assert page.get_by_label("Idea:").is_hidden()
        page.wait_for_url("**#text")
        assert idea.inner_text() == "Idea · begun"
        page.get_by_label("Manuscript:").fill("# Ferries")
        written.focus()
        page.keyboard.press("End")
        assert file.get_attribute("aria-selected") == "true"
        page.keyboard.press("ArrowRight")
        assert focused(page) == "Idea · begun"
        assert page.get_by_label("Idea:").input_value() == "Night trains"
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "id_idea", "the list of tabs is one stop"
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("Give one of them").first.wait_for()
        written.click()
        assert page.get_by_label("Manuscript:").input_value() == "# Ferries"
        page.goto("/admin/")
        page.goto(f"{WRITE}#file")
        assert page.get_by_label("Manuscript file:").is_visible()


def test_without_a_script_all_is_there(desk: Desk) -> None:
    with desk.page() as page:
        page.goto(WRITE)
    with desk.page(scripts=False) as page:
        page.goto(WRITE)
        assert page.get_by_role("tab").count() == 0
        for label in ("Idea:", "Manuscript:", "Manuscript file:"):
            assert page.get_by_label(label).is_visible()
        page.get_by_role("link", name="Several files at once").click()
        files = [
            {"name": name, "mimeType": "text/plain", "buffer": text.encode()} for name, text in (ORCHARDS, FERRIES)
        ]
        page.get_by_label("Files:").set_input_files(files)  # type: ignore[arg-type]  # as the stubs want each dict typed
        page.get_by_role("button", name="Read them").click()
        page.get_by_role("button", name="Hand in 2 articles").click()
        page.get_by_text("2 articles are handed in.").wait_for()


def test_files_are_dropped_on_the_start_page_and_on_the_form(desk: Desk) -> None:
    with desk.page() as page:
        page.goto("/admin/")
        page.evaluate(DROP, [ORCHARDS, FERRIES, ("scan.pdf", "%PDF-1.7")])
        page.get_by_role("button", name="Hand in 2 articles").wait_for()
        assert "scan.pdf" in page.locator(".wrong").inner_text()
        page.get_by_role("button", name="Hand in 2 articles").click()
        page.get_by_text("“scan.pdf” was left out.").wait_for()

        page.goto("/admin/")
        page.evaluate(DROP, [ORCHARDS])
        page.wait_for_url(f"**{WRITE}")  # by the last script: the text is there before any has run
        page.get_by_text("“orchards.md” is kept here").wait_for()
        assert page.get_by_role("tab", name="File").get_attribute("aria-selected") == "true"
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("“Orchards” is handed in.").wait_for()

        page.goto(WRITE)
        page.evaluate(DROP, [FERRIES])
        assert page.get_by_role("tab", name="File").inner_text() == "File · begun"
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("“Ferries” is handed in.").wait_for()


def test_paste_keeps_headings_links_and_lists_and_runs_nothing(desk: Desk) -> None:
    with desk.page(strict=False) as page:
        page.goto(f"{WRITE}#text")
        page.evaluate(PASTE, [HOSTILE, "Trains bad good one"])
        page.get_by_text("Headings, links and lists are kept").wait_for()
        kept = page.get_by_label("Manuscript:").input_value()
        assert kept == "## Trains\n\nbad [good](https://example.org/)\n\n- one"
        assert page.evaluate("[window.ran, window.violations.length]") == [None, 0]
        page.keyboard.press("Control+z")  # the plain words were there first
        assert page.get_by_label("Manuscript:").input_value() == "Trains bad good one"

        page.route("**/pasted/", lambda route: route.abort())
        page.keyboard.press("Control+End")
        with page.expect_event("requestfailed"):
            page.evaluate(PASTE, ["<h2>More</h2>", " More"])
        assert page.get_by_label("Manuscript:").input_value() == "Trains bad good one More"


def test_the_calendar_by_keyboard(desk: Desk) -> None:
    with desk.page() as page:
        page.goto("/admin/articles/article/calendar/?month=2031-01")
        page.evaluate("document.querySelector('[data-day=\"1\"]').focus()")
        for key, day in (
            ("ArrowRight", 2),
            ("ArrowDown", 9),
            ("End", 12),
            ("Home", 6),
            ("ArrowUp", 6),
            ("ArrowLeft", 5),
        ):
            page.keyboard.press(key)
            assert page.evaluate("document.activeElement.dataset.day") == str(day), key
        page.evaluate("document.querySelector('[data-day=\"31\"]').focus()")
        page.keyboard.press("PageDown")
        page.get_by_role("heading", name="February 2031").wait_for()
        page.wait_for_function("document.activeElement.dataset.day === '28'")
        page.keyboard.press("Enter")
        page.wait_for_url("**/add/?scheduled_at=2031-02-28**")


def planned(page: Page, title: str) -> Locator:
    """An article that begins on 15 January 2031, on the calendar of that month."""
    page.goto(f"{WRITE}?scheduled_at=2031-01-15T09:00")
    page.get_by_role("tab", name="Text").click()
    page.get_by_label("Manuscript:").fill(f"# {title}\n\nThey bloom.")
    page.get_by_role("button", name="Hand in").click()
    page.get_by_text("Scheduled: begins at 15").first.wait_for()
    page.goto("/admin/articles/article/calendar/?month=2031-01")
    return page.locator("li[data-article]", has_text=title)


class Point(TypedDict):
    x: float
    y: float


def middle(place: Locator) -> Point:
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box
    return {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}


def test_an_article_is_dragged_to_another_day(desk: Desk) -> None:
    with desk.page() as page:
        article = planned(page, "Almonds")
        for began, day in (("number", 21), ("move", 22)):
            page.mouse.move(**middle(article.locator(f".{began}")))
            page.mouse.down()
            page.mouse.move(**middle(page.locator(f'[data-date="2031-01-{day}"]')), steps=4)
            assert page.locator(".target").get_attribute("data-date") == f"2031-01-{day}"
            page.mouse.up()
            page.get_by_text(f"begins on {day} January, 09:00 now").wait_for()
            assert article.locator("xpath=ancestor::td").get_attribute("data-day") == str(day)

        # Let go of where no day is, or held still: it stays, and its link is a link.
        page.mouse.move(**middle(article.locator(".number")))
        page.mouse.down()
        page.mouse.move(5, 5, steps=4)
        page.mouse.up()
        assert page.locator(".moving, .ghost, .lifted").count() == 0
        article.get_by_role("link").click()
        page.get_by_label("Begin:").wait_for()
        assert page.get_by_label("Begin:").input_value() == "2031-01-22T09:00"


def test_an_article_is_moved_by_keys_or_by_a_press(desk: Desk) -> None:
    with desk.page() as page:
        article = planned(page, "Apricots")
        for keys, day in (("Enter ArrowRight ArrowDown Enter", 23), ("Enter ArrowRight Escape", 23)):
            article.get_by_role("button", name="Move “Apricots” to another day").focus()
            for key in keys.split():
                page.keyboard.press(key)
            page.locator(f'[data-day="{day}"] li', has_text="Apricots").wait_for()
            page.locator(".calendar:not(.moving)").wait_for()
        page.get_by_text("begins on 23 January, 09:00 now").wait_for()

        article.get_by_role("button").click()
        assert "press a day" in page.get_by_role("status").inner_text()
        page.locator('[data-date="2031-01-30"]').click()
        page.get_by_text("begins on 30 January, 09:00 now").wait_for()


def test_a_finger_moves_an_article_on_a_phone(desk: Desk) -> None:
    with desk.page("ada", PHONE) as page:
        article = planned(page, "Quinces")
        touch = page.context.new_cdp_session(page)
        touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

        def finger(kind: str, *places: Point) -> None:
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(places)})

        free = page.locator('[data-date="2031-01-16"]')
        assert not free.is_visible()  # a phone leaves free days out, until one is wanted
        start = middle(article.locator(".move"))
        finger("touchStart", start)
        finger("touchMove", {"x": start["x"], "y": start["y"] + 10})
        page.locator(".calendar.moving").wait_for()
        finger("touchMove", middle(free))
        page.locator('[data-date="2031-01-16"].target').wait_for()
        finger("touchEnd")
        page.get_by_text("begins on 16 January, 09:00 now").wait_for()


@pytest.mark.parametrize("size", [(1280, 900), PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_readable(scheme: str, size: tuple[int, int], desk: Desk) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrikationsmaschinenbau.md"
    wrong: dict[str, list[str]] = {}
    with desk.page("ada", size, scheme, strict=False) as page:
        page.goto(FILES)
        wrong["choose"] = inspected(page)
        page.evaluate(DROP, [(long, f"# {long}\n\nWords."), ("old.txt", "bad"), ("scan.pdf.md", "%PDF-1.7"), ORCHARDS])
        page.get_by_role("button", name="Hand in 3 articles").wait_for()
        wrong["read"] = inspected(page)
        for tab in ("idea", "text", "file"):
            page.goto("/admin/")
            page.goto(f"{WRITE}#{tab}")
            wrong[tab] = inspected(page)
    assert {name: found for name, found in wrong.items() if found} == {}, json.dumps(wrong, indent=1)
