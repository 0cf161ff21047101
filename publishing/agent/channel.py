"""The browser's own channel, in which three deeds are steered: past an unknown page, a picture, the first save.

These are what pages can be in the way of. All else (looking, terms, alt texts, bringing up to date, publishing) is done
by the browser's own calls or forms, which no words of a page reach.
"""

from __future__ import annotations

from collections.abc import Callable

from articles.providers.errors import Garbled
from publishing.agent import steering
from publishing.agent.goals import Goal
from publishing.agent.tab import Parcel
from publishing.agent.work import Work
from publishing.browser.calls import Calls
from publishing.browser.forms import Forms
from publishing.browser.window import Window
from publishing.wordpress.reading import Json

UNKNOWN = "unknown_screen"  # the code of a page that is not the one that was asked for


class SteeredCalls(Calls):
    """By the JSON calls of the page."""

    def __init__(self, window: Window, work: Work, *, before: Callable[[str], None] | None) -> None:
        super().__init__(window, before=before)
        self._deeds = Deeds(window, work)

    def check(self) -> None:
        self._deeds.check(super().check)

    def create_draft(self, key: str, fields: Json) -> Json:
        found = self._deeds.create_draft(key, fields, self.find_post)
        return self.update_post(found["id"], {**fields, "slug": key})

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json:
        media = self._deeds.upload(key, jpeg, self.find_media)
        return self.update_media(media["id"], {"alt_text": alt_text}) if alt_text else media


class SteeredForms(Forms):
    """By the old forms, of a site without a REST API."""

    def __init__(self, window: Window, work: Work, *, before: Callable[[str], None] | None) -> None:
        super().__init__(window, before=before)
        self._deeds = Deeds(window, work)

    def check(self) -> None:
        self._deeds.check(super().check)

    def create_draft(self, key: str, fields: Json) -> Json:
        found = self._deeds.create_draft(key, fields, self.find_post)
        return self.update_post(found["id"], {**fields, "slug": key})

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json:
        media = self._deeds.upload(key, jpeg, self.find_media)
        return self.update_media(media["id"], {"alt_text": alt_text}) if alt_text else media


class Deeds:
    """What is steered, each proved by a look of the channel."""

    def __init__(self, window: Window, work: Work) -> None:
        self._window, self._work = window, work
        self._uid = work.run.article.uid

    def check(self, look: Callable[[], None]) -> None:
        """Sign in by `look`, and past what stands before the dashboard then. Raises as it does."""

        def is_past() -> bool | None:
            try:
                look()
            except Garbled as exc:
                if exc.code != UNKNOWN:
                    raise
                return None
            return True

        if not is_past():
            goal = Goal("page", "the way to the dashboard", "page", is_past)
            steering.reach(self._work, goal, self._window, f"{self._window.login.home}wp-admin/")

    def create_draft(self, key: str, fields: Json, find: Callable[[str, str], Json | None]) -> Json:
        parcel = Parcel(title=fields["title"], text=fields["content"])
        goal = Goal("post", "the draft", "post", lambda: find(key, self._uid), parcel)
        found: Json = steering.reach(self._work, goal, self._window, f"{self._window.admin}edit.php")
        return found

    def upload(self, key: str, jpeg: bytes, find: Callable[[str], Json | None]) -> Json:
        name = key.removeprefix(f"img-{self._uid[:12]}-")[:-9]
        goal = Goal(name, f"the {name} image", "picture", lambda: find(key), Parcel(picture=f"{key}.jpg", jpeg=jpeg))
        found: Json = steering.reach(self._work, goal, self._window, f"{self._window.admin}upload.php")
        return found
