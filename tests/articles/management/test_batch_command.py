"""`manage.py batch`: what the desk does with a batch, with exit codes and lines for scripts."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings
from rich.console import Console

from articles.batches import completeness, control, plan, progress, stream
from articles.management import follow_batch
from articles.models import Article, Batch, Event, Section
from articles.pipeline import transitions
from publishing.models import Site
from tests.articles.batches.grid import batch_of, end, mark, write


def _batch(*words: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = StringIO(), StringIO()
    try:
        call_command("batch", *words, stdout=out, stderr=err)
    except SystemExit as exc:
        return int(exc.code or 0), out.getvalue(), err.getvalue()
    except CommandError as exc:
        return exc.returncode, out.getvalue(), f"{err.getvalue()}{exc}"
    return 0, out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def text_service(settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"


@pytest.fixture
def lists(tmp_path: Path) -> list[str]:
    """The options that a new batch needs."""
    (tmp_path / "styles.csv").write_bytes("style,country\nArt Déco,France\nBauhaus,Germany\n".encode("utf-8-sig"))
    (tmp_path / "rooms.txt").write_text("Hall\nKitchen\n")
    return [
        *("--owner", "ada", "--brief", "The {section}, {style}, in {country}"),
        *("--styles", str(tmp_path / "styles.csv"), "--sections", str(tmp_path / "rooms.txt")),
    ]


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "EVERY", 0.0)


# Starting


def test_a_batch_from_two_files(editor: User, lists: list[str]) -> None:
    site = Site.objects.create(name="Magazine", url="https://m.example.org", user="desk", encrypted_secret="")
    options = ["--site", "Magazine", "--formatter", "auto", "--style", "dry", "--budget", "110"]

    code, said, _ = _batch("start", "Rooms", *lists, *options, "--images-per-style", "2", "--images-per-section", "1")

    assert code == 0
    assert said.startswith("Rooms: 2 new articles, 4 sections to write, 8 pictures, 6 paid calls, about $0.06 and")
    batch = Batch.objects.get()
    assert (batch.owner, batch.name, batch.key, batch.state) == (editor, "Rooms", "rooms", "running")
    assert (batch.site, batch.formatter, batch.style, str(batch.budget)) == (site, "auto", "dry", "110.00")
    assert (batch.images_per_style, batch.images_per_section) == (2, 1)
    assert batch.articles.earliest("pk").idea == "The {section}, Art Déco, in France"
    assert batch.all_sections.count() == 4


def test_the_same_name_again_makes_only_what_is_missing(editor: User, lists: list[str], tmp_path: Path) -> None:
    _batch("start", "Rooms", *lists)
    (tmp_path / "rooms.txt").write_text("Hall\nKitchen\nLibrary\n")

    code, said, _ = _batch("start", " rooms ", "--owner", "ada", "--sections", str(tmp_path / "rooms.txt"))

    assert code == 0
    # Four of them had rows already, without their text.
    assert said.startswith("Rooms: 0 new articles, 6 sections to write")
    assert Batch.objects.count() == 1
    assert Article.objects.count() == 2
    assert Section.objects.count() == 6


def test_what_moves_on_while_it_is_planned_stays(
    editor: User, lists: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _batch("start", "Rooms", *lists)
    planned = plan.plan_batch

    def meanwhile(batch: Batch) -> plan.BatchPlan:
        Batch.objects.update(spent="7.50")
        return planned(batch)

    monkeypatch.setattr("articles.management.commands.batch.plan_batch", meanwhile)
    _batch("start", "Rooms", "--owner", "ada", "--budget", "20")

    batch = Batch.objects.get()
    assert (str(batch.spent), str(batch.budget)) == ("7.500000", "20.00")


def test_what_is_left_out_is_printed_before_it_is_done(editor: User, lists: list[str], tmp_path: Path) -> None:
    _batch("start", "Rooms", *lists)
    transitions.cancel(Article.objects.latest("pk"), editor)
    (tmp_path / "rooms.txt").write_text("Hall\n")

    again = ["start", "Rooms", "--owner", "ada", "--sections", str(tmp_path / "rooms.txt")]
    said = _batch(*again, "--dry-run")[1]

    assert "Left out, as not in the lists any more and not made yet: 1 section." in said
    assert "Left cancelled, as somebody cancelled them one by one: 1 article." in said
    facts = json.loads(_batch(*again, "--json")[1])
    assert (facts["left_out"], facts["cancelled"]) == ({"articles": 0, "sections": 1}, 1)
    assert Section.objects.exclude(article__status="cancelled").count() == 1


def test_finished_articles_that_get_more_are_counted(editor: User, lists: list[str], tmp_path: Path) -> None:
    _batch("start", "Rooms", *lists)
    Article.objects.update(status=Article.Status.DONE)
    (tmp_path / "rooms.txt").write_text("Hall\nKitchen\nLibrary\n")

    said = _batch("start", "Rooms", "--owner", "ada", "--sections", str(tmp_path / "rooms.txt"), "--dry-run")[1]

    assert "2 finished articles get further sections and a new page." in said


def test_a_dry_run_prints_the_plan_and_does_nothing(editor: User, lists: list[str]) -> None:
    code, said, _ = _batch("start", "Rooms", *lists, "--dry-run", "--json")

    plan = json.loads(said)
    assert code == 0
    assert (plan["articles"], plan["sections"], plan["calls"], plan["cost"]) == (2, 4, 6, "0.06")
    assert plan["seconds"] > 0
    assert not Batch.objects.exists()


def test_all_that_a_plan_says_about_its_lists_is_there_for_programs(
    editor: User, lists: list[str], tmp_path: Path
) -> None:
    (tmp_path / "rooms.txt").write_text("id;section;floor\n1;Hall;0\n2;Hall;1\n3;Kitchen;{roof}\n")

    again = ["--brief", "{section} below the {roof}", "--dry-run", "--json"]
    code, said, told = _batch("start", "Rooms", *lists, *again)

    plan = json.loads(said)
    assert code == 2
    assert plan["assumed"] == [{"list": "sections", "words": "The sections stand in column 2, “section”."}]
    assert [(bad["list"], bad["line"]) for bad in plan["bad"]] == [("sections", 3)]
    (problem,) = plan["problems"]
    assert "The brief has {roof}, and no column is called so." in problem
    for words in (problem, *(found["words"] for found in plan["assumed"])):
        assert words in told, "people read the same"


def test_bad_lines_are_told_with_their_numbers_and_stop_the_start(
    editor: User, lists: list[str], tmp_path: Path
) -> None:
    (tmp_path / "rooms.txt").write_text("Hall\n\nhall\nKitchen\n")

    code, said, told = _batch("start", "Rooms", *lists)

    assert code == 2
    assert "rooms.txt, line 3: hall: The same section stands in line 1 already. Take one of them away." in told
    assert told.endswith("1 line cannot be used. Mend them, or leave them out: --without-bad-lines")
    assert "4 sections to write" in said
    assert not Batch.objects.exists()

    assert _batch("start", "Rooms", *lists, "--without-bad-lines")[0] == 0
    assert Section.objects.count() == 4


def test_what_cannot_be_is_said(editor: User, lists: list[str], tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    for words, sentence in (
        (["start", "Rooms", "--owner", "nobody"], 'There is no user "nobody".'),
        (["start", "Rooms", "--owner", "ada"], "A new one needs --brief, --styles and --sections."),
        (["start", "Rooms", *lists, "--styles", str(tmp_path / "none.csv")], "cannot be read: No such file"),
        (["start", "Rooms", *lists, "--styles", str(tmp_path / "empty.txt")], "is empty, or no text"),
        (["start", "Rooms", *lists, "--site", "Nope"], 'There is no site "Nope".'),
        (["start", "Rooms", *lists, "--images-per-style", "7"], "images_per_style: Ensure this value is less than"),
        (["start", "Rooms", *lists, "--brief", "{roof}"], "The brief has {roof}, and no column is called so."),
        (["start", "Rooms", *lists, "--budget", "much"], "write it as a number: 110.00"),
        (["watch", "Rooms"], "There is no batch “Rooms”. See them: manage.py batch status"),
    ):
        code, _, told = _batch(*words)
        assert sentence in told
        assert code == 2 or "--budget" in words
    assert not Batch.objects.exists()


# Holding it


def test_pause_resume_cancel_and_recover(editor: User) -> None:
    batch = batch_of(editor)

    assert _batch("pause", "rooms")[:2] == (0, "Rooms: Paused. What is in hand is finished.\n")
    batch.refresh_from_db()
    assert (batch.state, batch.reason) == ("paused", "The operator paused it.")
    code, _, told = _batch("pause", "rooms")
    assert (code, told) == (2, "It is not running, so it cannot be paused.")
    assert _batch("resume", "rooms")[1] == "Rooms: It goes on.\n"
    said = json.loads(_batch("cancel", "rooms", "--json")[1])
    assert said == {"id": batch.pk, "name": "Rooms", "state": "cancelled", "message": "Cancelled. What is saved stays."}
    assert Event.objects.filter(message="The operator pressed Cancel").count() == 3
    assert _batch("recover", "rooms")[1] == "Rooms: 3 articles go on, and the batch with all that is in line.\n"
    assert _batch("recover", "rooms")[1] == "Rooms: No article of it has stopped.\n"


def test_a_name_that_two_people_gave_needs_its_owner(editor: User, other_editor: User) -> None:
    batch_of(editor), batch_of(other_editor)

    code, _, told = _batch("pause", "Rooms")
    assert (code, told) == (2, "Several people have a batch of this name: ada, ben. Say whose: --owner")
    assert _batch("pause", "Rooms", "--owner", "ben")[0] == 0
    assert Batch.objects.get(state=Batch.State.PAUSED).owner == other_editor


# How it stands


@pytest.fixture
def mixed(editor: User) -> Batch:
    """Of each kind one: complete, partial, only basic content, failed, not begun."""
    batch = batch_of(editor, styles=5, sections=2)
    complete, partial, basic, failed, _ = batch.articles.order_by("pk")
    for article, index in ((complete, 1), (complete, 2), (partial, 1)):
        mark(article.pk, index, Section.State.DONE)
    mark(partial.pk, 2, Section.State.FAILED)
    partial.sections.filter(index=2).update(error={"provider": "text", "reason": "{it} does not write about this"})
    Article.objects.filter(pk=basic.pk).update(word_count=120)
    error = {"kind": "Rejected", "provider": "text", "reason": "why", "mend": "act", "then": "nothing"}
    Article.objects.filter(pk=failed.pk).update(status=Article.Status.FAILED, error=error, ended_at=timezone.now())
    return batch


def test_status_counts(mixed: Batch, editor: User) -> None:
    batch_of(editor, name="Houses")

    code, said, _ = _batch("status", "Rooms")
    assert code == 0
    first, second = said.splitlines()
    assert first.startswith("Rooms: Running · 3 of 10 sections · 1 missing · ")
    assert second.strip() == "Articles: 1 complete, 1 partial, 1 only basic content, 1 failed, 1 not begun"

    assert len(_batch("status")[1].splitlines()) == 4
    facts = json.loads(_batch("status", "Rooms", "--json")[1])
    assert facts["sections"] == {"total": 10, "done": 3, "running": 0, "waiting": 6, "missing": 1}
    assert facts["articles"] == dict.fromkeys(completeness.COMPLETENESS, 1)


@pytest.mark.parametrize(("number", "which"), [*enumerate(completeness.COMPLETENESS, 1)])
def test_the_articles_of_each_kind(number: int, which: str, mixed: Batch) -> None:
    said = _batch("status", "Rooms", "--which", which)[1]

    assert f"“Style {number}”" in said
    assert len(said.splitlines()) == 1
    assert json.loads(_batch("status", "Rooms", "--which", which, "--json")[1])["title"] == f"Style {number}"


def test_what_an_article_lacks_is_named(mixed: Batch) -> None:
    said = _batch("status", "Rooms", "--which", "partial")[1]
    assert "“Style 2”: 1 of 2 sections. Not there: Room 2 (it does not write about this)." in said

    found = json.loads(_batch("status", "Rooms", "--which", "partial", "--json")[1])
    assert (found["written"], found["planned"]) == (1, 2)
    assert found["missing"] == [
        {"section": 2, "heading": "Room 2", "state": "failed", "reason": "it does not write about this"}
    ]


# Watching


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch, hurry: None) -> Callable[..., None]:
    """What happens between two looks of whoever watches: a step each."""
    steps: list[Callable[[], object]] = []
    look = progress.batch_progress

    def stepping(batch_id: int, *known: Any) -> progress.BatchProgress:
        found = look(batch_id, *known)
        if steps:
            steps.pop(0)()
        return found

    monkeypatch.setattr(progress, "batch_progress", stepping)
    return lambda *given: steps.extend(given)


def test_watch_ends_with_the_batch(editor: User, meanwhile: Callable[..., None]) -> None:
    batch = batch_of(editor, 1, 2)
    article = batch.articles.get()
    write(article)
    meanwhile(
        lambda: mark(article.pk, 1, Section.State.DONE),
        lambda: mark(article.pk, 2, Section.State.DONE),
        lambda: end(batch),
    )

    code, said, _ = _batch("watch", "Rooms")

    assert code == 0
    assert said.splitlines()[0].startswith("Rooms: Done · 2 of 2 sections · ")
    assert "1 complete" in said


def test_watch_as_lines_of_json(editor: User, meanwhile: Callable[..., None]) -> None:
    batch = batch_of(editor, 1, 2)
    article = batch.articles.get()
    write(article)
    meanwhile(lambda: mark(article.pk, 1, Section.State.DONE), lambda: None, lambda: end(batch))

    code, said, _ = _batch("watch", "Rooms", "--json")

    first, second, last = (json.loads(line) for line in said.splitlines())
    assert len(first["cells"]) == 2
    assert (second["cells"], second["revision"]) == ([[article.pk, 1, "done"]], 2)
    assert (last["state"], last["cells"], code) == ("done", [], 1)  # of two sections one is there


def test_watch_ends_when_it_is_paused(editor: User, meanwhile: Callable[..., None]) -> None:
    batch = batch_of(editor)
    meanwhile(lambda: None, lambda: control.pause(batch, editor))

    code, said, _ = _batch("watch", "Rooms")

    assert code == 3
    assert "Rooms: Paused · 0 of 12 sections · $0.00 · ada paused it." in said


def test_a_cancelled_one_is_not_complete(editor: User, hurry: None) -> None:
    batch = batch_of(editor)
    control.cancel(batch, editor)

    assert _batch("watch", "Rooms")[0] == 1


def test_one_that_is_not_started_cannot_be_watched(editor: User) -> None:
    batch_of(editor, state=Batch.State.DRAFT)

    code, _, told = _batch("watch", "Rooms")
    assert (code, told) == (2, "“Rooms” is not started. Start it: manage.py batch start")


def test_start_and_wait(editor: User, lists: list[str], meanwhile: Callable[..., None]) -> None:
    meanwhile(lambda: control.pause(Batch.objects.get(), editor))

    assert _batch("start", "Rooms", *lists, "--wait")[0] == 3


def test_progress_goes_to_standard_error(
    editor: User, meanwhile: Callable[..., None], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is no terminal, in plain lines: one when the state changes."""
    batch = batch_of(editor)
    batch.articles.update(status=Article.Status.QUEUED, queued_at=timezone.now())
    meanwhile(lambda: None, lambda: control.pause(batch, editor))
    monkeypatch.setattr(follow_batch, "UNCLAIMED_SECONDS", -1)

    _batch("watch", "Rooms")

    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "Rooms: Running · 0 of 12 sections · $0.00",
        "Nobody works on it. Is `manage.py worker` running?",
        "Rooms: Paused · 0 of 12 sections · $0.00 · ada paused it.",
    ]


@pytest.mark.parametrize("no_color", [False, True])
def test_a_bar_in_a_terminal(
    no_color: bool, editor: User, meanwhile: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    screen = StringIO()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(follow_batch, "Console", lambda **_: Console(file=screen, force_terminal=True, width=120))
    batch = batch_of(editor)
    article = batch.articles.earliest("pk")
    write(article)
    meanwhile(lambda: mark(article.pk, 1, Section.State.DONE), lambda: control.pause(batch, editor))

    _batch("watch", "Rooms")

    assert "Rooms: Paused" in screen.getvalue()
    assert "1/12" in screen.getvalue()
    assert ("\x1b[38;5;" in screen.getvalue()) is not no_color


def test_watching_outlives_a_database_that_is_away(
    editor: User, meanwhile: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("server closed the connection unexpectedly")

    batch = batch_of(editor)
    monkeypatch.setattr("articles.management.follow_batch.connection.close", lambda: None)  # the test's own
    meanwhile(lambda: None, away, lambda: control.pause(batch, editor))

    assert _batch("watch", "Rooms")[0] == 3
