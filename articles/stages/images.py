"""Stage 3: the pictures, each on its own. What one of them meets stops none of the others."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from articles import call_keys
from articles.content import cards, pictures
from articles.content.pictures import BadPicture, Picture
from articles.models import Attempt, Call, ImageFile, Stage
from articles.pipeline.lease import HeldBack
from articles.pipeline.run import Outcome, Run
from articles.providers import replicate
from articles.providers.errors import GALLEY, Garbled, ProviderError, Rejected, Then, Unreachable
from articles.providers.replicate import PictureClient
from articles.tree import kept_pictures, names
from articles.tree.prompts import prompts_file
from backups.trees.tree import TreeError

SECTIONS = 3  # pictures beside the hero of an article that is written at once, at most
HERO_ASPECT, SECTION_ASPECT = "16:9", "21:9"  # each of them is one of `pictures.SIZES`
ASPECTS = {"hero": HERO_ASPECT} | {f"section_{n}": SECTION_ASPECT for n in range(1, SECTIONS + 1)}
LONGEST = timedelta(minutes=5)  # for one picture; then it is cancelled
POLL_SECONDS = (0.2, 0.5, 1, 2)  # the waits between looks; the last repeats
REQUEST_SECONDS = 120  # for each: to begin one, to look at it, to download it


def run(run: Run) -> Outcome:
    _keep_edited_prompts(run)
    images = list(run.article.images.all())
    lacking = [image for image in images if not image.is_stored]
    for image in lacking:
        if image.is_brought:
            _bring(run, image)
            run.commit_manifest()
    make(run, [image for image in lacking if not image.is_brought], each=run.commit_manifest)
    maker = settings.REPLICATE_MODEL if settings.REPLICATE_API_TOKEN else "drawn"
    if images and all(image.own for image in images):
        maker = "the manuscript"
    return Outcome(maker=maker[:100], details={"images": len(images)})


def _bring(run: Run, image: ImageFile) -> None:
    """One that a person has brought, from where it was kept when it came. Raises Rejected."""
    mend = "hand in the manuscript once more, with its pictures"
    if image.given:
        mend = "choose the file once more, by Change below the picture"
    try:
        picture = kept_pictures.load(image.given or image.own)
    except TreeError as exc:
        raise Rejected(
            GALLEY,
            "the copy of it that was kept is gone, or was changed",
            mend=mend,
            then=Then.NOTHING if image.given else Then.ANOTHER_MANUSCRIPT,
            code="own_picture",
            thing=f"the {image.label} image",
            detail=str(exc),
        ) from exc
    _keep(run, image, picture, run.lease.made_headway)


def make(run: Run, images: list[ImageFile], each: Callable[[], None] = lambda: None) -> None:
    """Make these pictures; `each` is called whenever one of them is safe.

    Raises HeldBack or the ProviderError that weighs most, once every other picture is safe.
    """
    if not settings.REPLICATE_API_TOKEN:
        for image in images:
            _keep(run, image, _drawn(image), run.lease.made_headway)
            each()
    elif images:
        client = PictureClient(
            settings.REPLICATE_BASE_URL,
            settings.REPLICATE_API_TOKEN,
            settings.REPLICATE_MODEL,
            allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES,
            timeout=REQUEST_SECONDS,
            prices=settings.GALLEY_PRICES,
            aspects=settings.REPLICATE_ASPECTS,
        )
        with closing(client):
            _Making(run, client, each).make(images)


def _drawn(image: ImageFile) -> Picture:
    article, turn = image.article, sum(map(int, re.findall(r"\d+", image.role)))
    title = str(article) if image.role == "hero" else ""
    return cards.draw(title, image.aspect, article.brand_primary, article.brand_accent, article.uid, turn)


def _keep(run: Run, image: ImageFile, picture: Picture, done: Callable[[], None]) -> None:
    """File, sidecar, row: from here on the picture is safe. `done` is noted together with the row."""
    encoded = base64.b64encode(picture.jpeg)
    stored = run.save_file(image.file_name, picture.jpeg)
    sidecar = run.save_file(image.base64_name, encoded)
    image.file.name = run.article.tree.path(stored.name)
    image.sha256, image.bytes, image.base64_sha256 = stored.sha256, stored.bytes, sidecar.sha256
    image.width, image.height = picture.width, picture.height
    image.wordpress_media_id, image.wordpress_url = None, ""
    with transaction.atomic():
        image.save()
        done()


class _Making:
    """All pictures at once, in one thread: predictions are made elsewhere, here they are only begun and looked at."""

    def __init__(self, run: Run, client: PictureClient, each: Callable[[], None]) -> None:
        self.run, self.client, self.each = run, client, each
        self.failures: list[ProviderError] = []
        self.held_back: HeldBack | None = None

    def make(self, images: list[ImageFile]) -> None:
        """Raises HeldBack or the failure that weighs most, once every other picture is safe."""
        working = {image.role: image for image in images if self._tried(image, self._begin)}
        waits = iter(POLL_SECONDS)
        while working:
            working = {role: image for role, image in working.items() if self._tried(image, self._look)}
            if working:
                self.run.lease.check_time()
                self.run.lease.renew()
                time.sleep(next(waits, POLL_SECONDS[-1]))
        if self.held_back:
            raise self.held_back
        if self.failures:
            raise max(self.failures, key=lambda failure: failure.retry)

    def _tried(self, image: ImageFile, step: Callable[[ImageFile], bool]) -> bool:
        """Whether there is more to do for this picture."""
        try:
            return step(image)
        except ProviderError as exc:
            exc.thing = f"the {image.label} image"
            self.failures.append(exc)
            return False
        except HeldBack as exc:
            self.held_back = exc
            return False

    def _begin(self, image: ImageFile) -> bool:
        self._call(image)
        return True

    def _call(self, image: ImageFile) -> Call:
        return self.run.calls.ask(
            call_keys.image(image.role),
            f"the {image.label} image",
            provider=replicate.PROVIDER,
            most=self.client.most,
            send=lambda call: self.client.create(image.prompt, image.aspect, key=call.idempotency_key),
        )

    def _look(self, image: ImageFile) -> bool:
        """True while it is being made; once it is there, it is downloaded and kept at once."""
        call = self._call(image)
        try:
            if replicate.is_working(call.raw):
                answer = self.client.get(str(call.raw["id"]))
                if replicate.is_working(answer.raw):
                    return self._patient(call)
                self.run.calls.update_answer(call, answer, self.client.most)
            url = self._address(call)
            self._note_url(image, call, url)
            picture = pictures.clean(self._downloaded(image, url))
        except (Rejected, Garbled) as exc:
            self.run.calls.fail(call, exc)
            if exc.code in replicate.GONE and self._was_planned(call):
                self.run.calls.close(call)
                return self._begin(image)
            raise
        except BadPicture as exc:
            bad = Garbled(
                replicate.PROVIDER,
                f"the picture cannot be used: {exc}",
                then=Then.REMAKE,
                code="bad_picture",
            )
            self.run.calls.fail(call, bad)
            raise bad from exc
        _keep(self.run, image, picture, lambda: self.run.calls.done(call))
        self.each()
        return False

    def _address(self, call: Call) -> str:
        """Raises as `replicate.picture_url`. What was not made for a reason that passes is asked for anew next time."""
        try:
            return replicate.picture_url(call.raw)
        except Unreachable as exc:
            self.run.calls.fail(call, exc)
            self.run.calls.close(call)
            raise

    def _was_planned(self, call: Call) -> bool:
        """Whether a person has pressed Recover since the address was bound to be dead: their plan has said it."""
        died = (call.received_at or timezone.now()) + replicate.URL_LIFE
        return self.run.article.attempts.filter(why=Attempt.Why.RECOVERED, asked_at__gte=died).exists()

    def _downloaded(self, image: ImageFile, url: str) -> bytes:
        """Past its time an address may fail in any manner: then the picture is gone."""
        try:
            return self.client.download(url)
        except Unreachable as exc:
            if image.url_is_fresh(timezone.now()):
                raise
            raise replicate.expired() from exc

    def _patient(self, call: Call) -> bool:
        if call.received_at and timezone.now() - call.received_at > LONGEST:
            with suppress(Rejected):  # it has ended just now
                self.client.cancel(str(call.raw["id"]))
            late = Unreachable(
                replicate.PROVIDER, "the picture was not ready in five minutes", code="too_slow", lost=False
            )
            self.run.calls.fail(call, late)
            raise late
        return True

    def _note_url(self, image: ImageFile, call: Call, url: str) -> None:
        image.source_url = "" if url.startswith("data:") else url[:2000]
        image.source_expires_at = (call.received_at or timezone.now()) + replicate.URL_LIFE
        with self.run.lease.fence():
            image.save(update_fields=["source_url", "source_expires_at"])


def _keep_edited_prompts(run: Run) -> None:
    """Write the prompts' file again when an editor has changed a prompt since."""
    record = run.article.records.get(stage=Stage.PROMPTS)
    content = prompts_file(list(run.article.images.all()))
    if hashlib.sha256(content).hexdigest() != record.sha256:
        stored = run.save_file(names.PROMPTS, content)
        record.sha256, record.bytes = stored.sha256, stored.bytes
        with run.lease.fence():
            record.save(update_fields=["sha256", "bytes"])
