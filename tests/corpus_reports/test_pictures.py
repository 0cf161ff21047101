"""Pictures as models send them: they were paid for, so they are used."""

from __future__ import annotations

import pytest

from articles.content import pictures
from tests.articles.content.test_pictures import decoded
from tests.corpus_reports import Sample, samples


@pytest.mark.parametrize("sample", samples("pictures"))
def test_a_picture_is_used(sample: Sample) -> None:
    clean = pictures.clean(sample.content)

    assert decoded(clean).size == (clean.width, clean.height)
    assert clean.jpeg.startswith(b"\xff\xd8")
