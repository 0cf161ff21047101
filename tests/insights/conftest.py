"""Desks of both databases, made once for all of this folder and below."""

from tests.backups.conftest import copies as copies
from tests.backups.conftest import desk as desk
from tests.backups.conftest import postgres_copies as postgres_copies
from tests.backups.conftest import postgres_template as postgres_template
from tests.backups.conftest import sqlite_copies as sqlite_copies
from tests.backups.conftest import sqlite_template as sqlite_template
