"""Settings from the environment: a wrong value is a sentence, not a stack trace."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from pytest_django import Settings

from backups.configured import derived_keys, signing_keys
from backups.errors import Forged
from config import checks
from config.env import Environment, Problem
from tests.services import postgres

ROOT = Path(__file__).resolve().parent.parent.parent


def _said(environment: Environment) -> list[str]:
    return [problem.name for problem in environment.problems]


@pytest.mark.parametrize(
    ("method", "value", "expected"),
    [
        ("flag", "yes", True),
        ("flag", "0", False),
        ("flag", "", False),
        ("hours", "22:00-06:30", (time(22), time(6, 30))),
        ("hours", "0:00 - 6:00", (time(0), time(6))),
        ("hours", "", None),
        ("number", "12", 12),
        ("number", "", 7),
        ("url", "https://desk.example.org/", "https://desk.example.org"),
        ("redis", "database", ""),
        ("redis", "redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
    ],
)
def test_values_are_read(method: str, value: str, expected: object) -> None:
    environment = Environment({"X": value})
    arguments = {"number": (7,)}.get(method, ())

    assert getattr(environment, method)("X", *arguments) == expected
    assert environment.problems == []


@pytest.mark.parametrize(
    ("method", "value", "arguments"),
    [
        ("flag", "perhaps", ()),
        ("number", "many", (7,)),
        ("number", "0", (7,)),
        ("number", "-3", (7,)),
        ("choice", "x", ("a", "b")),
        ("url", "news.example.net", ()),
        ("url", "ftp://desk", ()),
        ("url", "http://[x", ()),
        ("redis", "redis://[x", ()),
        ("storage", "s3://[x", ("file:///tmp/x",)),
        ("zone", "Mars/Olympus", ()),
        ("hours", "22-06", ()),
        ("hours", "22:00-24:00", ()),
        ("hours", "22:00-22:00", ()),
        ("redis", "amqp://x", ()),
        ("database", "mysql://x", ("sqlite:////tmp/x",)),
        ("database", "nonsense", ("sqlite:////tmp/x",)),
        ("storage", "backups-here", ("file:///tmp/x",)),
        ("storage", "file://host/x", ("file:///tmp/x",)),
        ("storage", "s3:///none", ("file:///tmp/x",)),
        ("storage", "s3://bucket?secret_key=x", ("file:///tmp/x",)),
        ("email", "pigeon://x", ()),
    ],
)
def test_wrong_values_are_noted_and_never_raised(method: str, value: str, arguments: tuple[Any, ...]) -> None:
    environment = Environment({"X": value})
    getattr(environment, method)("X", *arguments)

    [problem] = environment.problems
    assert problem.name == "X"
    assert value not in problem.wrong + problem.hint, "a value may hold a password"


def test_a_bucket_is_named_by_an_address() -> None:
    entry = Environment({"X": "s3://news/desk/1?endpoint_url=http%3A%2F%2F127.0.0.1%3A9000&region_name=eu"}).storage(
        "X", ""
    )

    assert entry["OPTIONS"] == {
        "bucket_name": "news",
        "location": "desk/1",
        "endpoint_url": "http://127.0.0.1:9000",
        "region_name": "eu",
    }


def test_a_secret_can_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")

    assert Environment({"K_FILE": str(tmp_path / "key")}).text("K") == "s3cret"
    missing = Environment({"K_FILE": str(tmp_path / "none")})
    assert missing.text("K", "default") == "default"
    assert _said(missing) == ["K_FILE"]


def test_half_a_pair_is_noted() -> None:
    environment = Environment({"MODEL": "m"})
    environment.together("MODEL", "KEY")

    assert _said(environment) == ["KEY"]


def test_every_problem_is_an_error_with_a_hint(settings: Settings) -> None:
    settings.SETTINGS_PROBLEMS = [Problem("DATABASE_URL", "is wrong", "Write it right.")]

    [error] = checks.environment_check()
    assert (error.id, error.msg, error.hint) == ("galley.E001", "DATABASE_URL is wrong.", "Write it right.")


def test_an_encryption_key_that_is_none_is_an_error(settings: Settings) -> None:
    assert checks.encryption_check() == []
    settings.GALLEY_ENCRYPTION_KEYS = ["short"]

    [error] = checks.encryption_check()
    assert error.id == "galley.E002"


def test_a_folder_that_cannot_be_written_is_an_error(settings: Settings, tmp_path: Path) -> None:
    assert checks.storage_check() == []
    (tmp_path / "file").write_text("")
    local = {
        "BACKEND": "backups.storage.django_folder.LocalStorage",
        "OPTIONS": {"location": str(tmp_path / "file" / "x")},
    }
    settings.STORAGES = {**settings.STORAGES, "backups": local}

    [error] = checks.storage_check()
    assert error.id == "galley.E003"


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("file:///srv/one", "s3://bucket/desk", []),
        ("s3://bucket/one", "s3://other/one", []),
        ("s3://bucket/one?endpoint_url=https%3A%2F%2Fa", "s3://bucket/one?endpoint_url=https%3A%2F%2Fb", []),
        ("s3://bucket/one", "s3://bucket/one", ["galley.E010"]),
        ("s3://bucket/one", "s3://bucket/one/two", ["galley.E010"]),
        ("s3://bucket", "s3://bucket/one", ["galley.E010"]),
        ("s3://bucket/one", "s3://bucket/one-two", ["galley.W010"]),
        ("file:///srv/one", "file:///srv/one/two", ["galley.E010"]),
        ("file:///srv/one", "file:///srv/two", ["galley.W010"]),
    ],
)
def test_a_second_storage_is_another_place(settings: Settings, first: str, second: str, found: list[str]) -> None:
    read = Environment({"A": first, "B": second})
    settings.STORAGES = {**settings.STORAGES, "backups": read.storage("A", ""), "second": read.storage("B", "")}
    assert [each.id for each in checks.second_storage_check()] == found
    settings.STORAGES = {name: value for name, value in settings.STORAGES.items() if name != "second"}
    assert checks.second_storage_check() == []


def test_a_second_storage_may_have_keys_of_its_own() -> None:
    given = {"B": "s3://bucket/desk", "B_ACCESS_KEY_ID": "the-key", "B_SECRET_ACCESS_KEY": "the-secret"}
    options = Environment(given).storage("B", "", keys="B")["OPTIONS"]
    assert (options["access_key"], options["secret_key"]) == ("the-key", "the-secret")
    assert Environment({"B": "s3://bucket/desk"}).storage("B", "", keys="B")["OPTIONS"].keys() == {
        "bucket_name",
        "location",
    }
    half = Environment({"B": "s3://bucket/desk", "B_ACCESS_KEY_ID": "the-key"})
    half.storage("B", "", keys="B")
    assert [problem.name for problem in half.problems] == ["B_SECRET_ACCESS_KEY"]


def test_keys_of_backups_are_checked(settings: Settings) -> None:
    settings.GALLEY_BACKUP_KEYS, settings.GALLEY_BACKUP_ENCRYPTION_KEYS = ["short"], ["short"]
    assert [error.id for error in checks.backup_key_check()] == ["galley.E006", "galley.E007"]
    assert checks.backup_key_deploy_check() == []

    settings.GALLEY_BACKUP_KEYS, settings.GALLEY_BACKUP_ENCRYPTION_KEYS = [], []
    assert checks.backup_key_check() == []
    [warning] = checks.backup_key_deploy_check()
    assert warning.id == "galley.W006"


def test_only_our_keys_are_believed_once_there_are_any(settings: Settings) -> None:
    """Else whoever guesses GALLEY_SECRET_KEY signs backups that a restore believes."""
    settings.GALLEY_BACKUP_KEYS = []
    forged = signing_keys().sign({"restore": "this"})
    assert signing_keys().read("It", forged) == {"restore": "this"}

    settings.GALLEY_BACKUP_KEYS = ["a key that was made for the backups alone"]
    with pytest.raises(Forged):
        signing_keys().read("It", forged)
    settings.GALLEY_BACKUP_KEYS += derived_keys()
    assert signing_keys().read("It", forged) == {"restore": "this"}, "put behind it, as the operator's page says"


@pytest.mark.parametrize("names", [["GALLEY_SECRET_KEY"], ["GALLEY_SECRET_KEY_FALLBACKS"]])
@pytest.mark.parametrize("debug", ["false", "true"])
def test_a_key_that_can_be_guessed_stops_a_start(tmp_path: Path, names: list[str], debug: str) -> None:
    keys = {"GALLEY_SECRET_KEY": "k" * 50, **dict.fromkeys(names, "changeme-changeme-changeme")}
    environment = {**os.environ, "GALLEY_VAR_DIR": str(tmp_path), "GALLEY_DEBUG": debug, **keys}
    started = [sys.executable, "manage.py", "check"]
    said = subprocess.run(started, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert (said.returncode == 0) is (debug == "true")
    assert (f"{names[0]} is so short that it can be guessed" in said.stderr) is (debug == "false")
    assert "changeme-" not in said.stderr


# What the operator is told before the desk goes into production


def _documented(folder: Path) -> dict[str, str]:
    """The settings that the first step of the operator's page names."""
    fernet = Fernet.generate_key().decode()
    return {
        "GALLEY_DEBUG": "false",
        "GALLEY_SECRET_KEY": secrets.token_urlsafe(50),
        "GALLEY_ENCRYPTION_KEYS": fernet,
        "GALLEY_BACKUP_KEYS": secrets.token_urlsafe(48),
        "GALLEY_BACKUP_ENCRYPTION_KEYS": fernet,
        "GALLEY_BASE_URL": "https://desk.example.org",
        "GALLEY_PROXIES": "127.0.0.1",
        "EMAIL_URL": "smtp+tls://galley:a-password@mail.example.org:587",
        "GALLEY_VAR_DIR": str(folder / "var"),
    }


