"""The publish task that the agent works at: whether it may go on, and what people are shown of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from articles.pipeline.run import Run
from articles.providers.errors import Rejected
from publishing import publish_tasks
from publishing.agent.goals import Goal
from publishing.agent.limits import Limits
from publishing.browser.window import Film
from publishing.models import PublishTask, Site


class Work:
    """`before` is asked whether it may go on, in the method of a request; `film` keeps pictures."""

    def __init__(
        self, run: Run, task: PublishTask, site: Site, before: Callable[[str], None] | None, film: Film
    ) -> None:
        self.run, self.task, self.site, self.show = run, task, site, partial(film, "steered")
        self._before = before or (lambda _: None)
        self.limits = Limits(run, task, site)

    def begins(self, goal: Goal, number: int) -> None:
        """A turn is at hand, as its task says. Raises Fenced, OutOfTime."""
        self._before("GET")
        publish_tasks.step(self.run, self.task, self.task.status, f"{goal.thing}, turn {number} of the agent")

    def acts(self) -> None:
        """What is asked for now is done. Raises Fenced."""
        self._before("POST")

    def stopped(self, reason: str, code: str) -> Rejected:
        mend = "see its pictures for what is in its way, and clear it away on the site, or publish by another way"
        return Rejected(self.site.provider, reason, code=code, mend=mend)
