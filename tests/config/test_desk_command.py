"""`make run`: the first look at Galley, and everything that may stand in its way."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command
from pytest_django import Settings

from config import bootstrap
from tests.journeys.installation import ROOT, Installation
from tests.services.process import free_port, wait_until

pytestmark = pytest.mark.dealt_whole(3)

PATIENCE = 300  # seconds, on a busy machine


@contextmanager
def _desk(galley: Installation, port: int) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "manage.py", "desk", "--port", str(port)],
        cwd=ROOT, env=galley.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def _password(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return next(found[1] for line in process.stdout if (found := re.search(r"with the password (\S+)", line)))


def _login(port: int, password: str) -> requests.Session:
    browser = requests.Session()
    address = f"http://127.0.0.1:{port}/admin/login/"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(address, timeout=PATIENCE).text)
    assert token
    form = {"username": "editor", "password": password, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
    assert browser.post(address, data=form, timeout=PATIENCE).url.endswith("/admin/")
    return browser


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/admin/login/", timeout=5).ok
    except requests.RequestException:  # or it is slow
        return False


def _finished(folder: Path) -> int:
    """Articles that are done, by their manifests, which are written last."""
    manifests = [json.loads(file.read_bytes()) for file in folder.glob("backups/user_*/article_*/manifest.json")]
    return sum(made["pipeline_stages"]["step5_wordpress_upload"]["status"] == "completed" for made in manifests)


def _processes_of(galley: Installation) -> list[int]:
    """The living processes that were started with this installation's settings."""
    found = []
    mark = f"GALLEY_VAR_DIR={galley.folder}\0".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.dealt(2)
def test_it_runs_ends_and_runs_again(tmp_path: Path) -> None:
    galley, port = Installation(tmp_path), free_port()
    with _desk(galley, port) as process:
        password = _password(process)
        wait_until(lambda: _answers(port), PATIENCE)
        wait_until(lambda: _finished(tmp_path) == 2, PATIENCE)
        with _login(port, password) as browser:
            articles = browser.get(f"http://127.0.0.1:{port}/admin/articles/article/", timeout=PATIENCE)
            assert "Home batteries" in articles.text
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    wait_until(lambda: _processes_of(galley) == [], PATIENCE)

    with _desk(galley, port) as process:
        assert _password(process) == password
        wait_until(lambda: _answers(port), PATIENCE)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    assert len(list(tmp_path.glob("backups/user_*/article_*"))) == 2


@pytest.mark.dealt(2)
def test_a_killed_desk_leaves_nothing_running(tmp_path: Path) -> None:
    galley, port = Installation(tmp_path), free_port()
    with _desk(galley, port) as process:
        _password(process)
        wait_until(lambda: _answers(port), PATIENCE)
        process.kill()
    wait_until(
        lambda: _processes_of(galley) == [], PATIENCE
    )  # what is just starting asks for its parent when it has started


def test_a_taken_port_is_said_in_a_sentence(settings: Settings) -> None:
    settings.DEBUG = True
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CommandError, match=r"Port \d+ of 127.0.0.1 is taken"):
            call_command("desk", port=taken.getsockname()[1])


def test_it_is_for_development_only(settings: Settings) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match="development only"):
        call_command("desk")


def test_another_python_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit):
        bootstrap.main("run")

    assert "Galley needs Python 3.11" in capsys.readouterr().err


def test_a_folder_without_rights_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SystemExit):
        bootstrap.main("run")

    assert "no right to write" in capsys.readouterr().err


def test_what_is_installed_is_not_installed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("django\n")
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / "venv")
    monkeypatch.setattr(bootstrap, "REQUIREMENTS", {"run": requirements})
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "pip").touch()
    ran: list[list[str]] = []

    def install(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", install)
    bootstrap.make_environment("run")
    bootstrap.make_environment("run")
    assert len(ran) == 1
    assert "--require-hashes" in ran[0]

    requirements.write_text("django<6\n")
    bootstrap.make_environment("run")
    assert len(ran) == 2
