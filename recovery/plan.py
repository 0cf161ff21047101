"""What a recovery would do, and cost, before anybody presses the button. Reads everything, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Avg, F

from articles import manifest
from articles.models import Article, Call, ImageFile, Stage, StageRecord
from articles.pipeline import CALLS, Work
from articles.providers import prices
from articles.run import storing

# Where nothing was paid yet, in US dollars: an article of usual length with the models of the settings' defaults.
GUESSES = {"text": Decimal("0.02"), "prompts": Decimal("0.002"), "image": Decimal("0.03"), "format": Decimal("0.08")}
SECONDS = {"text": 60, "prompts": 15, "image": 30, "format": 90, "upload": 10}
LATER = {stage: [other for other in Stage if other.step > stage.step] for stage in Stage}


def _files(number: int) -> str:
    return f"{number} file{'s' if number != 1 else ''}, all verified" if number else "what was handed in"


@dataclass(frozen=True)
class Plan:
    """The plan for one article. `cost` in US dollars and `seconds` are estimates."""

    article: Article
    reused: tuple[str, ...]  # names of files, each verified by its hash
    damaged: tuple[str, ...]  # sentences
    again: tuple[str, ...]  # in words: "2 images", "formatted page", "upload"
    calls: tuple[str, ...]  # keys of the paid calls that will be made
    possible_repeats: int  # calls whose answer was lost: they may have been charged
    cost: Decimal
    seconds: int
    work: Work

    @property
    def summary(self) -> str:
        """`Used again: … Done again: … No paid calls.`"""
        paid = f"{len(self.calls)} paid call{'s' if len(self.calls) != 1 else ''}, about ${self.cost:.2f}."
        return " ".join(
            [
                f"Used again: {_files(len(self.reused))}.",
                f"Done again: {', '.join(self.again)}.",
                *(self.damaged),
                paid if self.calls else "No paid calls.",
            ]
        )


def plan(article: Article, *, from_stage: Stage | None = None, formatter: str = "", site_id: int | None = None) -> Plan:
    """From which stage to go on, which artefacts are whole, which calls are made again and what they cost.

    One read for each file of the tree, which verifies its hash. Raises articles.providers.errors.Unreachable when the
    storage does not answer.
    """
    records = {Stage(record.stage): record for record in article.records.all()}
    images = list(article.images.all())
    with storing():
        damaged = manifest.damaged(article)
    stages = _stages(records, images, damaged, from_stage)
    roles = _roles(images, damaged, stages, from_stage)
    anew = frozenset(stage for stage in stages if from_stage and stage.step >= from_stage.step)
    changes: dict[str, Any] = {"formatter": formatter} if formatter else {}
    if site_id:
        changes["site_id"] = site_id
    calls = _calls(article, stages, roles, anew, formatter or article.formatter)
    reused = _reused(records, images, stages, roles)
    again = _in_words(stages, roles, len(images))
    return Plan(
        article,
        reused=reused,
        damaged=tuple(damaged.values()),
        again=again,
        calls=tuple(calls),
        possible_repeats=article.calls.filter(key__in=calls, state=Call.State.INTENT, sends__gt=0).count(),
        cost=sum((_cost(key) for key in calls), Decimal(0)),
        seconds=sum(SECONDS[_kind(key)] for key in calls) + SECONDS["upload"],
        work=Work(
            stages=frozenset(stages),
            anew=anew,
            images=frozenset(roles),
            changes=changes,
            from_stage=stages[0].value,
            reused=reused,
            again=again,
        ),
    )


def _stages(
    records: dict[Stage, StageRecord], images: Sequence[ImageFile], damaged: dict[str, str], from_stage: Stage | None
) -> list[Stage]:
    """The stages to run: the first that is not done or not whole, and all after it."""
    first = from_stage or Stage.UPLOAD
    for stage in Stage:
        record = records[stage]
        lacks_image = stage == Stage.IMAGES and any(
            not image.is_stored or image.file_name in damaged or image.base64_name in damaged for image in images
        )
        if record.state != StageRecord.State.DONE or record.file in damaged or lacks_image:
            first = min(first, stage, key=lambda stage: stage.step)
    return [first, *LATER[first]]


def _roles(
    images: Sequence[ImageFile], damaged: dict[str, str], stages: list[Stage], from_stage: Stage | None
) -> list[str]:
    """The pictures to make. Whole ones stay, unless the images themselves, or what they show, are asked for anew."""
    if from_stage and from_stage.step <= Stage.IMAGES.step and Stage.IMAGES in stages:
        return [image.role for image in images]
    return [
        image.role
        for image in images
        if not image.is_stored or image.file_name in damaged or image.base64_name in damaged
    ]


def _calls(
    article: Article, stages: list[Stage], roles: list[str], anew: frozenset[Stage], formatter: str
) -> list[str]:
    """The keys of the paid calls to be made: those whose answers are not here, or not wanted any more."""
    paid = set(article.calls.filter(state__in=[Call.State.RECEIVED, Call.State.DONE]).values_list("key", flat=True))
    with_key = {
        Stage.ARTICLE: bool(settings.OPENAI_API_KEY) and not article.manuscript,
        Stage.PROMPTS: bool(settings.OPENAI_API_KEY),
        Stage.FORMAT: bool(settings.ANTHROPIC_API_KEY) and formatter != Article.Formatter.TEMPLATE,
    }
    keys = []
    for stage in stages:
        if stage == Stage.IMAGES and settings.REPLICATE_API_TOKEN:
            keys += [f"image:{role}" for role in (roles or _unmade(article))]
        elif with_key.get(stage) and (stage in anew or CALLS[stage] not in paid):
            keys.append(CALLS[stage])
    return keys


def _unmade(article: Article) -> list[str]:
    """Where no prompts are there yet, four pictures will be wanted."""
    return [] if article.images.exists() else ["hero", "section_1", "section_2", "section_3"]


def _reused(
    records: dict[Stage, StageRecord], images: Sequence[ImageFile], stages: list[Stage], roles: list[str]
) -> tuple[str, ...]:
    files = [record.file for stage, record in records.items() if record.file and stage not in stages]
    for image in images:
        if image.is_stored and image.role not in roles:
            files += [image.file_name, image.base64_name]
    return tuple(sorted(files))


def _in_words(stages: list[Stage], roles: list[str], images: int) -> tuple[str, ...]:
    count = len(roles) if images else 4
    words = {
        Stage.ARTICLE: "article",
        Stage.PROMPTS: "prompts",
        Stage.IMAGES: f"{count} image{'s' if count != 1 else ''}" if count else "",
        Stage.FORMAT: "formatted page",
        Stage.UPLOAD: "upload",
    }
    return tuple(words[stage] for stage in stages if words[stage])


def _kind(key: str) -> str:
    return key.partition(":")[0]


def _cost(key: str) -> Decimal:
    """What such a call has cost here lately, else what it usually costs."""
    kind = _kind(key)
    if kind == "image" and (price := prices.of_picture(settings.REPLICATE_MODEL)):
        return price
    paid = Call.objects.filter(key=key, cost__isnull=False).order_by("-pk")[:50]
    return paid.aggregate(mean=Avg(F("cost")))["mean"] or GUESSES[kind]
