"""Commands of manage.py in processes of their own, which tests kill; forked, as loading the apps takes seconds."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.core.management import CommandError, call_command

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Command:
    """A command that runs. No connection to the file of an SQLite database may be open when it begins."""

    pid: int
    log: Path

    def kill(self) -> None:
        """By kill -9; it must not have ended by itself."""
        os.kill(self.pid, signal.SIGKILL)
        status = os.waitpid(self.pid, 0)[1]
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, self.log.read_text()

    def code(self) -> int:
        """Its exit code, once it has ended."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def command(log: Path, *words: str, told: IO[str] | None = None) -> Iterator[Command]:
    """Begin a command, which ends with this block. What it says goes to `told`, or with its errors to the log."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        try:
            yield Command(pid, log)
        finally:
            with suppress(ChildProcessError):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        return
    code = 97
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it does not outlive the tests
        with log.open("a") as out:
            try:
                call_command(*words, stdout=told or out, stderr=out)
                code = 0
            except CommandError as exc:
                out.write(f"{exc}\n")
                code = exc.returncode
            except BaseException:
                traceback.print_exc(file=out)
    finally:
        os._exit(code)
