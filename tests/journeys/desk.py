"""A desk that runs, with its workers and the services' doubles, and a browser in front of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.doubles.server import Doubles, doubles
from tests.journeys.installation import DATABASE, ROOT, Installation, migrated
from tests.services.process import Server, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PASSWORD = "a long password"
PATIENCE = 60_000  # milliseconds
LAPTOP, PHONE = (1280, 900), (390, 844)
PEOPLE = """
from django.contrib.auth.models import Group, User
for name, group in (("ada", "Editors"), ("bea", "Editors"), ("newcomer", "Editors"), ("chief", "Chief editors")):
    user = User.objects.create_user(name, password="a long password", is_staff=True, first_name=name.title())
    user.groups.add(Group.objects.get(name=group))
"""
SITE = """
from publishing.models import Site
site = Site(name="Magazine", url="http://127.0.0.1:9", user="desk")
site.secret = "abcd"
site.save()
"""
# Every violation of the content security policy, as the browser reports it.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => {
    window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
"""


@dataclass
class Desk:
    """A running desk, and a browser in front of it."""

    url: str
    installation: Installation
    browser: Browser
    services: Doubles
    cookies: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def page(
        self,
        who: str = "ada",
        size: tuple[int, int] = LAPTOP,
        scheme: Any = "light",
        scripts: bool = True,
        strict: bool = True,
        url: str = "",
    ) -> Iterator[Page]:
        """A page of somebody who is signed in; `strict` ends with a look at what the browser complained about.

        `url` is another way to the desk than the direct one.
        """
        context = self.browser.new_context(
            base_url=url or self.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=scripts,
            storage_state=self.cookies.get(who),
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(WATCH)
        complaints: list[str] = []
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if who and who not in self.cookies:
            page.goto("/admin/")
            sign_in(page, who)
            self.cookies[who] = context.storage_state()
        try:
            yield page
        except Exception as exc:
            with suppress(Exception):  # a page that is gone has nothing to say
                exc.add_note(f"{page.url} says:\n{page.locator('body').inner_text()[:9000]}")
            raise
        context.close()
        assert not strict or complaints == []


def sign_in(page: Page, who: str) -> None:
    page.get_by_label("Username").fill(who)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()


def content(page: Page) -> str:
    """What stands on a page as a whole: a click returns when the next page has begun to come."""
    page.wait_for_load_state()
    return page.locator("#content").inner_text()


@contextmanager
def running_desk(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Desk]:
    """Real processes, and a browser that is there only where playwright is."""
    from playwright.sync_api import sync_playwright

    installation = Installation(folder)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port)]
    with doubles() as services:
        installation.with_services(services)
        installation.settings |= settings or {}
        shutil.copyfile(migrated(), installation.folder / DATABASE)
        installation.manage("shell", "--verbosity", "0", "-c", PEOPLE + SITE)
        server = Server(command, port, installation.folder / "web.log", installation.environment, ROOT)
        with (
            server.running(),
            installation.workers(),
            sync_playwright() as playwright,
            playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser,
        ):
            yield Desk(f"http://127.0.0.1:{port}", installation, browser, services)
