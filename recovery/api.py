"""Recovery in the API: whatever was interrupted goes on."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Body, Router

from articles.api import REFUSALS, Strict
from articles.sweep import Swept, sweep
from articles.words import count

router = Router(tags=["recovery"])


class Nothing(Strict):
    """The request has nothing to say: an empty object, or no body at all."""


class StatsOut(Strict):
    articles_found: int
    stages_reset: int
    tasks_restarted: int


class SweptOut(Strict):
    """What the sweep found and did, in a sentence and in numbers."""

    message: str
    stats: StatsOut


@router.post("/sweep", response={200: SweptOut, **REFUSALS})
def sweep_now(request: HttpRequest, nothing: Annotated[Nothing | None, Body()] = None) -> SweptOut:  # noqa: ARG001
    """Find what was interrupted and let it go on, now instead of within a minute. Safe at any time, twice at once."""
    swept = sweep()
    return SweptOut(message=_sentence(swept), stats=StatsOut(**vars(swept)))


def _sentence(swept: Swept) -> str:
    """`2 articles were found and go on.` Those that died too often are found, and stopped."""
    if not swept.articles_found:
        return "Nothing was interrupted."
    found = f"{count(swept.articles_found, 'article')} {'was' if swept.articles_found == 1 else 'were'} found"
    stopped = swept.articles_found - swept.tasks_restarted
    if not stopped:
        return f"{found} and {'goes' if swept.articles_found == 1 else 'go'} on."
    if not swept.tasks_restarted:
        return f"{found} and {'was' if stopped == 1 else 'were'} stopped: see why in the desk."
    goes = "goes" if swept.tasks_restarted == 1 else "go"
    return f"{found}: {swept.tasks_restarted} {goes} on, {stopped} {'was' if stopped == 1 else 'were'} stopped."
