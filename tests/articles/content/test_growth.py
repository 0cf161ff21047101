"""No regular expression over foreign text takes four times as long for twice the text."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from articles import content
from articles.batches import lists, tables
from articles.providers import bodies, replicate, wrapping

pytestmark = pytest.mark.dealt_whole(3)

OF_CONTENT = pkgutil.walk_packages(content.__path__, f"{content.__name__}.")
MODULES = [lists, tables, bodies, replicate, wrapping, *(importlib.import_module(found.name) for found in OF_CONTENT)]
SEARCHES = "search|finditer|findall|sub|subn|split"

PARTS = (
    *(
        "[a](b ",
        "[a](<b",
        "[",
        "](",
        "<a ",
        "<A b={",
        "<a b='",
        '<a b="',
        "<!--",
        "</",
        "{{<",
        "{%",
        "{",
        "}",
        "`",
        "**a",
    ),
    *(
        "|",
        "- ",
        "=",
        "1",
        "1,",
        " ",
        "\t",
        "\n",
        "\n\n",
        "---",
        "title:",
        "a: b\n",
        "% ",
        "&",
        '"',
        "'",
        "a",
        "a-",
        "A ",
        ".",
    ),
    *("<svg>", "<html ", "lang", "caption='", "display", ";", "rgb(", "(", "#", "/", "强", "«"),
)
PAIRED = ("[", "](", "<a ", "'", '"', "=", "{", "}", "`", "*", "1", ",", " ", "\n", "-", "a", ".", "&", "/", "强")
HEADS = ("", "---\n", "title:", "<html ", "\n", "{{<", "a-")
TAIL = "\x00"  # what none of them ends with
SIZE = 12_000
SLOW = 0.03  # seconds of processor time, from which on growth is looked at


def patterns() -> Iterator[tuple[str, re.Pattern[Any], bool]]:
    """Each compiled expression, where it stands, and whether it looks for its beginning everywhere."""
    sources = "\n".join(inspect.getsource(module) for module in MODULES)
    for module in MODULES:
        for name, value in vars(module).items():
            held = value.values() if isinstance(value, dict) else [value]
            for pattern in (one for one in held if isinstance(one, re.Pattern)):
                searched = re.search(rf"\b{name}\.(?:{SEARCHES})\(", sources) is not None or isinstance(value, dict)
                yield f"{module.__name__}.{name}", pattern, searched
        yield from written_in_place(module)


def written_in_place(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any], bool]]:
    """Those that are first arguments of a function of `re`."""
    for call in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "re":
            first = call.args[0]
            if call.func.attr != "compile" and isinstance(first, ast.Constant) and isinstance(first.value, str | bytes):
                searched = call.func.attr in SEARCHES.split("|")
                yield f"{module.__name__}:{call.lineno}", re.compile(first.value), searched


def work(pattern: re.Pattern[Any], searched: bool, text: str) -> float:
    """Seconds of processor time that the expression takes for a text, the best of three if it takes long."""
    given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    look: Callable[[], object] = (
        (lambda: sum(1 for _ in pattern.finditer(given)))
        if searched
        else (lambda: (pattern.match(given), pattern.fullmatch(given)))
    )
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        look()
        best = min(best, time.process_time() - began)
        if best < SLOW:
            break
    return best


def shapes(size: int) -> Iterator[tuple[str, str]]:
    """Every part and every two signs, repeated; each part behind a beginning that an expression looks for."""
    for pair in [*itertools.permutations(PAIRED, 2), *((part, "") for part in PARTS)]:
        part = "".join(pair)
        yield repr(part), part * (size // len(part)) + TAIL
    for head, part in itertools.product(HEADS, PARTS):
        yield repr((head, part)), head + part * (size // len(part)) + "x" * 600 + TAIL


FOUND = {f"{name}-{number}": (pattern, searched) for number, (name, pattern, searched) in enumerate(patterns())}


@pytest.mark.parametrize("name", FOUND)
def test_work_grows_with_the_text(name: str) -> None:
    pattern, searched = FOUND[name]
    for (shape, text), (_, twice) in zip(shapes(SIZE), shapes(SIZE * 2), strict=True):
        taken = work(pattern, searched, text)
        if taken > SLOW:
            assert work(pattern, searched, twice) < 3.2 * taken, shape