def _checked(folder: Path, **changes: str) -> str:
    environment = {**os.environ, **_documented(folder), **changes}
    command = [sys.executable, "manage.py", "check", "--deploy"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stderr


def test_the_documented_set_up_has_no_finding(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "operator.md").read_text()
    step = page[page.index("1. Write `.env`") : page.index("2. `python manage.py check --deploy`")]
    named = set(re.findall(r"`([A-Z_]+)`", step))
    assert _documented(tmp_path).keys() - named == {"GALLEY_DEBUG", "GALLEY_VAR_DIR"}

    assert _checked(tmp_path) == ""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("GALLEY_ENCRYPTION_KEYS", "galley.W004"),
        ("EMAIL_URL", "galley.W005"),
        ("GALLEY_BACKUP_KEYS", "galley.W006"),
        ("GALLEY_PROXIES", "galley.W007"),
        ("GALLEY_BACKUP_ENCRYPTION_KEYS", "galley.W008"),
    ],
)
def test_each_of_its_settings_is_missed(tmp_path: Path, name: str, found: str) -> None:
    assert re.findall(r"galley\.W\d+", _checked(tmp_path, **{name: ""})) == [found]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that everybody may enter: those of pytest are closed."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


def test_what_lies_open_is_found(open_folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = open_folder / "var"
    settings.VAR_DIR.mkdir(mode=0o700)
    trees = open_folder / "trees"
    options = {"location": str(trees)}
    settings.STORAGES = {**settings.STORAGES, "backups": {**settings.STORAGES["backups"], "OPTIONS": options}}
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(open_folder / "desk.sqlite3"))
    (open_folder / "desk.sqlite3").touch(mode=0o600)
    trees.mkdir(mode=0o700)
    assert checks.openness_deploy_check() == []

    for path in (settings.VAR_DIR, trees, open_folder / "desk.sqlite3"):
        path.chmod(0o755)
        [warning] = checks.openness_deploy_check()
        assert (warning.id, str(path) in warning.msg) == ("galley.W009", True)
        open_folder.chmod(0o700)
        assert checks.openness_deploy_check() == [], "nobody comes as far as it"
        open_folder.chmod(0o711)
        path.chmod(0o700)


