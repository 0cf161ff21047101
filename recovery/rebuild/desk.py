"""The whole desk from keys and storage: its database, then its trees; where both know an article, whichever is further.

A backup of the database is older than the trees, by an hour or by a day. Rows as they were then would have workers make
and pay for again what lies finished in the storage, over the only copy of it. So rows and trees are reconciled within
the transaction that brings the rows: nobody sees one without the other, and nothing begins by itself.

| killed                       | what is there                      | the next restore                        |
|------------------------------|------------------------------------|-----------------------------------------|
| before the rows are there    | an empty desk                      | begins again                            |
| between the rows and the end | rows, reconciled; trees without    | goes on with the trees that have no row |
| at the end                   | the desk                           | finds nothing to do                     |
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import User

from articles.models import Article, Batch, StageRecord
from articles.pipeline import transitions
from articles.tree import manifest, unused_pictures
from articles.tree.due import due
from articles.tree.schema import Manifest, StatePart
from articles.tree.storing import storing
from backups.database import restore as rows
from backups.database.comparison.restore_policy import MIRROR
from backups.database.comparison.steps import CHANGE, CREATE
from backups.errors import Failed
from backups.models import Restore
from backups.progress import Started, silent
from backups.repository.manifests import Generation
from backups.repository.repository import Repository
from backups.storage import backup_storage
from backups.trees.tree import TreeError
from publishing.models import Site
from recovery.rebuild.article import go_further, put_to_rest, rebuild
from recovery.rebuild.batch import LOOK_THROUGH, rebuild_batch
from recovery.rebuild.both import Storages, storages
from recovery.rebuild.content import Found
from recovery.rebuild.rights import new_rights

WHO = "restore_desk"
MOVING = (Article.Status.QUEUED, Article.Status.RUNNING, Article.Status.WAITING)

RESTING = (Article.Status.DONE, Article.Status.FAILED, Article.Status.CANCELLED)


@dataclass
class Journey:
    """What came back, or would. `lacking` are sentences about what did not, or not as it was."""

    generation: Generation
    trees: Storages
    brought: int = 0  # trees that the second storage had more of than the first
    pictures: int = 0  # of writers' texts, that the second storage alone had
    rows: int = 0
    further: list[str] = field(default_factory=list)  # articles that were newer in their trees
    rested: int = 0  # that were in line or at work
    rebuilt: int = 0  # articles that no row knew
    batches: int = 0
    lacking: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)  # uids of articles that the backup has
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - began


def is_begun() -> bool:
    """Whether the rows are there already, by a restore that was cut off. Raises Failed for a desk that is in use."""
    if Restore.objects.filter(who=WHO, state=Restore.State.DONE).exists():
        return True
    used = [model for model in (User, Site, Batch, Article) if model._default_manager.exists()]
    if used:
        there = ", ".join(str(model._meta.verbose_name_plural) for model in used)
        raise Failed(
            f"This desk is not empty: it has {there}. A whole desk comes back into an empty one, right after migrate; "
            "manage.py restore_database adds what is missing to this one."
        )
    return False


def restore_desk(
    repository: Repository, generation: Generation, *, apply: bool, storage: str = "", started: Started = silent
) -> Journey:
    """Bring all of it back, or only say what would; `storage` is the one that was asked for by name.

    Raises what a restore of the database raises, Unreachable, and BackupError.
    """
    trees, unasked = storages(storage)
    journey = Journey(generation, trees, lacking=[unasked] if unasked else [])
    begun = is_begun()
    with journey.timed("trees"):
        found = dict(_readable(journey, apply=apply))
    if not begun:
        with journey.timed("database and what is further"):
            _restore_rows(repository, journey, found, apply=apply, started=started)
    with journey.timed("what no row knows"):
        _rebuild_others(journey, found, apply=apply)
    with journey.timed("pictures of texts"):
        _bring_pictures(journey, apply=apply)
    return journey


def _readable(journey: Journey, *, apply: bool) -> Iterator[tuple[str, Found]]:
    """The trees of ours by the uid of their articles; what cannot be used is named."""
    for each in journey.trees.gathered(apply=apply):
        journey.brought += each.lacked
        if each.found:
            yield each.found.manifest.source.uid, each.found
        else:
            journey.lacking.append(each.why)


def _restore_rows(
    repository: Repository, journey: Journey, found: Mapping[str, Found], *, apply: bool, started: Started
) -> None:
    with rows.planned(repository, journey.generation, mode=MIRROR, started=started) as plan:
        journey.rows = plan.total[CREATE] + plan.total[CHANGE]
        journey.lacking += plan.told
        table = next(table for table in plan.staged.tables if table.model is Article)
        journey.known = {row["uid"] for some in plan.staged.rows(table, chosen=False) for _, row in some}
        if not apply:
            rows.check_conflicts(plan)
            return

        new = new_rights(plan.generation.about.get("migrations", {}))

        def note(_safety: Generation | None, _touched: object) -> None:
            journey.lacking += new.give()
            _reconcile(journey, found)
            Restore.objects.create(who=WHO, backup=plan.generation.id, mode=plan.mode, state=Restore.State.DONE)

        rows.restore(repository, plan, safety=False, note=note)


def _reconcile(journey: Journey, found: Mapping[str, Found]) -> None:
    """In the transaction that has brought the rows: nobody else has seen them yet."""
    running = Batch.objects.filter(state=Batch.State.RUNNING)
    running.update(state=Batch.State.PAUSED, reason=LOOK_THROUGH, starting="", **due())
    if expired := Article.objects.exclude(tree_expired_at=None).count():
        journey.lacking.append(
            f"Pictures of {expired:,} articles: retention removed their files {settings.GALLEY_TREE_KEEP_DAYS} days "
            "after they went to their site, which has them (GALLEY_TREE_KEEP_DAYS)."
        )
    for article in Article.objects.order_by("pk").iterator(chunk_size=500):
        tree = found.get(article.uid)
        if tree and is_further(tree, article) and _went_further(journey, tree, article):
            continue
        if not tree and not article.tree_expired_at:
            journey.lacking.append(f"Article {article.pk}, {article}: its files are not in the storage.")
        _rest(journey, article)


def _went_further(journey: Journey, tree: Found, article: Article) -> bool:
    journey.trees.mend(tree)
    try:
        gone = go_further(article, tree)
    except TreeError as exc:
        journey.lacking.append(f"{exc} Its row is that of the backup.")
        return False
    journey.lacking += gone.lacking
    journey.further.append(article.uid)
    if gone.article.status == Article.Status.DONE:
        # What waits for its end has never heard of it: the publish task, the document that it was made of.
        transitions.finished.send(Article, article=gone.article)
        _rest(journey, Article.objects.get(pk=article.pk))
    return True


def _rest(journey: Journey, article: Article) -> None:
    if article.status in MOVING:
        put_to_rest(article)
        journey.rested += 1


def is_further(tree: Found, article: Article) -> bool:
    """Whether the tree tells of something that the row does not know yet.

    A manifest is written after its row, so where they differ it is the later one; except in the moments after a commit,
    when the row has what the tree lacks, or is due to be told.
    """
    in_tree, in_row = tree.things, _things_of_row(article)
    if in_tree != in_row:
        another_text = len(tree.manifest.source.earlier_manuscripts) > len(article.earlier_manuscripts)
        return another_text or not in_tree < in_row
    if article.manifest_due is not None:
        return False
    if article.status in MOVING:
        return tree.manifest.state != _state_of_row(article)
    return tree.manifest.state.status in RESTING and tree.manifest.state.status != article.status


def _things_of_row(article: Article) -> set[str]:
    done = {str(record.stage) for record in article.records.filter(state=StageRecord.State.DONE)}
    pictures = {image.file_name for image in article.images.all() if image.is_stored}
    pictures |= {entry["file"] for entry in article.earlier_files}
    return done | pictures | {section.file_name for section in article.sections.exclude(sha256="").defer("html")}


def _state_of_row(article: Article) -> StatePart:
    return Manifest.model_validate(manifest.build(article)[0]).state


def _rebuild_others(journey: Journey, found: Mapping[str, Found], *, apply: bool) -> None:
    """What was handed in since the backup: articles and batches that no row knows. Only counted, unless `apply`."""
    journey.known |= set(Article.objects.values_list("uid", flat=True))
    new = [tree for uid, tree in found.items() if uid not in journey.known]
    if not apply:
        journey.rebuilt = len(new)
        return
    for uid in journey.trees.batches():
        with _named(journey):
            journey.batches += rebuild_batch(uid)
    for tree in new:
        with _named(journey):
            journey.trees.mend(tree)
            rebuilt = rebuild(tree.tree.prefix)
            journey.rebuilt += rebuilt.new
            journey.lacking += [f"{tree.tree.prefix}: {sentence}" for sentence in rebuilt.lacking]


def _bring_pictures(journey: Journey, *, apply: bool) -> None:
    """Those that writers have put into their texts, which the texts that came back name."""
    journey.pictures, left = journey.trees.pictures(apply=apply)
    journey.lacking += left
    if apply and (named := unused_pictures.named()):
        with storing():
            missing = len(named - unused_pictures.listed(backup_storage()))
        if missing:
            journey.lacking.append(f"Pictures that texts name, and that no storage has: {missing:,}.")


@contextmanager
def _named(journey: Journey) -> Iterator[None]:
    try:
        yield
    except TreeError as exc:
        journey.lacking.append(str(exc))
