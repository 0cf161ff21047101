"""A WordPress by its REST API: look up, adopt, complete, bring up to date."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Min
from django.utils import timezone
from django.utils.text import capfirst, slugify

from articles import call_keys
from articles.content import markup
from articles.failures import Failure
from articles.models import Call, ImageFile
from articles.pipeline.run import Outcome, Run
from articles.providers import Answer
from articles.providers.errors import ProviderError, Rejected, Unreachable
from articles.tree import names
from publishing import marks
from publishing.marks import Marked
from publishing.models import Site
from publishing.publishers.page import about, for_wordpress, formatted_page, load
from publishing.reading import Json
from publishing.sites import check_login, client_for
from publishing.wordpress import WordPress

THE_DRAFT = "the draft"
UNSEEN = ("draft", "auto-draft", "pending", "trash")  # states of a post that no reader has seen
EDITED = "edited"  # the code of a post that people have worked on
ADDRESS = re.compile(r"https?://[!-~]{1,490}")


def publish(run: Run, site: Site) -> Outcome:
    """The article as a draft on the site, with its pictures. What is there already is adopted."""
    return _Upload(run, site).run()


class _Upload:
    """One article onto one site."""

    def __init__(self, run: Run, site: Site) -> None:
        self.run_, self.site, self.article = run, site, run.article
        self.images = list(run.article.images.all())

    def run(self) -> Outcome:
        with about(self._first_thing()):
            self.client = client_for(self.site, before=self._go_on)
        with closing(self.client):
            return self._publish()

    def _go_on(self, method: str) -> None:
        """The lease outlasts each request; and when the time is up, nothing more is looked up."""
        if method in ("GET", "HEAD"):
            self.run_.lease.check_time()
        self.run_.lease.renew()

    def _publish(self) -> Outcome:
        with about(self._first_thing()):
            check_login(self.client)
        for image in self.images:
            self._upload(image)
        content = self._content(formatted_page(self.run_))
        call = self._draft(Draft(str(self.article), content))
        stored = self.run_.save_file(names.FINAL, content.encode())
        self.run_.calls.done(call)
        post = call.raw
        if post.get("status") == "trash":
            self.run_.lease.note("trashed", f'The draft lies in the trash of site "{self.site}"')
        details = {"post_id": post["id"], "site": self.site.name, "slug": post.get("slug", "")}
        link = f"{self.site.url.rstrip('/')}/wp-admin/post.php?post={post['id']}&action=edit"
        return Outcome(stored, maker=f"WordPress {self.site.name}", details=details, article={"link": link})

    def _first_thing(self) -> str:
        """What is not there yet, and so is what a refused login refuses."""
        return next((_called(image) for image in self.images if not image.wordpress_media_id), THE_DRAFT)

    def _settled(self, call: Call, found: Json | None) -> Answer | None:
        """What a look-up found. Nothing yet may also mean that the site is still at it: then a little patience."""
        if found is not None:
            return Answer(found)
        # Also one that was sent to another address: the same site may be behind both.
        sent = self.article.calls.filter(
            key=call.key, provider=call.provider, state=Call.State.INTENT, sent_at__isnull=False
        )
        if unanswered := sent.order_by("-sent_at").first():
            left = self._known_since(unanswered) + timedelta(seconds=self.site.time_limit) - timezone.now()
            if left > timedelta(0):
                raise Unreachable(
                    self.site.provider,
                    "an earlier answer was lost, and the site may still be at work on it",
                    code="settling",
                    retry_after=left.total_seconds(),
                )
        return None

    def _known_since(self, call: Call) -> datetime:
        """When the first attempt after a lost answer began: between it and us, unlike before, no clock was changed."""
        sent_at, now = call.sent_at or timezone.now(), timezone.now()
        if sent_at > now:  # it was set back
            Call.objects.filter(pk=call.pk, sent_at=sent_at).update(sent_at=now)
            sent_at = now
        began = self.article.attempts.filter(started_at__gt=sent_at).aggregate(Min("started_at"))["started_at__min"]
        return began or sent_at

    @contextmanager
    def _completing(self, call: Call, thing: str) -> Iterator[None]:
        """Around what an item still needs. One that cannot be completed is looked for anew after Recover."""
        try:
            with about(thing):
                yield
        except ProviderError as exc:
            if not exc.retry:
                self.run_.calls.fail(call, exc)
            raise

    # Pictures

    @cached_property
    def _there(self) -> set[int]:
        """Those of the pictures uploaded before that the site still has."""
        with about(self._first_thing()):
            return self.client.media_there([known for image in self.images if (known := image.wordpress_media_id)])

    def _upload(self, image: ImageFile) -> None:
        key = f"img-{self.article.uid[:12]}-{image.role.replace('_', '-')}-{image.sha256[:8]}"
        call = self.run_.calls.ask(
            call_keys.media(image.role),
            _called(image),
            provider=self.site.provider,
            address=self.site.address,
            look_up=lambda call: self._settled(call, self.client.find_media(key)),
            take_back=self._take_back_picture,
            send=lambda _: Answer(
                self.client.upload(key, load(self.run_, image.stored, _called(image)), image.alt_text)
            ),
        )
        if call.state == Call.State.DONE:
            if image.wordpress_media_id not in self._there:
                self.run_.calls.give_up(call)
                self._upload(image)
            return
        with self._completing(call, _called(image)):
            media = self._whole(call.raw, image)
        image.wordpress_media_id, image.wordpress_url = media["id"], media["source_url"]
        image.save(update_fields=["wordpress_media_id", "wordpress_url"])
        self.run_.calls.done(call)

    def _whole(self, media: Json, image: ImageFile) -> Json:
        """The media item with its smaller versions and its alt text, which a crash may have kept from it."""
        self.run_.lease.check_time()
        if not media["width"] or not media["has_sizes"]:
            media = self.client.make_sizes(media["id"])
        if not media["width"]:
            raise Rejected(
                self.site.provider,
                "the site took the file, but sees no picture in it",
                code="no_picture",
                mend=f'ask who runs site "{self.site}" whether it can work on pictures',
                detail=str(media),
            )
        if image.alt_text and not media["alt_text"]:
            media = self.client.update_media(media["id"], {"alt_text": image.alt_text})
        if not ADDRESS.fullmatch(media["source_url"]):
            raise Rejected(
                self.site.provider,
                "the site gave no usable address for the picture",
                code="no_address",
                mend=f'ask who runs site "{self.site}" where its pictures are',
                detail=str(media),
            )
        return media

    # The draft

    def _content(self, page: str) -> str:
        """What WordPress gets: pictures by its own addresses, in one block that the editor leaves alone."""
        root = markup.parse(page)
        by_name = {image.file_name: image for image in self.images}
        for element in root.iter("img"):
            if image := by_name.get(element.get("src", "")):
                element.set("src", image.wordpress_url)
                element.set("class", f"wp-image-{image.wordpress_media_id}")  # WordPress adds the smaller versions
        text = for_wordpress(markup.serialize(root))
        return marks.marked(self.article.uid, f"<!-- wp:html -->\n{text}\n<!-- /wp:html -->\n")

    @property
    def _slug(self) -> str:
        """Readable, and this article's alone."""
        words = slugify(str(self.article))[:60].strip("-")
        return f"{words or 'article'}-{self.article.uid[:12]}"

    def _draft(self, draft: Draft) -> Call:
        """The call whose answer is the draft as it lies on the site now, with this text."""
        with about(THE_DRAFT):
            wanted = self._wanted()
        call = self._asked(draft, wanted)
        if not self._is_there(call):
            self.run_.calls.give_up(call)
            call = self._asked(draft, wanted)
        with self._completing(call, THE_DRAFT):
            self._bring_up_to_date(call, draft, wanted)
            self._complete(call, wanted)
        return call

    def _asked(self, draft: Draft, wanted: Json) -> Call:
        return self.run_.calls.ask(
            call_keys.POST,
            THE_DRAFT,
            provider=self.site.provider,
            address=self.site.address,
            look_up=lambda call: self._settled(call, self._found()),
            send=lambda _: _taken(self.client.create_draft(self._slug, {**draft.fields, **wanted})),
            take_back=self._take_back_draft,
        )

    def _found(self) -> Json | None:
        return self.client.find_post(self._slug, marks.mark(self.article.uid))

    def _is_there(self, call: Call) -> bool:
        """Whether a draft that was finished before is still on the site; the call's answer is then as it is now."""
        if call.state != Call.State.DONE and "found" in call.raw:
            return True
        with about(THE_DRAFT):
            found = self._found()
        if found is not None:
            self.run_.calls.update_answer(call, Answer({**found, "taken": call.raw.get("taken", {})}))
        return found is not None

    def _bring_up_to_date(self, call: Call, draft: Draft, wanted: Json) -> None:
        """Give a draft of an earlier text this one. Where people have worked on it, they say what becomes of it."""
        post, taken = call.raw, call.raw.get("taken", {})
        there = Marked(post["version"], post["found"])
        is_told = bool(there.found)
        if not is_told or there.holds(draft.version) or self._was_left_to_people(call):
            return
        seen = post["status"] not in UNSEEN
        if seen or not (there.is_untouched or there.found == taken.get("found")):
            done = "published" if seen else "changed"
            raise Rejected(
                self.site.provider,
                f"somebody has {done} the post on the site, so the new text was not put over it",
                code=EDITED,
                mend="delete the post there for good to have a new draft made, or leave it as it is",
            )
        self.run_.lease.check_time()
        # A title of their own, or another picture on top, stays as well.
        ours = {name: value for name, value in {**draft.fields, **wanted}.items() if post.get(name) == taken.get(name)}
        updated = self.client.update_post(post["id"], {**ours, "content": draft.content})
        self.run_.calls.update_answer(call, _taken(updated))
        self.run_.lease.note("updated", "The draft on the site has the new text")

    def _was_left_to_people(self, call: Call) -> bool:
        """Whether they have been asked, and have pressed Recover with the post as it is."""
        before = self.article.calls.filter(key=call.key, generation=call.generation - 1, error__code=EDITED)
        if call.state == Call.State.DONE or not before.exists():
            return False
        self.run_.lease.note("left", "The post on the site stays as people have made it, without the new text")
        return True

    def _wanted(self) -> dict[str, Any]:
        hero = next((image for image in self.images if image.role == "hero"), None)
        categories = {name: self.client.category(name) for name in self.site.category_names}
        if lacking := [name for name, category in categories.items() if category is None]:
            names = ", ".join(lacking)
            self.run_.lease.note(
                "category", f'User "{self.site.user}" may not make categories; the draft lacks {names}'
            )
        found = [category for category in categories.values() if category is not None]
        return ({"featured_media": hero.wordpress_media_id} if hero else {}) | ({"categories": found} if found else {})

    def _complete(self, call: Call, wanted: dict[str, Any]) -> None:
        """WordPress drops what it does not know without a word, and a crash may come between the post and the rest."""
        self.run_.lease.check_time()
        if not _lacking(call.raw, wanted):
            return
        post = self.client.update_post(call.raw["id"], _lacking(call.raw, wanted))
        if lacking := _lacking(post, wanted):
            names = {"featured_media": "the hero image", "categories": "the categories"}
            raise Rejected(
                self.site.provider,
                f"the site dropped {' and '.join(names[name] for name in lacking)} from the draft",
                code="dropped",
                mend=f'ask who runs site "{self.site}" whether a plugin forbids it',
            )

    # What came second

    def _take_back_draft(self, second: Answer, first: Call) -> None:
        self._take_back(second.raw, first.raw, THE_DRAFT, "in the trash", WordPress.trash_post)

    def _take_back_picture(self, second: Answer, first: Call) -> None:
        thing = f"the picture {call_keys.part(first.key)}"
        self._take_back(second.raw, first.raw, thing, "deleted", WordPress.delete_media)

    def _take_back(
        self, second: Json, first: Json, thing: str, gone: str, remove: Callable[[WordPress, Json], bool]
    ) -> None:
        """A request that was held up, and left when another worker had done its work, has made a second one."""
        if second["id"] == first["id"]:
            return
        try:
            with closing(client_for(self.site)) as client:  # the article may not be ours any more
                became = f"is {gone}" if remove(client, second) else "was changed meanwhile: delete one of them"
        except ProviderError as exc:
            became = f"could not be removed ({Failure.of(exc).reason}): delete it there"
        ids = f"#{first['id']} and #{second['id']}"
        said = f'{capfirst(thing)} was made twice on site "{self.site}" ({ids}). The second one {became}'
        self.run_.lease.note("doubled", said)


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


def _taken(post: Json) -> Answer:
    """A draft that was just written, with what became of it there: sites clean what their authors write."""
    return Answer({**post, "taken": {name: post[name] for name in ("found", "title", "featured_media", "categories")}})


def _called(image: ImageFile) -> str:
    return f"the {image.label} image"


def _lacking(post: Json, wanted: dict[str, Any]) -> dict[str, Any]:
    """What is wanted and the post has none of."""
    lacking: dict[str, Any] = {}
    if wanted.get("featured_media") and not post["featured_media"]:
        lacking["featured_media"] = wanted["featured_media"]
    if wanted.get("categories") and not set(wanted["categories"]) & set(post["categories"]):
        lacking["categories"] = wanted["categories"]
    return lacking
