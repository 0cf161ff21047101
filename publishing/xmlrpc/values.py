"""The values of XML-RPC, written as a WordPress takes them and read as what anybody may have sent.

Reference: the specification at xmlrpc.com; WordPress's own reader and writer in wp-includes/IXR.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

from lxml import etree

Value: TypeAlias = "str | int | bool | bytes | datetime | Sequence[Value] | Mapping[str, Value]"

MOST_TAGS = 200_000  # of an answer; a list of two hundred posts has some ten thousand
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 has no way to say
_PIECE = 48 * 1024  # bytes that become Base64 at a time: a multiple of three
_BEFORE = re.compile(r"[\s\ufeff]*(?:<\?xml[^<>]{0,200}\?>)?\s*")
_LONG_TAG = re.compile(r"<[^>]{1000}")
_MOMENT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})Z?")


class Unreadable(ValueError):
    """It is no answer of XML-RPC."""


@dataclass(frozen=True)
class Fault:
    """What a site says in the place of a value."""

    code: int
    said: str


# Written


def call(method: str, *params: Value) -> bytearray:
    """The body of a request. Signs that XML has no way to say, such as control characters, become blanks."""
    body = bytearray(b'<?xml version="1.0" encoding="UTF-8"?>\n<methodCall><methodName>')
    body += _escaped(method) + b"</methodName><params>"
    for param in params:
        body += b"<param>"
        _write(param, body)
        body += b"</param>"
    body += b"</params></methodCall>"
    return body


def _write(value: Value, body: bytearray) -> None:
    body += b"<value>"
    match value:
        case bool():
            body += b"<boolean>%d</boolean>" % value
        case int():
            body += b"<int>%d</int>" % value
        case str():  # without a type it is text as well, and WordPress takes blanks off the ends of a <string> alone
            body += _escaped(value) if value.strip() else b"<string></string>"
        case datetime():  # WordPress reads it by the places of its digits
            body += f"<dateTime.iso8601>{value.astimezone(UTC):%Y%m%dT%H:%M:%S}</dateTime.iso8601>".encode()
        case bytes():
            body += b"<base64>"
            for start in range(0, len(value), _PIECE):
                body += base64.b64encode(memoryview(value)[start : start + _PIECE])
            body += b"</base64>"
        case Mapping():
            _write_struct(value, body)
        case _:
            body += b"<array><data>"
            for item in value:
                _write(item, body)
            body += b"</data></array>"
    body += b"</value>"


def _write_struct(members: Mapping[str, Value], body: bytearray) -> None:
    body += b"<struct>"
    for name, value in members.items():
        body += b"<member><name>" + _escaped(name) + b"</name>"
        _write(value, body)
        body += b"</member>"
    body += b"</struct>"


def _escaped(text: str) -> bytes:
    return escape(_NO_XML.sub(" ", text), {"\r": "&#13;"}).encode()


# Read


def answer(text: str) -> Any:
    """The value of an answer, or its Fault. Raises Unreadable.

    Texts and moments (`2026-11-30T01:02:03`, "" for none) are str, structs dict, lists list, numbers int or float.
    What could hurt is refused before a parser sees it: an answer declares no document type, so there are no entities;
    its tags are few, short and, as libxml2 holds, not 256 deep.
    """
    root = _parsed(text)
    if root.tag != "methodResponse":
        raise Unreadable("no methodResponse")
    said = _only(root)
    if said.tag == "params":
        return _value(_only(_only(said, "param"), "value"))
    match _value(_only(said, "value")) if said.tag == "fault" else None:
        case {"faultCode": int(code), "faultString": str(words)}:
            return Fault(code, words)
    raise Unreadable("no fault")


def _parsed(text: str) -> etree._Element:
    before = _BEFORE.match(text)
    text = text[before.end() if before else 0 :]
    if not text.startswith("<methodResponse") or text.count("<") > MOST_TAGS or _LONG_TAG.search(text):
        raise Unreadable("no answer of XML-RPC")
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:  # a line end of Windows would be read as one of Unix: it is another text
        return etree.fromstring(_NO_XML.sub(" ", text).replace("\r", "&#13;").encode(), parser)
    except etree.XMLSyntaxError as exc:
        raise Unreadable(str(exc)) from exc


def _only(element: etree._Element, tag: str = "") -> etree._Element:
    inside = list(element)
    if len(inside) != 1 or (tag and inside[0].tag != tag):
        raise Unreadable(f"{element.tag} without one {tag or 'thing'} in it")
    return inside[0]


def _value(element: etree._Element) -> Any:
    if not len(element):
        return element.text or ""
    typed = _only(element)
    if read := _TYPES.get(str(typed.tag)):
        return read(typed)
    raise Unreadable(f"no type {typed.tag}")


def _number(element: etree._Element) -> int:
    text = (element.text or "").strip()
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise Unreadable("no number")
    return int(text)


def _fraction(element: etree._Element) -> float:
    try:
        return float(element.text or "")
    except ValueError as exc:
        raise Unreadable("no number") from exc


def _moment(element: etree._Element) -> str:
    found = _MOMENT.fullmatch((element.text or "").strip())
    return "{}-{}-{}T{}".format(*found.groups()) if found and found[1] != "0000" else ""


def _struct(element: etree._Element) -> dict[str, Any]:
    members = {}
    for member in element:
        name, value = member.find("name"), member.find("value")
        if name is None or value is None:
            raise Unreadable("a member without name or value")
        members[name.text or ""] = _value(value)
    return members


_TYPES: dict[str, Callable[[etree._Element], Any]] = {
    "string": lambda element: element.text or "",
    "base64": lambda element: element.text or "",
    "int": _number,
    "i4": _number,
    "i8": _number,
    "boolean": lambda element: (element.text or "").strip() == "1",
    "double": _fraction,
    "dateTime.iso8601": _moment,
    "nil": lambda _: "",
    "struct": _struct,
    "array": lambda element: [_value(item) for item in _only(element, "data")],
}
