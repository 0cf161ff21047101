"""What a recovery would do, and cost, before anybody presses the button. Reads everything, changes nothing."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone

from articles import call_keys
from articles.estimates import SECONDS, cost_of, costs
from articles.formats import about, count, duration
from articles.models import Article, Call, Cost, ImageFile, Section, Stage, StageRecord
from articles.pipeline.repair import damaged_parts
from articles.pipeline.transitions import Work
from articles.providers import replicate
from articles.tree import manifest, names
from articles.tree.storing import storing

PATIENCE = 3.0  # seconds that a page may spend on reading files; an article's own run verifies it all the same
ALIKE = 2  # answers that were of no use for one reason: a third will be none either
# In the order in which they are told; a section is a thing of its own, a part of stage 1.
SECTION = "section"
THINGS = {
    Stage.ARTICLE: "article",
    SECTION: "section",
    Stage.PROMPTS: "set of prompts,sets of prompts",
    Stage.IMAGES: "image",
    Stage.FORMAT: "formatted page",
    Stage.UPLOAD: "upload",
}
# What a plan needs of a section.
PLANNED = ("article", "index", "state", "sha256", "batch__images_per_style", "batch__images_per_section")


@dataclass(frozen=True)
class Options:
    """What a person may want otherwise. Empty: from the first unfinished stage, as the article says."""

    from_stage: Stage | None = None
    formatter: str = ""
    site_id: int | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """New values for the article."""
        wanted = {"formatter": self.formatter, "site_id": self.site_id}
        return {name: value for name, value in wanted.items() if value}


AS_BEFORE = Options()


@dataclass(frozen=True)
class Plan:
    """The plan for one article. `cost` and `seconds` are estimates."""

    article: Article
    verified: bool  # whether the files were read and compared
    reused: tuple[str, ...]  # names of files
    damaged: tuple[str, ...]  # sentences
    again: Mapping[str, int]  # so many sections and images, else 1; by the keys of THINGS, in their order
    calls: tuple[str, ...]  # keys of the paid calls that will be made
    possible_repeats: int  # calls whose answer was lost: they may have been charged
    vain: int  # calls whose last answers were of no use for one and the same reason
    has_draft: bool  # on the site already: it gets the page that is laid out anew
    cost: Cost
    seconds: int
    work: Work


def plan(article: Article, options: Options = AS_BEFORE) -> Plan:
    """From which stage to go on, which artefacts are whole, which calls are made again and what they cost.

    One read for each file of the tree, which verifies its hash. Raises articles.providers.errors.Unreachable when the
    storage does not answer.
    """
    with storing():
        damaged = manifest.damaged(article)
    return _plans([article], options, {article.pk: damaged})[0]


def plans(articles: Sequence[Article], options: Options = AS_BEFORE, *, patience: float = PATIENCE) -> list[Plan]:
    """The plans for many (six queries, and one for each article whose files are read).

    Files are read for at most `patience` seconds; the others' run finds what is damaged before it goes on. The
    records and images of the articles must have been fetched. Raises Unreachable.
    """
    started = time.monotonic()
    damaged = {}
    with storing():
        for article in articles:
            if time.monotonic() - started >= patience:
                break
            damaged[article.pk] = manifest.damaged(article)
    return _plans(articles, options, damaged)


def _plans(articles: Sequence[Article], options: Options, damaged: Mapping[int, dict[str, str]]) -> list[Plan]:
    calls: dict[int, list[Call]] = defaultdict(list)
    for call in Call.objects.filter(article__in=articles).only("article_id", "key", "state", "sends", "received_at"):
        calls[call.article_id].append(call)
    sections: dict[int, list[Section]] = defaultdict(list)
    rows = Section.objects.filter(article__in=articles).select_related("batch")
    for section in rows.only(*PLANNED).order_by("index"):
        sections[section.article_id].append(section)
    known, useless = costs(), _useless(articles)
    return [
        _plan(
            _Found(
                article, damaged.get(article.pk), calls[article.pk], sections[article.pk], useless.get(article.pk, {})
            ),
            options,
            known,
        )
        for article in articles
    ]


def _useless(articles: Sequence[Article]) -> dict[int, dict[str, list[str]]]:
    """Why answers were of no use, by codes, the last one last: by article and key (one query)."""
    found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    failed = Call.objects.filter(article__in=articles, error__isnull=False, answer__isnull=False)
    for article, key, code in failed.order_by("generation").values_list("article_id", "key", "error__code"):
        found[article][key].append(code)
    return found


def _is_vain(codes: Sequence[str]) -> bool:
    """Whether asking once more will probably end as the last times."""
    return len(codes) >= ALIKE and len(set(codes[-ALIKE:])) == 1


@dataclass(frozen=True)
class _Found:
    """One article as its rows and files are. `damaged`: sentences by file name; None where no file was read."""

    article: Article
    damaged: dict[str, str] | None
    calls: Sequence[Call]
    sections: Sequence[Section]
    useless: Mapping[str, Sequence[str]]  # by the keys of calls


@dataclass(frozen=True)
class _Scope:
    """What is done again."""

    stages: Sequence[Stage]
    anew: frozenset[Stage]  # those that are paid for again as well
    remade: frozenset[str]  # roles of pictures that are there, and are made all the same
    roles: Sequence[str]  # of all pictures to make
    missing: Sequence[Section]
    to_write: Sequence[Section]  # those of them whose text is not there


def _plan(found: _Found, options: Options, known: Mapping[str, Decimal | None]) -> Plan:
    """Without a query. `known`: what a call of each kind costs."""
    article, scope = found.article, _scope(found, options)
    keys = _keys(found, scope, options.formatter or article.formatter)
    reused, again = _reused(found, scope), _again(found, scope, keys)
    repeats = [call for call in found.calls if call.state == Call.State.INTENT and call.sends > 0 and call.key in keys]
    has_draft = any(call.key == call_keys.POST and call.is_paid for call in found.calls)
    return Plan(
        article,
        verified=found.damaged is not None,
        reused=reused,
        damaged=tuple((found.damaged or {}).values()),
        again=again,
        calls=tuple(keys),
        possible_repeats=len(repeats),
        vain=sum(_is_vain(found.useless.get(key, ())) for key in keys),
        has_draft=Stage.FORMAT in again and has_draft,
        cost=cost_of(Counter(map(call_keys.kind, keys)), known),
        seconds=sum(SECONDS[call_keys.kind(key)] for key in keys) + SECONDS["upload"],
        work=Work(
            stages=frozenset(scope.stages),
            anew=scope.anew,
            images=scope.remade,
            changes=options.changes,
            from_stage=scope.stages[0].value,
            reused=reused,
            again=in_words(again),
        ),
    )


def _scope(found: _Found, options: Options) -> _Scope:
    article, images = found.article, list(found.article.images.all())
    broken_stages, broken_images = damaged_parts(article, found.damaged or {})
    stages = _stages(article, images, broken_stages, options.from_stage)
    anew = frozenset(stage for stage in stages if options.from_stage and stage.step >= options.from_stage.step)
    # Whole pictures stay, unless the images themselves, or what they show, are asked for anew.
    remade = frozenset(image.role for image in images) if Stage.IMAGES in anew else broken_images
    roles = [image.role for image in images if image.role in remade or not image.is_stored]
    missing = [row for row in found.sections if Stage.ARTICLE in anew or row.state != Section.State.DONE]
    to_write = [row for row in missing if Stage.ARTICLE in anew or not row.sha256]
    roles += _roles_to_come(images, found.sections, to_write)
    return _Scope(stages, anew, remade, roles, missing, to_write)


def _roles_to_come(images: Sequence[ImageFile], sections: Sequence[Section], to_write: Sequence[Section]) -> list[str]:
    """Of the pictures whose prompts are not written yet: a batch's come with its openings and sections."""
    batch = sections[0].batch if sections else None
    if batch is None:
        return [] if images else ["hero", "section_1", "section_2", "section_3"]
    there = {image.role for image in images}
    wanted = ["hero", *(f"general_{n}" for n in range(2, batch.images_per_style + 1))][: batch.images_per_style]
    wanted += [f"section_{row.index}_{n}" for row in to_write for n in range(1, batch.images_per_section + 1)]
    return [role for role in wanted if role not in there]


