"""What stands in the old forms of a dashboard, and how they are filled in: run in the browser's thread.

Without scripts, these are the forms that WordPress has had for twenty years; the block editor, where it is in the way,
names the address of the old one itself, for the boxes of old plugins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = {  # what the REST API calls it: where it stands in the form
    "title": "#title",
    "content": "#content",
    "excerpt": "#excerpt",
    "slug": "#post_name",
    "featured_media": "input[name=_thumbnail_id]",
}
_OLD_EDITOR = r"""() => {
    for (const script of document.scripts) {
        const found = script.textContent.match(/_wpMetaBoxUrl[^;]*meta-box-loader-nonce=(\w+)/);
        if (found) return found[1];
    }
    return "";
}"""
_FILL = """([values, checked, tags, comments]) => {
    for (const [where, value] of Object.entries(values)) document.querySelector(where).value = value;
    for (const box of checked === null ? [] : document.querySelectorAll("#categorychecklist input"))
        box.checked = checked.includes(Number(box.value));
    if (tags !== null) document.querySelector("textarea[name='tax_input[post_tag]']").value = tags;
    if (comments !== null) document.querySelector("#comment_status").checked = comments === "open";
}"""
_POST = """() => {
    const value = where => document.querySelector(where)?.value ?? "";
    return {
        id: Number(value("#post_ID")),
        slug: value("#post_name"),
        status: value("#original_post_status"),
        title: {raw: value("#title")},
        content: {raw: value("#content")},
        featured_media: Number(value("input[name=_thumbnail_id]")),
        categories: [...document.querySelectorAll("#categorychecklist input:checked")].map(box => Number(box.value)),
        excerpt: {raw: value("#excerpt")},
        comment_status: document.querySelector("#comment_status")?.checked ? "open" : "closed",
        tag_names: value("textarea[name='tax_input[post_tag]']").split(",").map(name => name.trim()).filter(Boolean),
    };
}"""
_LOCK = """() => {
    const value = where => document.querySelector(where)?.value ?? "";
    return [value("#post_ID"), value("#active_post_lock"), value("#post #_wpnonce")];
}"""
_ROWS = """rows => rows.map(row => {
    const told = name => row.querySelector(`.hidden .${name}`)?.textContent ?? "";
    return {
        id: Number(row.id.replace("post-", "")),
        slug: told("post_name"),
        status: told("_status"),
        title: {raw: told("post_title")},
        categories: told("post_category").split(",").map(Number).filter(Boolean),
    };
})"""
_CATEGORIES = (
    """labels => labels.map(label => [Number(label.querySelector("input").value), label.textContent.trim()])"""
)
_TERMS = """rows => rows.map(row => [
    Number(row.id.replace("tag-", "")), row.querySelector(".hidden .name")?.textContent.trim() ?? "",
])"""


class Lock(TypedDict):
    """What gives back a post that was opened: else people are told for minutes that we are at it."""

    post_ID: str
    active_post_lock: str
    _wpnonce: str


def has_old_editor(page: Page) -> bool:
    return page.locator("#post #content").count() > 0


def old_editor(page: Page) -> str:
    """What the address of any post has at its end to open it there, out of the block editor's page; "" for none."""
    nonce: str = page.evaluate(_OLD_EDITOR)
    return f"&meta-box-loader=1&meta-box-loader-nonce={nonce}" if nonce else ""


def fill_post(page: Page, *, fields: Mapping[str, Any], tags: list[str] | None) -> None:
    values = {where: str(fields[name]) for name, where in NAMES.items() if name in fields}
    joined = None if tags is None else ", ".join(tags)
    page.evaluate(_FILL, [values, fields.get("categories"), joined, fields.get("comment_status")])


def post_of(page: Page) -> dict[str, Any]:
    """The post in the editor, in the shape of the REST API."""
    post: dict[str, Any] = page.evaluate(_POST)
    return post


def lock_of(page: Page) -> Lock:
    post_id, lock, nonce = page.evaluate(_LOCK)
    return {"post_ID": post_id, "active_post_lock": lock, "_wpnonce": nonce}


def posts_of(page: Page) -> list[dict[str, Any]]:
    """The posts in a list, without their text."""
    posts: list[dict[str, Any]] = page.locator("#the-list tr[id^=post-]").evaluate_all(_ROWS)
    return posts


def categories_of(page: Page) -> list[tuple[int, str]]:
    """All of the site, in the editor of a post."""
    return [(number, name) for number, name in page.locator("#categorychecklist label").evaluate_all(_CATEGORIES)]


def terms_of(page: Page) -> list[tuple[int, str]]:
    return [(number, name) for number, name in page.locator("#the-list tr[id^=tag-]").evaluate_all(_TERMS)]


def choose_file(page: Page, *, name: str, jpeg: bytes) -> None:
    page.locator("#async-upload").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": jpeg})


def upload_nonce(page: Page) -> str:
    return page.locator("#file-form #_wpnonce").input_value()
