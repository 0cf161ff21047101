"""Who does what how well: figures side by side, and what they advise."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from articles.models import Article, Call, Cost
from insights.comparison import Did, Who, comparison
from insights.costs import Range
from insights.rates import CAREFUL, between
from insights.recommendations import FEWEST, Advice, advice
from insights.rollups import days
from publishing.models import PublishTask, Site
from tests.conftest import HandIn
from tests.desk import as_
from tests.publishing.conftest import new_site

pytestmark = pytest.mark.django_db
COMPARISON, ADVICE = (f"/api/v1/analytics/{name}" for name in ("provider-comparison", "recommendations"))


@pytest.fixture
def now(stopped_clock: datetime) -> datetime:
    return stopped_clock


def publications(article: Article, number: int, failed: int = 0, code: str = "timeout", **fields: Any) -> None:
    """So many, of which some failed; each took nine seconds."""
    now = timezone.now()
    what = {"publisher": "rest", "way": "rest", "created_at": now, "started_at": now} | fields
    ended: list[dict[str, Any]] = [{"status": "failed", "error": {"code": code, "kind": "Unreachable"}}] * failed
    ended += [{"status": "completed", "completed_at": now + timedelta(seconds=9)}] * (number - failed)
    PublishTask.objects.bulk_create(PublishTask(article=article, **what, **each) for each in ended)


def calls(article: Article, number: int, failed: int = 0, key: str = "image:", **fields: Any) -> None:
    now = timezone.now()
    what = {"article": article, "provider": "pictures", "sent_at": now, "sends": 1, "answer": {}} | fields
    good = {"state": "done", "received_at": now + timedelta(seconds=3), "model": "flux", "cost": Decimal("0.04")}
    bad = {"state": "failed", "error": {"code": "declined", "kind": "Rejected"}}
    Call.objects.bulk_create(
        Call(key=f"{key}{n}", generation=n, **what, **(bad if n < failed else good)) for n in range(number)
    )


# Shares


@given(some=st.integers(0, 300), more=st.integers(0, 300), z=st.sampled_from([1.96, CAREFUL]))
def test_a_share_lies_between_its_bounds_and_certainty_costs_width(some: int, more: int, z: float) -> None:
    of = some + more
    if not of:
        assert between(some, of, z) is None
        return
    found, usual = between(some, of, z), between(some, of)
    assert found
    assert usual
    assert 0 <= found.low <= some / of + 1e-12
    assert some / of - 1e-12 <= found.high <= 1
    assert found.high - found.low >= usual.high - usual.low - 1e-12


def test_bounds_are_those_of_the_books() -> None:
    found = between(8, 10)
    assert found
    assert (round(found.low, 4), round(found.high, 4)) == (0.4902, 0.9433)


# Comparison


def test_providers_stand_side_by_side(hand_in: HandIn, editor: User, now: datetime) -> None:
    article = hand_in()
    publications(article, 3, failed=1, code="login")
    publications(article, 1, publisher="hybrid", way="xmlrpc", turns=[{"from": "rest", "to": "xmlrpc", "code": "404"}])
    calls(article, 4, failed=1)
    days.roll_up()

    told = as_(editor).get(f"{COMPARISON}?time_range=7d").json()

    ways = {each["provider"]: each for each in told["by_way"]}
    assert (ways["rest"]["completed"], ways["rest"]["failed"], ways["rest"]["sample"]) == (2, 2, 4)
    assert {each["message"] for each in ways["rest"]["causes"]} == {"login refused", "for another reason"}
    [hybrid, rest] = told["by_publisher"]
    assert (hybrid["name"], hybrid["success_rate"], hybrid["mean_duration"]) == ("The best way that works", 1, 9)
    assert rest["success_low"] < 2 / 3 < rest["success_high"]
    [unsaid, flux] = told["pictures"]
    assert (unsaid["model"], unsaid["success_rate"], unsaid["cost_each"]) == ("", 0, None)
    assert (flux["model"], flux["mean_duration"], Decimal(flux["cost_each"])) == ("flux", 3, Decimal("0.04"))
    assert (told["text"], told["layout"], told["agent"]) == ([], [], [])
    assert told["as_of"]


def test_of_nothing_there_is_no_rate(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    PublishTask.objects.create(article=article, publisher="rest", status="pending")
    days.roll_up()

    [told] = as_(editor).get(COMPARISON).json()["by_publisher"]

    assert (told["tasks"], told["in_progress"], told["sample"]) == (1, 1, 0)
    nothing = ("success_rate", "success_low", "success_high", "mean_duration", "cost_each")
    assert [told[name] for name in nothing] == [None] * len(nothing)


def test_before_anything_was_summed_nobody_knows(editor: User) -> None:
    told = as_(editor).get(COMPARISON).json()
    assert (told["as_of"], told["by_publisher"]) == (None, [])


def test_what_is_of_others_never_appears(hand_in: HandIn, editor: User, chief: User, other_editor: User) -> None:
    publications(hand_in(), 2)
    publications(hand_in(owner=other_editor), 5)
    days.roll_up()

    seen = {
        user: [each["tasks"] for each in as_(user).get(COMPARISON).json()["by_publisher"]]
        for user in (editor, other_editor, chief)
    }

    assert seen == {editor: [2], other_editor: [5], chief: [7]}
    stranger = as_(User.objects.create_user("reader", is_staff=True))
    assert [stranger.get(path).status_code for path in (COMPARISON, ADVICE)] == [403, 403]


@pytest.mark.parametrize(("range_", "number"), [(Range.WEEK, 1), (Range.MONTH, 2), (Range.ALL, 4)])
def test_a_range_ends_with_today(hand_in: HandIn, chief: User, now: datetime, range_: Range, number: int) -> None:
    article = hand_in()
    for ago in (6, 29, 90, -400):  # the last by a clock that was wrong
        publications(article, 1, created_at=now - timedelta(days=ago))
    days.roll_up()
    found = comparison(chief, range_, timezone.localdate()).groups["publishers"]
    assert found[Who("publisher", "rest")].number == number


def test_sums_of_two_are_the_sum() -> None:
    one, other = Did(), Did()
    one.count("completed", "", 2, 1, 2, 10, Cost(Decimal(1), 1))
    other.count("failed", "login", 3, 0, 0, 0, Cost(Decimal(2)))
    both = one + other
    assert (both.number, both.ended, both.again, both.cost) == (5, 5, 1, Cost(Decimal(3), 1))
    assert both.causes == {"login": 3}


def test_no_row_costs_a_query(hand_in: HandIn, editor: User) -> None:
    desk, counts = as_(editor), []
    for n in range(3):
        site = new_site(f"https://m{n}.example.org", name=f"Magazine {n}")
        publications(hand_in(), 20, failed=15, site=site)
        days.roll_up()
        for path in (COMPARISON, ADVICE):
            with CaptureQueriesContext(connection) as queries:
                assert desk.get(path).status_code == 200
            counts.append(len(queries))
    assert counts[2:] == counts[:2] * 2


# Advice


def advised(user: User) -> Advice:
    days.roll_up()
    return advice(User.objects.get(pk=user.pk), timezone.localdate())


@pytest.fixture
def magazine(db: None) -> Site:
    return new_site("https://m.example.org", publisher="hybrid", ways="playwright, rest")


def test_a_way_that_certainly_does_better_is_to_come_first(
    hand_in: HandIn, chief: User, editor: User, magazine: Site, now: datetime
) -> None:
    article = hand_in()
    publications(article, 40, failed=14, publisher="hybrid", way="playwright", site=magazine)
    publications(article, 60, failed=1, publisher="hybrid", way="rest", site=magazine)

    [order] = [each for each in advised(chief).found if each.rule == "order"]

    since = (timezone.localdate() - timedelta(days=29)).strftime("%-d %b")
    assert order.sentence == (
        f"On Magazine, Browser failed 14 of 40 since {since}, REST API failed 1 of 60: put REST API before it."
    )
    assert [(share.failed, share.of) for share in order.figures] == [(14, 40), (1, 60)]
    assert order.place.url == f"/admin/publishing/site/{magazine.pk}/change/"
    [mine] = [each for each in advised(editor).found if each.rule == "order"]
    assert mine.place.url == "", "an editor may not change sites"
    told = as_(editor).get(ADVICE).json()["recommendations"]
    assert {each["place"]["url"] for each in told if each["rule"] != "service"} == {None}


@pytest.mark.parametrize(
    ("browser", "rest", "code", "ways"),
    [
        ((4, 2), (60, 1), "timeout", "playwright, rest"),  # too few
        ((40, 6), (60, 4), "timeout", "playwright, rest"),  # chance
        ((40, 14), (60, 1), "login", "playwright, rest"),  # the same by each way
        ((40, 14), (60, 1), "timeout", "rest, playwright"),  # it is first already
    ],
)
def test_where_there_is_a_doubt_nothing_is_advised(
    hand_in: HandIn, chief: User, browser: tuple[int, int], rest: tuple[int, int], code: str, ways: str
) -> None:
    site = new_site("https://m.example.org", publisher="hybrid", ways=ways)
    article = hand_in()
    publications(article, *browser, code=code, publisher="hybrid", way="playwright", site=site)
    publications(article, *rest, code=code, publisher="hybrid", way="rest", site=site)
    assert [each for each in advised(chief).found if each.rule == "order"] == []


def test_a_closed_way_is_not_advised(hand_in: HandIn, chief: User, magazine: Site) -> None:
    Site.objects.update(closed_ways={"rest": "rest_no_route"})
    article = hand_in()
    publications(article, 40, failed=14, publisher="hybrid", way="playwright", site=magazine)
    publications(article, 60, failed=1, publisher="hybrid", way="rest", site=magazine)
    assert [each for each in advised(chief).found if each.rule == "order"] == []


def test_a_site_that_has_one_way_is_told_the_better_one(hand_in: HandIn, chief: User) -> None:
    site = new_site("https://m.example.org", publisher="playwright", ways="rest, playwright")
    article = hand_in()
    publications(article, 40, failed=14, publisher="playwright", way="playwright", site=site)
    publications(article, 60, failed=1, publisher="rest", way="rest", site=site)
    [order] = [each for each in advised(chief).found if each.rule == "order"]
    assert order.sentence.endswith("choose REST API.")


def test_a_site_that_refuses_is_to_be_tested(hand_in: HandIn, chief: User, magazine: Site) -> None:
    publications(hand_in(), 20, failed=12, code="login", site=magazine)
    [found] = [each for each in advised(chief).found if each.rule == "site"]
    assert found.sentence == ("On Magazine, 12 of 20 publications stopped, 12 of them: login refused. Test the site.")


def test_a_service_that_fails_often_is_named_with_its_cause(hand_in: HandIn, chief: User) -> None:
    calls(hand_in(), 30, failed=12)
    [found] = advised(chief).found
    assert found.rule == "service"
    assert found.sentence == (
        "The picture service failed at 12 of 30 pictures, 12 of them: request declined. See what stopped."
    )
    assert as_(chief).get(found.place.url).status_code == 200


def test_what_is_too_little_to_tell_is_said(hand_in: HandIn, chief: User, magazine: Site) -> None:
    publications(hand_in(), 3, failed=3, site=magazine)
    found = advised(chief)
    assert found.found == []
    assert [(share.what, share.failed, share.of) for share in found.silent] == [("REST API on Magazine", 3, 3)]
    [told] = as_(chief).get(ADVICE).json()["too_few"]
    assert told == {"what": "REST API on Magazine", "failed": 3, "sample": 3}


@pytest.mark.parametrize("number", [FEWEST - 1, FEWEST])
def test_the_fewest_are_enough_where_they_all_fail(hand_in: HandIn, chief: User, magazine: Site, number: int) -> None:
    publications(hand_in(), number, failed=number, site=magazine)
    assert bool(advised(chief).found) == (number == FEWEST)
