"""Every sum of what was paid is what its records come to, counted once more in plain Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from articles.models import Batch, Cost, CostRecord, DeskSettings
from insights import costs
from insights.costs import Range, usage
from insights.rollups import paid
from publishing.models import Site
from tests.publishing.conftest import new_site

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 31)
NAMES = {"person": "owner__username"}

RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "day": st.one_of(st.integers(0, 3), st.integers(0, 400)).map(lambda ago: TODAY - timedelta(days=ago)),
            "provider": st.sampled_from(["text", "pictures"]),
            "model": st.sampled_from(["", "flux", "gpt"]),
            "stage": st.sampled_from(["article", "images"]),
            "cost": st.integers(-(10**6), 10**7).map(lambda n: Decimal(n) / 10**6),  # a correction takes back
            "unknown": st.sampled_from([-1, 0, 1]),
            "answered": st.booleans(),
            "input_tokens": st.integers(0, 10**6),
            "output_tokens": st.integers(0, 10**6),
            "whose": st.sampled_from(["mine", "theirs", "gone"]),
            "at_site": st.booleans(),
            "of_batch": st.sampled_from(["mine", "theirs", None]),  # both of one name
            "then": st.sampled_from(["nothing", "nothing", "sum"]),
        }
    ),
    max_size=30,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=RECORDS, range_=st.sampled_from(Range))
def test_every_sum_is_what_the_rows_come_to(
    made: list[dict[str, Any]], range_: Range, editor: User, chief: User
) -> None:
    with transaction.atomic():
        site = new_site("https://m.example.org")
        owners = {"mine": editor, "theirs": chief, "gone": None}
        alike = {"name": "Rooms", "key": "rooms", "brief": "b", "styles": "s", "sections": "t"}
        batches = {
            whose: Batch.objects.create(owner=owner, **alike) for whose, owner in (("mine", editor), ("theirs", chief))
        }
        for n, row in enumerate(made):
            fields = {key: value for key, value in row.items() if key not in ("whose", "at_site", "of_batch", "then")}
            fields |= {"owner": owners[row["whose"]], "site": site if row["at_site"] else None}
            CostRecord.objects.create(article=str(n), key="text", batch=batches.get(row["of_batch"]), **fields)
            if row["then"] == "sum":
                paid.roll_up(seconds=60)
        told = {user: usage(user, range_, TODAY) for user in (editor, chief)}
        transaction.set_rollback(True)

    days = {Range.WEEK: 7, Range.MONTH: 30, Range.QUARTER: 90, Range.ALL: 10**4}[range_]
    for user, found in told.items():
        rows = [
            row | _names(row, editor, chief, site, batches) for row in made if user == chief or row["whose"] == "mine"
        ]
        within = [row for row in rows if (TODAY - row["day"]).days < days]
        assert found.paid == _paid(within)
        assert found.this_month.spent == _paid([row for row in rows if row["day"] >= date(2026, 3, 1)]).cost
        for name, columns in (costs.BY | {"day": ("day",), "month": ("month",)}).items():
            groups = defaultdict[tuple[Any, ...], list[dict[str, Any]]](list)
            for row in within:
                groups[tuple(row[NAMES.get(column, column)] for column in _plain(name, columns))].append(row)
            told_of = {key: paid for key, paid in found.by[name].items() if name != "day" or key in groups}
            assert told_of == {key: _paid(some) for key, some in groups.items()}, name


def _plain(name: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    return (name,) if name in NAMES else columns


def _names(row: dict[str, Any], editor: User, chief: User, site: Site, batches: dict[str, Batch]) -> dict[str, Any]:
    owners = {"mine": editor.username, "theirs": chief.username, "gone": None}
    return {
        "month": row["day"].replace(day=1),
        "owner__username": owners[row["whose"]],
        "site__name": "Magazine" if row["at_site"] else None,
        "site": site.pk if row["at_site"] else None,
        "batch__name": "Rooms" if row["of_batch"] else None,
        "batch": batches[row["of_batch"]].pk if row["of_batch"] else None,
    }


def _paid(rows: list[dict[str, Any]]) -> costs.Paid:
    def total(name: str) -> Any:
        return sum(row[name] for row in rows)

    cost = Cost(Decimal(total("cost")), total("unknown"))
    return costs.Paid(cost, total("answered"), total("input_tokens"), total("output_tokens"))


def test_a_day_without_costs_is_a_zero_and_none_is_left_out(chief: User) -> None:
    CostRecord.objects.create(article="a", key="text", stage="article", provider="text", day=TODAY, cost=1)

    days = usage(chief, Range.WEEK, TODAY).by["day"]

    assert [day for (day,) in days] == [TODAY - timedelta(days=n) for n in range(6, -1, -1)]
    assert [paid.cost.known for paid in days.values()] == [0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("today", "forecast"),
    [(date(2026, 2, 1), None), (date(2026, 2, 14), 28), (date(2026, 2, 28), 14), (date(2024, 2, 14), 29)],
)
def test_a_month_goes_on_as_it_has_begun(chief: User, today: date, forecast: int | None) -> None:
    CostRecord.objects.create(
        article="a", key="text", stage="article", provider="text", day=today.replace(day=1), cost=14
    )

    month = usage(chief, Range.WEEK, today).this_month

    assert (month.spent, month.forecast, month.limit) == (Cost(Decimal(14)), forecast, None)


def test_a_month_is_seen_beside_its_limit(chief: User) -> None:
    DeskSettings.objects.update_or_create(name="desk", defaults={"limit_month": 50})
    assert usage(chief, Range.WEEK, TODAY).this_month.limit == 50


def test_no_record_costs_a_query(chief: User) -> None:
    counts = []
    for n in range(3):
        CostRecord.objects.create(article=str(n), key="text", stage="article", provider=str(n), day=TODAY, cost=1)
        with CaptureQueriesContext(connection) as queries:
            usage(User.objects.get(pk=chief.pk), Range.ALL, TODAY)
        counts.append(len(queries))
    assert counts[1:] == counts[:1] * 2


@pytest.mark.parametrize("wild", [date(1970, 1, 1), date(9999, 12, 31), date(1, 1, 1)])
def test_a_clock_that_was_wrong_makes_no_thousands_of_days(chief: User, wild: date) -> None:
    for day in (wild, TODAY - timedelta(days=40), TODAY):
        CostRecord.objects.create(article="a", key="text", stage="article", provider="text", day=day, cost=1)

    assert len(usage(chief, Range.ALL, TODAY).by["day"]) == 1 + 41
    assert len(usage(chief, Range.WEEK, TODAY).by["day"]) == 7
    assert usage(chief, Range.ALL, TODAY).paid.cost.known == 3
    assert usage(chief, Range.QUARTER, TODAY).paid.cost.known == 2, "what lies ahead is not of the last days"
