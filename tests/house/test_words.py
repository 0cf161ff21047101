"""What has a name in the code has words for people; and what words name is there."""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.utils.module_loading import import_string

from articles.failure_names import SHORT
from articles.models import Stage
from articles.pipeline.worker import STAGES
from tests.house.breaches import held
from tests.house.plan import ROOMS
from tests.house.reading import DJANGOS, ROOT, modules, our_apps, production, rights, room, strings, tree

DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SETTINGS = ROOT / "config" / "settings.py"
DATABASES = ROOT / "config" / "databases" / "named.py"
READ_BY_OTHERS = {"AWS_SECRET_ACCESS_KEY", "GALLEY_WEB_ADDRESS"}  # by boto3, which looks for it by itself; the unit


# Commands and settings


def test_every_command_is_documented() -> None:
    docs = "".join(page.read_text() for page in DOCS)
    commands = {file.stem for file in ROOT.glob("*/management/commands/*.py") if file.stem != "__init__"}

    assert {name for name in commands if f"manage.py {name}" not in docs} == set()


def _variables() -> set[str]:
    """The names that the settings ask the environment for."""
    return {
        node.args[0].value
        for file in (SETTINGS, DATABASES)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "env"
        if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    }


def test_every_setting_is_explained() -> None:
    example = set(re.findall(r"^# ([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert _variables() - example == set(), "Add these to .env.example, each with its unit and default."
    assert example - _variables() - READ_BY_OTHERS == set(), "Nothing reads these: take them out of .env.example."


def test_every_setting_is_in_the_operators_page() -> None:
    page = (ROOT / "docs" / "operator.md").read_text()

    assert {name for name in _variables() if f"`{name}`" not in page} == set()


# Dotted names and paths


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_is_there(stage: Stage) -> None:
    assert callable(import_string(STAGES[stage]))


def test_dotted_names_lead_somewhere() -> None:
    """Those of tasks, stages and signals, models and rights: a name in a string is renamed by no tool."""
    dotted = re.compile(rf"({'|'.join(our_apps())})(\.[A-Za-z_]\w*)+")
    assert {
        f"{name} names {string}"
        for name, file in production().items()
        for string in strings(file)
        if dotted.fullmatch(string) and string not in _labels() and not _resolves(string)
    } == set()


@cache
def _labels() -> set[str]:
    """Models and rights, as Django names them."""
    return {
        name for model in apps.get_models() for name in (model._meta.label, model._meta.label_lower, *rights(model))
    }


def _resolves(name: str) -> bool:
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.stem)
def test_documents_name_what_is_there(page: Path) -> None:
    named = set(re.findall(r"`([\w.]+(?:/[\w.]+)+/?|\w+\.py)`", page.read_text()))
    ours = {name for name in named if name.endswith(".py") or (ROOT / name.partition("/")[0]).is_dir()}
    there = {file.name for file in modules().values()}  # for those that are named without their folder
    assert {name for name in ours if name not in there and not (ROOT / name).exists()} == set()


def test_every_room_is_on_the_map() -> None:
    """A line a room, in the engineer's page."""
    page = (ROOT / "docs" / "engineer.md").read_text()
    rooms = {
        f"{app}/{room(name)}/"
        for app in ROOMS
        for name, file in production().items()
        if name.startswith(f"{app}.") and file.name == "__init__.py" and room(name) not in DJANGOS
    }
    assert {name for name in rooms if f"`{name}`" not in page} == set()


# Codes of errors


@cache
def _functions_with_codes() -> dict[str, int]:
    """Functions of ours that take a `code`, and as which argument."""
    return {
        node.name: [arg.arg for arg in node.args.args].index("code")
        for file in production().values()
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef) and "code" in [arg.arg for arg in node.args.args]
    }


def _codes(name: str, file: Path) -> Iterator[str]:
    """The codes that a module gives to errors, as literals or as constants; those of services are not known."""
    takes, constants = _functions_with_codes(), vars(import_module(name))
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call):
            given: list[ast.expr] = [word.value for word in node.keywords if word.arg == "code"]
            if isinstance(node.func, ast.Name) and (at := takes.get(node.func.id)) is not None:
                given += node.args[at : at + 1]
            chosen = [part for value in given for part in _may_be(value)]
            found = [part.value for part in chosen if isinstance(part, ast.Constant)]
            found += [constants.get(part.id) for part in chosen if isinstance(part, ast.Name)]
            yield from (code for code in found if isinstance(code, str))


def _may_be(value: ast.expr) -> list[ast.expr]:
    """What an expression may come to: `"login"` and `code` for `"login" if refused else code`."""
    match value:
        case ast.IfExp(body=one, orelse=other):
            return _may_be(one) + _may_be(other)
        case ast.BoolOp(values=values):
            return [part for each in values for part in _may_be(each)]
    return [value]


def test_every_code_has_words() -> None:
    held(
        "codes have words",
        {
            code
            for name, file in production().items()
            if not name.startswith("backups")  # whose codes are those of exits
            for code in _codes(name, file)
            if code not in SHORT
        },
    )
