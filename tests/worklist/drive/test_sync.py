"""The worklist follows a folder of a Drive: each thing that people do there, and each that goes wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from tests.worklist.conftest import TO_READY, lead
from tests.worklist.drive.conftest import LOGIN
from tests.worklist.drive.small_drive import SHEET, SmallDrive
from worklist import intake, moves
from worklist.drive import accounts, reading, sync
from worklist.drive.sync import Report
from worklist.models import Document, DriveAccount, DriveFile, DriveFolder, State

pytestmark = pytest.mark.django_db
TEXT = "# Ports\n\nThe ports have many ships, and the ships have sailors."


def look(**options: Any) -> Report:
    """Now, whatever was to be waited for."""
    DriveFile.objects.update(again_at=None)
    DriveAccount.objects.update(wait_until=None)
    return sync.sync(DriveFolder.objects.get(), **options)


def titles(**fields: Any) -> list[str]:
    return sorted(Document.objects.filter(**fields).values_list("title", flat=True))


def gone() -> list[str]:
    return sorted(Document.objects.exclude(gone_at=None).values_list("title", flat=True))


# The table of what happens there


def test_new_documents_arrive_once(small: SmallDrive, desk: str) -> None:
    small.document("Ports", desk, TEXT)
    small.document("Rails", small.folder("Trains", desk), TEXT + " And trains.")
    small.document("Elsewhere", small.folder("Other"), TEXT)
    assert look() == Report(new=2, read=2)
    assert titles() == ["Ports", "Rails"]
    assert sorted(Document.objects.values_list("folder", "writer", "source")) == [
        ("Desk", "Ada", "drive"),
        ("Desk/Trains", "Ada", "drive"),
    ]
    small.document("Roads", desk, TEXT + " And lorries.")
    assert look() == Report(new=1, read=1)
    assert look() == Report()


def test_renamed_unless_a_person_has_named_it_here(small: SmallDrive, desk: str, editor: User) -> None:
    ports, rails = (small.document(name, desk, f"{TEXT} {name}.") for name in ("Ports", "Rails"))
    look()
    moves.rename(Document.objects.get(title="Rails").pk, editor, "Night trains")
    small.rename(ports, "Harbours")
    small.rename(rails, "Railways")
    look()
    assert titles() == ["Harbours", "Night trains"]


def test_edited_before_and_after_somebody_works_on_it(small: SmallDrive, desk: str, chief: User) -> None:
    ports = small.document("Ports", desk, TEXT)
    look()
    small.edit(ports, TEXT + " Later.")
    look()
    document = Document.objects.get()
    assert document.text.manuscript.endswith("Later.")
    assert document.versions.count() == 2
    document = lead(document, chief, *TO_READY)
    small.edit(ports, TEXT + " Later still.")
    look()
    document.refresh_from_db()
    assert document.text.manuscript.endswith("Later.")
    assert document.version(document.offered_hash).manuscript.endswith("still.")
    assert (document.state, document.approved_at) == (State.TO_REREVIEW, None)
    assert intake.take(document.pk, chief, seen=document.offered_hash).text.manuscript.endswith("still.")


def test_trashed_moved_out_unshared_deleted_and_back(small: SmallDrive, desk: str) -> None:
    names = ["Deleted", "Moved", "Stays", "Trashed", "Unshared"]
    ids = {name: small.document(name, desk, f"{TEXT} {name}.") for name in names}
    look()
    small.trash(ids["Trashed"])
    small.move(ids["Moved"], small.folder("Other"))
    small.unshare(ids["Unshared"])
    small.delete(ids["Deleted"])
    assert look() == Report(gone=4)
    assert gone() == ["Deleted", "Moved", "Trashed", "Unshared"]
    assert all(document.text.manuscript.startswith("# Ports") for document in Document.objects.all())
    small.trash(ids["Trashed"], back=True)
    small.move(ids["Moved"], desk)
    small.unshare(ids["Unshared"], back=True)
    look()
    assert gone() == ["Deleted"]
    assert Document.objects.count() == 5


def test_a_folder_moves_with_what_is_in_it(small: SmallDrive, desk: str) -> None:
    other = small.folder("Other")
    trains = small.folder("Trains", other)
    small.document("Rails", small.folder("Night", trains), TEXT)
    look()
    assert titles() == []
    small.move(trains, desk)
    assert look() == Report(new=1, read=1)
    small.rename(trains, "Railways")
    look()
    assert Document.objects.get().folder == "Desk/Railways/Night"
    small.rename(desk, "Newsroom")
    look()
    assert Document.objects.get().folder == "Newsroom/Railways/Night"
    exports = small.count("export")
    small.trash(trains)
    assert look().gone == 1
    assert small.count("export") == exports, "nothing of it was read again for that"
    small.trash(trains, back=True)
    look()
    assert gone() == []


def test_a_shortcut_is_what_it_points_to_once(small: SmallDrive, desk: str) -> None:
    ports = small.document("Ports", desk, TEXT)
    rails = small.document("Rails", small.folder("Other"), TEXT + " Rails.")
    small.shortcut("Ports again", desk, ports)
    small.shortcut("Rails from there", desk, rails)
    look()
    assert titles() == ["Ports", "Rails"]
    small.edit(rails, TEXT + " Later rails.")
    look()
    assert Document.objects.get(title="Rails").text.manuscript.endswith("Later rails.")
    small.trash(rails)
    look()
    assert gone() == ["Rails"]
    small.trash(rails, back=True)
    look()
    assert gone() == []
    small.trash(ports)  # with the shortcut to it
    look()
    assert gone() == ["Ports"]


def test_a_copy_is_new_and_says_of_what(small: SmallDrive, desk: str) -> None:
    small.copy(small.document("Ports", desk, TEXT))
    look()
    copy = Document.objects.get(title="Copy of Ports")
    assert [entry.why for entry in copy.entries.all()] == ["with the same text as “Ports”"]


def test_a_shared_drive_has_a_log_of_its_own(small: SmallDrive, google_settings: None) -> None:
    folder = small.folder("Desk", drive="shared")
    account = accounts.connect(LOGIN)
    accounts.follow(account, f"https://drive.google.com/drive/folders/{folder}")
    small.document("Ports", folder, TEXT)
    look()
    small.document("Rails", folder, TEXT + " Rails.")
    look()
    assert titles() == ["Ports", "Rails"]
    assert {each.query.get("driveId") for each in small.served if each.operation in ("changes", "start")} == {"shared"}
    assert Document.objects.filter(writer="Grace").count() == 2


def test_what_cannot_be_read_is_listed_with_the_reason(small: SmallDrive, desk: str) -> None:
    small.blob("Budget", desk, b"", SHEET)
    closed = small.document("Closed", desk, TEXT)
    small.document("Empty", desk, "")
    large = small.document("Large", desk, TEXT)
    small.document("Ports", desk, TEXT)
    small.forbid(closed)
    small.fail("export", "exportSizeLimitExceeded", times=2, match=large)
    look()
    reasons = dict(DriveFile.objects.exclude(reason="").values_list("name", "reason"))
    assert {name: reason.partition(".")[0] for name, reason in reasons.items()} == {
        "Budget": "It is a spreadsheet",
        "Closed": "Its owner does not let anybody take a copy of it",
        "Empty": "The manuscript is empty",
        "Large": "With its pictures it is larger than the 10 MB that Google gives away",
    }
    assert titles() == ["Ports"]
    served = len(small.served)
    look()
    assert len(small.served) == served + 2, "a token and the log: what cannot be read is not tried again"
    small.edit(large, TEXT)
    look()
    assert titles() == ["Large", "Ports"]


# What goes wrong


def test_an_empty_or_partial_or_refused_listing_deletes_nothing(small: SmallDrive, desk: str) -> None:
    ids = [small.document(name, desk, f"{TEXT} {name}.") for name in ("Ports", "Rails")]
    look()
    small.first_token = 100  # the log is refused from here on
    small.trash(ids[0])
    small.is_incomplete = True
    look()
    assert gone() == []
    small.is_incomplete = False
    small.fail("list", "backendError")
    assert "error of its own" in look().waits
    assert gone() == []
    look()
    assert gone() == ["Ports"]
    small.trash(ids[1])
    DriveFolder.objects.update(page_token="")
    look()
    assert gone() == ["Ports"], "an empty listing says nothing"


def test_a_folder_that_is_gone_or_not_shared_deletes_nothing(small: SmallDrive, desk: str) -> None:
    small.document("Ports", desk, TEXT)
    look()
    for away in (small.unshare, small.trash):
        away(desk)
        assert "folder" in look().waits
        assert "folder" in look().waits
        assert "folder" in DriveFolder.objects.get().error
        assert gone() == []
        away(desk, back=True)
        assert look().waits == ""
        assert DriveFolder.objects.get().error == ""
    assert gone() == []


def test_many_missing_at_once_are_asked_about(small: SmallDrive, desk: str) -> None:
    ids = [small.document(f"Mill {number}", desk, f"{TEXT} Mill {number}.") for number in range(13)]
    look()
    for each in ids[:11]:
        small.trash(each)
    assert look() == Report(held=11)
    assert look() == Report(held=11)
    small.trash(ids[0], back=True)
    assert look() == Report(read=1, gone=10), "ten are not many"
    for each in ids[1:]:
        small.trash(each, back=True)
    look()
    assert gone() == []
    for each in ids:
        small.trash(each)
    assert look() == Report(held=13)
    assert look(believe_missing=True) == Report(gone=13)


def test_what_is_kept_by_a_person_stays_kept(small: SmallDrive, desk: str, editor: User) -> None:
    small.trash(ports := small.document("Ports", desk, TEXT), back=True)
    look()
    small.trash(ports)
    look()
    moves.keep(Document.objects.get().pk, editor)
    look()
    assert gone() == []


@pytest.mark.parametrize("kind", ["rateLimitExceeded", "userRateLimitExceeded", "tooMany"])
def test_too_many_requests_hold_the_whole_account(small: SmallDrive, desk: str, kind: str) -> None:
    for number in range(3):
        small.document(f"Mill {number}", desk, f"{TEXT} {number}.")
    small.fail("export", kind)
    folder = DriveFolder.objects.get()
    assert "too many requests" in sync.sync(folder).waits
    served = len(small.served)
    assert "too many requests" in sync.sync(folder).waits
    assert len(small.served) == served, "nothing is asked until it is time"
    account = DriveAccount.objects.get()
    assert account.wait_until is not None
    assert timezone.now() < account.wait_until < timezone.now() + timedelta(seconds=65)
    assert look() == Report(new=3, read=3)
    assert DriveAccount.objects.get().error == ""


def test_a_file_that_fails_keeps_no_other_away(small: SmallDrive, desk: str) -> None:
    bad = small.document("Bad", desk, f"{TEXT} Bad.")
    for number in range(3):
        small.document(f"Mill {number}", desk, f"{TEXT} {number}.")
    small.fail("export", "backendError", times=None, match=bad)
    assert look() == Report(new=3, read=3)
    assert DriveFile.objects.get(name="Bad").reason.startswith("Google Drive failed")
    small.heal()
    assert look() == Report(new=1, read=1)
    small.fail("export", "cut", times=1)
    small.edit(bad, f"{TEXT} Better.")
    look()
    assert look() == Report(read=1)
    assert Document.objects.get(title="Bad").text.manuscript.endswith("Better.")


def test_when_nothing_comes_it_is_not_the_files_fault(small: SmallDrive, desk: str) -> None:
    for number in range(6):
        small.document(f"Mill {number}", desk, f"{TEXT} {number}.")
    small.fail("export", "backendError", times=None)
    assert "error of its own" in look().waits
    assert small.count("export") == sync.FAILURES


def test_a_revoked_login_says_connect_again(small: SmallDrive, desk: str) -> None:
    small.document("Ports", desk, TEXT)
    look()
    small.revoke()
    assert "Connect it again" in look().waits
    account = DriveAccount.objects.get()
    assert account.ended_at
    assert account.used_at
    served = len(small.served)
    look()
    assert len(small.served) == served, "Google is not asked again and again"
    small.lasting.add("lasting-0")
    accounts.connect(LOGIN)
    assert look().waits == ""
    assert DriveAccount.objects.get().ended_at is None


def test_a_rotated_login_is_kept_and_encrypted(small: SmallDrive, desk: str) -> None:
    small.rotates = True
    look()
    look()
    account = DriveAccount.objects.get()
    assert {account.login["refresh_token"]} == small.lasting
    assert "lasting" not in account.encrypted_login


def test_a_login_that_no_key_opens_is_to_be_given_again(small: SmallDrive, desk: str, settings: Settings) -> None:
    settings.SECRET_KEY, settings.GALLEY_ENCRYPTION_KEYS = "another", []
    assert "Connect it again" in look().waits


def test_somebody_else_is_at_it(small: SmallDrive, desk: str) -> None:
    DriveFolder.objects.update(busy_until=timezone.now() + timedelta(minutes=1))
    assert "Somebody" in look().waits
    DriveFolder.objects.update(busy_until=timezone.now() - timedelta(minutes=1))
    assert look().waits == ""
    assert DriveFolder.objects.get().busy_until is None


def test_a_slower_machine_overwrites_nothing(small: SmallDrive, desk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was frozen between asking and writing; another has looked and read meanwhile."""
    ports = small.document("Ports", desk, TEXT)
    look()
    small.edit(ports, TEXT + " Second.")
    arrive, folder = reading._arrive, DriveFolder.objects.get()

    def frozen(*args: Any) -> bool:
        monkeypatch.setattr(reading, "_arrive", arrive)
        small.edit(ports, TEXT + " Third.")
        DriveFolder.objects.update(busy_until=None)
        assert look().read == 1
        return arrive(*args)

    monkeypatch.setattr(reading, "_arrive", frozen)
    sync.sync(folder)
    assert Document.objects.get().text.manuscript.endswith("Third.")
    assert look() == Report()


# How much is asked


def test_requests_grow_with_the_changes_alone(small: SmallDrive, desk: str) -> None:
    """Of ten thousand files that cannot be articles, as reading is one by one anyway."""
    for number in range(10_000):
        small.blob(f"{number}.pdf", desk, b"%PDF", "application/pdf")
    ports = small.document("Ports", desk, TEXT)
    look()
    assert (small.count("list"), small.count("export")) == (11, 1)
    small.served.clear()
    look()
    assert [each.operation for each in small.served] == ["token", "changes"]
    small.served.clear()
    small.edit(ports, TEXT + " Later.")
    look()
    assert [each.operation for each in small.served] == ["token", "changes", "export", "comments"]
