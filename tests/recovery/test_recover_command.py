"""`manage.py recover`: the same as the button, with exit codes for scripts."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from articles.models import Article, Attempt
from articles.providers.errors import Rejected, Then
from recovery.management.commands.recover import prefix_of
from tests.conftest import HandIn

Work = Callable[[Article], Article]


@pytest.fixture
def stopped(hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch) -> Article:
    def refuse(_: object) -> None:
        raise Rejected("wordpress:1", "the site sees no text", then=Then.RECOVER, code="empty", thing="the draft")

    with monkeypatch.context() as broken:
        broken.setattr("publishing.stage.run", refuse)
        return run(hand_in())


def _recover(*words: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = StringIO(), StringIO()
    try:
        call_command("recover", *words, stdout=out, stderr=err)
    except SystemExit as exc:
        return int(exc.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_an_article_is_queued_with_its_plan(stopped: Article, run: Work) -> None:
    code, said, _ = _recover("--article", str(stopped.pk))

    assert code == 0
    assert "Done again: 1 upload. No paid calls." in said
    assert run(stopped).status == Article.Status.DONE
    attempt = Attempt.objects.get(why=Attempt.Why.RECOVERED)
    assert (attempt.from_stage, attempt.again, attempt.outcome) == ("upload", ["1 upload"], "done")
    [entry] = stopped.tree.manifest()["recovery_attempts"]
    assert entry["from_stage"] == "upload"
    assert "04_formatted.html" in entry["reused"]


def test_a_dry_run_changes_nothing(stopped: Article) -> None:
    code, said, _ = _recover("--article", str(stopped.pk), "--dry-run", "--json")

    plan = json.loads(said)
    assert (code, plan["again"], plan["calls"], plan["cost"]) == (0, ["1 upload"], [], "0.0000")
    assert Article.objects.get().status == Article.Status.FAILED


def test_the_latest_of_a_user(stopped: Article) -> None:
    assert _recover("--user-id", str(stopped.owner_id))[0] == 0
    assert Article.objects.get().status == Article.Status.QUEUED
    code, _, said = _recover("--user-id", str(stopped.owner_id))
    assert (code, said.strip()) == (3, "No article of this user has stopped.")


def test_the_list_tells_what_to_do(stopped: Article) -> None:
    _, said, _ = _recover("--list-all")
    assert "WordPress declined the draft" in said
    assert "Next: press Recover. Saved: article" in said

    _, said, _ = _recover("--list-all", "--json")
    assert json.loads(said)["code"] == "empty"


@pytest.mark.parametrize("form", ["{prefix}", "{prefix}/manifest.json", "/srv/backups/{prefix}/manifest.json"])
def test_by_its_manifest_with_an_empty_database(stopped: Article, run: Work, form: str) -> None:
    prefix = stopped.tree_prefix
    Article.objects.all().delete()

    code, _, told = _recover("--manifest", form.format(prefix=prefix))

    assert code == 0
    assert "Rebuilt" in told
    assert run(Article.objects.get()).status == Article.Status.DONE


def test_what_cannot_be_is_said(stopped: Article) -> None:
    for words, sentence in (
        (["--article", "999"], "There is no article 999."),
        (["--user-id", "999"], "There is no user 999."),
        (["--manifest", "nowhere"], "not the folder"),
        (["--manifest", "user_1/article_20200101_000000"], "There is no manifest"),
        (["--article", str(stopped.pk), "--site", "None"], 'There is no site "None"'),
    ):
        with pytest.raises(CommandError, match=sentence):
            _recover(*words)


def test_a_finished_article_has_nothing_to_recover(hand_in: HandIn, run: Work) -> None:
    code, _, said = _recover("--article", str(run(hand_in()).pk))

    assert code == 3
    assert "is done" in said


def test_nothing_stopped(db: None) -> None:
    assert _recover("--list-all")[0] == 3


def test_a_key_or_a_path_names_the_tree() -> None:
    assert prefix_of("/var/backups/user_6/article_20251011_214423/manifest.json") == "user_6/article_20251011_214423"
