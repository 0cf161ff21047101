"""A WordPress by its REST API: look up, adopt, complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min
from django.utils import timezone
from django.utils.text import slugify

from articles import call_keys
from articles.content import markup
from articles.models import Call, ImageFile
from articles.pipeline.run import Outcome, Run
from articles.providers import Answer
from articles.providers.errors import ProviderError, Rejected, Unreachable
from articles.tree import names
from publishing.answers import Json
from publishing.models import Site
from publishing.publishers.page import about, formatted_page, load
from publishing.sites import check_login, client_for

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
            self.client = client_for(self.site)
        with closing(self.client):
            return self._publish()

    def _publish(self) -> Outcome:
        with about(self._first_thing()):
            check_login(self.client)
        for image in self.images:
            self._upload(image)
        content = self._content(formatted_page(self.run_))
        call = self._draft(content)
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
        return next((_called(image) for image in self.images if not image.wordpress_media_id), "the draft")

    def _settled(self, call: Call, found: Json | None) -> Answer | None:
        """What a look-up found. Nothing yet may also mean that the site is still at it: then a little patience."""
        if found is not None:
            return Answer(found)
        if call.state == Call.State.INTENT and call.sent_at:
            left = self._known_since(call, call.sent_at) + timedelta(seconds=self.site.time_limit) - timezone.now()
            if left > timedelta(0):
                raise Unreachable(
                    self.site.provider,
                    "an earlier answer was lost, and the site may still be at work on it",
                    code="settling",
                    retry_after=left.total_seconds(),
                )
        return None

    def _known_since(self, call: Call, sent_at: datetime) -> datetime:
        """When the first attempt after a lost answer began: between it and us, unlike before, no clock was changed."""
        if sent_at > timezone.now():  # it was set back
            sent_at = call.sent_at = timezone.now()
            call.save(update_fields=["sent_at"])
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

    def _upload(self, image: ImageFile) -> None:
        key = f"img-{self.article.uid[:12]}-{image.role.replace('_', '-')}-{image.sha256[:8]}"
        call = self.run_.calls.ask(
            call_keys.media(image.role),
            _called(image),
            provider=self.site.provider,
            look_up=lambda call: self._settled(call, self.client.find_media(key)),
            send=lambda _: Answer(
                self.client.upload(key, load(self.run_, image.stored, _called(image)), image.alt_text)
            ),
        )
        if call.state == Call.State.DONE:
            return
        with self._completing(call, _called(image)):
            media = self._whole(call.raw, image)
        image.wordpress_media_id, image.wordpress_url = media["id"], media["source_url"]
        image.save(update_fields=["wordpress_media_id", "wordpress_url"])
        self.run_.calls.done(call)

    def _whole(self, media: Json, image: ImageFile) -> Json:
        """The media item with its smaller versions and its alt text, which a crash may have kept from it."""
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
        return f"<!-- {self._mark} -->\n<!-- wp:html -->\n{markup.serialize(root)}\n<!-- /wp:html -->\n"

    @property
    def _mark(self) -> str:
        """In the text, where it stays when a person gives the post another address or the article another title."""
        return f"idem:{self.article.uid}"

    @property
    def _slug(self) -> str:
        """Readable, and this article's alone."""
        words = slugify(str(self.article))[:60].strip("-")
        return f"{words or 'article'}-{self.article.uid[:12]}"

    def _draft(self, content: str) -> Call:
        thing = "the draft"
        with about(thing):
            wanted = self._wanted()
        title = str(self.article).replace("<", "&lt;").replace(">", "&gt;")  # it is text, and WordPress takes HTML
        call = self.run_.calls.ask(
            call_keys.POST,
            thing,
            provider=self.site.provider,
            look_up=lambda call: self._settled(call, self.client.find_post(self._slug, self._mark)),
            send=lambda _: Answer(self.client.create_draft(self._slug, {"title": title, "content": content, **wanted})),
        )
        with self._completing(call, thing):
            self._complete(call.raw, wanted)
        return call

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

    def _complete(self, post: Json, wanted: dict[str, Any]) -> None:
        """WordPress drops what it does not know without a word, and a crash may come between the post and the rest."""
        if not _lacking(post, wanted):
            return
        post = self.client.update_post(post["id"], _lacking(post, wanted))
        if lacking := _lacking(post, wanted):
            names = {"featured_media": "the hero image", "categories": "the categories"}
            raise Rejected(
                self.site.provider,
                f"the site dropped {' and '.join(names[name] for name in lacking)} from the draft",
                code="dropped",
                mend=f'ask who runs site "{self.site}" whether a plugin forbids it',
            )


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
