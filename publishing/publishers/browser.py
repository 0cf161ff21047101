"""A WordPress by a browser that signs in like a person: its JSON calls, or its old forms where it has no REST API."""

from __future__ import annotations

from functools import partial

from articles.pipeline.run import Outcome, Run
from articles.providers.errors import ProviderError
from publishing import publish_tasks
from publishing.browser.chromium import missing
from publishing.browser.opening import Half, open_channel
from publishing.browser.window import Film
from publishing.channel import Channel
from publishing.models import PublishTask, Site, Way
from publishing.publishers import posting
from publishing.publishers.fates import Fate, fate_of
from publishing.publishers.visit import Before

NO_REST = "rest_off"  # the code of a site that has none, also for those who have signed in


def publish(run: Run, task: PublishTask, site: Site) -> Outcome:
    film = partial(publish_tasks.film, run, task)
    try:
        return posting.publish(run, task, site, Way.PLAYWRIGHT, partial(_opened, "calls", film))
    except ProviderError as exc:
        if not is_about_rest(exc):
            raise
        publish_tasks.other_half(run, task, exc)
    return posting.publish(run, task, site, Way.PLAYWRIGHT, partial(_opened, "forms", film))


def is_about_rest(exc: ProviderError) -> bool:
    """Whether it is the JSON calls that fail, and the forms may do: what closes the REST API closes these, too."""
    return exc.code == NO_REST or fate_of(Way.REST, exc, tries=0) == Fate.CLOSED


def may_be_used(site: Site) -> bool:
    """Whether this machine has a browser, and somebody has given the password of the login page."""
    return bool(site.encrypted_web_secret) and not missing()


def _opened(half: Half, film: Film, site: Site, before: Before) -> Channel:
    return open_channel(site, half, before=before, film=film)
