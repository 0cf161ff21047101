"""Files come back by the desk as the database does: only what was shown, on its machine, once, and with a way back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django_q.models import OrmQ
from pytest_django import Settings

from backups import catalogue, configured, tasks
from backups.files import backup
from backups.files.target import ASIDE, Target
from backups.models import Restore
from backups.repository.manifests import FILES, Generation
from backups.restores import database
from tests.backups.desk.test_restore import _asked as asked_of_database
from tests.backups.desk.test_restore import _done as done
from tests.backups.desk.test_restore import _url as url_of
from tests.backups.desk.test_restore import root  # noqa: F401  a fixture
from tests.backups.desks import Copies
from tests.backups.files.test_backup import contents, filled, rested  # noqa: F401  a fixture for all
from tests.backups.files.test_faults import _killed
from tests.desk import HOSTILE, as_, text
from tests.house.reading import ROOT

ASK = "/admin/backups/generation/restore/files/"
THEN = {"1922/a.txt": b"one", "1922/b.txt": b"two", "1923/c.txt": b"three"}


@pytest.fixture
def source(root: User, settings: Settings, tmp_path: Path) -> Path:  # noqa: F811
    settings.VAR_DIR = tmp_path / "var"
    folder = filled(tmp_path / "source", THEN)
    backed_up(folder)
    return folder


@pytest.fixture
def client(root: User) -> Client:  # noqa: F811
    return as_(root)


def backed_up(folder: Path, **options: Any) -> Generation:
    made = backup.backup(configured.repository(FILES), folder, **options).generation
    catalogue.remember(made)
    return made


def asked(client: Client, source: Path | str, **fields: str) -> Restore:
    """Asked for, and compared by the queue."""
    defaults = {"source": str(source), "moment": "", "units": "", "where": "home", "mode": "missing"}
    response = client.post(ASK, defaults | fields)
    assert response.status_code == 302, text(response)
    return compared()


def compared() -> Restore:
    job = Restore.objects.first()
    assert job
    tasks.compare(job.pk)
    job.refresh_from_db()
    return job


def undone(client: Client, job: Restore) -> Restore:
    """The difference that an undo would make."""
    client.post(url_of(job, "undo"))
    found = compared()
    assert found.undoes == job
    return found


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "expected"), [("get", [200, 403, 403, 302]), ("post", [200, 403, 403, 302])])
def test_the_page_asks_who_it_is(method: str, expected: list[int], chief: User, editor: User) -> None:
    clients = [as_(User.objects.create_superuser("root")), as_(chief), as_(editor), Client()]
    assert [getattr(client, method)(ASK).status_code for client in clients] == expected


@pytest.mark.django_db
def test_without_a_backup_of_files_the_page_says_how_to_make_one() -> None:
    shown = text(as_(User.objects.create_superuser("root")).get(ASK))
    assert "There is no backup of files yet" in shown
    assert "Show the difference" not in shown


def test_into_a_new_folder_and_away_again(source: Path, client: Client) -> None:
    job = asked(client, source, where="new", mode="mirror")
    folder = configured.restored() / job.journal
    assert (job.mode, job.folder, job.machine) == ("missing", str(folder), socket.gethostname())
    assert not folder.exists()
    shown = text(client.get(url_of(job)))
    assert "Nothing has changed yet" in shown
    assert "3 to create" in shown
    assert f"{folder}, on the machine {socket.gethostname()}" in shown
    assert "Restore 3 files" in shown

    done(client, job)
    assert job.state == Restore.State.DONE
    assert contents(folder) == THEN
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert contents(source) == THEN

    undo = undone(client, job)
    assert "3 to remove" in text(client.get(url_of(undo)))
    done(client, undo)
    assert not folder.exists()
    assert "Undone" in text(client.get(url_of(undo)))
    assert "undone" in text(client.get(url_of(job)))
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        f"Restore of files in {folder} on {job.machine}: missing.",
        f"Undo of files in {folder} on {job.machine}: undo.",
    ]


def test_back_to_where_it_was_and_how_it_was(source: Path, client: Client) -> None:
    (source / "1922/a.txt").unlink()
    filled(source, {"1922/b.txt": b"spoilt", "mine": b"mine"})
    before = contents(source)
    job = asked(client, source, mode="mirror")
    assert contents(source) == before
    shown = text(client.get(url_of(job)))
    assert "1 to create, 1 to replace, 1 the same, 1 to set aside" in shown
    assert "create 1922/a.txt 3 bytes replace 1922/b.txt 3 bytes set aside mine" in shown

    assert "Nothing has begun" in text(done(client, job))
    assert contents(source) == before
    done(client, job, typed="mirror")
    assert {path: c for path, c in contents(source).items() if not path.startswith(ASIDE)} == THEN

    undo = undone(client, job)
    assert "2 to put back, 1 to remove" in text(client.get(url_of(undo)))
    assert "Undo 3 files" in text(client.get(url_of(undo)))
    done(client, undo)
    assert undo.state == Restore.State.DONE
    assert contents(source) == before
    assert "There is nothing to undo any more" in text(client.get(url_of(undone(client, job))))


def test_an_undo_keeps_what_has_changed_since(source: Path, client: Client) -> None:
    filled(source, {"1922/a.txt": b"spoilt", "1922/b.txt": b"spoilt"})
    job = asked(client, source, mode="overwrite")
    done(client, job)
    filled(source, {"1922/a.txt": b"mended"})
    undo = undone(client, job)
    assert "stays 1922/a.txt 6 bytes it has changed since" in text(client.get(url_of(undo)))
    done(client, undo)
    assert contents(source)["1922/a.txt"] == b"mended"
    assert contents(source)["1922/b.txt"] == b"spoilt"


def test_some_paths_at_a_point_in_time_of_one_of_several_sources(source: Path, client: Client, tmp_path: Path) -> None:
    other = filled(tmp_path / "other", {"1922/a.txt": b"of another source"})
    backed_up(other)
    filled(source, {"1922/a.txt": b"later"})
    later = backed_up(source)
    job = asked(client, source, where="new", units="1922/a*\n\n")
    assert (job.backup, job.units) == (later.id, ["1922/a*"])
    done(client, job)
    assert contents(Path(job.folder)) == {"1922/a.txt": b"later"}
    job = asked(client, source, moment="2001-01-01T00:00")
    assert (job.state, job.reason) == (Restore.State.FAILED, "There is no such backup. Nothing was changed.")
    job = asked(client, source, units="1924")
    assert job.reason == "The backup has no file of that name. Nothing was changed."
    assert "Ask anew" in text(client.get(url_of(job)))


@pytest.mark.parametrize("field", [{"source": "/etc"}, {"mode": "x"}, {"where": "/etc"}, {"units": "x" * 20_001}])
def test_nobody_may_name_a_folder(source: Path, client: Client, field: dict[str, str]) -> None:
    data = {"source": str(source), "moment": "", "units": "", "where": "home", "mode": "missing", "folder": "/etc"}
    assert client.post(ASK, data | field).status_code == 200
    assert not Restore.objects.exists()
    assert client.post(ASK, data).status_code == 302
    assert compared().folder == str(source)


def test_a_source_of_another_name_or_place_comes_to_a_new_folder_alone(
    source: Path, client: Client, tmp_path: Path
) -> None:
    backed_up(source, name="scans")
    data = {"source": "scans", "moment": "", "units": "", "where": "home", "mode": "missing"}
    assert "Where these files came from is not in their backup" in text(client.post(ASK, data))
    assert asked(client, "scans", where="new").state == Restore.State.SHOWN
    source.rename(tmp_path / "elsewhere")
    job = asked(client, source)
    assert f"There is no folder {source} on {socket.gethostname()}" in job.reason


def test_another_machine_passes_it_on(source: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the right one takes it."""
    monkeypatch.setattr(tasks, "PAUSE", 0)
    (source / "1922/a.txt").unlink()
    job = asked(client, source)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(socket, "gethostname", lambda: "other")
        done(client, job)
        assert job.state == Restore.State.CONFIRMED
    assert not (source / "1922/a.txt").exists()
    message = OrmQ.objects.order_by("pk").last()
    assert message
    assert (message.task["func"], message.task["args"]) == ("backups.tasks.restore", (job.pk, 1))

    tasks.restore(*message.task["args"])
    job.refresh_from_db()
    assert (job.state, job.reason) == (Restore.State.DONE, "")


