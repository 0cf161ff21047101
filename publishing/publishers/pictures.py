"""The pictures of an article in the media library of a site."""

from __future__ import annotations

from articles import call_keys
from articles.models import Call, ImageFile
from articles.providers import Answer
from articles.providers.errors import Rejected
from publishing import keeping
from publishing.publishers.page import about, load
from publishing.publishers.visit import Visit, called
from publishing.wordpress.reading import ADDRESS, Json


class Pictures:
    """Uploaded once each; what is there is adopted and made whole."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.run, self.site, self.channel = visit, visit.run, visit.site, visit.channel
        self._there = self._of_before()
        self._words: list[keeping.Finding] = []  # alternative texts that came later than their pictures

    def _of_before(self) -> set[int]:
        """Those of the pictures uploaded before that the site still has."""
        uploaded = self.visit.article.calls.filter(
            key__startswith=call_keys.MEDIA,
            provider=self.site.provider,
            address=self.site.address,
            state=Call.State.DONE,
        )
        with about(self.visit.first_thing):
            return self.channel.media_there([call.raw["id"] for call in uploaded])

    def upload(self, image: ImageFile) -> None:
        key = f"img-{self.visit.article.uid[:12]}-{image.role.replace('_', '-')}-{image.sha256[:8]}"
        call = self.visit.ask(
            call_keys.media(image.role),
            called(image),
            find=lambda: self.channel.find_media(key),
            send=lambda: Answer(self.channel.upload(key, load(self.run, image.stored, called(image)), image.alt_text)),
            take_back=self._take_back,
        )
        if call.state == Call.State.DONE and call.raw["id"] not in self._there:
            self.run.calls.give_up(call)
            self.upload(image)
            return
        if call.state == Call.State.DONE:
            self._renew_words(call, key, image)
        media = call.raw
        if call.state != Call.State.DONE:
            with self.visit.completing(call, called(image)):
                media = self._whole(call.raw, image)
            if media != call.raw:
                self.run.calls.update_answer(call, Answer(media))
        if (image.wordpress_media_id, image.wordpress_url) != (media["id"], media["source_url"]):
            image.wordpress_media_id, image.wordpress_url = media["id"], media["source_url"]
            with self.run.lease.fence():
                image.save(update_fields=["wordpress_media_id", "wordpress_url"])
        if call.state != Call.State.DONE:
            self.run.calls.done(call)

    def kept(self) -> list[keeping.Finding]:
        """What the site has kept of alternative texts that were changed after their pictures had come there."""
        return self._words

    def _renew_words(self, call: Call, key: str, image: ImageFile) -> None:
        """The alternative text of now, where the site has the one it was given: another is somebody's, and stays."""
        given = call.raw["alt_text"]
        if given == image.alt_text or "alt_text" in self.channel.LACKS:
            return
        with about(called(image)):
            there = self.channel.find_media(key)
            if there is None or there["id"] != call.raw["id"]:
                return
            ours = there["alt_text"] in (given, image.alt_text)
            if ours and there["alt_text"] != image.alt_text:
                there = self.channel.update_media(there["id"], {"alt_text": image.alt_text})
        if ours:
            self.run.calls.update_answer(call, Answer(there))
        self._words.append(keeping.of_alt_text(image.label, ours))

    def _whole(self, media: Json, image: ImageFile) -> Json:
        """The media item with its smaller versions and its alt text, which a crash may have kept from it."""
        self.run.lease.check_time()
        if (not media["width"] or not media["has_sizes"]) and "sizes" not in self.channel.LACKS:
            media = self.channel.make_sizes(media["id"])
        if not media["width"]:
            raise Rejected(
                self.site.provider,
                "the site took the file, but sees no picture in it",
                code="no_picture",
                mend=f'ask who runs site "{self.site}" whether it can work on pictures',
                detail=str(media),
            )
        if image.alt_text and not media["alt_text"] and "alt_text" not in self.channel.LACKS:
            media = self.channel.update_media(media["id"], {"alt_text": image.alt_text})
        if not ADDRESS.fullmatch(media["source_url"]):
            raise Rejected(
                self.site.provider,
                "the site gave no usable address for the picture",
                code="no_address",
                mend=f'ask who runs site "{self.site}" where its pictures are',
                detail=str(media),
            )
        return media

    def _take_back(self, second: Answer, first: Call) -> None:
        thing = f"the picture {call_keys.part(first.key)}"
        self.visit.take_back(second.raw, first.raw, thing, "deleted", lambda there, media: there.delete_media(media))
