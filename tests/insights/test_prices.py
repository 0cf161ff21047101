"""What articles of one kind cost with each service and model: as somebody finds who adds up the records by hand."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from articles import call_keys
from articles.models import Article, CostRecord
from insights.prices import What, prices
from tests.desk import as_, text

WORKS = {
    "text": "text",
    f"{call_keys.SECTION}2": "text",
    "prompts": "text",
    "image:hero": "pictures",
    "format": "layout",
}
PAID = st.fixed_dictionaries(
    {
        "article": st.integers(0, 5),
        "key": st.sampled_from([*WORKS, "post"]),
        "provider": st.sampled_from(["text", "pictures"]),
        "model": st.sampled_from(["", "flux"]),
        "cost": st.integers(0, 2_000_000).map(lambda millionths: Decimal(millionths) / 10**6),
        "unknown": st.sampled_from([0, 0, 0, 1]),
    }
)


def articles(owner: User) -> list[tuple[str, str, int]]:
    """The uid, kind and words of six; the last is gone."""
    made = [
        ("idea", {"idea": "i", "word_count": 500}),
        ("idea", {"idea": "i", "word_count": 0}),
        ("long", {"idea": "i", "is_long": True, "word_count": 4000}),
        ("manuscript", {"manuscript": "m", "word_count": 700}),
        ("manuscript", {"manuscript": "m", "word_count": 900}),
    ]
    kept = [
        (Article.objects.create(owner=owner, tree_prefix=f"t/{n}", **fields), kind)
        for n, (kind, fields) in enumerate(made)
    ]
    return [(article.uid, kind, article.word_count) for article, kind in kept] + [("0" * 32, "gone", 0)]


def paid(owner: User, uid: str, **fields: Any) -> None:
    what = {"stage": "article", "provider": "text", "answered": True, "day": timezone.localdate()} | fields
    CostRecord.objects.create(article=uid, owner=owner, **what)


class ByHand(TestCase):
    @settings(max_examples=15)
    @given(records=st.lists(PAID, max_size=12))
    def test_prices_are_what_adding_up_gives(self, records: list[dict[str, Any]]) -> None:
        owner = User.objects.create_superuser("root")
        six = articles(owner)
        each: dict[What, dict[str, tuple[Decimal, int]]] = defaultdict(dict)
        for record in records:
            uid, kind, _ = six[record["article"]]
            paid(owner, uid, **{name: value for name, value in record.items() if name != "article"})
            if record["key"] in WORKS:
                of = each[What(WORKS[record["key"]], kind, record["provider"], record["model"])]
                cost, unknown = of.get(uid, (Decimal(0), 0))
                of[uid] = (cost + record["cost"], unknown + record["unknown"])

        found = prices(owner, None, timezone.localdate())

        assert set(found) == set(each)
        words = {uid: number for uid, _, number in six}
        for what, of in each.items():
            price, known = found[what], {uid: cost for uid, (cost, unknown) in of.items() if not unknown}
            worded = {uid: cost for uid, cost in known.items() if words[uid]}
            assert (price.articles, price.sample, price.worded) == (len(of), len(known), len(worded))
            assert price.cost == sum(cost for cost, _ in of.values())
            assert price.unknown == sum(unknown for _, unknown in of.values())
            assert price.each == (_millionths(sum(known.values()) / len(known)) if known else None)
            total = sum(words[uid] for uid in worded)
            assert price.per_thousand_words == (_millionths(sum(worded.values()) * 1000 / total) if total else None)


def _millionths(dollars: Any) -> Decimal:
    return Decimal(dollars).quantize(Decimal("0.000001"))


@pytest.mark.django_db
def test_the_same_kinds_stand_side_by_side_and_nobody_sees_what_is_of_others(editor: User, chief: User) -> None:
    idea, _, _, manuscript, *_ = articles(editor)
    paid(editor, idea[0], key="text", model="large", cost=Decimal("0.20"))
    paid(editor, manuscript[0], key="text", model="large", cost=Decimal("0.05"))
    paid(editor, idea[0], key="image:hero", provider="pictures", model="flux", unknown=1)
    paid(chief, "1" * 32, key="text", model="secret", cost=Decimal(9))

    told = as_(editor).get("/api/v1/analytics/provider-comparison").json()["prices"]
    assert [(each["work"], each["article"], each["cost_each"]) for each in told] == [
        ("pictures", "idea", None),
        ("text", "idea", "0.200000"),
        ("text", "manuscript", "0.050000"),
    ]
    assert [(each["unknown"], each["sample"], each["cost_per_1000_words"]) for each in told[:2]] == [
        (1, 0, None),
        (0, 1, "0.400000"),
    ]
    assert "secret" not in json.dumps(told)
    assert prices(AnonymousUser(), None, timezone.localdate()) == {}

    page = as_(editor).get("/admin/insights/?time_range=7d")
    assert "What articles of the same kind cost" in text(page)
    assert "from an idea 1 $0.20 0 $0.20 1 $0.40 1" in text(page)
    lines = as_(editor).get("/admin/insights/prices.csv").content.decode().splitlines()
    assert [line.count(",") for line in lines[1:]] == [9, 9, 9]  # one stands within the name
