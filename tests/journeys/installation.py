"""A Galley of its own for one journey: its settings, its command line, its workers, all real processes."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from articles.processes import die_with_parent
from backups.storage.django_bucket import BucketStorage
from backups.storage.django_folder import LocalStorage
from backups.trees.tree import Tree
from config.env import Environment
from tests.doubles.server import Doubles
from tests.environment import RUN
from tests.services import postgres
from tests.services.wordpress import WordPress

ROOT = Path(__file__).resolve().parent.parent.parent
DATABASE = "galley.sqlite3"
PATIENCE = 600  # seconds, for a command on a busy machine


@dataclass
class Installation:
    """Settings as a person would give them in .env; everything is spoken to from outside."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    program: Path = ROOT  # whose code runs

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "GALLEY_VAR_DIR": str(self.folder), "PYTHONUNBUFFERED": "1", **self.settings}

    def with_services(self, services: Doubles) -> None:
        self.settings |= {
            "OPENAI_BASE_URL": services.openai_url,
            "OPENAI_API_KEY": "sk-test",
            "ANTHROPIC_BASE_URL": services.anthropic_url,
            "ANTHROPIC_API_KEY": "sk-ant-test",
            "REPLICATE_BASE_URL": services.replicate_url,
            "REPLICATE_API_TOKEN": "r8-test",
        }

    def manage(self, *words: str, given: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=self.program, env=self.environment, input=given, capture_output=True, text=True, timeout=PATIENCE,
            check=check,
        )  # fmt: skip

    def ask(self, expression: str) -> Any:
        """The value of a Python expression inside this installation, as JSON."""
        code = f"import json; from articles.models import *; print('=>' + json.dumps({expression}, default=str))"
        answer = self.manage("shell", "--verbosity", "0", "-c", code).stdout
        return json.loads(answer.rpartition("=>")[2])

    def migrate(self) -> None:
        self.manage("migrate", "--verbosity", "0")

    def add_person(self, name: str) -> None:
        self.ask(f"__import__('django.contrib.auth.models', fromlist=['User']).User.objects.create_user({name!r}).pk")

    def prepare(self, person: str = "ada") -> None:
        """Every table, and an editor."""
        if url := self.settings.get("DATABASE_URL"):
            prepare_server(url, person)
        else:
            shutil.copyfile(migrated(person), self.folder / DATABASE)

    def add_site(self, wordpress: WordPress, time_limit: int = 2) -> None:
        """The site that articles go to; so many seconds it may work on one request."""
        words = ["site", "add", "Magazine", "--url", wordpress.url, "--user", wordpress.user]
        self.manage(*words, given=wordpress.app_password)
        self.ask(
            f"__import__('publishing.models', fromlist=['Site']).Site.objects.update(time_limit={time_limit})",
        )

    @contextmanager
    def workers(self) -> Iterator[Workers]:
        running = Workers(self)
        running.start()
        try:
            yield running
        finally:
            running.kill()

    def tree(self, prefix: str) -> Tree:
        """A tree as it lies in the storage, read by a client of its own."""
        entry = Environment(self.settings).storage("GALLEY_STORAGE_URL", f"file://{self.folder / 'backups'}")
        options = entry["OPTIONS"]
        if entry["BACKEND"].endswith("LocalStorage"):
            return Tree(LocalStorage(**options), prefix)
        keys = {"access_key": self.settings["AWS_ACCESS_KEY_ID"], "secret_key": self.settings["AWS_SECRET_ACCESS_KEY"]}
        return Tree(BucketStorage(**options, **keys), prefix)


def migrated(person: str = "") -> Path:
    """A database file with every table, and this editor if any: made once a run, by the process that first needs it."""
    with _once(Path(RUN, f"migrated-{person}.sqlite3")) as made, tempfile.TemporaryDirectory(dir=RUN) as folder:
        if not made.exists():
            first = Installation(Path(folder))
            if person:
                shutil.copyfile(migrated(), first.folder / DATABASE)
                first.add_person(person)
            else:
                first.migrate()
            (first.folder / DATABASE).rename(made)
    return made


def prepare_server(url: str, person: str = "") -> None:
    """The same in an empty database of PostgreSQL: all but the first of a run get what the first one has."""
    with _once(Path(RUN, f"migrated-{person}.sql")) as made, tempfile.TemporaryDirectory(dir=RUN) as folder:
        if made.exists():
            postgres.load(url, made)
        else:
            first = Installation(Path(folder), {"DATABASE_URL": url})
            first.migrate()
            if person:
                first.add_person(person)
            postgres.dump(url, first.folder / "dump.sql")
            (first.folder / "dump.sql").rename(made)


@contextmanager
def _once(made: Path) -> Iterator[Path]:
    """Of the processes of a run one is at it at a time."""
    with made.with_suffix(f"{made.suffix}-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield made


class Workers:
    """The workers and their supervisor, in a process group that dies together."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.installation.folder / "workers.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                cwd=self.installation.program, env=self.installation.environment, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=partial(die_with_parent, signal.SIGKILL),
            )  # fmt: skip

    def kill(self) -> None:
        """As a power cut would: every process of it, at once."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
