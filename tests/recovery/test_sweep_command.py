"""`manage.py sweep`."""

from __future__ import annotations

import json
from io import StringIO

from django.core.management import call_command
from django.utils import timezone

from articles.models import Article
from articles.pipeline import transitions
from tests.conftest import HandIn


def _swept(*words: str) -> str:
    out = StringIO()
    call_command("sweep", *words, stdout=out)
    return out.getvalue()


def test_with_nothing_to_do_zeros(db: None) -> None:
    assert json.loads(_swept("--json")) == {"articles_found": 0, "stages_reset": 0, "tasks_restarted": 0}


def test_it_says_what_it_found(hand_in: HandIn) -> None:
    transitions.claim(hand_in().pk)
    Article.objects.update(lease_until=timezone.now())

    assert _swept() == "Articles found: 1. Stages set back: 0. Put back into the queue: 1.\n"
