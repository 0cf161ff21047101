"""The key of a call within its article: what was asked for, and which stage asked.

    text   text:section-7   prompts   image:hero   image:section_1   format   media:hero   post   earlier
    search:5d41402abc4b   agent:17.0:hero:3

Calls are found again by their keys, so a key never changes once it is in use.
"""

from __future__ import annotations

from articles.models import Stage

TEXT, PROMPTS, FORMAT, POST = "text", "prompts", "format", "post"
EARLIER = "earlier"  # all that was paid before the ledger was lost
SECTION, IMAGE, MEDIA = "text:section-", "image:", "media:"  # before the index of a section, before a picture's role
SEARCH = "search:"  # before the hash of a text

OF_STAGE = {Stage.ARTICLE: TEXT, Stage.PROMPTS: PROMPTS, Stage.FORMAT: FORMAT}  # those that ask once for an article
STAGE_OF = {  # by what a key begins with, up to the colon
    "text": Stage.ARTICLE,
    "prompts": Stage.PROMPTS,
    "image": Stage.IMAGES,
    "format": Stage.FORMAT,
    "media": Stage.UPLOAD,
    "post": Stage.UPLOAD,
    "search": Stage.UPLOAD,
    "agent": Stage.UPLOAD,
}
FREE = ("media", "post")  # what sites are asked for costs nothing


def section(index: int) -> str:
    """The text of a section."""
    return f"{SECTION}{index}"


def image(role: str) -> str:
    """A picture, from the service that makes it."""
    return f"{IMAGE}{role}"


def media(role: str) -> str:
    """A picture, in the media library of the site."""
    return f"{MEDIA}{role}"


def search(text_hash: str) -> str:
    """What search engines are told of this very text: of another one it is asked anew."""
    return f"{SEARCH}{text_hash[:12]}"


def agent_task(task: int) -> str:
    """What the agent's turns in a publish task begin with."""
    return f"agent:{task}."


def agent_go(task: int, tries: int) -> str:
    """The same, of those since people have had it tried again for the last time, the `tries`th."""
    return f"{agent_task(task)}{tries}:"


def agent_turn(go: str, goal: str, number: int) -> str:
    """A turn of its conversation about a goal: `hero`, `post`."""
    return f"{go}{goal}:{number}"


def goal_and_number(key: str) -> tuple[str, str]:
    """Of a turn."""
    goal, _, number = key.partition(":")[2].partition(":")[2].partition(":")
    return goal, number


def kind(key: str) -> str:
    """`text`, `section`, `prompts`, `image`, `format`, `media`, `post`, `search` or `agent`: what costs and times are
    told apart by.
    """
    return "section" if key.startswith(SECTION) else key.partition(":")[0]


def part(key: str) -> str:
    """What of the article it is about: `hero`, `section-7`; "" for all of it."""
    return key.partition(":")[2]


def stage_of(key: str) -> Stage:
    return STAGE_OF.get(key.partition(":")[0], Stage.ARTICLE)