def _stages(
    article: Article, images: Sequence[ImageFile], broken: frozenset[Stage], from_stage: Stage | None
) -> list[Stage]:
    """The stages to run: the first that is not done or not whole, and all after it."""
    unfinished = {Stage(record.stage) for record in article.records.all() if record.state != StageRecord.State.DONE}
    if any(not image.is_stored for image in images):
        unfinished.add(Stage.IMAGES)
    first = min({from_stage or Stage.UPLOAD} | unfinished | broken, key=lambda stage: stage.step)
    return [stage for stage in Stage if stage.step >= first.step]


def _keys(found: _Found, scope: _Scope, formatter: str) -> list[str]:
    """Of the paid calls to be made: those whose answers are not here, or not wanted any more."""
    article = found.article
    paid = {call.key for call in found.calls if _is_good(call)} - {call_keys.image(role) for role in scope.remade}
    with_key = {
        Stage.ARTICLE: bool(settings.OPENAI_API_KEY and article.idea),
        Stage.PROMPTS: bool(settings.OPENAI_API_KEY) and article.batch_id is None,
        Stage.FORMAT: bool(settings.ANTHROPIC_API_KEY) and formatter != Article.Formatter.TEMPLATE,
    }
    keys = []
    for stage in scope.stages:
        if stage == Stage.IMAGES and settings.REPLICATE_API_TOKEN:
            # For what a person has brought nothing is asked.
            paid |= {call_keys.image(image.role) for image in article.images.all() if image.is_brought}
            keys += [key for role in scope.roles if (key := call_keys.image(role)) not in paid]
        elif with_key.get(stage) and (stage in scope.anew or call_keys.OF_STAGE[stage] not in paid):
            keys.append(call_keys.OF_STAGE[stage])
    of_sections = [call_keys.section(row.index) for row in scope.to_write]
    return keys + [key for key in of_sections if key not in paid or Stage.ARTICLE in scope.anew]


