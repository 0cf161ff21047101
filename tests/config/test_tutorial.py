"""What the tutorial tells people to type and to press is there to be typed and pressed."""

from __future__ import annotations

import re
import shlex

import pytest
from django.core.management import get_commands, load_command_class

from config.management.commands.desk import PEOPLE
from tests.house.reading import ROOT

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
BLOCKS = "\n".join(re.findall(r"^    (.+)$", TUTORIAL, re.MULTILINE))
COMMANDS = re.findall(r"python manage\.py (.+)", BLOCKS.replace("\\\n", " "))
LABELS = sorted(set(re.findall(r"\*([A-Z][^*\n]+)\*", TUTORIAL)))


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_takes_its_words(line: str) -> None:
    name, *words = shlex.split(line)
    app = get_commands()[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    given = vars(command.create_parser("manage.py", name).parse_args(words))
    if "owner" in given:
        assert given["owner"] in PEOPLE
    if manuscript := given.get("manuscript"):
        assert (ROOT / manuscript).is_file()


def test_it_has_commands_and_pictures_that_are_there() -> None:
    assert [line.split()[0] for line in COMMANDS] == [
        "site", "submit", "batch", "backup_database", "restore_database", "restore_database"
    ]  # fmt: skip
    pictures = re.findall(r"\]\((pictures/[^)]+)\)", TUTORIAL)
    assert pictures
    assert [name for name in pictures if not (ROOT / "docs" / name).is_file()] == []


@pytest.mark.parametrize("label", LABELS)
def test_each_name_on_a_screen_stands_there(label: str) -> None:
    places = [*ROOT.glob("templates/admin/**/*.html"), *ROOT.glob("a*/**/*.py"), *ROOT.glob("config/desk/*.py")]
    words = label.replace("Recover 1 article", "Recover {{")
    samples = [file.read_text() for file in ROOT.glob("articles/samples/*.md")]
    assert any(words in text for text in [*(place.read_text() for place in places), *samples])
