"""A document in a browser, all its way: from a Drive, reviewed by two, to a real WordPress, and brought up to date."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.articles.content.reading.pictured import photograph
from tests.journeys.desk import CHROMIUM, PATIENCE, Desk, content, running_desk
from tests.services import wordpress as service
from tests.services.process import wait_until
from tests.services.wordpress import WordPress
from tests.worklist.drive.small_drive import SmallDrive, small_drive
from tests.worklist.drive.test_client import service_key

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.dealt_whole(3),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's package chromium"),
    pytest.mark.xdist_group("documents"),
    pytest.mark.dealt(3),
]
BOARD = "/admin/worklist/document/"
TEXT = """# Harbour plans

Ships wait at the quay for a week.

![The quay at dawn][image1]

A ship that waits earns nothing, and the harbour earns less.

[image1]: <data:image/png;base64,{}>
""".format(base64.b64encode(photograph("navy")).decode())
LATER = TEXT.replace("a week", "nine days")
WITHOUT_SERVICES = {"OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": "", "REPLICATE_API_TOKEN": ""}


@pytest.fixture(scope="module")
def small() -> Iterator[SmallDrive]:
    with small_drive() as served:
        yield served


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WordPress]:
    if reason := service.available():
        pytest.skip(reason)
    with service.wordpress(tmp_path_factory.mktemp("wordpress")) as running:
        yield running


@pytest.fixture(scope="module")
def desk(small: SmallDrive, site: WordPress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    google = {"GOOGLE_BASE_URL": small.url, "GOOGLE_TOKEN_URL": f"{small.url}/token"}
    folder = tmp_path_factory.mktemp("desk")
    with ExitStack() as stack:
        made = stack.enter_context(running_desk(folder, {**google, **WITHOUT_SERVICES}))
        made.installation.ask("__import__('publishing.models', fromlist=['Site']).Site.objects.all().delete()[0]")
        made.installation.add_site(site)
        yield made


def press(page: Page, button: str) -> str:
    page.get_by_role("button", name=button, exact=True).click()
    return content(page)


def seen(page: Page, words: str) -> None:
    """Look at the page again until it says so."""

    def says() -> bool:
        page.reload()
        return words in content(page)

    wait_until(says, 3 * PATIENCE // 1000)


def test_from_the_drive_to_the_site_and_up_to_date(
    desk: Desk, small: SmallDrive, site: WordPress, tmp_path: Path
) -> None:
    folder = small.folder("Desk")
    document = small.document("Harbour plans", folder, TEXT)
    key = tmp_path / "key.json"
    key.write_text(service_key())
    desk.installation.manage("drive", "connect", "--key", str(key), "--folder", folder)

    with desk.page("chief") as chief, desk.page("ada") as ada:
        chief.goto("/admin/worklist/driveaccount/")
        press(chief, "Look now")
        ada.goto(BOARD)
        seen(ada, "Harbour plans")
        ada.get_by_role("link", name="Harbour plans").first.click()
        assert "To evaluate" in content(ada)
        text = ada.frame_locator("iframe.page")
        text.get_by_alt_text("The quay at dawn").wait_for()
        press(ada, "Suggest it")
        chief.goto(ada.url)
        press(chief, "Confirm")
        ada.reload()
        ada.get_by_text("Write a note").click()
        ada.get_by_role("textbox", name="Place:").fill("earns nothing")
        ada.get_by_role("textbox", name="Note:").fill("Who says so?")
        assert "Who says so?" in press(ada, "Write it")
        chief.reload()
        assert "exactly this text" in press(chief, "Approve")

        # Its writer goes on writing: what was approved is not what there is.
        small.edit(document, LATER)
        press_drive(chief)
        chief.goto(ada.url)
        seen(chief, "Changed at its source")
        assert "+2 −2 words" in content(chief)
        assert chief.locator("del").inner_text().strip() == "a week."
        assert chief.get_by_role("link", name="Publish …").count() == 0
        press(chief, "Take the change")
        press(chief, "Approve")

        ada.reload()
        ada.get_by_role("link", name="Publish …").click()
        ada.locator("select[name=site]").select_option(label="Magazine")
        press(ada, "Publish")
        seen(ada, "Nothing: it is published as it is here.")
        [post] = site.posts()
        assert "nine days" in str(post)
        media = len(site.media())

        small.edit(document, LATER.replace("earns less", "earns least"))
        press_drive(chief)
        chief.goto(ada.url)
        seen(chief, "Changed at its source")
        press(chief, "Take the change")
        press(chief, "Approve")
        ada.reload()
        ada.get_by_role("link", name="Bring the post up to date …").click()
        press(ada, "Bring the post up to date")
        seen(ada, "Nothing: it is published as it is here.")

    [post] = site.posts()
    assert "earns least" in str(post)
    assert "The quay at dawn" in str(post)
    assert len(site.media()) == media, "no picture is uploaded again"


def press_drive(page: Page) -> None:
    page.goto("/admin/worklist/driveaccount/")
    press(page, "Look now")
