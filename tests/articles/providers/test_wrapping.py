"""What was asked for is read out of whatever a model puts around it, and nothing of that is kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.providers import wrapping

OBJECT = {"title": "The last ferry", "html": "<h2>One</h2><p>It left at noon, and nobody waved.</p>"}
WRITTEN = json.dumps(OBJECT)
PAGE = "<article><h2>One</h2><p>It left at noon, and nobody waved.</p></article>"
BEFORE = st.sampled_from(["", "Sure! Here it is:\n", "{not JSON} and then\n", "Here {is} it: "])
AFTER = st.sampled_from(["", "\n\nLet me know.", "\nI kept { every } word."])
FENCES = st.sampled_from(["{}", "```json\n{}\n```", "```\n{}\n```", "~~~JSON\n{}\n~~~", "```json\n{}"])
THOUGHTS = st.sampled_from(
    ["", "<think>\nThey want {600} words.\n</think>\n\n", "Let me think.</think>", "<reasoning>a</reasoning>"]
)


@given(before=BEFORE, after=AFTER, fence=FENCES, thoughts=THOUGHTS)
def test_an_object_is_found_in_whatever_is_around_it(before: str, after: str, fence: str, thoughts: str) -> None:
    assert wrapping.json_object(thoughts + before + fence.replace("{}", WRITTEN) + after) == OBJECT


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": "one\nline\tand another"}', {"a": "one\nline\tand another"}),
        ('{"a": "\\ud83d ferry"}', {"a": "\ufffd ferry"}),
        ('{"a": "\\ud83d\\ude80"}', {"a": "🚀"}),
        ('{"a": 1} {"b": {"c": 2}}', {"b": {"c": 2}}),
        ('{"a": "</think> is a tag"}', {"a": "</think> is a tag"}),
        ('{"a": NaN}', {"a": None}),
        ('{"a": 1', None),
        ("[1, 2]", None),
        ("no object", None),
        ("{" * 100_000, None),
        ('{"a":' * 100_000, None),
        ("1" * 5000, None),
    ],
)
def test_objects(text: str, found: object) -> None:
    assert wrapping.json_object(text) == found


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=5))
def test_what_is_written_right_is_read_as_it_is(value: object) -> None:
    assert wrapping.json_object(json.dumps({"value": value})) == {"value": value}


@pytest.mark.parametrize(
    "answer",
    [
        PAGE,
        f"Here is your page:\n\n{PAGE}\n\nI kept every word.",
        f"```html\n{PAGE}\n```",
        f"```HTML\n{PAGE}\n```\nThat is all.",
        f"```html\n{PAGE}",
        f"```css\np {{color: red}}\n```\n\n```html\n{PAGE}\n```",
        json.dumps({"html": PAGE}),
        f"```json\n{json.dumps({'html': PAGE})}\n```",
        PAGE.replace("<", "&lt;").replace(">", "&gt;"),
        f"<think>A page, then.</think>{PAGE}",
    ],
)
def test_a_page_is_taken_alone(answer: str) -> None:
    assert wrapping.html_alone(answer) == PAGE


@pytest.mark.parametrize(
    ("field", "html"),
    [
        ("<p>As it is.</p>", "<p>As it is.</p>"),
        ("## Start\n<p>It was **still** there.</p>", "\n<h2>Start</h2>\n<p>It was <strong>still</strong> there.</p>"),
        ("<p># Start</p><p>a ** b ** c</p>", "<h2>Start</h2><p>a ** b ** c</p>"),
        ("```html\n<p>One</p>\n```", "<p>One</p>"),
        ("<p>One</p>\\n<p>Two</p>", "<p>One</p>\n<p>Two</p>"),
        ("&lt;p&gt;One&lt;/p&gt;", "<p>One</p>"),
        ("<p>Write &lt;p&gt; first</p>", "<p>Write &lt;p&gt; first</p>"),
        ("<pre># no **heading**</pre><p>**yes**</p>", "<pre># no **heading**</pre><p><strong>yes</strong></p>"),
    ],
)
def test_a_field_of_html_has_no_other_signs(field: str, html: str) -> None:
    assert wrapping.html_field(field) == html


@given(st.text(st.sampled_from('<p>/#*`\n {}"&lt;;think')))
def test_nothing_written_is_a_mistake_of_ours(text: str) -> None:
    wrapping.json_object(text)
    wrapping.html_alone(text)
    wrapping.html_field(text)
