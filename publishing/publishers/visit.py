"""An article's visit at a site: what is asked there so that asking twice does no harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta

from django.db.models import Min
from django.utils import timezone
from django.utils.text import capfirst

from articles.failures import Failure
from articles.models import Call, ImageFile
from articles.pipeline.run import Run
from articles.providers import Answer
from articles.providers.errors import ProviderError, Unreachable
from publishing import publish_tasks
from publishing.channel import Channel
from publishing.models import PublishTask, Site
from publishing.publishers.page import about
from publishing.wordpress.reading import Json

Before = Callable[[str], None] | None  # called with the method of each request that is about to leave
Open = Callable[[Site, Before], Channel]
THE_DRAFT = "the draft"


class Visit:
    """One go of an article at one site, by one way. `open_channel` begins to speak with the site."""

    channel: Channel

    def __init__(self, run: Run, task: PublishTask, site: Site, open_channel: Open) -> None:
        self.run, self.task, self.site, self.article = run, task, site, run.article
        self.images = list(run.article.images.all())
        self.options = task.asked.with_categories_of(site.category_names)
        self._open = open_channel

    @contextmanager
    def begun(self) -> Iterator[None]:
        with about(self.first_thing):
            self.channel = self._open(self.site, self._go_on)
        with closing(self.channel):
            yield

    def _go_on(self, method: str) -> None:
        """The lease outlasts each request; and when the time is up, nothing more is looked up."""
        if method in ("GET", "HEAD"):
            self.run.lease.check_time()
        self.run.lease.renew()

    def step(self, status: str, at: str = "") -> None:
        publish_tasks.step(self.run, self.task, status, at)

    @property
    def first_thing(self) -> str:
        """What is not there yet, and so is what a refused login refuses."""
        return next((called(image) for image in self.images if not image.wordpress_media_id), THE_DRAFT)

    def ask(
        self,
        key: str,
        thing: str,
        *,
        find: Callable[[], Json | None],
        send: Callable[[], Answer],
        take_back: Callable[[Answer, Call], None],
    ) -> Call:
        """The call that makes a thing there, once: what is there already is adopted."""
        return self.run.calls.ask(
            key,
            thing,
            provider=self.site.provider,
            address=self.site.address,
            look_up=lambda call: self._settled(call, find()),
            send=lambda _: send(),
            take_back=take_back,
        )

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
    def completing(self, call: Call, thing: str) -> Iterator[None]:
        """Around what an item still needs. One that cannot be completed is looked for anew after Recover."""
        try:
            with about(thing):
                yield
        except ProviderError as exc:
            if not exc.retry:
                self.run.calls.fail(call, exc)
            raise

    def take_back(
        self, second: Json, first: Json, thing: str, gone: str, remove: Callable[[Channel, Json], bool]
    ) -> None:
        """A request that was held up, and left when another worker had done its work, has made a second one."""
        if second["id"] == first["id"]:
            return
        try:
            with closing(self._open(self.site, None)) as channel:  # the article may not be ours any more
                became = f"is {gone}" if remove(channel, second) else "was changed meanwhile: delete one of them"
        except ProviderError as exc:
            became = f"could not be removed ({Failure.of(exc).reason}): delete it there"
        ids = f"#{first['id']} and #{second['id']}"
        said = f'{capfirst(thing)} was made twice on site "{self.site}" ({ids}). The second one {became}'
        self.run.lease.note("doubled", said)


def called(image: ImageFile) -> str:
    return f"the {image.label} image"
