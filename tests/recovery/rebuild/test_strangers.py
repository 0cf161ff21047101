"""A tree that is not signed by us is nobody's: it is not rebuilt, or as what an editor could have handed in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import StringIO
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from pytest_django import Settings

from articles.models import Article, Batch, Stage
from articles.tree import names
from articles.tree.due import write_due
from backups import configured
from backups.repository.signing import SigningKeys
from backups.trees.tree import MANIFEST, SIGNED, Tree, TreeError, Unsigned
from publishing.models import Site
from recovery.rebuild.article import rebuild
from recovery.rebuild.batch import rebuild_batch
from tests.batches import drafted
from tests.conftest import HandIn
from tests.recovery.rebuild.loss import edit, lose_the_database

pytestmark = pytest.mark.django_db
Work = Callable[[Article], Article]
SCRIPT = "<script>alert(1)</script>"


def forge(tree: Tree) -> None:
    """As somebody who can write into the storage: right hashes, another's name, and a page with a script."""
    page = f'<article><p>Bought!</p>{SCRIPT}<img src="https://evil.example/x.png"></article>'.encode()
    tree.add(names.FORMATTED, page)

    def change(manifest: dict[str, Any]) -> None:
        manifest["files"][names.FORMATTED] = {"sha256": hashlib.sha256(page).hexdigest(), "bytes": len(page)}
        manifest["source"].update(owner="root", site="Magazine", site_address="https://magazine.example.org")
        steps = manifest["pipeline_stages"]
        steps["step5_wordpress_upload"].update(status="pending", link="https://evil.example/", file=None)
        manifest["state"].update(status="failed", spent="900.000000")

    edit(tree, change, signed=False)


def _without_a_signature(tree: Tree) -> None:
    edit(tree, lambda manifest: manifest.pop(SIGNED), signed=False)


def _signed_by_others(tree: Tree) -> None:
    theirs = Tree(tree.storage, tree.prefix, SigningKeys(["k" * 40]))
    edit(theirs, lambda _: None)


def _signed_for_another_tree(tree: Tree) -> None:
    other = Tree(tree.storage, "user_1/article_20200101_000000", tree.keys).signed(tree.manifest())
    edit(tree, lambda manifest: manifest.update(other), signed=False)


def _with_a_signature_of_another_kind(tree: Tree) -> None:
    edit(tree, lambda manifest: manifest.update({SIGNED: ["yes"]}), signed=False)


def _deeper_than_anybody_writes(tree: Tree) -> None:
    """Python's own parser gives up on it sooner than the one that reads manifests."""
    content = orjson.dumps(tree.manifest())[:-1] + b',"deep":' + b"[" * 500 + b"]" * 500 + b"}"
    tree.storage.save(tree.path(MANIFEST), ContentFile(content))


FORGERIES = [
    _deeper_than_anybody_writes,
    forge,
    _without_a_signature,
    _signed_by_others,
    _signed_for_another_tree,
    _with_a_signature_of_another_kind,
]


@pytest.fixture
def done(hand_in: HandIn, run: Work) -> Article:
    return run(hand_in())


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_is_not_signed_by_us_is_not_rebuilt(done: Article, forgery: Callable[[Tree], None]) -> None:
    forgery(done.tree)
    lose_the_database()

    with pytest.raises(Unsigned, match=r"--unsigned .* as a stranger's"):
        rebuild(done.tree_prefix)

    err = StringIO()
    with pytest.raises(CommandError, match="cannot be used"):
        call_command("rebuild_articles", stdout=StringIO(), stderr=err)
    assert done.tree_prefix in err.getvalue()
    assert not Article.objects.exists()
    assert not User.objects.exists()


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_strangers_is_taken_as_handed_in_by_nobody(done: Article, forgery: Callable[[Tree], None], run: Work) -> None:
    forgery(done.tree)
    lose_the_database()
    User.objects.create_superuser("root", password="a long pass phrase")
    site = Site.objects.create(name="Magazine", url="https://magazine.example.org", user="desk", encrypted_secret="")
    err = StringIO()

    call_command("recover", manifest=done.tree_prefix, unsigned=True, stdout=StringIO(), stderr=err)

    assert "It bears no signature, so nobody knows who wrote it." in err.getvalue()
    article = Article.objects.get()
    assert (article.owner.get_username(), article.owner.is_active, article.site) == ("unsigned", False, None)
    assert article.link == ""
    assert not article.calls.exists()
    assert (article.html, article.title) == (done.html, done.title)
    article = run(article)
    assert article.status == Article.Status.DONE
    for stage in (Stage.FORMAT, Stage.UPLOAD):
        page = article.tree.read(article.record(stage).stored or pytest.fail("no page")).decode()
        assert SCRIPT not in page
        assert "Bought!" not in page
    assert site.article_set.count() == 0
    article.tree.check_signature(article.tree.manifest())


def test_a_strangers_text_is_cleaned(done: Article) -> None:
    text = f"<h1>T</h1><p>Words</p>{SCRIPT}".encode()
    stored = done.tree.add(names.ARTICLE, text)
    entry = {"sha256": stored.sha256, "bytes": stored.bytes}
    edit(done.tree, lambda manifest: manifest["files"].update({names.ARTICLE: entry}), signed=False)
    lose_the_database()

    rebuilt = rebuild(done.tree_prefix, unsigned=True)

    assert not rebuilt.is_ours
    assert rebuilt.article.html == "<p>Words</p>"


def test_a_signed_tree_is_ours_whatever_is_asked_for(done: Article) -> None:
    lose_the_database()

    rebuilt = rebuild(done.tree_prefix, unsigned=True)

    assert rebuilt.is_ours
    assert rebuilt.article.owner.get_username() == "ada"
    assert rebuilt.article.status == Article.Status.DONE


def test_an_earlier_key_still_shows_that_it_is_ours(done: Article, settings: Settings) -> None:
    settings.GALLEY_BACKUP_KEYS = ["another key, of forty letters at the least", *configured.derived_keys()]
    lose_the_database()

    assert rebuild(done.tree_prefix).is_ours


def test_a_batch_of_a_strangers_is_not_taken(editor: User) -> None:
    batch = drafted(editor)
    write_due()
    edit(batch.tree, lambda manifest: manifest["batch"].update(owner="root", budget="900.00"), signed=False)
    lose_the_database()

    with pytest.raises(TreeError, match="signature"):
        rebuild_batch(batch.uid)
    assert not Batch.objects.exists()
