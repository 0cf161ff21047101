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
    from django.db import InterfaceError, OperationalError, ProgrammingError

    from audit import doors

    doors.command(words)
    try:
        execute_from_command_line(words)
    except (InterfaceError, OperationalError, ProgrammingError) as exc:
        if _is_empty():
            _end("The database has no tables yet. Make them first: manage.py migrate", words)
        if isinstance(exc, ProgrammingError):
            raise
        _fail("The database", str(exc), words)
    except OSError as exc:
        if exc.errno not in NO_ROOM:
            raise
        _fail(str(exc.filename or "The disk"), os.strerror(exc.errno), words)


def _is_empty() -> bool:
    """Whether the database answers, and nothing was ever migrated into it."""
    from django.db import Error, connection

    try:
        return not connection.introspection.table_names()
    except Error:
        return False


def _fail(what: str, reason: str, words: list[str]) -> None:
    first = next(iter(reason.strip().splitlines()), "no reason given").rstrip(".")
    _end(f"{what} failed: {first}. When that is mended, run the command again: what is saved stays.", words)


def _end(sentence: str, words: list[str]) -> None:
    if "--traceback" in words:
        raise
    sys.exit(sentence)


if __name__ == "__main__":
    if sys.argv[1:2] != ["restore_files"]:  # which makes folders for whoever had them
        os.umask(0o077)  # what is written is for this user alone
    main(sys.argv)
