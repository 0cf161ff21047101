"""A backup keeps what was noted; a restore brings it, and takes away nothing of what was noted since."""

from __future__ import annotations

from audit.models import Change
from backups.database import backup
from backups.repository.repository import Repository
from publishing.models import Site
from tests.audit import rows
from tests.backups import desks
from tests.backups.conftest import copies as copies
from tests.backups.conftest import folder as folder
from tests.backups.conftest import sqlite_copies as sqlite_copies
from tests.backups.conftest import sqlite_template as sqlite_template
from tests.backups.conftest import store as store
from tests.backups.database.test_restore import restore
from tests.backups.desks import Copies


def noted(alias: str) -> set[str]:
    return set(Change.objects.using(alias).values_list("uid", flat=True))


def test_a_mirror_takes_no_change_away_and_its_own_writing_is_none(sqlite_copies: Copies, store: Repository) -> None:
    with sqlite_copies.desk() as desk:
        desks.fill(desk, 1)
        backup.backup(store, desk)
        then = noted(desk)
        Site.objects.using(desk).update(user="somebody else")
        since = noted(desk) - then
        restore(store, desk, mode="mirror")
        assert Site.objects.using(desk).get().user == "desk"
        assert noted(desk) == then | since
        assert (len(then) > 3, len(since)) == (True, 1)

    with sqlite_copies.desk() as other:
        rows.make("publishing.Site", other)
        own = noted(other)
        restore(store, other, mode="mirror")
        assert noted(other) == own | then, "those of its own numbers stay"
