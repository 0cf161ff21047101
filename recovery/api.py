"""Recovery in the API: whatever was interrupted goes on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja import Body, Router

from articles.api.strict import REFUSALS, Nothing, Strict
from articles.pipeline.sweep import sweep

router = Router(tags=["recovery"])


class StatsOut(Strict):
    articles_found: int
    stages_reset: int
    tasks_restarted: int


class SweptOut(Strict):
    """What the sweep found and did, in a sentence and in numbers."""

    message: str
    stats: StatsOut


# `nothing` is named for its schema alone, which refuses a body that says something.
@router.post("/sweep", response={200: SweptOut, **REFUSALS})
def sweep_now(request: HttpRequest, nothing: Annotated[Nothing | None, Body()] = None) -> SweptOut:  # noqa: ARG001
    """Find what was interrupted and let it go on, now instead of within a minute. Safe at any time, twice at once."""
    if not request.auth.has_perm("articles.change_article"):  # type: ignore[attr-defined]  # who was let in
        raise PermissionDenied
    swept = sweep()
    return SweptOut(message=swept.sentence, stats=StatsOut(**asdict(swept)))
