"""What the API can do, for people: made from its own description, with curl and Python for each operation."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from config.api import api

SHOWN = "galley_…"  # where a secret stands
PYTHON = """\
import json, urllib.request

request = urllib.request.Request(
    {url!r},
    method={method!r},
    headers={headers!r},{data}
)
with urllib.request.urlopen(request) as answer:
    print({read})"""


@dataclass(frozen=True)
class Field:
    """What a request says in one place: its path, its query, its headers or its body."""

    place: str
    name: str
    kind: str
    needed: bool
    words: str


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    words: str
    fields: list[Field]
    answers: list[str]  # statuses
    curl: str
    python: str


def reference(described: dict[str, Any]) -> dict[str, list[Operation]]:
    """The operations by their tags, in the order of the description."""
    schemas = described["components"]["schemas"]
    found: dict[str, list[Operation]] = {}
    for path, methods in described["paths"].items():
        for method, said in methods.items():
            found.setdefault(said["tags"][0], []).append(_operation(path, method.upper(), said, schemas))
    return found


def _operation(path: str, method: str, said: dict[str, Any], schemas: dict[str, Any]) -> Operation:
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    fields = [
        Field(each["in"], each["name"], _kind(each["schema"], schemas), each["required"], _words(each))
        for each in said["parameters"]
    ]
    example = _example(body, schemas) if body else None
    url = f"{settings.GALLEY_BASE_URL}{path}"
    return Operation(
        name=said["operationId"],
        method=method,
        path=path,
        words=said.get("description", "").replace("`", ""),
        fields=fields + (_fields_of(body, schemas) if body else []),
        answers=[str(status) for status in said["responses"]],
        curl=_curl(method, url, example),
        python=_python(method, url, example, is_json="application/json" in str(said["responses"].get(200))),
    )


def _fields_of(schema: dict[str, Any], schemas: dict[str, Any], before: str = "") -> list[Field]:
    """Of a body, and of what lies in it: `file.name`."""
    found = []
    schema = _resolved(schema, schemas)
    for name, each in schema.get("properties", {}).items():
        needed = name in schema.get("required", ())
        found.append(Field("body", f"{before}{name}", _kind(each, schemas), needed, _words(each)))
        inner = _resolved(each, schemas)
        found += _fields_of(inner, schemas, f"{before}{name}.") if inner.get("type") == "object" else []
    return found


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Without a reference, and of what may also be null or is one of several: the first."""
    while True:
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = schema["anyOf"][0]
        elif "allOf" in schema:
            schema = schema["allOf"][0]
        else:
            return schema


def _kind(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    inner = _resolved(schema, schemas)
    if "enum" in inner:
        return ", ".join(str(each) for each in inner["enum"] if each != "")
    if inner.get("type") == "array":
        return f"list of {_kind(inner['items'], schemas)}"
    return str(inner.get("format") or inner.get("type", "any"))


def _words(said: dict[str, Any]) -> str:
    return str(said.get("description") or said.get("schema", {}).get("description") or "")


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The least that a body says; of one that needs nothing, its first field."""
    schema = _resolved(schema, schemas)
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            names = schema.get("required") or list(properties)[:1]
            return {name: _example(properties[name], schemas) for name in names}
        case "array":
            return [_example(schema["items"], schemas)]
        case "integer" | "number":
            return 17
        case "boolean":
            return True
    return schema.get("enum", ["…"])[0]


def _curl(method: str, url: str, body: Any) -> str:
    words = ["curl", "--header", f"Authorization: Bearer {SHOWN}"]
    if body is not None:
        words += ["--json", json.dumps(body, ensure_ascii=False)]
    if method != ("GET" if body is None else "POST"):
        words += ["--request", method]
    return shlex.join([*words, url])


def _python(method: str, url: str, body: Any, *, is_json: bool) -> str:
    headers = {"Authorization": f"Bearer {SHOWN}"}
    data = ""
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = f"\n    data=json.dumps({body!r}).encode(),"
    read = "json.load(answer)" if is_json else "len(answer.read())"
    return PYTHON.format(url=url, method=method, headers=headers, data=data, read=read)


def reference_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    shown = {"title": "What the API can do", "tags": reference(api.get_openapi_schema())}
    return TemplateResponse(request, "reference/page.html", {**context, **shown})
