"""What a newcomer sees on the worklist."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from articles.models import Article
from tests.desk import START, as_, text
from worklist import samples
from worklist.models import Document, State

pytestmark = pytest.mark.django_db


def test_the_samples_fill_the_board_once(editor: User, chief: User) -> None:
    for _ in range(2):
        samples.hand_in(editor, chief)
    assert Document.objects.count() == len(samples.LED_TO) == len(list(samples.HERE.glob("*.md")))
    assert set(Document.objects.values_list("state", flat=True)) == {
        *(State.TO_EVALUATE, State.TO_CONFIRM, State.TO_REVIEW, State.TO_REVISE, State.READY)
    }
    assert Document.objects.exclude(offered_hash="").get().title == "Harbour plans"
    assert not Article.objects.exists()


def test_the_start_page_says_what_waits_for_me(editor: User, chief: User) -> None:
    samples.hand_in(editor, chief)
    assert "Waits for you on the worklist Night trains To review" in text(as_(editor).get(START))
    assert "Waits for you" not in text(as_(chief).get(START))
