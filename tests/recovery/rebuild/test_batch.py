"""A batch comes back from its own manifest, and from those of its articles where that is lost. It never runs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from articles.batches import control, lists
from articles.batches.start import start_batch
from articles.models import Article, Batch, Section
from articles.pipeline import worker
from articles.tree.due import write_due
from backups.trees.tree import TreeError
from recovery.rebuild.article import rebuild
from recovery.rebuild.batch import rebuild_batch
from tests.batches import drafted
from tests.doubles.server import Doubles
from tests.recovery.rebuild.loss import edit, lose_the_database, rebuild_all

pytestmark = pytest.mark.django_db(transaction=True)
STYLES = "style,country\nArt Deco,France\nBauhaus,Germany"
SECTIONS = 'section,tone\nKitchen,dry\n"Bath, with a window",warm'


@pytest.fixture
def batch(editor: User, services: Doubles) -> Batch:
    """Half done: the first of its two articles is finished. A dollar may be spent."""
    services.configure(image_width=480, image_bytes=4000)
    made = drafted(editor, budget=Decimal("1.00"), images_per_style=0)
    Batch.objects.filter(pk=made.pk).update(styles=STYLES, sections=SECTIONS)
    start_batch(made, editor)
    worker.run_article(made.articles.order_by("pk")[0].pk)
    write_due()
    made.refresh_from_db()
    return made


def _file(folder: Path, batch: Batch) -> Path:
    return folder / "batches" / batch.uid / "manifest.json"


def test_it_is_paused_with_its_budget_and_what_was_spent(batch: Batch, editor: User, services: Doubles) -> None:
    lose_the_database()
    rebuild_all()

    again = Batch.objects.get()
    assert (again.state, again.budget, again.spent) == ("paused", batch.budget, batch.spent)
    assert again.spent > 0
    assert sorted(again.articles.values_list("status", flat=True)) == ["done", "draft"]

    services.reset()
    control.resume(again, editor)
    left = again.articles.get(status=Article.Status.QUEUED)
    worker.run_article(left.pk)

    again.refresh_from_db()
    assert again.state == Batch.State.DONE
    assert not again.all_sections.exclude(state=Section.State.DONE).exists()
    assert again.spent == sum(Article.objects.values_list("spent", flat=True))
    assert again.spent > batch.spent


def test_its_budget_holds_for_what_was_spent_before(batch: Batch, editor: User) -> None:
    Batch.objects.update(budget=batch.spent)
    write_due()
    Batch.objects.update(manifest_due=batch.created_at)
    write_due()
    lose_the_database()
    rebuild_all()
    again = Batch.objects.get()
    control.resume(again, editor)

    worker.run_article(again.articles.get(status=Article.Status.QUEUED).pk)

    again.refresh_from_db()
    assert again.state == Batch.State.PAUSED
    assert "would spend more than the budget" in again.reason


@pytest.mark.parametrize("order", [1, -1])
def test_without_its_own_manifest_it_is_put_together_from_its_articles(
    batch: Batch, order: int, storage_folder: Path
) -> None:
    _file(storage_folder, batch).write_text("{")
    prefixes = sorted(batch.articles.values_list("tree_prefix", flat=True))[::order]
    lose_the_database()

    for prefix in prefixes:
        rebuild(prefix)

    again = Batch.objects.get()
    assert (again.uid, again.state, again.budget, again.spent) == (batch.uid, "paused", batch.budget, batch.spent)
    assert (again.brief, again.formatter) == (batch.brief, batch.formatter)
    for name, column in (("styles", "style"), ("sections", "section")):
        before, after = lists.read(getattr(batch, name), column), lists.read(getattr(again, name), column)
        assert after.bad == ()
        assert [dict(row.fields) for row in after.rows] == [dict(row.fields) for row in before.rows]


def test_lines_that_a_person_took_out_stay_out(batch: Batch) -> None:
    Batch.objects.update(sections="section,tone\nKitchen,dry", manifest_due=batch.created_at)
    write_due()
    prefixes = list(batch.articles.values_list("tree_prefix", flat=True))
    lose_the_database()

    for prefix in prefixes:
        rebuild(prefix)

    assert Batch.objects.get().sections == "section,tone\nKitchen,dry"
    assert Section.objects.count() == 4, "what was made of them is there all the same"


def test_one_article_alone_comes_back_into_a_batch_that_is_here(batch: Batch) -> None:
    lost = batch.articles.get(status=Article.Status.QUEUED)
    lost.delete()

    rebuild(lost.tree_prefix)

    again = batch.articles.get(uid=lost.uid)
    batch.refresh_from_db()
    assert (batch.state, batch.styles) == (Batch.State.RUNNING, STYLES)
    assert again.status == Article.Status.FAILED, "in a batch that runs it would begin by itself"


def test_a_batch_that_had_ended_is_paused_while_an_article_of_it_is_in_line(batch: Batch) -> None:
    """The storage was away when it was opened again."""
    edit(batch.tree, lambda manifest: manifest["batch"].update(state="done"))
    lose_the_database()
    rebuild_all()

    assert Batch.objects.get().state == Batch.State.PAUSED


def test_twice_is_as_once(batch: Batch) -> None:
    lose_the_database()
    assert [rebuild_batch(batch.uid) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["batch"].update(uid="0" * 32),
        lambda m: m["batch"].update(uid="../../etc"),
        lambda m: m["batch"].update(state="owned"),
        lambda m: m["batch"].update(owner="a b<script>"),
        lambda m: m["batch"].update(budget="-1"),
        lambda m: m["batch"].update(budget="0.00"),
        lambda m: m["batch"].update(budget="NaN"),
        lambda m: m["batch"].update(spent="1e9"),
        lambda m: m["batch"].update(open_costs=-1),
        lambda m: m["batch"].update(images_per_style=7),
        lambda m: m["batch"].update(styles="x" * 1_000_001),
        lambda m: m["batch"].update(site="../x"),
        lambda m: m["batch"].pop("name"),
        lambda m: m.update(batch=[]),
        lambda m: m.update(schema=2),
    ],
)
def test_a_hostile_manifest_makes_nothing(editor: User, change: Callable[[dict[str, Any]], object]) -> None:
    batch = drafted(editor)
    write_due()
    edit(batch.tree, change)
    lose_the_database()

    with pytest.raises(TreeError, match=r"\.$"):
        rebuild_batch(batch.uid)
    assert not Batch.objects.exists()


def test_what_earlier_versions_took_comes_back(batch: Batch) -> None:
    """They had no bounds for columns, for a brief that is filled in, and for sections that are added to sections."""
    article = batch.articles.get(status=Article.Status.QUEUED)
    wide = {"style": "Bauhaus", **{f"column {n}": "x" * 1000 for n in range(499)}}

    def widen(manifest: dict[str, Any]) -> None:
        manifest["source"].update(idea="x" * 200_000)
        manifest["source"]["batch"].update(fields=wide)
        sections = manifest["pipeline_stages"]["step1_article_generation"]["sections"]
        sections[1].update(index=30_000, fields={"section": "Bath", **{f"column {n}": "" for n in range(499)}})

    edit(article.tree, widen)
    lose_the_database()
    rebuild_all()

    again = Article.objects.get(uid=article.uid)
    assert (len(again.idea), again.batch_fields, again.batch_key) == (200_000, wide, "bauhaus")
    assert list(again.sections.values_list("index", flat=True)) == [1, 30_000]
