"""What is shipped to run Galley for good: it names only what exists, and its commands do what they promise."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from django.conf import settings as django_settings
from django.core.management import get_commands

from articles.pipeline.lease import CALL_SECONDS
from articles.pipeline.worker_health import IDLE_SECONDS, UNCLAIMED
from config.management.commands import desk as desk_command
from config.supervision.supervisor import LOOK_SECONDS, STOP_SECONDS
from tests.journeys.installation import ROOT, Installation
from tests.journeys.test_workers import pids
from tests.services.process import free_port, wait_until
from tests.services.units import Unit

pytestmark = pytest.mark.dealt_whole(3)

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "galley"}
PLACE = "/opt/galley"
PATIENT = 300  # seconds, on a busy machine


def unit(name: str) -> ConfigParser:
    parsed = ConfigParser(strict=False, interpolation=None, delimiters="=")
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parsed.read(DEPLOY / "systemd" / name)
    return parsed


def words_of(name: str) -> list[str]:
    """What a unit starts, with this checkout in the place of the shipped one."""
    words = Unit.read(name.removesuffix(".service")).words({})
    assert words[0] == f"{PLACE}/.venv/bin/python"
    return [sys.executable, *words[1:]]


def everything_that_is_started() -> list[str]:
    started = [unit(file.name)["Service"]["ExecStart"] for file in UNITS if file.suffix == ".service"]
    for service in COMPOSE["services"].values():
        for command in (service.get("command"), service.get("healthcheck", {}).get("test")):
            started.append(" ".join(command or []))
    return [*started, *re.findall(r"^CMD (.+)$", CONTAINERFILE, re.MULTILINE)]


@pytest.fixture
def galley(tmp_path: Path) -> Installation:
    made = Installation(tmp_path / "var")
    made.folder.mkdir()
    made.prepare()
    return made


@contextmanager
def started(galley: Installation, words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Started as a supervisor would, in a group of its own; at the end nothing of it is left."""
    with (galley.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            words, cwd=ROOT, env=galley.environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


# What they name


def test_every_command_exists_and_is_tested() -> None:
    named = {name for line in everything_that_is_started() for name in re.findall(r"manage\.py (\w+)", line)}

    assert {"worker", "worker_health", "migrate", "collectstatic"} <= named
    assert named <= set(get_commands())
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("*.py") if file.name != "test_deploy.py")
    assert {name for name in named if f'"{name}"' not in tests} <= {"collectstatic", "worker"}  # tested below