def _is_good(call: Call) -> bool:
    """Whether its answer can be used without asking again. Of a picture it is an address that dies within the hour."""
    if not call.is_paid or not call.key.startswith(call_keys.IMAGE):
        return call.is_paid
    return bool(call.received_at and timezone.now() - call.received_at < replicate.URL_LIFE)


def _reused(found: _Found, scope: _Scope) -> tuple[str, ...]:
    """The names of files that are there, whole, and stay."""
    article, unwritten = found.article, set(scope.to_write)
    files = [record.file for record in article.records.all() if record.file and record.stage not in scope.stages]
    for image in article.images.all():
        if image.is_stored and image.role not in scope.roles:
            files += [image.file_name, image.base64_name]
    return (
        *(row.file_name for row in found.sections if row not in unwritten),  # their rows hold the texts, too
        *(name for name in sorted(files) if name not in (found.damaged or {})),
    )


def _again(found: _Found, scope: _Scope, keys: Sequence[str]) -> dict[str, int]:
    """How many of each of THINGS are made."""
    again: dict[str, int] = {stage: len(scope.roles) if stage == Stage.IMAGES else 1 for stage in scope.stages}
    if found.sections and Stage.ARTICLE in scope.stages:
        again |= {Stage.ARTICLE: int(call_keys.TEXT in keys), SECTION: len(scope.missing)}  # its opening may be there
    if found.article.batch_id:
        again[Stage.PROMPTS] = 0  # each section brings its own
    return {thing: again[thing] for thing in THINGS if again.get(thing)}


def in_words(things: Mapping[str, int]) -> tuple[str, ...]:
    """`("2 images", "1 formatted page", "1 upload")`"""
    return tuple(count(things[thing], *name.split(",")) for thing, name in THINGS.items() if things.get(thing))


def _thing(file: str) -> str:
    """Which of THINGS a file of the tree is; "" for one that is told with another."""
    if names.is_base64(file) or file == names.OPENING:
        return ""
    return SECTION if names.is_section(file) else names.stage_of(file)


@dataclass(frozen=True)
class Total:
    """The plans for many articles as one. `seconds` is the time that all together take with the workers here."""

    plans: Sequence[Plan]

    @property
    def reused(self) -> tuple[str, ...]:
        """`("3 articles", "12 images", "3 formatted pages")`"""
        return in_words(Counter(_thing(name) for plan in self.plans for name in plan.reused))

    @property
    def again(self) -> tuple[str, ...]:
        return in_words(sum((Counter(plan.again) for plan in self.plans), Counter()))

    @property
    def unverified(self) -> int:
        return sum(not plan.verified for plan in self.plans)

    @property
    def damaged(self) -> list[tuple[Article, str]]:
        return [(plan.article, sentence) for plan in self.plans for sentence in plan.damaged]

    @property
    def calls(self) -> int:
        return sum(len(plan.calls) for plan in self.plans)

    @property
    def possible_repeats(self) -> int:
        return sum(plan.possible_repeats for plan in self.plans)

    @property
    def vain(self) -> int:
        return sum(plan.vain for plan in self.plans)

    @property
    def drafts_renewed(self) -> str:
        """A sentence about them; empty where there are none."""
        number = sum(plan.has_draft for plan in self.plans)
        if not number:
            return ""
        gets = "is on the site already and gets" if number == 1 else "are on their sites already and get"
        return f"{count(number, 'draft')} {gets} the new page. Where somebody has changed it there, Galley asks first."

    @property
    def cost(self) -> Cost:
        return sum((plan.cost for plan in self.plans), Cost())

    @property
    def about(self) -> str:
        """`about $0.12`, `at least $0.03`, `cost not known`"""
        return about(self.cost.known, self.cost.unknown)

    @property
    def seconds(self) -> int:
        together = sum(plan.seconds for plan in self.plans) // settings.GALLEY_WORKERS
        return max([together, *(plan.seconds for plan in self.plans)])

    @property
    def time(self) -> str:
        """`3 min`, and never less than one."""
        return duration(timedelta(seconds=max(self.seconds, 60) // 60 * 60))

    @property
    def summary(self) -> str:
        """`Used again: … Done again: … No paid calls.`"""
        verified = ", all verified" if self.reused and not self.unverified else ""
        paid = f"{count(self.calls, 'paid call')}, {self.about}." if self.calls else "No paid calls."
        return " ".join(
            [
                f"Used again: {', '.join(self.reused) or 'what was handed in'}{verified}.",
                f"Done again: {', '.join(self.again)}.",
                *(sentence for _, sentence in self.damaged),
                *([self.drafts_renewed] if self.drafts_renewed else []),
                paid,
            ]
        )
