"""The whole desk on this machine: web server and worker together, for trying Galley out and for developing it."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from articles import manuscripts, pipeline, workers
from articles.groups import CHIEF_EDITORS, EDITORS
from articles.models import Article
from articles.processes import die_with_parent

WORKER = "worker"
PATIENCE = 6  # seconds, for a process to end by itself
SAMPLES = Path(settings.BASE_DIR) / "articles" / "samples"
PEOPLE = {"editor": EDITORS, "chief": CHIEF_EDITORS}


class Command(BaseCommand):
    help = "Migrate, make a sample editor and sample articles, and serve the desk with its worker. Needs GALLEY_DEBUG."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="on 127.0.0.1 (default: 8000)")

    def handle(self, *_: Any, port: int, **__: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("This command is for development only. Set GALLEY_DEBUG=true, or read docs/operator.md.")
        if not 0 < port < 65536:
            raise CommandError("A port is a number from 1 to 65535.")
        if not is_free(port):
            another = "GALLEY_DEBUG=true .venv/bin/python manage.py desk --port 8123"
            raise CommandError(f"Port {port} of 127.0.0.1 is taken. Stop what runs there, or say: {another}")
        call_command("migrate", verbosity=0)
        password = sample_people()
        sample_articles()
        self.stdout.write(f"\nThe desk is at http://127.0.0.1:{port}/ for you alone. Log in as {' or '.join(PEOPLE)}, ")
        self.stdout.write(
            f"with the password {password} (unless you changed it).\n"
            f"Ctrl-C ends it; what is saved stays in {settings.VAR_DIR}.\n\n"
        )
        self.stdout.flush()
        Processes(
            {
                "web server": [
                    *(sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port)),
                    *("--log-level", "warning", "--timeout-graceful-shutdown", "3"),
                ],
                WORKER: [sys.executable, "manage.py", "qcluster"],
            }
        ).run()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def sample_people() -> str:
    """An editor and a chief editor, made once; their password, made for this folder, again on every start."""
    file = settings.VAR_DIR / "sample_password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    password = file.read_text()
    for name, group in PEOPLE.items():
        user, created = User.objects.get_or_create(username=name, defaults={"is_staff": True})
        if created:
            user.groups.add(Group.objects.get(name=group))
            user.set_password(password)
            user.save(update_fields=["password"])
    return password


def sample_articles() -> None:
    """Two manuscripts for the first look. Deleted ones do not come back."""
    editor = User.objects.get(username="editor")
    if Article.objects.filter(owner=editor).exists():
        return
    for file in sorted(SAMPLES.glob("*.md")):
        text = manuscripts.decode(file.read_bytes())
        pipeline.submit(Article(owner=editor, manuscript=text, manuscript_name=file.name))


class Processes:
    """Programs that run together: one that dies or freezes is started again, and at the end none is left."""

    def __init__(self, programs: dict[str, list[str]]) -> None:
        self.programs = programs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ending = False

    def run(self) -> None:
        """Until a signal says otherwise."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        try:
            while not self.ending:
                for name, command in self.programs.items():
                    self._keep(name, command)
                if workers.health().killed:
                    self._kill(WORKER)
                time.sleep(0.5)
        finally:
            self._stop()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.ending = True

    def _keep(self, name: str, command: list[str]) -> None:
        process = self.running.get(name)
        if process and process.poll() is None:
            return
        if process:
            sys.stderr.write(f"The {name} ended ({process.returncode}); it is started again.\n")
            time.sleep(1)
        # A group of its own: Ctrl-C reaches this process alone, which ends the others in order.
        self.running[name] = subprocess.Popen(command, start_new_session=True, preexec_fn=_end_with_us)

    def _kill(self, name: str) -> None:
        """The next look finds it ended, and starts it again."""
        _kill_group(self.running[name])

    def _stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in self.running.values():
            # One in the middle of a long call is not waited for: what it has saved is safe, the next start goes on.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0))
            _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_with_us() -> None:
    die_with_parent(signal.SIGTERM)
