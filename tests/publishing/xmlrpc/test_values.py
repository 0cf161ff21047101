"""Values are what they were: written for Python's own reader, and read from its writer; what is hostile is refused."""

from __future__ import annotations

import tracemalloc
import xmlrpc.client
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.xmlrpc import values

SIGNS = st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from(
    "\n\t\r"
)
TEXTS = st.text(SIGNS, max_size=30)
NAMES = st.text("abc_<&", min_size=1, max_size=5)
NUMBERS = st.integers(-(2**31), 2**31 - 1)
VALUES = st.recursive(
    TEXTS | NUMBERS | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def response(inside: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<methodResponse>{inside}</methodResponse>'


def of(value: str) -> str:
    return response(f"<params><param><value>{value}</value></param></params>")


@given(st.lists(VALUES, max_size=3))
def test_what_is_written_is_read_as_it_was(params: list[Any]) -> None:
    read, method = xmlrpc.client.loads(bytes(values.call("wp.newPost", *params)), use_builtin_types=True)

    blank_is_none = _without_blanks(params)
    assert (_without_blanks(list(read)), method) == (blank_is_none, "wp.newPost")


def _without_blanks(value: Any) -> Any:
    """Text of blanks alone is none: WordPress would not see it."""
    match value:
        case str():
            return value if value.strip() else ""
        case list():
            return [_without_blanks(item) for item in value]
        case dict():
            return {name: _without_blanks(item) for name, item in value.items()}
    return value


@given(VALUES)
def test_what_is_read_is_what_was_written(value: Any) -> None:
    assert values.answer(xmlrpc.client.dumps((value,), methodresponse=True)) == value


@given(st.binary(max_size=200_000))
def test_bytes_arrive_in_whatever_pieces(content: bytes) -> None:
    (read,), _ = xmlrpc.client.loads(bytes(values.call("m", content)), use_builtin_types=True)
    assert read == content


def test_a_picture_is_held_once_more_and_not_twice() -> None:
    picture = bytes(6 * 1024 * 1024)
    tracemalloc.start()
    body = values.call("wp.uploadFile", {"bits": picture})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(body) * 1.2 > peak > len(picture) * 4 / 3


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 12, 1, 23, 30, tzinfo=UTC),
        datetime(2026, 12, 2, 4, 30, tzinfo=timezone(timedelta(hours=5))),
    ],
)
def test_a_moment_is_written_in_its_places_and_in_greenwich(moment: datetime) -> None:
    assert b"<dateTime.iso8601>20261201T23:30:00</dateTime.iso8601>" in values.call("m", moment)


def test_what_xml_cannot_say_costs_no_word() -> None:
    said = "one\x00two\x0cthree\ud800four\ufffefive\x1b"
    (read,), _ = xmlrpc.client.loads(bytes(values.call("m", said)))
    assert read == "one two three four five "
    assert values.answer(of("one\x0ctwo\x1b")) == "one two ", "nor does a site that keeps such signs break its answers"


def test_line_ends_stay_what_they_are() -> None:
    assert values.answer(of("<string>a\r\nb\rc\n</string>")) == "a\r\nb\rc\n"


def test_a_fault_is_a_number_and_words() -> None:
    assert values.answer(xmlrpc.client.dumps(xmlrpc.client.Fault(403, "Non & never"))) == values.Fault(
        403, "Non & never"
    )


@pytest.mark.parametrize(
    ("said", "is_"),
    [
        ("<dateTime.iso8601>20261130T01:02:03</dateTime.iso8601>", "2026-11-30T01:02:03"),
        ("<dateTime.iso8601>00000000T00:00:00Z</dateTime.iso8601>", ""),
        ("<dateTime.iso8601>tomorrow</dateTime.iso8601>", ""),
        ("<i4> 7 </i4>", 7),
        ("<i8>-9223372036854775808</i8>", -(2**63)),
        ("<double>1.5</double>", 1.5),
        ("<nil/>", ""),
        ("", ""),
        ("<array><data>\n</data></array>", []),
        ("<struct><member><name>a</name><value/></member></struct>", {"a": ""}),
        ("<string>a<!-- b -->c</string>", "ac"),
    ],
)
def test_each_type_is_read(said: str, is_: Any) -> None:
    assert values.answer(of(said)) == is_


@pytest.mark.parametrize("around", ["\ufeff\n\ufeff", "\n \n", ""])
def test_what_files_of_a_site_put_before_an_answer_is_no_harm(around: str) -> None:
    assert values.answer(f"{around}{of('7')}\n<!-- kept by a plugin -->") == "7"


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
BOMB = f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY l0 "ha">{LAUGHS}]>' + of("&l9;").partition("\n")[2]
FILE = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + of("&f;").partition("\n")[2]
HOSTILE = {
    "billion laughs": BOMB,
    "a file of ours": FILE,
    "an entity that nobody declared": of("&f;"),
    "a document type within": response("<!DOCTYPE r [<!ENTITY a 'b'>]><params/>"),
    "deep": of("<array><data><value>" * 100 + "</value></data></array>" * 100),
    "very deep": of("<array><data><value>" * 30_000 + "</value></data></array>" * 30_000),
    "many tags": of("<array><data>" + "<value/>" * 300_000 + "</data></array>"),
    "many attributes": of("<string " + " ".join(f'a{n}=""' for n in range(50_000)) + ">a</string>"),
    "half": of("7")[:-20],
    "a page": "<!DOCTYPE html><html><p>Hello</p></html>",
    "a warning before it": f"<br />\n<b>Warning</b>: x in y\n{of('7')}",
    "another root": "<rss/>",
    "nothing": "",
    "nothing in it": response(""),
    "two params": response("<params><param><value>1</value></param><param><value>2</value></param></params>"),
    "two values": of("<int>1</int><int>2</int>"),
    "no type of ours": of("<object>a</object>"),
    "a number that is none": of("<int>seven</int>"),
    "a number that is too long": of(f"<int>{'9' * 5000}</int>"),
    "a fraction that is none": of("<double>x</double>"),
    "an array of nothing": of("<array/>"),
    "a member without a name": of("<struct><member><value>1</value></member></struct>"),
    "a fault of text": response("<fault><value>no</value></fault>"),
    "a fault without words": response(
        "<fault><value><struct><member><name>faultCode</name><value><int>1</int></value></member></struct></value></fault>"
    ),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(values.Unreadable):
        values.answer(text)


@given(st.text(st.sampled_from("<>/&;a=\"'\r\n\x00") | SIGNS, max_size=60))
def test_nothing_else_is_ever_raised(text: str) -> None:
    for each in (text, of(text), response(text)):
        try:
            values.answer(each)
        except values.Unreadable:
            continue
