"""How an article is to stand on its site: what a person or a program asks for beside the article itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

MOST_TERMS = 20  # tags, or categories
LONGEST_TERM = 100
LONGEST_EXCERPT = 1_000
LONGEST_SLUG = 100
LONGEST_SEO = 300
LONGEST_AUTHOR = 100


@dataclass(frozen=True)
class Options:
    """Empty: a draft, as the site has it by itself.

    `tags` and `categories` are names, made where that is allowed. `publish_at` is when readers shall see it; with
    `publish_immediately` they see it at once. `author` is the name or the login of a user there; "" is the one that
    signs in. `comments` is "open" or "closed". `over` is the hash of a text that
    people have made of the post, and that somebody has seen and wants written over (`publishing.wordpress.marks`).
    """

    publish_immediately: bool = False
    publish_at: datetime | None = None
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    excerpt: str = ""
    slug: str = ""
    author: str = ""
    comments: str = ""
    seo_optimization: bool = False
    seo_title: str = ""
    seo_description: str = ""
    focus_keyword: str = ""
    over: str = ""

    @classmethod
    def read(cls, saved: dict[str, Any]) -> Options:
        """Of a row; a name that is not known any more is left out."""
        known = {field.name: saved[field.name] for field in fields(cls) if field.name in saved}
        at = known.get("publish_at")
        known["publish_at"] = parse_datetime(at) if isinstance(at, str) else at
        for name in ("tags", "categories"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)

    def saved(self) -> dict[str, Any]:
        """For a row: what is asked for, and nothing else."""
        said = {name: value for name, value in asdict(self).items() if value}
        if self.publish_at:
            said["publish_at"] = self.publish_at.isoformat()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}

    def but(self, said: dict[str, Any]) -> Options:
        """With what somebody has said in place of what stands here; a time of publication is said of the whole."""
        at_once = {"publish_immediately": False} if said.get("publish_at") else {}
        return Options.read(self.saved() | at_once | said)

    @property
    def is_for_readers(self) -> bool:
        """Whether readers shall see it, now or later."""
        return self.publish_immediately or self.publish_at is not None

    @property
    def asks_for_seo(self) -> bool:
        return bool(self.seo_optimization or self.seo_title or self.seo_description or self.focus_keyword)

    def with_categories_of(self, names: list[str]) -> Options:
        """With those that every post of its site gets."""
        return replace(self, categories=(*names, *(name for name in self.categories if name not in names)))
