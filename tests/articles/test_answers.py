"""Answers of any shape: they are read, or they are told to be unusable, and never a mistake of ours."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.providers import claude, replicate, text
from articles.providers.errors import ProviderError
from articles.stages import article, prompts, sections

PARAGRAPH = f"<p>{'Night trains come back slowly. ' * 15}</p>"
PICTURE = {"prompt": "A platform", "alt_text": "A platform at night"}
CONTENT: dict[str, Any] = {
    "title": "Night trains",
    "html": PARAGRAPH,
    "components": [{"type": "sidebar", "text": "Beds"}],
    "hero": PICTURE,
    "sections": [{"heading": f"Part {n}", "brief": "Of it", **PICTURE} for n in range(1, 5)],
    "pictures": [PICTURE, PICTURE],
}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def response(content: object) -> dict[str, Any]:
    part = {"type": "output_text", "text": json.dumps(content)}
    return {"object": "response", "status": "completed", "output": [{"type": "message", "content": [part]}]}


def chat(content: object) -> dict[str, Any]:
    return {"choices": [{"finish_reason": "stop", "message": {"content": json.dumps(content)}}]}


PAGE = {"stop_reason": "end_turn", "content": [{"type": "text", "text": "```html\n<p>Page</p>\n```"}]}
PREDICTION = {"id": "p1", "status": "succeeded", "output": ["https://pictures.example.org/1.png"], "error": None}

Reader = Callable[[dict[str, Any]], object]
OF_TEXT: dict[str, Reader] = {
    "article": article._read,
    "prompts": lambda raw: prompts._read(raw, 3),
    "opening": lambda raw: sections._read_opening(raw, 2, with_outline=True),
    "section": lambda raw: sections._read_section(raw, 2),
}
READERS: dict[str, tuple[Reader, dict[str, Any]]] = {
    **{
        f"{name} by {kind.__name__}": (read, kind(CONTENT))
        for name, read in OF_TEXT.items()
        for kind in (response, chat)
    },
    "text": (text.content, response(CONTENT)),
    "page": (claude.content, PAGE),
    "picture": (replicate.picture_url, PREDICTION),
}


def _places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*path, key))


def _with(value: Any, path: tuple[str | int, ...], junk: object) -> Any:
    if not path:
        return junk
    changed = copy.copy(value)
    changed[path[0]] = _with(value[path[0]], path[1:], junk)
    return changed


@pytest.mark.parametrize("name", READERS)
def test_a_right_answer_is_read(name: str) -> None:
    read, raw = READERS[name]
    assert read(raw)


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_no_shape_of_an_answer_is_our_mistake(name: str, data: st.DataObject) -> None:
    read, raw = READERS[name]
    place = data.draw(st.sampled_from([path for path in _places(raw) if path]))

    with contextlib.suppress(ProviderError):
        read(_with(raw, place, data.draw(JUNK)))


@pytest.mark.parametrize("name", OF_TEXT)
@given(data=st.data())
def test_no_shape_of_what_was_written_is_our_mistake(name: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(list(_places(CONTENT))))
    kind = data.draw(st.sampled_from([response, chat]))

    with contextlib.suppress(ProviderError):
        OF_TEXT[name](kind(_with(CONTENT, place, data.draw(JUNK))))
