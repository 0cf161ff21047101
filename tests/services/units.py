"""The units of systemd that are shipped, read: what is started where, with which environment."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

UNITS = Path(__file__).resolve().parent.parent.parent / "deploy" / "systemd"


@dataclass(frozen=True)
class Unit:
    """A service. `environment` is what the unit itself sets; `pause` in seconds, until it is started again."""

    name: str
    command: list[str]
    folder: str
    environment: dict[str, str]
    pause: float

    @classmethod
    def read(cls, name: str) -> Unit:
        text = (UNITS / f"{name}.service").read_text()
        parsed = ConfigParser(strict=False, interpolation=None, delimiters="=")
        parsed.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
        parsed.read_string(text)
        service = parsed["Service"]
        lines = [line.partition("=")[2] for line in text.splitlines() if line.startswith("Environment=")]
        environment = dict(line.split("=", 1) for line in lines)
        command, folder = shlex.split(service["ExecStart"]), service["WorkingDirectory"]
        return cls(name, command, folder, environment, float(service["RestartSec"]))

    def words(self, given: Mapping[str, str]) -> list[str]:
        """What is started where /etc/galley/env gives this: systemd puts values in the place of ${NAME}."""
        values = {**self.environment, **given}
        return [values[word[2:-1]] if word.startswith("${") else word for word in self.command]
