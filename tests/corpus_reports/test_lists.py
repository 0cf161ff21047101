"""Lists of a batch as people save them, through its plan."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from articles.batches.plan import plan_batch
from articles.content.reading import decoding
from articles.models import Batch
from tests.corpus_reports import Sample, samples


@pytest.mark.parametrize("sample", samples("lists"))
def test_a_list_is_planned_as_it_was_meant(sample: Sample, editor: User) -> None:
    """Every line is a style or is told, and what is no style is not paid for."""
    styles = decoding.decode(sample.content)
    plan = plan_batch(Batch(owner=editor, name="Rooms", brief="{style}: {section}", styles=styles, sections="Hall"))

    names = [row.name for row in plan.new_articles]
    assert names == sample.note.get("names", names)
    assert not set(names) & set(sample.words("not_names"))
    assert not (sample.note.get("no_bad") and plan.bad)
    if "names" not in sample.note:
        assert plan.bad or plan.problems, "it is told"
