"""The shape of rooms, files and functions: what is found at once, and read in one go."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.house.breaches import held
from tests.house.reading import DJANGOS, our_apps, production, shown, tree

MODULES = 15  # in a folder; more hide what belongs together
FILE, FUNCTION = 400, 40  # lines
NOUN = re.compile(r"^\w.*\S {2,}\S", re.MULTILINE)  # `lease    for how long a worker holds an article`


def _packages() -> Iterator[tuple[Path, str]]:
    """The folders that we named, each with its docstring."""
    for file in production().values():
        if file.name == "__init__.py" and file.parent.name not in DJANGOS:
            yield file, ast.get_docstring(tree(file)) or ""


def _is_sentence(docstring: str) -> bool:
    first = docstring.partition("\n")[0]
    return len(first.split()) > 3 and first.endswith((".", ":", "?"))


def test_every_package_says_what_it_is_for() -> None:
    held("packages say what they are for", [shown(file) for file, said in _packages() if not _is_sentence(said)])


def test_every_room_opens_with_its_nouns() -> None:
    """A glossary, a noun a line. An app has none: its rooms do."""
    rooms = [(file, said) for file, said in _packages() if file.parent.name not in our_apps()]
    held("rooms open with their nouns", [shown(file) for file, said in rooms if not NOUN.search(said)])


def test_no_folder_is_crowded() -> None:
    inside = Counter(file.parent for file in production().values() if file.name != "__init__.py")
    held(
        "folders are not crowded",
        [shown(folder) for folder, number in inside.items() if number > MODULES and folder.name != "commands"],
    )


def test_no_file_is_long() -> None:
    lines = {file: file.read_text().count("\n") for file in production().values()}
    held("files are short", [shown(file) for file, number in lines.items() if number > FILE])


def test_no_function_is_long() -> None:
    held(
        "functions are short",
        [
            f"{name}.{node.name}"
            for name, file in production().items()
            for node in ast.walk(tree(file))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION
        ],
    )
