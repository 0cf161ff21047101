"""The trees of articles lie in the second storage as they are, and each storage is mended from the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import TestCase
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, KeptPicture
from articles.tree.due import forget_soon, write_due
from articles.tree.kept_pictures import Keeper, load
from backups import configured, tasks
from backups.health import report, tree_care, wording
from backups.health.second import copies
from backups.models import TreeCopy
from backups.storage import backup_storage, second_storage
from backups.storage.port import SECOND
from backups.trees import copying
from backups.trees.tree import MANIFEST, Tree
from recovery import keeper
from recovery.expire import UNUSED, expire
from tests.articles.content.reading.pictured import photograph
from tests.batches import drafted
from tests.conftest import HandIn

pytestmark = pytest.mark.django_db
Work = Callable[[Article], Article]


@pytest.fixture(autouse=True)
def second(settings: Settings, tmp_path: Path) -> Path:
    where = tmp_path / "second"
    settings.STORAGES = settings.STORAGES | {
        "second": {"BACKEND": "backups.storage.django_folder.LocalStorage", "OPTIONS": {"location": str(where)}}
    }
    return where


def _copy() -> copies.TreesCopied:
    [copied] = copies.copy_trees(timezone.now())
    return copied


def _contents(tree: Tree) -> dict[str, bytes]:
    return {MANIFEST: tree.manifest_bytes()} | {name: tree.read(file) for name, file in tree.files().items()}


def _is_the_same(article: Article) -> bool:
    return _contents(article.tree) == _contents(configured.second_tree(article.tree_prefix))


def _picture(article: Article) -> str:
    return min(name for name in article.tree.files() if name.endswith(".jpg"))


def _part() -> report.Part:
    return next(part for part in report.known(timezone.now()).parts if part.name == SECOND)


def test_trees_are_copied_and_then_nothing_is_read(hand_in: HandIn, run: Work, editor: User) -> None:
    article, batch = run(hand_in()), drafted(editor)
    write_due()
    assert _part().facts.trees_behind == 2

    copied = _copy()

    assert (copied.trees, copied.left) == (2, {})
    assert _is_the_same(article)
    assert batch.tree.manifest_bytes() == configured.second_tree(batch.tree.prefix).manifest_bytes()
    assert _part().facts.trees_behind == 0
    assert (_copy().trees, TreeCopy.objects.filter(copied_at=None).count()) == (0, 0)


def test_what_has_changed_is_copied_alone(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    _copy()

    article.tree.add("07_more.txt", b"more")
    files = article.tree.files() | {"07_more.txt": article.tree.add("07_more.txt", b"more")}
    article.tree.commit({k: v for k, v in article.tree.manifest().items() if k != "files"}, files)

    copied = _copy()
    assert (copied.trees, copied.files) == (1, 2)
    assert _is_the_same(article)


def test_trees_of_before_there_was_a_second_storage_are_copied(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    TreeCopy.objects.all().delete()

    assert _copy().trees == 1
    assert _is_the_same(article)


@pytest.mark.parametrize("damage", [b"other bytes", None], ids=["changed", "deleted"])
@pytest.mark.parametrize("where", ["first", "second"])
def test_each_is_mended_from_the_other(hand_in: HandIn, run: Work, damage: bytes | None, where: str) -> None:
    article = run(hand_in())
    _copy()
    whole, picture = _contents(article.tree), _picture(article)
    hurt = article.tree if where == "first" else configured.second_tree(article.tree_prefix)
    hurt.storage.delete(hurt.path(picture))
    if damage:
        hurt.add(picture, damage)

    [verdict] = tree_care.verify(None)

    said = "came back from the second storage" if where == "first" else "was sent to the second storage anew"
    assert verdict.mended == [f"{article.tree_prefix}: {picture} {said}."]
    assert verdict.whole
    assert _contents(article.tree) == whole
    assert _is_the_same(article)
    assert not tree_care.verify(None)[0].mended


def test_a_lost_manifest_and_a_lost_tree_come_back(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    _copy()
    whole = _contents(article.tree)
    for name in whole:
        backup_storage().delete(article.tree.path(name))

    out, err = StringIO(), StringIO()
    call_command("verify_backups", "--tier", "trees", "--all", stdout=out, stderr=err)

    assert f"{len(whole)} came back from the other storage." in out.getvalue()
    assert f"{MANIFEST} came back from the second storage" in err.getvalue()
    assert _contents(article.tree) == whole


def test_damage_is_not_copied(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    picture = _picture(article)
    article.tree.add(picture, b"other bytes")

    copied = _copy()

    assert copied.left == {
        article.tree_prefix: f"{article.tree_prefix}: {picture} in the backup is not the file that was saved."
    }
    assert not second_storage().exists(f"{article.tree_prefix}/{MANIFEST}")
    assert "NotCopied" in {type(each).__name__ for each in _part().findings}
    with pytest.raises(SystemExit):
        call_command("copy_backups", "--tier", "trees", stdout=StringIO(), stderr=StringIO())


def test_a_manifest_that_is_not_ours_replaces_none(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    _copy()
    whole = _contents(article.tree)
    article.tree.storage.delete(article.tree.path(MANIFEST))
    article.tree.add(MANIFEST, whole[MANIFEST].replace(b'"article"', b'"articl3"', 1))
    TreeCopy.objects.update(copied_at=None)

    assert article.tree_prefix in _copy().left
    assert _contents(configured.second_tree(article.tree_prefix)) == whole


def test_retention_takes_both(hand_in: HandIn, run: Work) -> None:
    article, other = run(hand_in()), run(hand_in(idea="Tides"))
    _copy()
    Article.objects.filter(pk=article.pk).update(tree_expired_at=timezone.now())

    assert _copy().removed == 1
    assert not second_storage().listdir(article.tree_prefix)[1]
    assert _is_the_same(other)
    assert not TreeCopy.objects.filter(prefix=article.tree_prefix).exists()


@pytest.fixture
def forgotten(hand_in: HandIn) -> str:
    """The tree of an article that was deleted, and whose time is over; it was never worked on."""
    article = hand_in()
    write_due()
    _copy()
    prefix = article.tree_prefix
    with TestCase.captureOnCommitCallbacks(execute=True):
        forget_soon(article)
        article.delete()
    return prefix


def _later(settings: Settings, *, more: int = 1) -> copies.TreesCopied:
    [copied] = copies.copy_trees(timezone.now() + timedelta(days=settings.GALLEY_BACKUP_KEEP_DAYS, hours=more))
    return copied


def test_the_tree_of_a_deleted_article_goes_with_the_backups_that_know_it(forgotten: str, settings: Settings) -> None:
    assert (_copy().removed, _later(settings, more=-1).removed) == (0, 0)
    assert second_storage().exists(f"{forgotten}/{MANIFEST}")

    assert _later(settings).removed == 1
    assert not second_storage().listdir(forgotten)[1]
    assert not TreeCopy.objects.exists()


def test_a_tree_that_is_lost_here_and_known_to_nobody_stays_there(forgotten: str, settings: Settings) -> None:
    """As in a database that was restored to an earlier day, or emptied: nobody has removed it on purpose."""
    TreeCopy.objects.update(removed_at=None)
    assert _later(settings).removed == 0
    TreeCopy.objects.all().delete()
    assert _later(settings).removed == 0
    assert second_storage().exists(f"{forgotten}/{MANIFEST}")


def test_a_tree_that_came_back_stays(forgotten: str, settings: Settings) -> None:
    copying.bring(configured.second_tree(forgotten), configured.tree(forgotten))
    assert _later(settings).removed == 0
    backup_storage().delete(f"{forgotten}/{MANIFEST}")
    Article.objects.create(owner=User.objects.get(), idea="Tides", tree_prefix=forgotten)
    assert _later(settings).removed == 0
    assert second_storage().exists(f"{forgotten}/{MANIFEST}")


def test_what_retention_takes_of_deleted_articles_is_noted(hand_in: HandIn, run: Work, settings: Settings) -> None:
    article = run(hand_in())
    _copy()
    article.delete()
    with mock.patch("articles.tree.retention.judge", return_value=""):
        assert expire(apply=True).gone == (article.tree_prefix,)
    assert _copy().removed == 0
    assert _later(settings).removed == 1
    assert not second_storage().listdir(article.tree_prefix)[1]


def test_what_is_missing_here_is_not_removed_there(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    _copy()
    whole = _contents(article.tree)
    for name in whole:
        backup_storage().delete(article.tree.path(name))
    TreeCopy.objects.update(copied_at=None)

    assert article.tree_prefix in _copy().left
    assert _contents(configured.second_tree(article.tree_prefix)) == whole


def test_the_second_is_down_and_articles_are_made(hand_in: HandIn, run: Work, second: Path) -> None:
    second.write_text("no folder")
    article = run(hand_in())

    tasks.copy()
    [why] = [wording.words(each).sentence for each in _part().findings if "trees" in wording.words(each).sentence]
    assert why.startswith("The last copy of the trees to the second storage ended early. The second storage: ")
    with pytest.raises(CommandError, match="trees: The second storage: "):
        call_command("copy_backups", "--tier", "trees", stdout=StringIO())
    [verdict] = tree_care.verify(None)
    assert (verdict.whole, verdict.read) == (True, [article.tree_prefix])

    second.unlink()
    assert _copy().trees == 1
    assert _is_the_same(article)


def test_a_copy_may_be_cut_off_anywhere(hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    article = run(hand_in())
    names = [*sorted(article.tree.files()), MANIFEST]
    whole = _contents(article.tree)
    save = type(second_storage()).save
    for nth in range(len(names)):
        left = nth

        def cut(self: object, name: str, *args: object, **words: object) -> str:
            nonlocal left
            if not left:
                raise OSError("cut off")
            left -= 1
            return save(self, name, *args, **words)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(type(second_storage()), "save", cut)
            with pytest.raises(Exception, match="The second storage: cut off"):
                _copy()
        assert not second_storage().exists(f"{article.tree_prefix}/{MANIFEST}")
    _copy()
    assert _contents(configured.second_tree(article.tree_prefix)) == whole


def test_a_drill_reads_those_of_its_storage(hand_in: HandIn, run: Work, second: Path) -> None:
    article = run(hand_in())
    assert keeper.at_trial(alias="default", storage=SECOND) == [], "what was not copied yet is not missed"
    _copy()
    other = configured.second_tree(article.tree_prefix)
    other.storage.delete(other.path(_picture(article)))
    assert ["is missing from the backup" in each for each in keeper.at_trial(alias="default", storage=SECOND)] == [True]
    assert keeper.at_trial(alias="default") == []

    second.rename(second.with_name("away"))
    second.write_text("no folder")
    [said] = keeper.at_trial(alias="default", storage=SECOND)
    assert said.startswith("The files of articles in the second storage could not be read: ")


def test_own_pictures_of_writers_are_copied_once_and_brought_from_there(storage_folder: Path) -> None:
    """Also one whose note was lost with a process, or that is older than the second storage."""
    first, second = (Keeper().keep(photograph(colour)).removeprefix("picture:") for colour in ("orange", "teal"))
    TreeCopy.objects.filter(prefix=f"pictures/{second}").delete()
    (storage_folder / "pictures" / "half").mkdir()
    assert (_copy().trees, _copy().trees) == (2, 0)
    for name in (first, second):
        (storage_folder / "pictures" / name / "picture.jpg").unlink()
        assert load(name).width == 400


def test_a_picture_that_a_text_names_comes_back_by_the_keeper(storage_folder: Path, editor: User) -> None:
    """Also on a desk that came back, where the first storage is a new one and no row knows what there was."""
    reference = Keeper().keep(photograph("orange"))
    Article.objects.create(owner=editor, manuscript=f"# Tides\n\nThe sea.\n\n![The sea]({reference})")
    prefix = reference.replace("picture:", "pictures/")
    _copy()
    KeptPicture.objects.all().delete()
    shutil.rmtree(storage_folder / prefix)
    [verdict] = tree_care.verify(None)
    assert (verdict.read, verdict.whole, len(verdict.mended)) == ([prefix], True, 2)
    assert configured.tree(prefix).verify() == []


def test_a_picture_that_no_text_names_goes_from_both(settings: Settings) -> None:
    prefix = Keeper().keep(photograph("orange")).replace("picture:", "pictures/")
    _copy()
    assert expire(apply=True).stayed == {UNUSED: 1}
    KeptPicture.objects.update(unused_since=timezone.now() - timedelta(days=91))
    assert (expire(apply=False).gone, expire(apply=True).gone, expire(apply=True).gone) == ((prefix,), (prefix,), ())
    assert not backup_storage().exists(f"{prefix}/{MANIFEST}")
    assert _copy().removed == 0
    assert _later(settings).removed == 1
    assert not second_storage().exists(f"{prefix}/picture.jpg")
