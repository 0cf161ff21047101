#!/usr/bin/env python
"""Django's command line for Galley."""

import errno
import os
import sys

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def main(words: list[str]) -> None:
    """Run a command. What the machine cannot do is said in a sentence; with --traceback as Python says it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if words[1:2] == ["backup_files"]:
        # It needs no app and no database, and with nothing to do it takes a third of the time that loading them does.
        from backups.management.commands.backup_files import Command

        Command().run_from_argv(words)
        return
    from django.core.management import execute_from_command_line
    from django.db import InterfaceError, OperationalError

    try:
        execute_from_command_line(words)
    except (InterfaceError, OperationalError) as exc:
        _fail("The database", str(exc), words)
    except OSError as exc:
        if exc.errno not in NO_ROOM:
            raise
        _fail(str(exc.filename or "The disk"), os.strerror(exc.errno), words)


def _fail(what: str, reason: str, words: list[str]) -> None:
    if "--traceback" in words:
        raise
    first = next(iter(reason.strip().splitlines()), "no reason given").rstrip(".")
    sys.exit(f"{what} failed: {first}. When that is mended, run the command again: what is saved stays.")


if __name__ == "__main__":
    main(sys.argv)
