"""The groups of one person, with all that is said of each."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from articles.failures import Problem, problems
from articles.models import Article
from articles.models.access import EVERYTHING
from recovery.groups.history import Reader, Return, returns, trends
from recovery.groups.snoozes import standing
from recovery.models import Snooze


@dataclass(frozen=True)
class Group:
    problem: Problem
    trend: str  # a sentence; "" where the day before had none
    came_again: Return | None
    snooze: Snooze | None  # that keeps it aside
    woken: Snooze | None  # or that would still, had nothing stopped since
    of_others: list[Snooze]  # who have put their own articles aside
    may_bring_back: bool


def groups(user: Reader) -> list[Group]:
    """What is stopped of all that this person may touch, the most frequent first (two queries, three more where
    something is, however much).
    """
    found = problems(Article.objects.touchable_by(user), user)
    if not found:
        return []
    causes = [problem.cause for problem in found]
    trend, came_again, aside = trends(causes, user), returns(found, user), standing(causes, user)
    return [
        _group(each, trend.get(each.cause, ""), came_again.get(each.cause), aside.get(each.cause, []), user)
        for each in found
    ]


def _group(problem: Problem, trend: str, came_again: Return | None, snoozes: list[Snooze], user: Reader) -> Group:
    mine = [snooze for snooze in snoozes if snooze.concerns(user)]
    keeps = mine[0] if mine and mine[0].keeps_aside_for(user) else None
    may = keeps is not None and isinstance(user, User) and (keeps.by_id == user.pk or user.has_perm(EVERYTHING))
    return Group(
        problem=problem,
        trend=trend,
        came_again=came_again,
        snooze=keeps,
        woken=mine[0] if mine and not keeps else None,
        of_others=[snooze for snooze in snoozes if snooze not in mine and snooze.woken_at is None],
        may_bring_back=may,
    )
