"""Commands of manage.py in processes of their own, which tests kill; forked, as loading the apps takes seconds."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.core.management import CommandError, call_command


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

    def ended(self) -> bool:
        """Whether it has ended; it can be asked for its code all the same."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def command(log: Path, *words: str, told: IO[str] | None = None) -> Command:
    """Begin a command. What it says goes to `told`, or with its errors to the log."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Command(pid, log)
    code = 97
    try:
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
