"""A goal at one site: a page to be steered, a fence around it, and a conversation."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from articles.providers.agent import AgentClient
from articles.providers.errors import ProviderError
from publishing.agent.fence import Fence
from publishing.agent.goals import Goal
from publishing.agent.tab import Tab
from publishing.agent.work import Work
from publishing.browser.window import Window

TURN_SECONDS = 120  # for one answer


def reach(work: Work, goal: Goal, window: Window, start: str) -> Any:
    """What the goal's proof has found; the model begins at the page `start`.

    Raises ProviderError, and as the ledger of calls does.
    """
    from publishing.agent.talk import Talk  # and Anthropic's SDK with it, which takes seconds to load

    dashboard = f"{window.login.home}wp-admin/"
    fence = Fence(window.login, dashboard, goal.sends, work.run.article.uid)
    tab = window.read(lambda page: Tab(page, fence, start))
    try:
        talk = Talk(work, goal, tab, lambda deed: window.read(lambda _: deed()))
        with _client() as client:
            return talk.hold(client, goal.words(dashboard))
    except ProviderError as exc:
        exc.thing = exc.thing or goal.thing
        raise
    finally:
        _closed(window, tab)


def _client() -> AgentClient:
    return AgentClient(
        settings.ANTHROPIC_BASE_URL,
        settings.ANTHROPIC_API_KEY,
        settings.GALLEY_AGENT_MODEL,
        allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES,
        timeout=TURN_SECONDS,
        prices=settings.GALLEY_PRICES,
    )


def _closed(window: Window, tab: Tab) -> None:
    try:
        window.read(lambda _: tab.close())
    except ProviderError:  # the browser is gone, and the tab with it
        return