def test_what_cannot_be_passed_on_is_not_waited_for(
    source: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PAUSE", 0)
    (source / "1922/a.txt").unlink()
    job = asked(client, source)
    assert database.confirm(job.pk, job.fingerprint)
    monkeypatch.setattr(database, "ask", Mock(side_effect=ConnectionError))
    monkeypatch.setattr(socket, "gethostname", lambda: "other")
    tasks.restore(job.pk)
    job.refresh_from_db()
    assert job.state == Restore.State.SHOWN
    assert "which has not taken this; other has. Press once more" in job.reason


def test_another_machine_does_nothing(source: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the right one does not take it in all that time."""
    monkeypatch.setattr(tasks, "PASSES", 0)
    (source / "1922/a.txt").unlink()
    job = asked(client, source)
    here = job.machine
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(socket, "gethostname", lambda: "other")
        done(client, job)
        assert job.state == Restore.State.SHOWN
        shown = text(client.get(url_of(job)))
        assert f"The folder is one of the machine {here}, which has not taken this; other has." in shown
        assert "Restore 1 file" in shown
    assert not (source / "1922/a.txt").exists()
    done(client, job)
    assert (job.state, job.reason) == (Restore.State.DONE, "")

    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(socket, "gethostname", lambda: "other")
        refused = undone(client, job)
    assert refused.state == Restore.State.FAILED
    assert "Undo anew" in text(client.get(url_of(refused)))
    assert (source / "1922/a.txt").exists()


@pytest.mark.parametrize("change", ["created", "replaced", "gone"])
def test_a_plan_that_has_changed_is_not_done(source: Path, client: Client, change: str) -> None:
    (source / "1922/a.txt").unlink()
    filled(source, {"1922/b.txt": b"spoilt"})
    job = asked(client, source, mode="overwrite")
    if change == "gone":
        (source / "1923/c.txt").unlink()
    else:
        filled(source, {"1922/a.txt" if change == "created" else "1922/b.txt": b"since"})
    before = contents(source)
    done(client, job)
    assert job.state == Restore.State.FAILED
    assert "has changed since the difference was shown. Look at it once more. Nothing was changed." in job.reason
    assert contents(source) == before
    assert not job.may_be_undone


def test_an_undo_whose_plan_has_changed_is_not_done(source: Path, client: Client) -> None:
    (source / "1922/a.txt").unlink()
    job = asked(client, source)
    done(client, job)
    undo = undone(client, job)
    filled(source, {"1922/a.txt": b"since"})
    done(client, undo)
    assert (undo.state, contents(source)["1922/a.txt"]) == (Restore.State.FAILED, b"since")


def test_pressed_and_delivered_twice_it_is_done_once(source: Path, client: Client) -> None:
    (source / "1922/a.txt").unlink()
    job = asked(client, source)
    assert "Nothing has begun by this press" in text(client.post(url_of(job, "do"), {"planned": "x"}, follow=True))
    done(client, job)
    assert "Nothing has begun by this press" in text(done(client, job))
    assert sum(message.task["func"] == "backups.tasks.restore" for message in OrmQ.objects.all()) == 1


def test_while_another_one_is_at_work_there_it_waits_to_be_pressed_again(source: Path, client: Client) -> None:
    (source / "1922/a.txt").unlink()
    job = asked(client, source)
    other = Target(source, "x")
    other.claim()
    done(client, job)
    assert job.state == Restore.State.SHOWN
    assert "Another restore is at work" in text(client.get(url_of(job)))
    other.close()
    done(client, job)
    assert job.state == Restore.State.DONE


def test_what_cannot_be_restored_is_named_and_goes_on_later(source: Path, client: Client) -> None:
    repository = configured.repository(FILES)
    [made] = repository.trusted()
    [entry] = [entry for entry in repository.entries(made) if entry["path"] == "1922/a.txt"]
    content = repository.read(entry)
    repository.object_store.put(repository.path(entry["key"]), b"0ne", replace=True)
    job = asked(client, source, where="new")
    done(client, job)
    shown = text(client.get(url_of(job)))
    assert "Restored in part" in shown
    assert "1 file was left alone; all others were done." in shown
    assert "1922/a.txt : objects/1922/a~" in shown

    repository.object_store.put(repository.path(entry["key"]), content, replace=True)
    assert "Go on" in shown
    done(client, job)
    assert (job.state, job.failures, job.reason) == (Restore.State.DONE, [], "")
    assert contents(Path(job.folder)) == THEN


def test_a_folder_that_cannot_be_written_is_said(source: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    (source / "1922/a.txt").unlink()
    job = asked(client, source)
    with monkeypatch.context() as disk:
        disk.setattr("backups.files.target._write", full)
        done(client, job)
    assert job.state == Restore.State.FAILED
    assert "Nothing was done: 1 file was left alone. It cannot be written: No space left on device." in job.reason
    done(client, job)
    assert job.state == Restore.State.DONE

    new = asked(client, source, where="new")
    configured.restored().touch()
    done(client, new)
    assert new.state == Restore.State.FAILED
    assert new.reason == f"{configured.restored()} cannot be made: File exists. Nothing was changed."


def test_only_a_page_of_it_is_shown_and_hostile_names_are_text(source: Path, client: Client) -> None:
    filled(source, {HOSTILE.replace("/", "_"): b"x"} | {f"{n}": b"%d" % n for n in range(60)} | {"\udcff": b"odd"})
    backed_up(source)
    for path in [*source.iterdir()]:
        if path.is_file():
            path.unlink()
    job = asked(client, source, units=HOSTILE)
    assert "<script>alert" not in client.get(url_of(job)).content.decode() + client.get(ASK).content.decode()
    job = asked(client, source)
    assert "1 to 50 of 62" in text(client.get(url_of(job)))
    assert "51 to 62 of 62" in text(client.get(url_of(job), {"page": "2"}))
    assert "<script>alert" not in "".join(client.get(url_of(job), {"page": n}).content.decode() for n in "12")
    done(client, job)
    assert job.state == Restore.State.DONE


def test_the_list_tells_restores_of_both_kinds(source: Path, client: Client) -> None:
    asked(client, source)
    asked_of_database(client)
    for page in (ASK, ASK.removesuffix("files/")):
        shown = text(client.get(page))
        assert f"files of {source}, root" in shown
        assert "the database, root" in shown


def test_links_that_no_backup_has_are_said(source: Path, client: Client) -> None:
    (source / "link").symlink_to("/etc/passwd")
    backed_up(source)
    job = asked(client, source, where="new")
    assert "Symbolic links of the source are in no backup, and do not come back: 1." in text(client.get(url_of(job)))


# A worker that dies


def test_a_worker_killed_in_the_middle(sqlite_copies: Copies, tmp_path: Path) -> None:
    """Of a restore, and then of its undo: a process with a database of its own tells it, below."""
    environment = os.environ | {
        "DATABASE_URL": sqlite_copies.url(),
        "GALLEY_VAR_DIR": f"{tmp_path / 'var'}",
        "GALLEY_STORAGE_URL": f"file://{tmp_path}/storage",
    }
    told = f"from tests.backups.desk.test_restore_files import story; story({str(tmp_path)!r})"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--command", told],
        cwd=ROOT, env=environment, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "told to its end" in done.stdout


def story(folder: str) -> None:
    for nth in (2, 3):  # the first change gives the journal its name
        for goes_on in (True, False):
            source = filled(Path(folder) / f"source {nth} {goes_on}", THEN)
            backed_up(source)
            filled(source, {"1922/a.txt": b"spoilt", "1922/b.txt": b"spoilt", "1923/c.txt": b"spoilt"})
            before = contents(source)
            job = _compared(
                tier="files", source=str(source), home=True, mode="overwrite", journal=f"{nth}-{int(goes_on)}"
            )
            _killed_in_the_middle(job, nth)
            assert job.state == Restore.State.RESTORING
            assert contents(source) != before
            assert job.may_go_on
            if goes_on:
                _done(job)
                assert {path: c for path, c in contents(source).items() if not path.startswith(ASIDE)} == THEN

            undo = _compared(undoes=job, tier="files", mode="undo", source=job.source, journal=job.journal)
            _killed_in_the_middle(undo, 0)
            assert undo.state == Restore.State.RESTORING
            assert contents(source) != before
            assert not job.may_go_on
            again = _compared(undoes=job, tier="files", mode="undo", source=job.source, journal=job.journal)
            _done(again)
            assert contents(source) == before
    sys.stdout.write("told to its end")


def _compared(**fields: Any) -> Restore:
    job = Restore.objects.create(who="root", **fields)
    tasks.compare(job.pk)
    job.refresh_from_db()
    assert job.state == Restore.State.SHOWN, job.reason
    return job


def _done(job: Restore) -> None:
    assert database.confirm(job.pk, job.fingerprint)
    tasks.restore(job.pk)
    job.refresh_from_db()
    assert job.state == Restore.State.DONE, job.reason


def _killed_in_the_middle(job: Restore, nth: int) -> None:
    """By kill -9, before it gives another file its name when it has given so many."""
    assert database.confirm(job.pk, job.fingerprint)
    connection.close()
    seen, link, rename = [0], os.link, os.rename

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any, **named: Any) -> None:
            if "src_dir_fd" in named:  # not what the machine keeps for itself
                if seen[0] == nth:
                    os.kill(os.getpid(), signal.SIGKILL)
                seen[0] += 1
            call(*args, **named)

        return change

    def worker() -> None:
        os.link, os.rename = dying(link), dying(rename)
        tasks.restore(job.pk)

    assert _killed(worker)
    job.refresh_from_db()
