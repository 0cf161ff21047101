"""The code of the house, as it is read by the tests beside."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db.models import Model

ROOT = Path(__file__).resolve().parent.parent.parent
DJANGOS = {"management", "commands", "templatetags"}  # folders whose meaning Django gives


@cache
def our_apps() -> list[str]:
    """The installed apps that lie in this checkout, in the order of INSTALLED_APPS."""
    return [config.name for config in apps.get_app_configs() if Path(config.path).parent == ROOT]


@cache
def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name; a package is named by its folder."""
    files = [file for app in our_apps() for file in sorted((ROOT / app).rglob("*.py"))]
    return {".".join(_parts(file)): file for file in files}


def production() -> dict[str, Path]:
    """All modules but migrations, which stay as they were made."""
    return {name: file for name, file in modules().items() if ".migrations" not in name}


def _parts(file: Path) -> tuple[str, ...]:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


@cache
def imports(file: Path) -> frozenset[str]:
    """What a file imports, wherever in it, `TYPE_CHECKING` included: modules of ours and names of others."""
    found = {alias.name for node in ast.walk(tree(file)) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (whole & modules().keys()) or {node.module}
    return frozenset(found)


def room(module: str) -> str:
    """`pipeline` of `articles.pipeline.worker`; "" for an app itself."""
    return [*module.split("."), ""][1]


def strings(file: Path) -> Iterator[str]:
    """Every string in a file's code, parts of f-strings included; its docstrings are prose and left out."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree(file))
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def rights(model: type[Model]) -> set[str]:
    """`{"articles.add_article", …}`, as Django makes them for a model."""
    meta = model._meta
    names = [get_permission_codename(action, meta) for action in meta.default_permissions]
    return {f"{meta.app_label}.{name}" for name in [*names, *(name for name, _ in meta.permissions)]}


def shown(file: Path) -> str:
    return str(file.relative_to(ROOT))
