"""`manage.py sign_trees`: what earlier versions left is signed as the database knows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, Batch
from articles.tree.due import write_due
from backups.repository.signing import SigningKeys
from backups.trees.tree import SIGNED, Tree, Unsigned
from recovery.rebuild.article import rebuild
from tests.batches import drafted
from tests.conftest import HandIn
from tests.recovery.rebuild.loss import edit, lose_the_database

pytestmark = pytest.mark.django_db
EARLIER, NOW = "the key that signed until last year", "the key that signs from now on, long"
Work = Callable[[Article], Article]


def _unsign(tree: Tree) -> None:
    edit(tree, lambda manifest: manifest.pop(SIGNED), signed=False)


def _sign() -> tuple[dict[str, int], str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("sign_trees", json=True, stdout=out, stderr=err)
    except CommandError as exc:
        err.write(str(exc))
    return json.loads(out.getvalue()), err.getvalue()


def test_what_the_database_knows_is_signed_once(hand_in: HandIn, run: Work, editor: User) -> None:
    article, batch = run(hand_in()), drafted(editor)
    write_due()
    for tree in (article.tree, batch.tree):
        _unsign(tree)

    assert _sign() == ({"trees": 2, "signed": 2, "unsigned": 0}, "")
    assert _sign() == ({"trees": 2, "signed": 0, "unsigned": 0}, "")

    lose_the_database()
    call_command("rebuild_articles", stdout=StringIO(), stderr=StringIO())
    assert Article.objects.get().owner.get_username() == editor.get_username()
    assert Batch.objects.get().uid == batch.uid


def test_what_is_signed_is_what_the_rows_say(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    edit(article.tree, lambda manifest: manifest["source"].update(owner="root"), signed=False)

    assert _sign()[0]["signed"] == 1

    assert article.tree.manifest()["source"]["owner"] == article.owner.get_username()


def test_a_file_that_is_another_keeps_its_tree_unsigned(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    article.tree.add("04_formatted.html", b"<script>alert(1)</script>")
    _unsign(article.tree)

    counts, said = _sign()

    assert counts == {"trees": 1, "signed": 0, "unsigned": 1}
    assert (
        f"{article.tree_prefix} is not signed: 04_formatted.html in the backup is not the file that was saved." in said
    )
    assert SIGNED not in article.tree.manifest()


def test_what_the_database_does_not_know_stays_unsigned(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    _unsign(article.tree)
    lose_the_database()

    assert "is not signed: The database does not know it." in _sign()[1]


def test_a_tree_of_an_earlier_version_expires_and_verifies_as_before(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    edit(article.tree, lambda manifest: manifest["source"].update(site="Magazine"))
    _unsign(article.tree)

    assert article.tree.verify() == []
    with mock.patch("django.utils.timezone.now", return_value=timezone.now() + timedelta(days=8)):
        call_command("expire_backups", "--apply", stdout=StringIO())
    assert not article.tree.storage.exists(article.tree.path("manifest.json"))


def test_a_tree_copied_over_another_is_not_taken_for_it(hand_in: HandIn, run: Work) -> None:
    one, other = run(hand_in()), run(hand_in())
    said = one.tree.manifest()
    edit(other.tree, lambda manifest: manifest.update(said), signed=False)
    lose_the_database()

    with pytest.raises(Unsigned):
        rebuild(other.tree_prefix)
    assert rebuild(one.tree_prefix).article.uid == one.uid


@pytest.mark.django_db(transaction=True)
def test_keys_say_what_they_sign_and_trees_are_signed_anew(
    hand_in: HandIn, run: Work, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.VAR_DIR, settings.GALLEY_BACKUP_KEYS = tmp_path / "var", [EARLIER]
    run(hand_in())
    call_command("backup_database", stdout=StringIO())
    settings.GALLEY_BACKUP_KEYS = [NOW, EARLIER]

    old, new = SigningKeys([EARLIER]).names[0], SigningKeys([NOW]).names[0]
    said = _keys(capsys)
    assert f"{old}  signs 1 backup of database, 1 tree." in said
    assert "Not yet: the last backup of desk needs it; to be signed anew by manage.py sign_trees: 1 tree." in said
    assert f"{new}  signs nothing." in said

    assert _sign() == ({"trees": 1, "signed": 1, "unsigned": 0}, "")
    User.objects.create(username="somebody")
    call_command("backup_database", stdout=StringIO())
    assert "Not yet: the last backup of desk needs it." in _keys(capsys), "it builds on the first"
    call_command("backup_database", "--full", stdout=StringIO())
    said = _keys(capsys)
    assert f"{new}  signs 2 backups of database, 1 tree." in said
    assert "It may go after" in said

    settings.GALLEY_BACKUP_KEYS = [NOW]
    with pytest.raises(SystemExit):
        call_command("backup_keys")
    assert f"{old}  signs 1 backup of database.\n    MISSING." in capsys.readouterr().out


def _keys(capsys: pytest.CaptureFixture[str]) -> str:
    call_command("backup_keys")
    return capsys.readouterr().out
