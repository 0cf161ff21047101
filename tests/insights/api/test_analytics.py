"""`/api/v1/analytics`: what was paid, as far as who asks may know."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from articles.models import CostRecord
from tests.desk import as_

pytestmark = pytest.mark.django_db
USAGE = "/api/v1/analytics/cost-usage"


def test_costs_are_told_in_each_way_and_those_of_others_are_not(editor: User, chief: User) -> None:
    for owner, cost in ((editor, "0.25"), (chief, "4")):
        CostRecord.objects.create(
            article=owner.username, key="text", stage="article", provider="text", model="gpt", owner=owner, cost=cost
        )

    told = as_(editor).get(f"{USAGE}?time_range=7d").json()

    assert Decimal(told["cost"]) == Decimal(told["this_month"]["spent"]) == Decimal("0.25")
    assert told["this_month"]["limit"] is None
    assert [(row["provider"], row["model"], float(row["cost"])) for row in told["by_model"]] == [("text", "gpt", 0.25)]
    assert [row["name"] for row in told["by_person"]] == [editor.username]
    assert [row["name"] for row in told["by_batch"]] == [None]
    assert len(told["by_day"]) == 7
    assert told["by_day"][-1]["day"] == timezone.localdate().isoformat()
    assert [row["name"] for row in as_(chief).get(USAGE).json()["by_person"]] == sorted(
        [chief.username, editor.username]
    )


def test_a_range_that_nobody_knows_is_refused(editor: User) -> None:
    assert as_(editor).get(f"{USAGE}?time_range=1y").status_code == 422
    assert as_(User.objects.create_user("reader", is_staff=True)).get(USAGE).status_code == 403
