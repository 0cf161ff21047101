"""The dashboard in deploy/: it asks for nothing that the desk does not tell, and its panels stand side by side."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest
from django.contrib.auth.models import User
from prometheus_client.parser import text_string_to_metric_families

from tests.desk import as_
from tests.journeys.installation import ROOT

DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]


@pytest.fixture
def exported(db: None) -> dict[str, str]:
    """Metrics with what is said of them."""
    User.objects.create_superuser("root", "root@example.org", "a long password")
    answer = as_(User.objects.get(username="root")).get("/metrics")
    return {each.name: each.documentation for each in text_string_to_metric_families(answer.content.decode())}


def test_every_metric_that_it_names_is_exported(exported: dict[str, str]) -> None:
    named = {name for expression in EXPRESSIONS for name in re.findall(r"galley_\w+", expression)}
    assert named
    assert named - exported.keys() == set()


def test_no_gauge_is_asked_for_its_rate() -> None:
    assert [each for each in EXPRESSIONS if re.search(r"\b(rate|increase|irate)\(", each)] == []


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    places = [panel["gridPos"] for panel in PANELS]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = [one[at] + one[size] <= other[at] or other[at] + other[size] <= one[at] for at, size in ("xw", "yh")]
        assert any(apart), (one, other)


def test_whoever_imports_it_says_which_prometheus() -> None:
    [source] = DASHBOARD["templating"]["list"]
    wanted = {"type": "prometheus", "uid": f"${{{source['name']}}}"}
    assert source["type"] == "datasource"
    assert [panel["title"] for panel in PANELS if panel["datasource"] != wanted] == []
