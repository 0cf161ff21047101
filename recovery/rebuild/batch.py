"""A batch from its own manifest; where that is lost, from those of its articles. It never runs when it comes back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from django.core.exceptions import ValidationError as ModelError
from django.db import DataError, IntegrityError, transaction
from django.db.models import Count, Sum
from django.utils import timezone

from articles.batches.lists import folded
from articles.batches.plan import key_of
from articles.models import Article, Batch, Call, Stage
from articles.tree import names
from articles.tree.schema import BatchManifest, BatchPart, Manifest, SectionPart, Source, WholeBatch
from articles.tree.storing import storing
from backups import configured
from backups.trees.tree import Tree, TreeError
from recovery.rebuild.content import moment, read, trees_of
from recovery.rebuild.people import owner_of, site_of

_AS_THEY_ARE = [
    *("name", "brief", "styles", "sections", "images_per_style", "images_per_section"),
    *("style", "formatter", "design"),
]
LOOK_THROUGH = "It was rebuilt from its backup. Look through its lists and its budget, then resume."


def rebuild_batch(uid: str) -> bool:
    """The batch of this uid, from its own manifest. False: the database has it.

    Raises TreeError with a sentence for a manifest that cannot be used, Unreachable.
    """
    with storing():
        found = _own_manifest(uid)
    if known(BatchPart.model_construct(uid=uid, owner=found.owner, name=found.name)):
        return False
    try:
        with transaction.atomic():
            make(found)
    except (ModelError, DataError, IntegrityError, ValueError, OverflowError) as exc:
        raise TreeError(f"The manifest in {names.batch(uid)} describes no batch that could exist.") from exc
    return True


def known(part: BatchPart | None) -> Batch | None:
    """The batch as the database has it: by its uid, else by its owner and name, which are its own as well."""
    if part is None:
        return None
    named = {"owner__username": part.owner, "key": key_of(part.name)}
    return Batch.objects.filter(uid=part.uid).first() or Batch.objects.filter(**named).first()


def find_lost(tree: Tree, source: Source) -> WholeBatch | None:
    """The batch of an article, as the storage has it; None where there is none, or the database has it.

    Raises what the storage raises when it does not answer.
    """
    part = source.batch
    if part is None or known(part) is not None:
        return None
    try:
        return _own_manifest(part.uid) if part.uid else _put_together(tree, source, part)
    except TreeError:
        return _put_together(tree, source, part)


def _own_manifest(uid: str) -> WholeBatch:
    """Raises TreeError."""
    found = read(configured.tree(names.batch(uid)), BatchManifest).batch
    if found.uid != uid:
        raise TreeError(f"The manifest in {names.batch(uid)} is of another batch.")
    return found


def _put_together(tree: Tree, source: Source, part: BatchPart) -> WholeBatch:
    """Of what each of its articles says: a line of the one list, and all of the other.

    A read for each article of that owner.
    """
    styles: list[Mapping[str, str]] = []
    sections: dict[str, Mapping[str, str]] = {}
    for manifest in _manifests_beside(tree):
        if (other := manifest.source.batch) and _is_same(other, part):
            styles.append(other.fields)
            for line in _sections(manifest):
                sections.setdefault(folded(line["section"]), line)
    return WholeBatch.model_construct(
        **part.model_dump(exclude={"uid", "fields"}),
        **source.model_dump(include={"site", "site_id", "site_address", "created_at", "style", "formatter", "design"}),
        uid=part.uid,
        styles=_as_list("style", styles),
        sections=_as_list("section", list(sections.values())),
        state="paused",
        started_at=source.created_at,
    )


def _manifests_beside(tree: Tree) -> Iterator[Manifest]:
    for prefix in trees_of(tree.prefix.partition("/")[0]):
        try:
            yield read(replace(tree, prefix=prefix), Manifest)
        except TreeError:
            continue  # it says why when it is rebuilt itself


def _is_same(one: BatchPart, other: BatchPart) -> bool:
    if one.uid is not None:
        return one.uid == other.uid
    return (one.owner, key_of(one.name)) == (other.owner, key_of(other.name))


def _sections(manifest: Manifest) -> Iterator[Mapping[str, str]]:
    step = manifest.pipeline_stages.get(names.STEPS[Stage.ARTICLE])
    for part in step.sections if step else []:
        if isinstance(part, SectionPart):
            # Its number was given to it, and stood in no list.
            yield {"section": part.heading, **{name: value for name, value in part.fields.items() if name != "number"}}


def _as_list(column: str, lines: Sequence[Mapping[str, str]]) -> str:
    """As an editor would have pasted it: a line each, or CSV where there are further columns."""
    columns = list(dict.fromkeys([column, *(name for line in lines for name in line)]))
    if len(columns) == 1:
        return "\n".join(line.get(column, "") for line in lines)
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return written.getvalue()


def make(found: WholeBatch) -> Batch:
    """The row, resting: what was at work is paused, with its budget and what was spent of it."""
    rests = found.state in (Batch.State.DRAFT, Batch.State.DONE, Batch.State.CANCELLED)
    batch = Batch(
        owner=owner_of(found.owner),
        key=key_of(found.name),
        site=site_of(found),
        created_at=moment(found.created_at) or timezone.now(),
        budget=None if found.budget is None else Decimal(found.budget),
        spent=Decimal(found.spent),
        reserved=Decimal(found.reserved),
        open_costs=found.open_costs,
        state=found.state if rests else Batch.State.PAUSED,
        reason=found.reason if rests else LOOK_THROUGH,
        started_at=moment(found.started_at),
        ended_at=moment(found.ended_at),
        **{name: getattr(found, name) for name in _AS_THEY_ARE},
        **({"uid": found.uid} if found.uid else {}),
    )
    batch.full_clean(exclude=["styles", "sections", "site"])
    batch.save(force_insert=True)
    return batch


def settle(article: Article) -> None:
    """What a batch has spent is at least the sum of its articles; and while one of them is in line, it is
    not at its end.
    """
    if article.batch_id is None:
        return
    batch = Batch.objects.select_for_update().get(pk=article.batch_id)
    spent = batch.articles.aggregate(sum=Sum("spent"))["sum"] or Decimal(0)
    unknown = Call.objects.filter(article__batch=batch, reserved__isnull=False)
    reserved = unknown.aggregate(sum=Sum("reserved"), number=Count("pk"))
    batch.spent = max(batch.spent, spent)
    batch.reserved = max(batch.reserved, reserved["sum"] or Decimal(0))
    batch.open_costs = max(batch.open_costs, reserved["number"])
    if article.status == Article.Status.DRAFT and batch.state != Batch.State.PAUSED:
        batch.state, batch.reason, batch.ended_at = Batch.State.PAUSED, LOOK_THROUGH, None
    batch.save(update_fields=["spent", "reserved", "open_costs", "state", "reason", "ended_at"])
