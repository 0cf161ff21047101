"""Who works on what, and what was asked twice: looked at from outside, by the rows."""

from __future__ import annotations

from tests.journeys.stacks import Desk


def hand_in(running: Desk, *ideas: str) -> None:
    submit = "__import__('articles.pipeline.transitions', fromlist=['submit']).submit"
    running.galley.ask(f"[{submit}(Article(owner_id=1, idea=idea)) for idea in {list(ideas)!r}] and 0")


def statuses(running: Desk) -> list[str]:
    return sorted(status for (status,) in running.rows("SELECT status FROM articles_article"))


def in_flight(running: Desk) -> int:
    """How many calls were sent and have no answer yet."""
    ((number,),) = running.rows("SELECT count(*) FROM articles_call WHERE state = 'intent' AND sends > 0")
    return int(number)


def answered(running: Desk) -> int:
    """How many calls have their answer, once it is saved."""
    ((number,),) = running.rows("SELECT count(*) FROM articles_call WHERE answer IS NOT NULL")
    return int(number)


def holder(running: Desk, idea: str) -> int | None:
    """The process that works on an article."""
    owners = dict(running.rows("SELECT idea, lease_owner FROM articles_article WHERE status = 'running'"))
    return int(owners[idea].split("|")[1]) if idea in owners else None


def repeated(running: Desk) -> list[tuple[str, int]]:
    """How often calls were sent after the first time, by idea."""
    found = "SELECT a.idea, c.sends - 1 FROM articles_call c JOIN articles_article a ON a.id = c.article_id"
    return [(idea, times) for idea, times in running.rows(f"{found} WHERE c.sends > 1")]
