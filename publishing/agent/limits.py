"""What the agent may use up for one publication, looked at before each call; and what it has cost."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db.models import Sum

from articles import call_keys
from articles.formats import count, money
from articles.models import Call, DeskSettings
from articles.pipeline.run import Run
from articles.providers.errors import Rejected
from articles.providers.prices import Bound
from publishing import publish_tasks
from publishing.models import PublishTask, Site


class Limits:
    """Of one publish task, since people have had it tried again for the last time."""

    def __init__(self, run: Run, task: PublishTask, site: Site) -> None:
        self._run, self._task, self._site = run, task, site
        self.go = call_keys.agent_go(task.pk, task.retry_count)

    def look(self, most: Bound) -> None:
        """Whether one more turn has room that may cost so much. Raises Rejected."""
        turns = list(self._run.article.calls.filter(key__startswith=self.go))
        if len(turns) >= settings.GALLEY_AGENT_TURNS:
            most_turns = count(settings.GALLEY_AGENT_TURNS, "turn")
            raise self._used_up(most_turns, "agent_turns", "have the operator raise GALLEY_AGENT_TURNS")
        if sum(map(_seconds, turns)) >= settings.GALLEY_AGENT_SECONDS:
            most_seconds = count(settings.GALLEY_AGENT_SECONDS, "second")
            raise self._used_up(most_seconds, "agent_seconds", "have the operator raise GALLEY_AGENT_SECONDS")
        if not most.is_priced and settings.GALLEY_UNKNOWN_PRICES == "refuse":
            unknown = "nobody knows the price of the agent's model"
            raise self._stopped(unknown, "agent_price", "have the operator tell it in GALLEY_PRICES")
        spent = sum(((call.cost or Decimal(0)) + (call.reserved or Decimal(0)) for call in turns), Decimal(0))
        limit = DeskSettings.now().agent_dollars
        if spent + most.dollars > limit:
            raised = "have a chief editor raise the limit of an agent's run"
            raise self._used_up(f"{money(spent)} of ${limit:,.2f}", "agent_dollars", raised)

    def _used_up(self, what: str, code: str, mend: str) -> Rejected:
        reason = f"the agent has used up what it may for one publication ({what})"
        return self._stopped(reason, code, f"see its pictures for what is in its way, or {mend}")

    def _stopped(self, reason: str, code: str, mend: str) -> Rejected:
        return Rejected(self._site.provider, reason, code=code, mend=mend)

    def note_cost(self) -> None:
        """What all of its turns have cost, also those before a person had it tried again, stands on the task."""
        turns = self._run.article.calls.filter(key__startswith=call_keys.agent_task(self._task.pk))
        cost = turns.order_by().aggregate(sum=Sum("cost"))["sum"] or Decimal(0)
        publish_tasks.step(self._run, self._task, self._task.status, self._task.current_step, cost=cost)


def _seconds(turn: Call) -> float:
    """From its request until what it asked for was done."""
    ended = turn.done_at or turn.received_at
    return (ended - turn.sent_at).total_seconds() if ended and turn.sent_at else 0.0
