"""The agent at one site: goal after goal, within what it may use up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings

from articles.pipeline.run import Run
from articles.providers.agent import AgentClient
from articles.providers.errors import ProviderError, Rejected
from publishing import publish_tasks
from publishing.agent.fence import Fence
from publishing.agent.goals import Goal
from publishing.agent.limits import Limits
from publishing.agent.tab import Tab
from publishing.agent.talk import Talk
from publishing.browser.window import Film, Window
from publishing.models import PublishTask, Site

TURN_SECONDS = 120  # for one answer


class Steering:
    """Of one publish task at one site. `before` is asked whether the work may go on; `film` keeps pictures."""

    def __init__(
        self, run: Run, task: PublishTask, site: Site, before: Callable[[str], None] | None, film: Film
    ) -> None:
        self.run, self.task, self.site, self.show = run, task, site, partial(film, "steered")
        self._before = before or (lambda _: None)
        self.limits = Limits(run, task, site)

    def reach(self, goal: Goal, window: Window, start: str) -> Any:
        """What the goal's proof has found. Raises ProviderError, and as the ledger of calls does."""
        dashboard = f"{window.login.home}wp-admin/"
        fence = Fence(window.login, dashboard, goal.sends, self.run.article.uid)
        tab = window.read(lambda page: Tab(page, fence, start))
        try:
            talk = Talk(self, goal, tab, lambda work: window.read(lambda _: work()))
            with _client() as client:
                return talk.hold(client, goal.words(dashboard))
        except ProviderError as exc:
            exc.thing = exc.thing or goal.thing
            raise
        finally:
            _closed(window, tab)

    def begins(self, goal: Goal, number: int) -> None:
        """A turn is at hand, as its task says. Raises Fenced, OutOfTime."""
        self._before("GET")
        publish_tasks.step(self.run, self.task, self.task.status, f"{goal.thing}, turn {number} of the agent")

    def acts(self) -> None:
        """What is asked for now is done. Raises Fenced."""
        self._before("POST")

    def stopped(self, reason: str, code: str) -> Rejected:
        mend = "see its pictures for what is in its way, and make it so on the site, or publish by another way"
        return Rejected(self.site.provider, reason, code=code, mend=mend)


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
