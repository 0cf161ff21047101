"""The post of an article on a site: made once, found again, brought up to date, published."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.text import slugify

from articles import call_keys
from articles.models import Article, Call
from articles.providers import Answer
from articles.providers.errors import Refused, Rejected
from publishing import keeping
from publishing.models import Site
from publishing.publishers import search_words
from publishing.publishers.page import about
from publishing.publishers.visit import THE_DRAFT, Visit
from publishing.wordpress import seo
from publishing.wordpress.marks import Marked
from publishing.wordpress.reading import Json

UNSEEN = ("draft", "auto-draft", "pending", "trash")  # states of a post that no reader has seen
EDITED = "edited"  # the code of a post that people have worked on
TAKEN = ("found", "title", "featured_media", "categories")  # what is noted of a post as the site took it


class Post:
    """What the site has of it is the answer of its call, as it was seen last."""

    def __init__(self, visit: Visit, content: str) -> None:
        self.visit, self.run, self.site, self.channel = visit, visit.run, visit.site, visit.channel
        self.article, self.options = visit.article, visit.options
        self.draft = Draft(str(self.article), content)
        self.dropped_terms: list[str] = []  # names of those that this user may not make
        self.is_of_its_author = False
        self.seo_words: Mapping[str, str] = {}
        self.seo_kept: frozenset[str] = frozenset()

    def write(self) -> Call:
        """The call whose answer is the post as it lies on the site now, with this text."""
        with about(THE_DRAFT):
            self._sent = wanted = self._wanted()
        call = self._asked(wanted)
        if not self._is_there(call):
            self.run.calls.give_up(call)
            call = self._asked(wanted)
        with self.visit.completing(call, THE_DRAFT):
            self._bring_up_to_date(call, wanted)
            self._complete(call, wanted)
            self._give_to_its_author(call)
        return call

    def _asked(self, wanted: Json) -> Call:
        return self.visit.ask(
            call_keys.POST,
            THE_DRAFT,
            find=self.find,
            send=lambda: _taken(self.channel.create_draft(slug_of(self.article), {**self.draft.fields, **wanted})),
            take_back=self._take_back,
        )

    def find(self) -> Json | None:
        return self.channel.find_post(slug_of(self.article), self.article.uid)

    def _take_back(self, second: Answer, first: Call) -> None:
        self.visit.take_back(
            second.raw, first.raw, THE_DRAFT, "in the trash", lambda there, post: there.trash_post(post)
        )

    def _is_there(self, call: Call) -> bool:
        """Whether a draft that was finished before is still on the site; the call's answer is then as it is now."""
        if call.state != Call.State.DONE and "found" in call.raw:
            return True
        with about(THE_DRAFT):
            found = self.find()
        if found is not None:
            self.run.calls.update_answer(call, Answer({**found, "taken": call.raw.get("taken", {})}))
        return found is not None

    # The text

    def _bring_up_to_date(self, call: Call, wanted: Json) -> None:
        """Give a draft of an earlier text this one. Where people have worked on it, they say what becomes of it."""
        post, taken = call.raw, call.raw.get("taken", {})
        there = Marked(post["version"], post["found"])
        is_told = bool(there.found)
        if not is_told or there.holds(self.draft.version):
            return
        is_ours = there.is_untouched or there.found == taken.get("found")
        was_asked_for = self.visit.task.was_done and (is_ours or there.found == self.options.over)
        if not was_asked_for and self._was_left_to_people(call):
            return
        seen = post["status"] not in UNSEEN
        if not was_asked_for and (seen or not is_ours):
            done = "published" if seen and is_ours else "changed"
            raise Rejected(
                self.site.provider,
                f"somebody has {done} the post on the site, so the new text was not put over it",
                code=EDITED,
                mend="delete the post there for good to have a new draft made, or leave it as it is",
            )
        self.run.lease.check_time()
        # A title of their own, or another picture on top, stays as well.
        ours = {
            name: value for name, value in {**self.draft.fields, **wanted}.items() if post.get(name) == taken.get(name)
        }
        updated = self.channel.update_post(post["id"], {**ours, "content": self.draft.content})
        self.run.calls.update_answer(call, _taken(updated))
        self.run.lease.note("updated", f"The {_called(post)} on the site has the new text")

    def _was_left_to_people(self, call: Call) -> bool:
        """Whether they have been asked, and have pressed Recover with the post as it is."""
        if not self.visit.task.retry_count:
            return False
        before = self.article.calls.filter(
            key=call.key, provider=call.provider, address=call.address, generation__lt=call.generation
        ).last()
        asked = before is not None and (before.error or {}).get("code") == EDITED
        if call.state == Call.State.DONE or not asked:
            return False
        self.run.lease.note("left", "The post on the site stays as people have made it, without the new text")
        return True

    # What comes with it

    def _wanted(self) -> Json:
        hero = next((image for image in self.visit.images if image.is_hero), None)
        wanted = {
            "featured_media": hero.wordpress_media_id if hero and self.site.hero != Site.Hero.TEXT else None,
            "categories": self._terms("category", self.options.categories),
            "tags": self._terms("tag", self.options.tags),
            "excerpt": self.options.excerpt,
            "comment_status": self.options.comments,
        }
        return {name: value for name, value in wanted.items() if value}

    def _terms(self, kind: str, names: tuple[str, ...]) -> list[int]:
        """The ids of these categories, or tags, as far as they are there or may be made."""
        find = self.channel.category if kind == "category" else self.channel.tag
        found = {name: find(name) for name in names}
        if lacking := [name for name, number in found.items() if number is None]:
            self.dropped_terms += lacking
            kinds = "categories" if kind == "category" else "tags"
            said = f'User "{self.site.user}" may not make {kinds}; the draft lacks {", ".join(lacking)}'
            self.run.lease.note(kind, said)
        return [number for number in found.values() if number is not None]

    def _complete(self, call: Call, wanted: Json) -> None:
        """WordPress drops what it does not know without a word, and a crash may come between the post and the rest."""
        self.run.lease.check_time()
        if not (missing := _lacking(call.raw, wanted)):
            return
        post = self.channel.update_post(call.raw["id"], missing)
        self.run.calls.update_answer(call, Answer({**post, "taken": call.raw.get("taken", {})}))
        needed = {"featured_media": "the hero image", "categories": "the categories"}
        if lacking := _lacking(post, {name: wanted[name] for name in needed if name in wanted}):
            raise Rejected(
                self.site.provider,
                f"the site dropped {' and '.join(needed[name] for name in lacking)} from the draft",
                code="dropped",
                mend=f'ask who runs site "{self.site}" whether a plugin forbids it',
            )

    def _give_to_its_author(self, call: Call) -> None:
        """Last, as who is not an editor there may not touch it any more. A site that refuses is no failure."""
        name = self.options.author
        if not name:
            return
        self.run.lease.check_time()
        author = self.channel.author(name)
        said = f'There is no author "{name}" on site "{self.site}", or user "{self.site.user}" may not see them'
        if author and call.raw.get("author") != author:
            try:
                post = self.channel.update_post(call.raw["id"], {"author": author})
            except (Refused, Rejected) as exc:
                said = f'User "{self.site.user}" may not write for "{name}" on site "{self.site}" ({exc.reason})'
            else:
                self.run.calls.update_answer(call, Answer({**post, "taken": call.raw.get("taken", {})}))
        self.is_of_its_author = bool(author) and call.raw.get("author") == author
        if not self.is_of_its_author:
            self.run.lease.note("author", f"{said}: the post stays the one of that user")

    # For search engines

    def tell_search_engines(self, call: Call) -> None:
        """What the site's plugin keeps of it is seen; a site without one is no failure."""
        self.run.lease.check_time()
        with about(THE_DRAFT):
            support = seo.support_by(self.channel)
        written = search_words.write(self.run, self.options, support.words)
        self.seo_words = written.words
        with about(THE_DRAFT):
            self.seo_kept = seo.write_by(self.channel, support, call.raw["id"], written.words)
        if written.call and written.call.state != Call.State.DONE:
            self.run.calls.done(written.call)

    # For readers

    def publish(self, call: Call) -> None:
        """Let readers see it, at once or at its time, under the address that is wanted."""
        post, asked = call.raw, self._asked_for_readers(call.raw)
        if not asked:
            return
        self.run.lease.check_time()
        with self.visit.completing(call, THE_DRAFT):
            updated = self.channel.update_post(post["id"], asked)
        self.run.calls.update_answer(call, Answer({**updated, "taken": post.get("taken", {})}))
        if updated["status"] != post["status"]:
            said = {"publish": "The post is published", "future": "The post will be published at its time"}
            self.run.lease.note("public", said.get(updated["status"], f"The post is now {updated['status']} there"))

    def _asked_for_readers(self, post: Json) -> Json:
        asked: Json = {}
        # Where another post has it, WordPress puts a number behind.
        if self.options.slug and not re.fullmatch(rf"{re.escape(self.options.slug)}(-\d+)?", post["slug"]):
            asked["slug"] = self.options.slug
        at = self.options.publish_at
        if at and at > timezone.now() and "date_gmt" in self.channel.LACKS:
            self.run.lease.note("public", "The post stays a draft: this way cannot say a time of publication")
        elif at and at > timezone.now():
            date = keeping.in_utc(at)
            if (post["status"], post["date_gmt"]) != ("future", date):
                asked |= {"status": "future", "date_gmt": date}
        elif (at or self.options.publish_immediately) and post["status"] != "publish":
            asked["status"] = "publish"
        return asked

    def kept(self, call: Call) -> list[keeping.Finding]:
        """What the site has kept, by its last answer."""
        sent = {**self.draft.fields, **self._sent}
        lacks = self.channel.LACKS if self.visit.images else frozenset[str]()
        findings = keeping.compare(sent, self.options, call.raw, without=self.dropped_terms, lacks=lacks)
        if self.options.author:
            findings.append(keeping.of_author(self.options.author, self.is_of_its_author))
        if self.options.asks_for_seo:
            findings += [keeping.of_seo(word, said, word in self.seo_kept) for word, said in self.seo_words.items()]
        return findings


