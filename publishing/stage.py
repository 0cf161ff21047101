"""Stage 5: the article onto its site, as a draft; without a site, as a preview page at the desk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Min
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from articles import markup
from articles.models import Call, ImageFile, Stage
from articles.providers import Answer
from articles.providers.errors import ProviderError, Refused, Rejected, Unreachable
from articles.run import DAMAGED, Outcome, Run
from backups.tree import Damaged, Stored
from publishing import secrets
from publishing.models import Site
from publishing.wordpress import PROVIDER, Json, Login, WordPress

FILE = "05_final.html"
ADDRESS = re.compile(r"https?://[!-~]{1,490}")


def run(run: Run) -> Outcome:
    return _preview(run) if run.article.site is None else _Upload(run, run.article.site).run()


def client_for(site: Site) -> WordPress:
    """Raises Refused when the stored password cannot be read."""
    try:
        secret = site.secret
    except secrets.Undecipherable as exc:
        raise Refused(
            "Galley",
            f'the stored password of site "{site}" cannot be read with the present keys',
            action=f'enter the password of site "{site}" again, then press Recover',
            code="undecipherable",
        ) from exc
    kind = "jwt" if site.kind == Site.Kind.JWT else "app-password"
    login = Login(site.name, site.url, site.user, secret, kind, site.time_limit)  # type: ignore[arg-type]
    return WordPress(login, allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES)


def check_login(client: WordPress) -> None:
    """Raises Refused when the user cannot sign in, or may not write and upload."""
    capabilities = client.me().get("capabilities")
    able = capabilities if isinstance(capabilities, dict) else {}
    lacking = [
        word for name, word in (("edit_posts", "write"), ("upload_files", "upload pictures")) if not able.get(name)
    ]
    if lacking:
        login = client.login
        raise Refused(
            PROVIDER,
            f'user "{login.user}" may not {" or ".join(lacking)} there',
            action=f'give user "{login.user}" the role Author or Editor on site "{login.name}", then press Recover',
            code="rights",
        )


def formatted_page(run: Run) -> str:
    """The page of stage 4, from the tree."""
    return _load(run, run.article.records.get(stage=Stage.FORMAT).stored, "the formatted page").decode()


def _load(run: Run, stored: Stored | None, thing: str) -> bytes:
    try:
        if stored is None:
            raise Damaged(f"{thing} is missing from the backup.")
        return run.load_file(stored)
    except Damaged as exc:
        raise Rejected(
            "Galley",
            str(exc).rstrip("."),
            action="press Recover to have it made again",
            code=DAMAGED,
            thing=thing,
        ) from exc


def _preview(run: Run) -> Outcome:
    """The page on its own, with its pictures named as the files beside it: it opens from the folder, too."""
    page = render_to_string("publishing/page.html", {"article": run.article, "page": formatted_page(run)})
    stored = run.save_file(FILE, page.encode())
    return Outcome(stored, maker="preview", article={"link": reverse("preview", args=[run.article.uid])})


class _Upload:
    """One article onto one site."""

    def __init__(self, run: Run, site: Site) -> None:
        self.run_, self.site, self.article = run, site, run.article
        self.images = list(run.article.images.all())

    def run(self) -> Outcome:
        with _about(self._first_thing()):
            self.client = client_for(self.site)
        with closing(self.client):
            return self._publish()

    def _publish(self) -> Outcome:
        with _about(self._first_thing()):
            check_login(self.client)
        for image in self.images:
            self._upload(image)
        content = self._content(formatted_page(self.run_))
        call = self._draft(content)
        stored = self.run_.save_file(FILE, content.encode())
        self.run_.done(call)
        post = call.raw
        if post.get("status") == "trash":
            self.run_.note("trashed", f'The draft lies in the trash of site "{self.site}"')
        details = {"post_id": post["id"], "site": self.site.name, "slug": post.get("slug", "")}
        link = f"{self.site.url.rstrip('/')}/wp-admin/post.php?post={post['id']}&action=edit"
        return Outcome(stored, maker=f"WordPress {self.site.name}", details=details, article={"link": link})

    def _first_thing(self) -> str:
        """What is not there yet, and so is what a refused login refuses."""
        return next((_called(image) for image in self.images if not image.wordpress_media_id), "the draft")

    @property
    def _provider(self) -> str:
        return f"{PROVIDER} {self.site.name}"

    def _settled(self, call: Call, found: Json | None) -> Answer | None:
        """What a look-up found. Nothing yet may also mean that the site is still at it: then a little patience."""
        if found is not None:
            return Answer(found)
        if call.state == Call.State.INTENT and call.sent_at:
            left = self._known_since(call, call.sent_at) + timedelta(seconds=self.site.time_limit) - timezone.now()
            if left > timedelta(0):
                raise Unreachable(
                    PROVIDER,
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
            with _about(thing):
                yield
        except ProviderError as exc:
            if not exc.retry:
                self.run_.spoilt(call, exc)
            raise

    # Pictures

    def _upload(self, image: ImageFile) -> None:
        key = f"img-{self.article.uid[:12]}-{image.role.replace('_', '-')}-{image.sha256[:8]}"
        call = self.run_.ask(
            f"media:{image.role}",
            _called(image),
            provider=self._provider,
            look_up=lambda call: self._settled(call, self.client.find_media(key)),
            send=lambda _: Answer(
                self.client.upload(key, _load(self.run_, image.stored, _called(image)), image.alt_text)
            ),
        )
        if call.state == Call.State.DONE:
            return
        with self._completing(call, _called(image)):
            media = self._whole(call.raw, image)
        image.wordpress_media_id, image.wordpress_url = media["id"], media["source_url"]
        image.save(update_fields=["wordpress_media_id", "wordpress_url"])
        self.run_.done(call)

    def _whole(self, media: Json, image: ImageFile) -> Json:
        """The media item with its smaller versions and its alt text, which a crash may have kept from it."""
        if not media["width"] or not media["has_sizes"]:
            media = self.client.make_sizes(media["id"])
        if not media["width"]:
            raise Rejected(
                PROVIDER,
                "the site took the file, but sees no picture in it",
                code="no_picture",
                action=f'ask who runs site "{self.site}" whether it can work on pictures, then press Recover',
                detail=str(media),
            )
        if image.alt_text and not media["alt_text"]:
            media = self.client.update_media(media["id"], {"alt_text": image.alt_text})
        if not ADDRESS.fullmatch(media["source_url"]):
            raise Rejected(
                PROVIDER,
                "the site gave no usable address for the picture",
                code="no_address",
                action=f'ask who runs site "{self.site}" where its pictures are, then press Recover',
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
        with _about(thing):
            wanted = self._wanted()
        title = str(self.article).replace("<", "&lt;").replace(">", "&gt;")  # it is text, and WordPress takes HTML
        call = self.run_.ask(
            "post",
            thing,
            provider=self._provider,
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
            self.run_.note("category", f'User "{self.site.user}" may not make categories; the draft lacks {names}')
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
                PROVIDER,
                f"the site dropped {' and '.join(names[name] for name in lacking)} from the draft",
                code="dropped",
                action=f'ask who runs site "{self.site}" whether a plugin forbids it, then press Recover',
            )


@contextmanager
def _about(thing: str) -> Iterator[None]:
    """Gives the errors of a service the thing that they are about."""
    try:
        yield
    except ProviderError as exc:
        exc.thing = exc.thing or thing
        raise


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