def test_every_setting_is_explained() -> None:
    explained = set(re.findall(r"^# (\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    named = {name for service in OURS.values() for name in service["environment"]}
    named |= set(re.findall(r"(GALLEY_\w+)=", CONTAINERFILE))
    for file in UNITS:
        named |= set(re.findall(r"^Environment=(\w+)=", file.read_text(), re.MULTILINE))

    assert named
    assert named <= explained


def test_the_image_holds_all_of_galley() -> None:
    copied = set(re.findall(r"^COPY ([\w.]+) ", CONTAINERFILE, re.MULTILINE))
    apps = {app.partition(".")[0] for app in django_settings.INSTALLED_APPS if (ROOT / app.partition(".")[0]).is_dir()}

    assert {"manage.py", "requirements.txt", "templates", "config"} | apps == copied
    assert all((ROOT / name).exists() for name in copied)
    assert "--require-hashes" in CONTAINERFILE


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze (Debian: systemd)")
    for file in UNITS:
        (tmp_path / file.name).write_text(file.read_text().replace(f"{PLACE}/.venv/bin/python", sys.executable))

    units = [str(tmp_path / file.name) for file in UNITS]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )

    # A name that it does not know is a warning only.
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_a_worker_that_hangs_is_noticed_within_two_minutes() -> None:
    """By its supervisor, which replaces it; and that nobody takes what is queued, by those who ask from outside."""
    assert IDLE_SECONDS + LOOK_SECONDS < 120
    assert unit("galley-worker.service")["Service"]["ExecStart"].endswith("manage.py worker")
    assert OURS["worker"]["command"][-1] == "worker"
    interval = OURS["worker"]["healthcheck"]["interval"]
    assert UNCLAIMED.total_seconds() + int(interval.removesuffix("s")) < 120


def test_whoever_stops_the_workers_waits_for_the_calls_in_hand() -> None:
    """The longest call, and time to save its answer; nobody kills them sooner."""
    worker, web = unit("galley-worker.service")["Service"], unit("galley-web.service")["Service"]
    assert CALL_SECONDS < STOP_SECONDS < int(worker["TimeoutStopSec"])
    assert int(OURS["worker"]["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
    for service in (worker, web):
        assert (service["KillMode"], service["Restart"]) == ("mixed", "always")
    assert worker["OOMPolicy"] == "continue"  # one that is killed for want of memory is one
    graceful = int(shlex.split(web["ExecStart"])[-1])
    assert graceful < int(web["TimeoutStopSec"])
    assert CONTAINERFILE.count(f'"--timeout-graceful-shutdown", "{graceful}"') == 1


def test_no_web_server_believes_anybody_about_an_address() -> None:
    """uvicorn would take X-Forwarded-For from whoever speaks to it on this machine; the settings name our proxies."""
    page = (ROOT / "docs" / "operator.md").read_text().splitlines()
    desk = Path(desk_command.__file__).read_text()
    starts = [
        line for line in [*everything_that_is_started(), *page, desk] if re.search(r"uvicorn\W+config\.asgi", line)
    ]

    assert len(starts) >= 4
    assert [start for start in starts if "--no-proxy-headers" not in start] == []


# What they do


def test_the_worker_unit(galley: Installation) -> None:
    health = [sys.executable, *OURS["worker"]["healthcheck"]["test"][2:]]

    def is_well() -> bool:
        return (
            subprocess.run(health, cwd=ROOT, env=galley.environment, capture_output=True, check=False).returncode == 0
        )

    assert not is_well()
    with started(galley, words_of("galley-worker.service")) as process:
        wait_until(lambda: len(pids(galley)) == 2, PATIENT)
        assert is_well()
        # KillMode=mixed: only the first process is asked.
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENT) == 0
        assert pids(galley) == []
    assert not is_well()


def test_the_web_unit_and_the_probe_of_the_container(galley: Installation) -> None:
    port = str(free_port())
    words = [port if word == "8000" else word for word in words_of("galley-web.service")]
    probe = [word.replace("8000", port) for word in OURS["web"]["healthcheck"]["test"][1:]]
    probe[0] = sys.executable

    def answers() -> bool:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0

    assert not answers()
    galley.settings["GALLEY_BASE_URL"] = "https://desk.example.org"
    with started(galley, words) as process:
        wait_until(answers, PATIENT)
        # Errors below /api/ are JSON also when the request never came as far as the API.
        api, https = f"http://127.0.0.1:{port}/api/v1", {"X-Forwarded-Proto": "https"}
        foreign = requests.get(f"{api}/openapi.json", headers={"Host": "elsewhere.example", **https}, timeout=PATIENT)
        assert foreign.status_code == 400
        assert foreign.json()["message"] == "Galley did not understand this request."
        unknown = requests.post(f"{api}/recovery/sweep", headers={"Host": "desk.example.org", **https}, timeout=PATIENT)
        assert unknown.status_code == 401
        assert unknown.json()["message"].startswith("Log in at the desk")
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENT)


def test_the_container_prepares_itself(tmp_path: Path) -> None:
    galley = Installation(tmp_path, {"GALLEY_DEBUG": "false"})
    script = OURS["prepare"]["command"][2].replace("python ", f"{sys.executable} ")

    subprocess.run(["sh", "-c", script], cwd=ROOT, env=galley.environment, check=True, capture_output=True)

    assert (tmp_path / "galley.sqlite3").exists()
    assert list((tmp_path / "static").glob("galley/desk*.css"))
    assert galley.ask("Article.objects.count()") == 0


def test_the_worker_of_the_container_looks_after_itself(galley: Installation) -> None:
    words = [sys.executable, *OURS["worker"]["command"][1:]]
    with started(galley, words) as process:
        wait_until(lambda: len(pids(galley)) == 2, PATIENT)
        victim, neighbour = pids(galley)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(pids(galley)) == 2 and victim not in pids(galley), PATIENT)
        assert neighbour in pids(galley)
        assert "The worker ended (-9); it is started again" in (galley.folder / "log").read_text()

        process.send_signal(signal.SIGTERM)
        process.wait(PATIENT)
        assert pids(galley) == []


def test_its_workers_do_not_outlive_it(galley: Installation) -> None:
    with started(galley, [sys.executable, *OURS["worker"]["command"][1:]]) as process:
        wait_until(lambda: len(pids(galley)) == 2, PATIENT)
        process.kill()
        process.wait()
        wait_until(lambda: pids(galley) == [], PATIENT)


def test_a_web_server_a_core_is_the_unit_at_another_port() -> None:
    page = (ROOT / "docs" / "operator.md").read_text()
    [(old, new, name)] = re.findall(r"sed 's/(.+?)/(.+?)/' deploy/systemd/([\w.-]+) > \S+/galley-web@\.service", page)
    changed = (DEPLOY / "systemd" / name).read_text().replace(old, new)
    assert changed.count("--port %i ") == 1
    assert "--workers" not in changed
