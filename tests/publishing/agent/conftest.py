"""A site in memory with pages to be steered: what a model can see of it, and what its buttons do."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from PIL import Image
from pytest_django import Settings

from articles.pipeline.run import Outcome, Run
from articles.providers.errors import ProviderError
from publishing import publish_tasks
from publishing.agent import steering
from publishing.agent.channel import Deeds
from publishing.agent.tab import NotDone, Parcel
from publishing.agent.work import Work
from publishing.models import PublishTask, Site
from publishing.publishers import hybrid, posting
from publishing.sites import login_of
from publishing.wordpress.reading import Json
from tests.doubles.server import Doubles
from tests.publishing.agent import pilots
from tests.publishing.conftest import new_site
from tests.publishing.memory_site import MemoryChannel, MemorySite

ADMIN = "https://magazine.example.org/wp-admin/"


@dataclass
class Pages:
    """The dashboard of a site in memory. `stubborn`: its buttons do nothing."""

    site: MemorySite = field(default_factory=MemorySite)
    stubborn: bool = False
    opened: int = 0
    looks: int = 0


class PageDouble:
    """In the place of `tab.Tab`: a page with one button, which does what its goal wants."""

    def __init__(self, pages: Pages, fence: Any, url: str) -> None:
        self._pages, self._sends, self.url, self.refused = pages, fence.sends, url, 0
        self._put: dict[str, str] = {}
        pages.opened += 1

    def close(self) -> None:
        self._pages.opened -= 1

    def title(self) -> str:
        return "Dashboard"

    def picture(self) -> bytes:
        """Never the same twice, unless nothing moves."""
        self._pages.looks += not self._pages.stubborn
        jpeg = io.BytesIO()
        Image.new("RGB", (126, 78), (self._pages.looks % 250, 9, 9)).save(jpeg, "JPEG")
        return jpeg.getvalue()

    def outline(self) -> str:
        return '- button "Save" [ref=e1]'

    def text(self) -> str:
        return "Dashboard"

    def go(self, url: str) -> int:
        if "users.php" in url:
            self.refused += 1
            raise NotDone("That did not work here.")
        self.url = url
        return 200

    def put(self, what: str, parcel: Parcel) -> None:
        self._put |= {"title": parcel.title} if what == "title" else {}
        self._put |= {"content": parcel.text} if what == "text" else {"picture": parcel.picture}

    def click(self, ref: str, _at: object) -> None:
        if ref != "e1":
            raise NotDone("That did not work here.")
        site = self._pages.site
        if self._pages.stubborn:
            return
        if self._sends == "post":
            site.asked.append(("computer_use", "saved"))
            site.add_post("tariffs-and-ai", dict(self._put))
        else:
            site.asked.append(("computer_use", "uploaded"))
            site.add_media(self._put["picture"].removesuffix(".jpg"), "")


class WindowDouble:
    """In the place of `window.Window`."""

    def __init__(self, site: Site) -> None:
        self.login, self.admin = login_of(site), ADMIN

    def read(self, look: Callable[[Any], Any]) -> Any:
        return look(None)


class SteeredMemory(MemoryChannel):
    """As `channel.SteeredCalls`."""

    def __init__(self, pages: Pages, work: Work, site: Site, before: Callable[[str], None] | None) -> None:
        super().__init__(pages.site, "computer_use", login_of(site), before)
        self._deeds = Deeds(WindowDouble(site), work)  # type: ignore[arg-type]

    def create_draft(self, key: str, fields: Json) -> Json:
        found = self._deeds.create_draft(key, fields, self.find_post)
        return self.update_post(found["id"], {**fields, "slug": key})

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json:
        media = self._deeds.upload(key, jpeg, self.find_media)
        return self.update_media(media["id"], {"alt_text": alt_text})


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    made = Pages()
    monkeypatch.setattr(steering, "Tab", lambda _page, fence, url: PageDouble(made, fence, url))

    def publish(run: Run, task: PublishTask, site: Site) -> Outcome:
        def opened(site: Site, before: Callable[[str], None] | None) -> SteeredMemory:
            film = partial(publish_tasks.film, run, task)
            return SteeredMemory(made, Work(run, task, site, before, film), site, before)

        return posting.publish(run, task, site, "computer_use", opened)

    monkeypatch.setitem(hybrid.WAYS, "computer_use", publish)
    yield made
    assert made.opened == 0, "no page is left open"


@pytest.fixture
def steered(db: None) -> Site:
    """One that articles reach by the agent alone."""
    return new_site("https://magazine.example.org", publisher="computer_use")


@pytest.fixture
def pilot(services: Doubles, settings: Settings) -> Doubles:
    """One that gets on with these pages."""
    services.steer(pilots.quick)
    assert settings.ANTHROPIC_API_KEY
    return services


def code_of(error: dict[str, Any] | ProviderError | None) -> str:
    return str(error["code"]) if isinstance(error, dict) else ""
