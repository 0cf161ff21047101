"""Every screen looks as it did when somebody has looked: a merged rule of the style sheet shows, and so does a page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.content import pictures
from tests.journeys.desk import CHROMIUM
from tests.screens import kept
from tests.screens.looks import Look, Part
from tests.screens.pages import HALVES, half_of
from tests.screens.session import looked_at, made

needs_a_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's package chromium")
RENEW = "When this is meant: make screenshots, look at the pictures, make screenshots KEEP=yes"


@needs_a_browser
@pytest.mark.django_db
@pytest.mark.dealt(2)
@pytest.mark.parametrize("half", range(HALVES))
def test_every_screen_looks_as_it_was_kept(half: int, small_cards: dict[str, tuple[int, int]]) -> None:
    pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    with mock.patch.dict(pictures.SIZES, small_cards):  # cards as large as they are, as their sizes are said
        found, shelf = made(half)
    with ThreadPoolExecutor(1) as thread:  # Django's database is out of reach in a thread in which a browser was
        now = thread.submit(looked_at, found, shelf).result()
    before = {name: look for name, look in kept.read().items() if half_of(name) == half}
    said = kept.differences(before, now)
    assert not said, "\n".join([*said, RENEW])


# What is compared

PART = Part("div > h1", (0, 12, 734, 36), {"font": "400 30/36 Source Serif 4", "ink": "#1d1d1b|#e9e7e1"})


def look(*parts: Part) -> dict[str, Look]:
    return {"start": {"laptop": list(parts)}}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (PART, []),
        (replace(PART, box=(3, 16, 740, 31)), []),  # another machine
        (replace(PART, box=(0, 12, 600, 36)), ["laptop: div > h1: width was 734, is 600 (start)"]),
        (
            replace(PART, style={"ink": "#1d1d1b|#e9e7e1"}),
            ["laptop: div > h1: font was 400 30/36 Source Serif 4, is none (start)"],
        ),
        (replace(PART, kind="div > h2"), ["laptop: div > h1 is gone (start)", "laptop: div > h2 is new (start)"]),
    ],
)
def test_a_difference_is_said_as_a_person_reads_it(now: Part, said: list[str]) -> None:
    assert kept.differences(look(PART), look(now)) == said


def test_what_is_the_same_on_many_screens_is_said_once() -> None:
    before = {name: {"phone": [PART]} for name in "abcde"}
    after = {name: {"phone": [replace(PART, style={})]} for name in "abcde"}
    (said,) = kept.differences(before, after)
    assert said.endswith("(a, b, c and 2 more screens)")
    assert kept.differences(look(PART), {}) == ["the screen is gone (start)"]


parts = st.builds(
    Part,
    st.sampled_from(["div > p.quiet", "li > a", "table > tbody"]),
    st.tuples(st.integers(-99, 999), st.integers(-99, 999), st.integers(0, 999), st.integers(0, 999)),
    st.dictionaries(st.sampled_from(["ink", "padding"]), st.sampled_from(["#fff|", "4 5", "|#000"])),
)
of_a_size = st.lists(parts, min_size=1, unique_by=lambda part: part.kind)


@given(
    st.dictionaries(
        st.sampled_from(["start", "a list"]),
        st.dictionaries(st.sampled_from(["laptop", "phone"]), of_a_size, min_size=1),
    )
)
def test_what_is_kept_is_read_as_it_was(tmp_path_factory: pytest.TempPathFactory, looks: dict[str, Look]) -> None:
    folder = tmp_path_factory.mktemp("kept")
    kept.write(looks, folder)
    assert kept.read(folder) == looks
