"""A WordPress by a browser that a model steers, where the browser alone does not get on."""

from __future__ import annotations

from functools import partial

from django.conf import settings

from articles.models import DeskSettings
from articles.pipeline.run import Outcome, Run
from articles.providers.agent import toolset_of
from articles.providers.errors import GALLEY, ProviderError, Refused
from publishing import publish_tasks
from publishing.agent.channel import SteeredCalls, SteeredForms
from publishing.agent.work import Work
from publishing.browser.opening import open_window
from publishing.channel import Channel
from publishing.models import PublishTask, Site, Way
from publishing.publishers import browser, posting
from publishing.publishers.visit import Before

Steered = type[SteeredCalls] | type[SteeredForms]


def publish(run: Run, task: PublishTask, site: Site) -> Outcome:
    if lacking := missing():
        what, _, mend = lacking.partition(": ")
        raise Refused(GALLEY, f"there is no agent here, as {what}", mend=f"ask the operator: {mend}", code="no_agent")
    opened = partial(_opened, run, task)
    try:
        return posting.publish(run, task, site, Way.COMPUTER_USE, partial(opened, SteeredCalls))
    except ProviderError as exc:
        if not browser.is_about_rest(exc):
            raise
        publish_tasks.other_half(run, task, exc)
    return posting.publish(run, task, site, Way.COMPUTER_USE, partial(opened, SteeredForms))


def missing() -> str:
    """What the agent lacks here beside a browser, with the one thing that helps; "" where it lacks nothing."""
    if not settings.ANTHROPIC_API_KEY:
        return "Claude is not set up: set ANTHROPIC_API_KEY"
    if not settings.GALLEY_AGENT_DOLLARS:
        return "it may spend nothing: set GALLEY_AGENT_DOLLARS to what it may for one publication"
    if not DeskSettings.now().agent_dollars:
        return "it may spend nothing: raise the limit of an agent's run (Limits)"
    if not toolset_of(settings.GALLEY_AGENT_MODEL):
        return "its model steers no browser: set GALLEY_AGENT_MODEL to one that does, such as claude-sonnet-5-5"
    return ""


def may_be_used(site: Site) -> bool:
    return browser.may_be_used(site) and not missing()


def _opened(run: Run, task: PublishTask, steered: Steered, site: Site, before: Before) -> Channel:
    film = partial(publish_tasks.film, run, task)
    window = open_window(site, before=before, film=film)
    return steered(window, Work(run, task, site, before, film), before=before)
