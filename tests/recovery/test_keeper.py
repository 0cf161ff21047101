"""Articles' trees are read, a thirtieth a day: what is damaged or missing is told until it is whole again."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.utils import timezone

from articles.models import Article
from articles.tree.due import write_due
from articles.tree.kept_pictures import Keeper
from backups import tasks
from backups.health import report, tree_care, wording
from backups.models import DamagedTree, Verification
from backups.repository.verify import SLOTS, slot_of
from backups.storage import backup_storage
from backups.trees.tree import MANIFEST
from recovery import keeper
from tests.articles.content.reading.pictured import photograph
from tests.batches import drafted
from tests.conftest import HandIn
from tests.recovery.rebuild.loss import edit

pytestmark = pytest.mark.django_db
Work = Callable[[Article], Article]


def _part() -> report.Part:
    return next(part for part in report.known(timezone.now()).parts if part.name == tree_care.TREES)


def _replace(article: Article, name: str, content: bytes) -> None:
    article.tree.add(name, content)


def _picture(article: Article) -> str:
    return min(name for name in article.tree.files() if name.endswith(".jpg"))


DAMAGES: dict[str, Callable[[Article], None]] = {
    "is not the file that was saved": lambda a: _replace(a, _picture(a), b"other bytes"),
    "is missing from the backup": lambda a: backup_storage().delete(a.tree.path(_picture(a))),
    "There is no manifest": lambda a: backup_storage().delete(a.tree.path(MANIFEST)),
    "is not valid JSON": lambda a: _replace(a, MANIFEST, b"{"),
    "The signature of": lambda a: edit(a.tree, lambda said: said["article"].update(title="x"), signed=False),
}


@pytest.mark.parametrize("says", DAMAGES)
def test_damage_is_told_until_the_tree_is_whole(hand_in: HandIn, run: Work, says: str) -> None:
    article, other = run(hand_in()), run(hand_in(idea="Tides"))
    before = {name: article.tree.read(stored) for name, stored in article.tree.files().items()}
    with backup_storage().open(article.tree.path(MANIFEST)) as file:
        manifest = file.read()
    DAMAGES[says](article)

    [verdict] = tree_care.verify(None)
    assert set(verdict.read) == {article.tree_prefix, other.tree_prefix}
    assert set(verdict.damage) == {article.tree_prefix}
    [finding] = _part().findings
    assert (_part().state, _part().facts.read_percent) == ("damaged", 100)
    assert says in wording.words(finding).sentence

    another_day = (slot_of(article.tree_prefix) + 1) % SLOTS
    tree_care.verify(another_day)
    assert _part().state == "damaged", "a look at others acquits nobody"

    for name, content in before.items():
        article.tree.add(name, content)
    _replace(article, MANIFEST, manifest)
    tree_care.verify(another_day)
    assert _part().state == "ok", "what was found damaged is read each day"


def test_thirty_days_read_every_tree_once(hand_in: HandIn, run: Work, editor: User) -> None:
    trees = [run(hand_in()).tree_prefix, drafted(editor).tree.prefix]
    write_due()
    read = [prefix for slot in range(SLOTS) for verdict in tree_care.verify(slot) for prefix in verdict.read]
    assert sorted(read) == sorted(trees)


def test_what_the_row_says_must_be_there_whether_the_manifest_names_it_or_not(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    edit(article.tree, lambda said: said["files"].pop(_picture(article)))
    backup_storage().delete(article.tree.path(min(set(_names(article)) - article.tree.files().keys())))

    [verdict] = tree_care.verify(None)
    assert "missing from the backup" in verdict.damage[article.tree_prefix][0]


def _names(article: Article) -> list[str]:
    return backup_storage().listdir(article.tree_prefix)[1]


def test_what_is_gone_rightly_is_not_missed(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    backup_storage().delete(article.tree.path(MANIFEST))
    tree_care.verify(None)
    assert DamagedTree.objects.exists()

    Article.objects.update(tree_expired_at=timezone.now())
    [verdict] = tree_care.verify(None)
    assert (verdict.read, verdict.whole, DamagedTree.objects.exists()) == ([], True, False)


def test_what_moves_meanwhile_is_left_alone(hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    article = run(hand_in())
    backup_storage().delete(article.tree.path(MANIFEST))
    monkeypatch.setattr(keeper, "_expected", lambda: iter([article]))
    Article.objects.update(attempt=article.attempt + 1)

    [verdict] = tree_care.verify(None)
    assert (verdict.read, verdict.damage) == ([], {})


def test_the_command_and_the_daily_task_read_them(hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    article = run(hand_in())
    backup_storage().delete(article.tree.path(MANIFEST))
    with pytest.raises(SystemExit) as left:
        call_command("verify_backups", "--tier", "trees", "--all", stdout=(out := StringIO()), stderr=StringIO())
    assert left.value.code == 2
    assert out.getvalue().startswith("trees: 1 with ")
    assert out.getvalue().endswith(" bytes were read; 1 are damaged.\n")

    DamagedTree.objects.all().delete()
    monkeypatch.setattr(tasks, "today", lambda _: slot_of(article.tree_prefix))
    tasks.verify()
    assert _part().state == "damaged"
    assert Verification.objects.filter(tier="trees", slot=slot_of(article.tree_prefix)).exists()


def test_a_drill_reads_those_of_the_newest_articles(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    assert keeper.at_trial(alias="default") == []
    backup_storage().delete(article.tree.path(_picture(article)))
    assert ["is missing from the backup" in each for each in keeper.at_trial(alias="default")] == [True]


def _own_picture(editor: User) -> str:
    """The prefix of one that a manuscript names."""
    reference = Keeper().keep(photograph("orange"))
    Article.objects.create(owner=editor, manuscript=f"# Tides\n\nThe sea.\n\n![The sea]({reference})")
    return f"pictures/{reference.removeprefix('picture:')}"


def test_pictures_of_writers_are_read_as_long_as_a_text_names_them(editor: User) -> None:
    prefix = _own_picture(editor)
    Keeper().keep(photograph("teal"))
    [verdict] = tree_care.verify(None)
    assert (verdict.read, verdict.whole) == ([prefix], True)

    backup_storage().save(f"{prefix}/picture.jpg", ContentFile(b"other bytes"))
    [verdict] = tree_care.verify((slot_of(prefix) + 1) % SLOTS)
    assert verdict.read == []
    [verdict] = tree_care.verify(slot_of(prefix))
    assert "is not the file that was saved" in verdict.damage[prefix][0]
    assert _part().state == "damaged"

    Keeper().keep(photograph("orange"))
    tree_care.verify((slot_of(prefix) + 1) % SLOTS)
    assert _part().state == "ok", "the text was handed in once more, and brought it"

    backup_storage().delete(f"{prefix}/{MANIFEST}")
    tree_care.verify(None)
    Article.objects.all().delete()
    [verdict] = tree_care.verify((slot_of(prefix) + 1) % SLOTS)
    assert (verdict.gone, _part().state) == ([prefix], "ok")


def test_a_drill_reads_the_pictures_that_the_newest_texts_name(editor: User) -> None:
    prefix = _own_picture(editor)
    Article.objects.create(owner=editor, tree_prefix="typed", manuscript=f"![By hand](picture:{'0' * 64})")
    assert keeper.at_trial(alias="default") == []
    backup_storage().delete(f"{prefix}/picture.jpg")
    assert keeper.at_trial(alias="default") == [f"{prefix}: picture.jpg is missing from the backup."]
