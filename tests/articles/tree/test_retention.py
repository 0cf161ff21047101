"""The golden table: which tree goes, which stays, and when nothing goes at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from articles.tree.retention import judge, verdicts
from backups.storage.django_folder import LocalStorage
from backups.trees.removal import ShortListing
from backups.trees.tree import Tree

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEPS = [
    *("step1_article_generation", "step2_image_prompts", "step3_image_generation"),
    *("step4_formatting", "step5_wordpress_upload"),
]


def _manifest(age: timedelta = timedelta(days=8), **changes: Any) -> dict[str, Any]:
    stages = {step: {"status": "completed", "timestamp": (NOW - age).isoformat()} for step in STEPS}
    return {"schema": 1, "pipeline_stages": stages, "source": {"site": "Magazine"}} | changes


def _with_step(step: str, **changes: Any) -> dict[str, Any]:
    manifest = _manifest()
    manifest["pipeline_stages"][step] |= changes
    return manifest


@pytest.mark.parametrize(
    ("manifest", "stays"),
    [
        (_manifest(), ""),
        (_manifest(timedelta(days=7)), ""),
        (_manifest(timedelta(days=7) - timedelta(seconds=1)), "it is young"),
        (_manifest(timedelta(0)), "it is young"),
        (_manifest(timedelta(seconds=-1)), "its time is unknown"),
        (_manifest(timedelta(days=4000)), ""),
        (_with_step(STEPS[4], timestamp=None), "its time is unknown"),
        (_with_step(STEPS[4], timestamp="yesterday"), "its time is unknown"),
        (_with_step(STEPS[4], timestamp="2026-02-01T00:00:00"), "its time is unknown"),  # of no time zone
        (_with_step(STEPS[4], timestamp=0), "its time is unknown"),
        *((_with_step(step, status="failed"), "it is not finished") for step in STEPS),
        *((_with_step(step, status="pending"), "it is not finished") for step in STEPS),
        (_with_step(STEPS[0], status=None), "it is not finished"),
        (_manifest(source={"site": None}), "its preview is its only page"),
        (_manifest(source={}), "its preview is its only page"),
        (_manifest(schema=2), "its manifest is of another kind"),
        (_manifest(pipeline_stages=[]), "its manifest is of another kind"),
        (_manifest(pipeline_stages={}), "it is not finished"),
        (_manifest(source=None), "its manifest is of another kind"),
        ({}, "its manifest is of another kind"),
    ],
)
def test_golden_table(manifest: dict[str, Any], stays: str) -> None:
    assert judge(manifest, NOW, timedelta(days=7)) == stays


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    storage = LocalStorage(str(tmp_path))
    for name, manifest in {"old": _manifest(), "young": _manifest(timedelta(0)), "used": _manifest()}.items():
        tree = Tree(storage, name)
        tree.commit(manifest, {"a.txt": tree.add("a.txt", b"x")})
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    return storage


def _verdicts(storage: LocalStorage, prefixes: list[str], expected: int) -> dict[str, str]:
    found = verdicts(storage, prefixes, expected=expected, in_use={"used"}, now=NOW)
    return {verdict.prefix: verdict.stays for verdict in found}


def test_each_tree_has_its_verdict(storage: LocalStorage) -> None:
    assert _verdicts(storage, ["old", "young", "used", "broken"], expected=4) == {
        "old": "",
        "young": "it is young",
        "used": "it is in use",
        "broken": "its manifest cannot be read",
    }


@pytest.mark.parametrize(("listed", "expected"), [([], 1), ([], 1000), (["old"] * 89, 100), (["old"], 3)])
def test_a_listing_that_cannot_be_true_stops_it(storage: LocalStorage, listed: list[str], expected: int) -> None:
    with pytest.raises(ShortListing, match="are expected"):
        _verdicts(storage, listed, expected)


def test_nothing_listed_where_nothing_is_expected(storage: LocalStorage) -> None:
    assert _verdicts(storage, [], 0) == {}
