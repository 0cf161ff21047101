#!/usr/bin/env python
"""Django's command line for Galley."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["backup_files"]:
        # It needs no app and no database, and with nothing to do it takes a third of the time that loading them does.
        from backups.management.commands.backup_files import Command

        Command().run_from_argv(sys.argv)
    else:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
