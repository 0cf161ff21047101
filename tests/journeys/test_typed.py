"""Nothing that is typed is lost: sessions end, tabs close, servers die, and somebody else sits down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.journeys.desk import CHROMIUM, PHONE, Desk, sign_in
from tests.journeys.test_desk import axe, inspected

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page

WRITE = "/admin/articles/article/add/#text"
TEXT = "# Night trains\n\nThey run through the dark, and nobody counts the carriages."
KEPT = "Object.keys(localStorage).filter(name => name.startsWith('galley-typed:'))"
# What the last letter has changed lies in the browser, too.
IS_KEPT = f"() => {KEPT}.length > 0"
ENDED = """
from django.contrib.sessions.models import Session
Session.objects.all().delete()
"""

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's package chromium"),
    pytest.mark.xdist_group("typed"),
    pytest.mark.dealt(2),
    pytest.mark.dealt_whole(3),
]
assert axe


def write(page: Page, text: str = TEXT) -> None:
    page.goto(WRITE)
    page.get_by_label("Manuscript:").fill(text)
    page.wait_for_function(IS_KEPT)


def log_in(page: Page, who: str) -> None:
    page.goto("/admin/login/")
    sign_in(page, who)


def manuscript(page: Page) -> str:
    return page.get_by_label("Manuscript:").input_value()


def test_a_session_that_ended_costs_nothing(desk: Desk) -> None:
    """Also with a file, and after a wrong password."""
    with desk.page("", strict=False) as page:
        log_in(page, "ada")
        write(page)
        desk.installation.manage("shell", "--verbosity", "0", "-c", ENDED)
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("Nothing is lost: log in, and what you sent goes on.").wait_for()
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        sign_in(page, "ada")
        page.get_by_text("“Night trains” is handed in.").wait_for()
        assert page.evaluate(KEPT) == []

        page.goto(WRITE)
        page.get_by_label("Manuscript file:").set_input_files(
            {"name": "ferries.md", "mimeType": "text/plain", "buffer": b"# Ferries\n\nThey cross."}
        )
        desk.installation.manage("shell", "--verbosity", "0", "-c", ENDED)
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("Nothing is lost").wait_for()
        sign_in(page, "ada")
        page.get_by_text("“Ferries” is handed in.").wait_for()


def test_a_form_that_is_too_old_is_filled_again(desk: Desk) -> None:
    """Logged out in another tab, and in again there: the token of the form is worth nothing."""
    with desk.page("", strict=False) as page:
        log_in(page, "ada")
        write(page)
        other = page.context.new_page()
        other.goto("/admin/")
        other.get_by_role("button", name="Log out").click()
        log_in(other, "ada")
        page.get_by_role("button", name="Hand in").click()
        page.get_by_role("heading", name="This page was open for too long").wait_for()
        page.get_by_role("link", name="Open the page anew").click()
        page.get_by_text("Unsent text of").wait_for()
        assert "12 words" in page.locator(".unsent").inner_text()
        page.get_by_role("button", name="Take it").click()
        assert manuscript(page) == TEXT
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("is handed in").wait_for()
        page.goto(WRITE)
        page.wait_for_load_state("networkidle")
        assert page.locator(".unsent").count() == 0


def test_somebody_else_at_the_same_machine_sees_none_of_it(desk: Desk) -> None:
    with desk.page("", strict=False) as page:
        log_in(page, "ada")
        write(page)
        lying = page.evaluate("JSON.stringify(localStorage)")
        assert "trains" not in lying
        page.close()
        page = page.context.new_page()
        page.goto("/admin/")
        page.get_by_role("button", name="Log out").click()
        log_in(page, "bea")
        for address in (WRITE, "/admin/"):
            page.goto(address)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(50)
            assert page.locator(".unsent:visible, [data-unsent]:visible").count() == 0
        page.get_by_role("button", name="Log out").click()
        log_in(page, "ada")
        page.goto("/admin/")
        section = page.get_by_role("region", name="Not handed in yet")
        assert "12 words" in section.inner_text()
        section.get_by_role("link", name="Write an article").click()
        page.get_by_role("button", name="Take it").click()
        assert manuscript(page) == TEXT


def test_a_login_of_somebody_else_does_not_send_it(desk: Desk) -> None:
    with desk.page("", strict=False) as page:
        log_in(page, "ada")
        write(page)
        desk.installation.manage("shell", "--verbosity", "0", "-c", ENDED)
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("Nothing is lost").wait_for()
        sign_in(page, "bea")
        assert "somebody else's, or too old. Nothing was done with it." in page.locator(".messagelist").inner_text()
        page.wait_for_load_state("networkidle")
        assert manuscript(page) == ""
        assert page.locator(".unsent").count() == 0


def test_two_tabs_keep_two_texts(desk: Desk) -> None:
    with desk.page("", strict=False) as page:
        log_in(page, "ada")
        write(page)
        other = page.context.new_page()
        other.goto(WRITE)
        other.wait_for_load_state("networkidle")
        assert other.locator(".unsent").count() == 0, "a text that is being written is offered to nobody"
        other.get_by_label("Manuscript:").fill("# Canals\n\nThey wait.")
        other.wait_for_function(f"() => {KEPT}.length === 2")
        page.close()
        other.close()
        again = page.context.new_page()
        again.goto(WRITE)
        again.locator(".unsent").nth(1).wait_for()
        again.locator(".unsent", has_text="12 words").get_by_role("button", name="Take it").click()
        again.locator(".unsent", has_text="3 words").get_by_role("button", name="Throw it away").click()
        assert manuscript(again) == TEXT
        assert again.locator(".unsent").count() == 0
        assert len(again.evaluate(KEPT)) == 1


def test_leaving_asks(desk: Desk) -> None:
    with desk.page("", strict=False) as page:
        log_in(page, "ada")
        write(page)
        asked: list[str] = []

        def stay(dialog: Dialog) -> None:
            asked.append(dialog.type)
            dialog.dismiss()

        page.on("dialog", stay)
        page.get_by_label("Manuscript:").press("End")
        page.get_by_role("link", name="Start", exact=True).click()
        page.wait_for_function("() => true")
        assert asked == ["beforeunload"]
        assert manuscript(page) == TEXT


def test_a_full_storage_is_said(desk: Desk) -> None:
    with desk.page("", strict=False) as page:
        log_in(page, "ada")
        page.goto(WRITE)
        page.evaluate("localStorage.setItem('x', 'x'.repeat(5 * 1024 * 1024 - 10))")
        page.get_by_label("Manuscript:").fill(TEXT)
        page.get_by_text("This text is not kept in the browser (the browser's storage for the desk is full)").wait_for()
        page.evaluate("localStorage.removeItem('x')")
        page.get_by_label("Manuscript:").press("End")
        page.get_by_label("Manuscript:").type(" .")
        page.wait_for_function(IS_KEPT)
        page.locator(".unsent").wait_for(state="detached")


def test_a_form_that_comes_back_with_errors_is_the_same_text(desk: Desk) -> None:
    with desk.page("", strict=False) as page:
        log_in(page, "ada")
        write(page)
        page.get_by_role("tab", name="Idea").click()
        page.get_by_label("Idea:").fill("An idea, too")
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("Give one of them").first.wait_for()
        page.wait_for_function("() => document.querySelector('[name=galley_typed]').value")
        assert page.locator(".unsent").count() == 0
        page.get_by_role("tab", name="Idea").click()
        page.get_by_label("Idea:").fill("")
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("is handed in").wait_for()
        assert page.evaluate(KEPT) == []


@pytest.mark.parametrize("size", [(1440, 900), PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_offer_is_readable(scheme: str, size: tuple[int, int], desk: Desk) -> None:
    with desk.page("", size, scheme, strict=False) as page:
        log_in(page, "ada")
        write(page)
        page.goto("about:blank")
        page.goto(WRITE)
        page.locator(".unsent").wait_for()
        assert inspected(page) == []
        page.goto("/admin/")
        page.get_by_role("region", name="Not handed in yet").wait_for()
        assert inspected(page) == []
