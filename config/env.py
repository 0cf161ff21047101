"""Reads the environment, and only this module does.

A wrong value never stops the import of the settings: it is noted in `problems`, a harmless default stands in,
and the system check `galley.E001` refuses to start with a sentence for each of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from zoneinfo import available_timezones

import environ

from backups.redaction import know

_LOGIN = re.compile(r"://([^/?#:@\s]*):([^/?#\s]*)@")  # of an address: user and password


@dataclass(frozen=True)
class Problem:
    """A setting that cannot be used: its name, what is wrong and what would be right. Never its value."""

    name: str
    wrong: str
    hint: str


@dataclass
class Environment:
    """Typed access to environment variables, each `NAME` also readable from the file that `NAME_FILE` names."""

    values: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    given: set[str] = field(default_factory=set)  # names of those that have a value, of all that were asked for

    @classmethod
    def read(cls, dotenv: Path) -> Environment:
        """The process environment, completed by a .env file where there is one, or by the file in GALLEY_ENV_FILE."""
        dotenv = Path(os.environ.get("GALLEY_ENV_FILE") or dotenv)
        if dotenv.is_file():
            environ.Env.read_env(str(dotenv))
        return cls(os.environ)

    def problem(self, name: str, wrong: str, hint: str) -> None:
        self.problems.append(Problem(name, wrong, hint))

    def text(self, name: str, default: str = "") -> str:
        """A value. Where it is an address with a password in it, that is blacked out from now on."""
        value = self._value(name)
        for address in (value, unquote(value)):  # one may stand in the other: s3://…?endpoint_url=http%3A%2F%2F…
            for user, password in _LOGIN.findall(address):
                know(password, unquote(password), user=unquote(user))
        return value or default

    def _value(self, name: str) -> str:
        file = self.values.get(f"{name}_FILE", "")
        try:
            value = Path(file).read_text(encoding="utf-8").strip() if file else self.values.get(name, "").strip()
        except (OSError, UnicodeError) as exc:
            self.problem(f"{name}_FILE", f"the file cannot be read ({type(exc).__name__})", "Name a readable file.")
            return ""
        if value:
            self.given.add(name)
        return value

    def secret(self, name: str) -> str:
        """A text that is blacked out from now on, whoever repeats it."""
        value = self.text(name)
        know(value)
        return value

    def secrets(self, name: str) -> list[str]:
        """A comma-separated list of them."""
        values = self.words(name)
        know(*values)
        return values

    def words(self, name: str) -> list[str]:
        """A comma-separated list."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()]

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.text(name).lower()
        if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
            return value in ("1", "true", "yes", "on") if value else default
        self.problem(name, "is neither true nor false", "Write true or false.")
        return default

    def number(self, name: str, default: int, *, least: int = 1) -> int:
        value = self.text(name)
        if not value:
            return default
        if value.isdecimal() and int(value) >= least:
            return int(value)
        self.problem(name, "is not a whole number", f"Write a whole number of at least {least}.")
        return default

    def numbers(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """As many whole numbers as in `default`, comma-separated."""
        words = self.words(name)
        if not words:
            return default
        if len(words) == len(default) and all(word.isdecimal() for word in words):
            return tuple(map(int, words))
        self.problem(name, "is not a list of whole numbers", f"Write it like {', '.join(map(str, default))}.")
        return default

    def choice(self, name: str, *choices: str) -> str:
        """One of `choices`; the first is the default."""
        value = self.text(name, choices[0])
        if value in choices:
            return value
        self.problem(name, "is not one of the possible values", f"Write one of: {', '.join(choices)}.")
        return choices[0]

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        """Addresses, or networks such as 10.89.0.0/24, comma-separated."""
        try:
            return [ip_network(word) for word in self.words(name)]
        except ValueError:
            self.problem(name, "is not a list of addresses", "Write it like 127.0.0.1, 10.89.0.0/24.")
            return []

    def url(self, name: str, default: str = "") -> str:
        """An http(s) address without a trailing slash."""
        value = self.text(name, default).rstrip("/")
        parts = _split(value)
        if not value or (parts.scheme in ("http", "https") and parts.hostname):
            return value
        self.problem(name, "is not an http or https address", "Write it like https://desk.example.org.")
        return default

    def hours(self, name: str) -> tuple[time, time] | None:
        """From when to when, such as 22:00-06:00; None for any time."""
        value = self.text(name)
        if not value:
            return None
        if found := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d) *- *([01]?\d|2[0-3]):([0-5]\d)", value):
            hour, minute, then, until = map(int, found.groups())
            if (hour, minute) != (then, until):
                return time(hour, minute), time(then, until)
        self.problem(name, "does not say from when to when", "Write it like 22:00-06:00.")
        return None

    def zone(self, name: str) -> str:
        """A time zone by its name, such as Europe/Berlin."""
        value = self.text(name, "UTC")
        if value in available_timezones():
            return value
        self.problem(name, "is not a time zone", "Write a name like Europe/Berlin.")
        return "UTC"

    def database(self, name: str, default: str) -> dict[str, Any]:
        try:
            config: dict[str, Any] = environ.Env.db_url_config(self.text(name, default))
        except Exception:
            config = {}
        if config.get("ENGINE") in ("django.db.backends.sqlite3", "django.db.backends.postgresql"):
            return config
        self.problem(
            name,
            "is not a database address that Galley can use",
            "Write sqlite:////folder/file.sqlite3 or postgres://user:password@host:5432/name.",
        )
        return dict(environ.Env.db_url_config(default))

    def storage(self, name: str, default: str, *, keys: str = "") -> dict[str, Any]:
        """The STORAGES entry for `file:///folder` or `s3://bucket/prefix?endpoint_url=…&region_name=…&addressing_style=…`.

        `keys` begins the names of its own keys, `…_ACCESS_KEY_ID` and `…_SECRET_ACCESS_KEY`, where it may have such.
        """
        parts = _split(self.text(name, default))
        if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
            return {
                "BACKEND": "backups.storage.django_folder.LocalStorage",
                "OPTIONS": {"location": unquote(parts.path)},
            }
        if parts.scheme == "s3" and parts.netloc:
            options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
            known = options.keys() <= {"endpoint_url", "region_name", "addressing_style"}
            if known and options.get("addressing_style", "path") in ("path", "virtual"):
                options |= {"bucket_name": parts.netloc, "location": unquote(parts.path.strip("/"))}
                options |= self._keys(keys) if keys else {}
                return {"BACKEND": "backups.storage.django_bucket.BucketStorage", "OPTIONS": options}
        self.problem(
            name,
            "is not a storage that Galley can use",
            "Write file:///folder or s3://bucket/prefix?endpoint_url=https://…&region_name=…&addressing_style=virtual.",
        )
        return self.storage("", default)

    def _keys(self, name: str) -> dict[str, str]:
        own = {"access_key": f"{name}_ACCESS_KEY_ID", "secret_key": f"{name}_SECRET_ACCESS_KEY"}
        self.together(*own.values())
        return {option: self.secret(variable) for option, variable in own.items() if self.text(variable)}

    def redis(self, name: str) -> str:
        """A redis address, or "" for the queue in the database."""
        value = self.text(name)
        if value in ("", "database") or _split(value).scheme in ("redis", "rediss", "unix"):
            return "" if value == "database" else value
        self.problem(name, "is not a queue that Galley can use", "Write database, or redis://host:6379/0.")
        return ""

    def email(self, name: str) -> dict[str, Any]:
        """Django's EMAIL_* settings; without the variable, mails are printed on the console."""
        try:
            return dict(environ.Env.email_url_config(self.text(name, "consolemail://")))
        except Exception:
            self.problem(name, "is not a mail server address", "Write smtp+tls://user:password@host:587.")
            return dict(environ.Env.email_url_config("consolemail://"))

    def needs(self, name: str, other: str, value: str) -> None:
        """Note a problem when this is set and the other has not that value."""
        if self.text(name) and self.text(other) != value:
            self.problem(name, "needs another setting", f"Set {other}={value} as well.")

    def together(self, *names: str) -> None:
        """Note a problem when some of these are set and others are not."""
        missing = [name for name in names if not self.text(name)]
        if missing and len(missing) < len(names):
            there = next(name for name in names if name not in missing)
            self.problem(missing[0], f"is missing although {there} is set", f"Set both, or remove {there}.")


def _split(value: str) -> SplitResult:
    """The parts of an address; empty ones for what cannot be one."""
    try:
        return urlsplit(value)
    except ValueError:
        return urlsplit("")