def test_derived_encryption_keys_are_a_warning_in_production(settings: Settings) -> None:
    [warning] = checks.encryption_deploy_check()
    assert warning.id == "galley.W004"
    settings.GALLEY_ENCRYPTION_KEYS = ["some"]
    assert checks.encryption_deploy_check() == []


def test_a_wrong_setting_stops_a_start_with_a_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "GALLEY_VAR_DIR": str(tmp_path), "DATABASE_URL": "mysql://root:hunter2@db/x"}
    said = subprocess.run(
        [sys.executable, "-c", "import config.asgi"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert said.returncode != 0
    assert "DATABASE_URL is not a database address that Galley can use" in said.stderr
    assert "hunter2" not in said.stderr


@pytest.mark.parametrize("value", ["my-model", "my-model 1 2 3", "my-model cheap 2", "a 1 2, my-model -1 2"])
def test_a_price_that_is_none_stops_a_start_with_a_sentence(tmp_path: Path, value: str) -> None:
    environment = {**os.environ, "GALLEY_VAR_DIR": str(tmp_path), "GALLEY_PRICES": value}
    started = [sys.executable, "manage.py", "check"]
    said = subprocess.run(started, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert said.returncode != 0
    assert "GALLEY_PRICES has" in said.stderr
    assert "Write it like: my-model 0.50 2.00, owner/pictures 0.04." in said.stderr


def test_the_present_settings_pass(db: None) -> None:
    call_command("check")


def test_every_variable_is_explained() -> None:
    """Settings, .env.example and the operator's page name the same variables."""
    source = "".join((ROOT / "config" / name).read_text() for name in ("settings.py", "databases/named.py"))
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', source))
    example = set(re.findall(r"^# ?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    operator = set(re.findall(r"`([A-Z0-9_]+)`", (ROOT / "docs" / "operator.md").read_text()))

    assert read <= example
    assert read <= operator
    assert example - read <= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GALLEY_WEB_ADDRESS"}


def test_mails_that_nobody_gets_are_a_warning(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    [warning] = checks.mail_deploy_check()
    assert warning.id == "galley.W005"

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert checks.mail_deploy_check() == []


def test_numbers_come_as_many_as_are_wanted() -> None:
    assert Environment({"RETRY": "3, 5, 60"}).numbers("RETRY", (6, 15, 900)) == (3, 5, 60)
    for wrong in ("3", "3, 5, x", "-1, 5, 60", "3, 5, 60, 7"):
        environment = Environment({"RETRY": wrong})
        assert environment.numbers("RETRY", (6, 15, 900)) == (6, 15, 900)
        assert environment.problems[0].hint == "Write it like 6, 15, 900."


QUIET = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "target_session_attrs")


@pytest.mark.parametrize(
    ("url", "beside"),
    [
        ("postgres://ada:x@db.example.org/galley?sslmode=require&connect_timeout=7", {"pool", *QUIET}),
        ("sqlite:////tmp/galley.sqlite3?cached_statements=200", {"transaction_mode", "timeout", "init_command"}),
    ],
)
def test_what_the_address_of_the_database_asks_for_holds_beside_our_own(url: str, beside: set[str]) -> None:
    tell = "import json; from django.conf import settings; print(json.dumps(settings.DATABASES['default']['OPTIONS']))"
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "GALLEY_DATABASE_POOL": "8",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    said = subprocess.run([sys.executable, "-c", tell], cwd=ROOT, env=environment, capture_output=True, check=True)

    options = json.loads(said.stdout)
    asked = dict(pair.split("=") for pair in url.partition("?")[2].split("&"))
    assert {name: str(options[name]) for name in asked} == asked
    assert set(options) == asked.keys() | beside


def test_a_database_that_takes_nothing_is_away(tmp_path: Path) -> None:
    """A standby that has not taken over yet: what it would refuse for good waits until it has."""
    if reason := postgres.available():
        pytest.skip(reason)
    ask = (
        "import django; django.setup(); from django.db import OperationalError, connection\n"
        "try: connection.ensure_connection()\nexcept OperationalError as exc: print(exc)"
    )
    with postgres.cluster(tmp_path) as server:
        with psycopg.connect(server.url, autocommit=True) as told:
            told.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            told.execute("SELECT pg_reload_conf()")
        environment = {**os.environ, "DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "config.settings"}
        said = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, env=environment, check=True, capture_output=True)
        assert b"session is read-only" in said.stdout


def test_another_file_may_stand_in_for_dotenv_and_what_was_given_is_known(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GALLEY_A=of the machine\nGALLEY_B=of the machine\n")
    (tmp_path / "kit").write_text("GALLEY_A=of the kit\n")
    with mock.patch.dict(os.environ, {"GALLEY_ENV_FILE": str(tmp_path / "kit")}):
        environment = Environment.read(tmp_path / ".env")
        assert (environment.text("GALLEY_A"), environment.text("GALLEY_B")) == ("of the kit", "")
        assert environment.given == {"GALLEY_A"}
    with mock.patch.dict(os.environ, {"GALLEY_ENV_FILE": os.devnull}):
        assert Environment.read(tmp_path / ".env").text("GALLEY_B") == ""
