"""Processes that tests kill, forked from them: loading the apps takes seconds.

No connection to the file of an SQLite database may be open when one begins.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from django.core.management import CommandError, call_command
from django.db import DEFAULT_DB_ALIAS, connections

from backups.database.connections import connected

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Process:
    pid: int

    def kill(self) -> None:
        """By kill -9; it must not have ended by itself."""
        os.kill(self.pid, signal.SIGKILL)
        self.has_died()

    def has_died(self) -> None:
        assert self.code() == -signal.SIGKILL

    def code(self) -> int:
        """Its exit code, once it has ended."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def process(deed: Callable[[], object]) -> Iterator[Process]:
    """A process that does this and ends, at the latest with the block. What it raises goes to standard error."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        code = 97
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it does not outlive the tests
            deed()
            code = 0
        except CommandError as exc:
            code = exc.returncode
            sys.stderr.write(f"{exc}\n")
        except SystemExit as exc:
            code = int(exc.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    try:
        yield Process(pid)
    finally:
        with suppress(ChildProcessError):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextmanager
def command(log: Path, *words: str, told: IO[str] | None = None, desk: str = "") -> Iterator[Process]:
    """A command of manage.py. What it says goes to `told`, or with its errors to the log; `desk` is its database."""
    with log.open("a") as out, process(partial(_call, *words, out=out, told=told, desk=desk)) as running:
        yield running


def _call(*words: str, out: IO[str], told: IO[str] | None, desk: str) -> None:
    sys.stderr = out
    with connected(desk) if desk else nullcontext(DEFAULT_DB_ALIAS) as alias:
        connections[DEFAULT_DB_ALIAS] = connections[alias]
        call_command(*words, stdout=told or out, stderr=out)
    out.flush()
