"""What was paid is written down in the transaction that saves its answer, and outlives its article."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from pytest_django import Settings

from articles import cost_records
from articles.models import Article, Call, Cost, CostRecord, Stage
from articles.pipeline import transitions
from articles.pipeline.lease import Fenced
from articles.pipeline.run import Run
from articles.providers import Answer
from articles.providers.prices import Bound
from tests.conftest import HandIn

pytestmark = pytest.mark.django_db(transaction=True)

MOST, COST = Bound(Decimal("0.06")), Decimal("0.02")


def claimed(article: Article) -> Run:
    found = transitions.claim(article.pk)
    assert found
    return Run(found)


def ask(run: Run, answer: Answer, most: Bound | None = MOST, key: str = "image:hero") -> Call:
    return run.calls.ask(key, "the picture", provider="pictures", send=lambda _: answer, most=most)


def test_a_record_says_what_was_asked_of_whom_and_what_it_used(hand_in: HandIn, editor: User) -> None:
    article = hand_in()

    ask(claimed(article), Answer({}, model="flux", cost=COST, input_tokens=3, output_tokens=2, reasoning_tokens=1))

    record = CostRecord.objects.get()
    assert (record.article, record.owner, record.batch, record.site) == (article.uid, editor, None, article.site)
    assert (record.stage, record.provider, record.model) == (Stage.IMAGES, "pictures", "flux")
    assert (record.input_tokens, record.output_tokens, record.reasoning_tokens) == (3, 2, 1)
    assert (record.cost, record.unknown, record.answered) == (COST, 0, True)


def test_what_costs_nothing_has_no_record(hand_in: HandIn) -> None:
    ask(claimed(hand_in()), Answer({"id": 1}), most=None, key="media:hero")

    assert not CostRecord.objects.exists()


@pytest.mark.parametrize(("cost", "expected"), [(COST, Cost(COST)), (None, Cost(unknown=1))])
def test_an_answer_to_an_article_that_is_gone_was_paid_all_the_same(
    hand_in: HandIn, editor: User, cost: Decimal | None, expected: Cost
) -> None:
    run = claimed(hand_in())

    def send(_: Call) -> Answer:
        Article.objects.all().delete()
        return Answer({"of": "it"}, cost=cost)

    with pytest.raises((Fenced, Call.DoesNotExist)):
        run.calls.ask("text", "the article", provider="text", send=send, most=MOST)

    assert not Call.objects.exists()
    assert CostRecord.objects.all().cost() == expected
    assert CostRecord.objects.touchable_by(editor).cost() == expected


def test_records_stay_when_their_article_is_deleted(hand_in: HandIn) -> None:
    article = hand_in()
    ask(claimed(article), Answer({"of": "it"}, cost=COST))

    article.delete()

    assert CostRecord.objects.all().cost() == Cost(COST)


def test_a_record_that_cannot_be_written_takes_the_answer_back_with_it(
    hand_in: HandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are of one transaction: neither is ever there without the other."""

    def refuse(*_: object) -> None:
        raise DatabaseError

    run = claimed(hand_in())

    def send(_: Call) -> Answer:
        monkeypatch.setattr(cost_records, "write", refuse)
        return Answer({"of": "it"}, cost=COST)

    with pytest.raises(DatabaseError):
        run.calls.ask("text", "the article", provider="text", send=send, most=MOST)

    assert Call.objects.get().answer is None
    assert not CostRecord.objects.exists()


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", date(2026, 1, 1)), ("Pacific/Auckland", date(2026, 1, 2)), ("America/Lima", date(2026, 1, 1))],
)
def test_the_day_of_a_record_is_the_desks(
    hand_in: HandIn, settings: Settings, monkeypatch: pytest.MonkeyPatch, zone: str, day: date
) -> None:
    settings.TIME_ZONE = zone
    run = claimed(hand_in())
    late = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)
    monkeypatch.setattr("articles.cost_records.timezone.now", lambda: late)

    ask(run, Answer({"of": "it"}, cost=COST))
    settings.TIME_ZONE = "UTC"

    assert CostRecord.objects.get().day == day


def test_nobody_sees_what_the_articles_of_others_cost(hand_in: HandIn, editor: User, chief: User) -> None:
    ask(claimed(hand_in()), Answer({"of": "it"}, cost=COST))
    other = User.objects.create_user("ben", is_staff=True)
    other.groups.set(editor.groups.all())

    assert not CostRecord.objects.touchable_by(other).exists()
    assert not CostRecord.objects.touchable_by(User(is_active=False)).exists()
    assert CostRecord.objects.touchable_by(editor).count() == CostRecord.objects.touchable_by(chief).count() == 1
