"""The real editor takes every block for its own: valid, and after a save as it was, whoever saves it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
import requests

from publishing import blocks
from publishing.blocks import Hero, Typography
from publishing.wordpress import marks
from publishing.wordpress.marks import Marked
from tests.journeys.desk import CHROMIUM, FLAGS, PATIENCE
from tests.publishing.blocks import pages
from tests.publishing.blocks.pages import BY_CLAUDE, HOSTILE, KINDS, LOOK, PICTURES, cleaned
from tests.services.wordpress import WordPress
from tests.services.wordpress_site import Account

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.dealt_whole(3),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's package chromium"),
    pytest.mark.xdist_group("editor"),
]
UID = "0c6f" * 8
OPEN = "() => window.wp?.data?.select('core/editor')?.getCurrentPostId() && wp.blocks.getBlockTypes().length > 20"
PARSED = """contents => contents.map(content => {
    const all = blocks => blocks.flatMap(block => [block, ...all(block.innerBlocks)]);
    const blocks = wp.blocks.parse(content);
    return {
        names: all(blocks).map(block => block.name),
        invalid: all(blocks).filter(block => !block.isValid).map(block => block.originalContent),
        saved: wp.blocks.serialize(blocks),
    };
})"""
SAVED = """async () => {
    const {dispatch, select} = wp.data;
    dispatch('core/editor').resetEditorBlocks(select('core/block-editor').getBlocks());
    await dispatch('core/editor').savePost();
    return select('core/editor').didPostSaveRequestSucceed();
}"""


@dataclass
class Editors:
    """A WordPress, and a browser in which its people write."""

    site: WordPress
    browser: Browser
    cookies: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def page(self, who: Account) -> Iterator[Page]:
        context = self.browser.new_context(base_url=self.site.url, storage_state=self.cookies.get(who.login))
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        if who.login not in self.cookies:
            page.goto("/wp-login.php")
            page.fill("#user_login", who.login)
            page.fill("#user_pass", who.password)
            page.click("#wp-submit")
            page.locator("#wpadminbar").wait_for()
            self.cookies[who.login] = context.storage_state()
        yield page
        context.close()

    def open(self, page: Page, post: int | None = None) -> None:
        """The editor, with a post of this number or a new one."""
        page.goto(f"/wp-admin/post.php?post={post}&action=edit" if post else "/wp-admin/post-new.php")
        page.wait_for_function(OPEN)

    def draft(self, who: Account, content: str) -> Any:
        """The post that REST makes of it."""
        fields = {"title": "A draft", "content": content, "status": "draft"}
        return self._ask("POST", "posts", who, json=fields)

    def text(self, post: int) -> str:
        return str(self._ask("GET", f"posts/{post}", self.site.desk)["content"]["raw"])

    def _ask(self, method: str, path: str, who: Account, **request: Any) -> Any:
        url = f"{self.site.url}/wp-json/wp/v2/{path}?context=edit"
        answer = requests.request(method, url, auth=(who.login, who.app_password), timeout=60, **request)
        assert answer.ok, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def editors(running_wordpress: WordPress) -> Iterator[Editors]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    running_wordpress.reset()
    flags = [*FLAGS, "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
    with (
        sync_api.sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=flags) as browser,
    ):
        yield Editors(running_wordpress, browser)


def written(page: str, typography: Typography = Typography.THEME, design: str = "classic") -> str:
    look = replace(LOOK, hero=Hero.BOTH, typography=typography, design=design)
    made = blocks.convert(cleaned(page), PICTURES, look)
    return made.named(marks.classes(UID, made.content))


def test_every_block_is_valid_and_stays_as_it_is(editors: Editors) -> None:
    sources = [*KINDS.values(), *HOSTILE, BY_CLAUDE]
    contents = [written(page, typography) for page in sources for typography in Typography]
    for design in pages.DESIGNS:
        both = (pages.by_template(design), BY_CLAUDE)
        contents += [written(page, typography, design) for page in both for typography in Typography]
    with editors.page(editors.site.desk) as page:
        editors.open(page)
        read = page.evaluate(PARSED, contents)

    for content, found in zip(contents, read, strict=True):
        assert found["invalid"] == []
        assert found["saved"] == content
        assert not {"core/freeform", "core/missing"} & set(found["names"])
    assert {name for found in read for name in found["names"]} >= {f"core/{kind}" for kind in KINDS}


@pytest.mark.parametrize(("login", "saves"), [("desk", 2), ("author", 1)])
def test_a_draft_that_is_saved_again_is_untouched(editors: Editors, login: str, saves: int) -> None:
    who = editors.site.accounts[login]
    content = written("".join(KINDS.values()) + "".join(HOSTILE[:4]))
    draft = editors.draft(who, content)
    stored = draft["content"]["raw"]
    assert (stored == content) == (login == "desk"), "an author's HTML is cleaned"
    assert Marked.read(stored).is_untouched

    with editors.page(who) as page:
        for _ in range(saves):
            editors.open(page, draft["id"])
            assert page.evaluate(PARSED, [stored])[0]["invalid"] == []
            assert page.evaluate(SAVED)

    assert editors.text(draft["id"]) == stored