@dataclass(frozen=True)
class Draft:
    """What a draft shall say. `content` bears its mark."""

    title: str
    content: str

    @property
    def version(self) -> str:
        return Marked.read(self.content).version

    @property
    def fields(self) -> Json:
        title = self.title.replace("<", "&lt;").replace(">", "&gt;")  # it is text, and WordPress takes HTML
        return {"title": title, "content": self.content}


def slug_of(article: Article) -> str:
    """Readable, and this article's alone: by it the post is found again, until it gets the one that is wanted."""
    words = slugify(str(article))[:60].strip("-")
    return f"{words or 'article'}-{article.uid[:12]}"


def _taken(post: Json) -> Answer:
    """A draft that was just written, with what became of it there: sites clean what their authors write."""
    return Answer({**post, "taken": {name: post[name] for name in TAKEN}})


def _called(post: Json) -> str:
    return "draft" if post["status"] in UNSEEN else "post"


def _lacking(post: Json, wanted: dict[str, Any]) -> dict[str, Any]:
    """What is wanted and the post has none of; further tags and words that people gave it stay."""
    lacking = {
        name: value for name, value in wanted.items() if name in ("excerpt", "comment_status") and post[name] != value
    }
    if wanted.get("featured_media") and not post["featured_media"]:
        lacking["featured_media"] = wanted["featured_media"]
    if wanted.get("categories") and not set(wanted["categories"]) & set(post["categories"]):
        lacking["categories"] = wanted["categories"]
    if missing := set(wanted.get("tags", ())) - set(post["tags"]):
        lacking["tags"] = [*post["tags"], *sorted(missing)]
    return lacking
