"""The house as the code says it: which floor imports which, and that every command is documented."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.admin.checks import check_admin_app

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ["backups", "articles", "publishing", "recovery", "config"]  # from the ground up; imports go down only


def _imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}


def _modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_go_down_only(floor: str) -> None:
    above = FLOORS[FLOORS.index(floor) + 1 :]
    found = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in _modules(floor)
        for name in _imports(file)
        if name.partition(".")[0] in above
    }
    assert found == set()


def test_providers_are_plain_python() -> None:
    """No models, no settings: they could be taken out of the house."""
    found = {
        f"{file.name} imports {name}"
        for file in _modules("articles/providers")
        for name in _imports(file)
        if name.startswith("django") or (name.startswith("articles") and not name.startswith("articles.providers"))
    }
    assert found == set()


def test_nobody_but_the_settings_reads_the_environment() -> None:
    allowed = {"config/env.py", "config/bootstrap.py", "config/asgi.py", "config/wsgi.py"}
    readers = {
        str(file.relative_to(ROOT))
        for floor in FLOORS
        for file in _modules(floor)
        if "os.environ" in file.read_text() or "getenv" in file.read_text()
    }
    assert readers <= allowed


def test_every_command_is_documented() -> None:
    docs = "".join(page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    commands = {file.stem for file in ROOT.glob("*/management/commands/*.py") if file.stem != "__init__"}

    assert {name for name in commands if f"manage.py {name}" not in docs} == set()


def test_the_admin_is_made_as_django_wants_it() -> None:
    """`manage.py check` may look before the URLs have loaded what the admin shows."""
    import_module("config.urls")

    assert check_admin_app(list(apps.get_app_configs())) == []
    assert len(site._registry) > 5
