"""Any history of a Drive, with whatever goes wrong meanwhile: the desk shows its state, and no text is gone."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.worklist.drive.conftest import LOGIN
from tests.worklist.drive.small_drive import ROOT, SmallDrive
from tests.worklist.drive.test_sync import look
from worklist.drive import accounts
from worklist.models import Document, DriveFile, Version

pytestmark = pytest.mark.django_db
MOST = 9  # documents: of so few each is believed
WHICH = st.integers(0, 30)
FAULTS = st.sampled_from(
    [
        (at, kind)
        for at in ("list", "changes", "export", "comments", "get", "start")
        for kind in ("backendError", "reset")
    ]
    + [("export", "rateLimitExceeded"), ("changes", "tooMany"), ("list", "cut"), ("token", "backendError")]
)

FOLDERS = st.sampled_from(["move", "trash", "restore", "name"])


class Histories(RuleBasedStateMachine):
    """What people do in the Drive; what went wrong; a look at any time."""

    small: SmallDrive

    def __init__(self) -> None:
        super().__init__()
        self.undone = transaction.atomic()  # each history begins with an empty desk
        self.undone.__enter__()
        small = self.small
        small.__dict__.update(items={}, unshared=set(), log=[], first_token=0, page=2, lasting={"lasting-0"})
        small.heal()
        self.desk = small.folder("Desk")
        self.outside = small.folder("Outside")
        self.folders = [self.desk, small.folder("Inner", self.desk), self.outside, small.folder("Deep", self.outside)]
        self.documents = [small.document("Stays", self.desk, "# Stays\n\nIt stays.")]
        self.texts: set[str] = set()
        self.number = 0
        self.is_seen = False  # nothing has happened since a look that went well
        accounts.follow(accounts.connect(LOGIN), self.desk)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    def _text(self) -> str:
        self.number += 1
        return f"# A text\n\nIt has {self.number} words, or more."

    def _one(self, which: int) -> str | None:
        """Any but the first, which stays."""
        there = [each for each in self.documents[1:] if each in self.small.items]
        self.is_seen = False
        return there[which % len(there)] if there else None

    @rule(where=WHICH)
    def written(self, where: int) -> None:
        if len(self.documents) < MOST:
            folder = self.folders[where % len(self.folders)]
            self.documents.append(self.small.document(f"Document {len(self.documents)}", folder, self._text()))
            self.is_seen = False

    @rule(which=WHICH, how=st.sampled_from(["edit", "rename", "trash", "restore", "unshare", "share", "copy"]))
    def changed(self, which: int, how: str) -> None:
        one = self._one(which)
        if one is None:
            return
        match how:
            case "edit":
                self.small.edit(one, self._text())
            case "rename":
                self.small.rename(one, f"Name {which}")
            case "trash" | "restore":
                self.small.trash(one, back=how == "restore")
            case "unshare" | "share":
                self.small.unshare(one, back=how == "share")
            case "copy" if len(self.documents) < MOST:
                self.documents.append(self.small.copy(one))

    @rule(which=WHICH, where=WHICH)
    def moved(self, which: int, where: int) -> None:
        if one := self._one(which):
            self.small.move(one, self.folders[where % len(self.folders)])

    @rule(
        which=st.integers(1, 3),
        where=st.sampled_from([0, 2]),
        how=st.sampled_from(["move", "trash", "restore", "name"]),
    )
    def folder_changed(self, which: int, where: int, how: str) -> None:
        folder = self.folders[which]
        self.is_seen = False
        if how == "name":
            self.small.rename(folder, f"Folder {which}{where}")
        elif how == "move" and folder != self.outside:
            self.small.move(folder, self.folders[where])
        elif how != "move":
            self.small.trash(folder, back=how == "restore")

    @rule(which=WHICH)
    def deleted(self, which: int) -> None:
        if one := self._one(which):
            self.small.delete(one)

    @rule()
    def log_refused(self) -> None:
        self.small.first_token = len(self.small.log) + 1

    @rule(fault=FAULTS)
    def looked_at_while_something_fails(self, fault: tuple[str, str]) -> None:
        self.small.fail(*fault, times=3 if fault[0] == "token" else 1)
        look()
        self.small.heal()
        self.is_seen = False

    @rule()
    def looked_at(self) -> None:
        assert look().waits == ""
        assert look().waits == ""  # twice is once
        self.small.first_token = 0
        self.is_seen = True

    @invariant()
    def no_text_is_gone(self) -> None:
        now = set(Version.objects.values_list("manuscript", flat=True))
        assert self.texts <= now
        self.texts = now

    @invariant()
    def the_desk_shows_the_drive(self) -> None:
        if not self.is_seen:
            return
        there = {document.source_id: document for document in Document.objects.all()}
        for one in self.documents:
            item = self.small.items.get(one)
            if item is not None and self._is_inside(one):
                document = there[one]
                assert (document.gone_at, document.title) == (None, item.name)
                assert document.version(document.source_hash).manuscript == item.markdown
                assert document.folder == self._place(item.parent)
            elif one in there:
                assert there[one].gone_at is not None
        assert not DriveFile.objects.filter(missing_at=None, document__gone_at__isnull=False).exists()

    def _is_inside(self, one: str) -> bool:
        small, item = self.small, self.small.items[one]
        if small.in_trash(item) or not small.is_seen(item):
            return False
        while item.parent in small.items:
            item = small.items[item.parent]
            if item.id == self.desk:
                return True
        assert item.parent == ROOT
        return False

    def _place(self, folder: str) -> str:
        item = self.small.items[folder]
        return item.name if folder == self.desk else f"{self._place(item.parent)}/{item.name}"


def test_any_history(small: SmallDrive, google_settings: None, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # google-auth's pauses between tries at the token
    machine = type("OfThisDrive", (Histories,), {"small": small})
    steps = settings(max_examples=20, stateful_step_count=15, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=steps)
