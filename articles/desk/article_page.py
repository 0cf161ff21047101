"""What the page of one article shows: its stages, its pictures, what it cost, and its manifest made readable."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst

from articles import call_keys, formats, state_wording
from articles.batches.cells import MARKS, cell_state
from articles.failures import Failure, Report, report
from articles.models import Article, Attempt, Call, Cost, Event, ImageFile, Section, Stage, StageRecord
from articles.pipeline.worker_health import nobody_works
from articles.providers.errors import ProviderError
from articles.providers.names import title_of
from articles.tree import earlier, names
from articles.tree.storing import storing
from backups.trees.tree import MANIFEST, TreeError

MOST_EVENTS = 100
MOST_ATTEMPTS = 20
THINGS = {"text": "the article", "prompts": "the picture prompts", "format": "the page", "post": "the draft"}
THINGS |= {call_keys.EARLIER: "all that was paid before this article was rebuilt"}
MAKERS = {
    "manuscript": "your manuscript, as it is",
    "headings": "made from the headings",
    "drawn": "drawn cards",
    "template": "the template",
    "preview": "preview page, here",
}


@dataclass(frozen=True)
class File:
    """An artefact: its name in the tree, its address, its size in bytes, the beginning of its hash."""

    name: str
    url: str
    bytes: int
    sha256: str = ""

    @property
    def short_hash(self) -> str:
        return self.sha256[:12]


@dataclass(frozen=True)
class StageRow:
    """A line of the list of stages. `facts` are phrases, as `2,143 words`."""

    step: state_wording.Step
    number: int
    record: StageRecord | None
    facts: list[str]
    file: File | None
    cost: Cost | None  # None: nothing was asked for that costs anything
    pictures: list[PictureRow] = field(default_factory=list)

    @property
    def began(self) -> datetime | None:
        return self.record.started_at if self.record else None

    @property
    def ended(self) -> datetime | None:
        return (self.record.finished_at or self.record.failed_at) if self.record else None


@dataclass(frozen=True)
class PictureRow:
    """A picture of the article; `file` and `sidecar` are there once it is stored."""

    image: ImageFile
    file: File | None
    sidecar: File | None


@dataclass(frozen=True)
class SectionRow:
    """A section of a long article: `kind` is a key of `cells.MARKS`, `why` says what it lacks."""

    section: Section
    kind: str
    file: File | None
    pictures: int  # that are stored
    wanted: int

    @property
    def mark(self) -> str:
        return MARKS[self.kind]

    @property
    def why(self) -> str:
        return Failure.read(self.section.error).why if self.kind == "missing" else ""


@dataclass(frozen=True)
class CallRow:
    """A line of the ledger of calls. `marks` are sentences about what may have been charged twice, or failed."""

    call: Call
    provider: str  # its name
    thing: str
    tokens: int
    cost: Cost | None  # None: it costs nothing, or is in flight
    marks: list[str]


@dataclass(frozen=True)
class ArticlePage:
    """Everything about one article but its manifest, which lies in the storage."""

    article: Article
    state: str
    report: Report | None
    progress: str
    nobody_works: bool
    done: int
    stages: list[StageRow]
    sections: list[SectionRow]
    calls: list[CallRow]
    cost: Cost
    attempts: list[Attempt]
    events: list[Event]
    has_page: bool
    earlier_pages: int


def article_page(article: Article, reader: AbstractBaseUser | AnonymousUser) -> ArticlePage:
    """The rows of one article (six queries; of one that is queued, up to three more)."""
    images, calls = list(article.images.all()), list(article.calls.defer("answer"))
    stages = _stages(article, images, calls)
    return ArticlePage(
        article=article,
        state=state_wording.state(article),
        report=report(article, reader) if article.error else None,
        nobody_works=article.status == Article.Status.QUEUED and nobody_works(),
        progress=state_wording.progress(article),
        done=sum(row.step.kind == "done" for row in stages),
        earlier_pages=len(earlier.of_file(article, names.FORMATTED)),
        stages=stages,
        sections=_sections(article, images),
        calls=[_call_row(call, article) for call in calls],
        cost=sum((_cost(call, article) for call in calls), Cost()),
        attempts=list(article.attempts.select_related("asked_by").order_by("-pk")[:MOST_ATTEMPTS]),
        events=list(article.events.all()[:MOST_EVENTS]),
        has_page=any(row.file and row.step.kind == "done" and row.step.label != "Prompts" for row in stages),
    )


def _stages(article: Article, images: list[ImageFile], calls: list[Call]) -> list[StageRow]:
    records = {record.stage: record for record in article.records.all()}
    of_stage: dict[Stage, list[Call]] = defaultdict(list)
    for call in calls:
        of_stage[call_keys.stage_of(call.key)].append(call)
    rows = []
    for stage, step in zip(Stage, state_wording.steps(article), strict=True):
        record = records.get(stage)
        costs = [_cost(call, article) for call in of_stage[stage] if _is_charged(call)]
        rows.append(
            StageRow(
                step=step,
                number=stage.step,
                record=record,
                facts=_facts(article, stage, record, images, of_stage[stage]),
                file=_file(article, record.file, record.bytes, record.sha256) if record and record.file else None,
                cost=sum(costs, Cost()) if costs else None,
                pictures=[_picture_row(article, image) for image in images] if stage == Stage.IMAGES else [],
            )
        )
    return rows


def _facts(
    article: Article, stage: Stage, record: StageRecord | None, images: list[ImageFile], calls: list[Call]
) -> list[str]:
    if record is None:
        return []
    facts = [MAKERS.get(record.maker, record.maker)] if record.maker else []
    stored = [image for image in images if image.is_stored]
    done = record.state == StageRecord.State.DONE
    if stage == Stage.ARTICLE and done:
        facts.append(formats.count(article.word_count, "word"))
    if stage == Stage.PROMPTS and done:
        facts.append(formats.count(sum(not image.own for image in images), "prompt"))
    if stage == Stage.IMAGES and images:
        own = sum(bool(image.own) for image in images)
        facts.append(f"{len(stored)} of {formats.count(len(images), 'picture')}")
        facts += [f"{own} of the writer's own"] if own else []
    if stage == Stage.FORMAT and done and record.maker == "template" and record.details.get("reason"):
        facts[0] = f"the template ({record.details['reason']})"
    if stage == Stage.UPLOAD and article.site_id and images:
        sent = sum(image.wordpress_media_id is not None for image in images)
        facts.append(f"{sent} of {formats.count(len(images), 'picture')} there")
    tokens = sum(call.input_tokens + call.output_tokens for call in calls)
    if tokens:
        facts.append(formats.count(tokens, "token"))
    return facts


def _sections(article: Article, images: list[ImageFile]) -> list[SectionRow]:
    pictures: dict[int | None, list[ImageFile]] = defaultdict(list)
    for image in images:
        pictures[image.section].append(image)
    runs = article.status == Article.Status.RUNNING
    return [
        SectionRow(
            section,
            cell_state(section.state, is_running=runs),
            _file(article, section.file_name, section.bytes, section.sha256) if section.stored else None,
            sum(image.is_stored for image in pictures[section.index]),
            len(pictures[section.index]),
        )
        for section in article.sections.defer("html", "fields")
    ]


def _picture_row(article: Article, image: ImageFile) -> PictureRow:
    if not image.is_stored:
        return PictureRow(image, None, None)
    sidecar = image.stored_base64
    return PictureRow(
        image,
        _file(article, image.file_name, image.bytes, image.sha256),
        _file(article, sidecar.name, sidecar.bytes, sidecar.sha256),
    )


def _file(article: Article, name: str, size: int, sha256: str = "") -> File:
    return File(name, reverse("artefact", args=[article.uid, name]), size, sha256)


# What it cost


def _is_charged(call: Call) -> bool:
    """Calls to sites cost nothing."""
    return call_keys.kind(call.key) not in call_keys.FREE


def _cost(call: Call, article: Article) -> Cost:
    in_hand = article.status == Article.Status.RUNNING
    return Cost(call.cost or Decimal(0), int(call.cost_is_unknown(in_hand=in_hand)))


def _thing(call: Call) -> str:
    kind, part = call.key.partition(":")[0], call_keys.part(call.key).replace("_", " ").replace("-", " ")
    if kind == "agent":
        return "the {} on the site, turn {}".format(*call_keys.goal_and_number(call.key))
    if kind == "search":
        return "the words for search engines"
    if kind in ("image", "media"):
        return f"the {part} image" if kind == "image" else f"the {part} image, to the site"
    return f"{THINGS.get(kind, kind)}{f', {part}' if part else ''}"


def _provider(call: Call, article: Article) -> str:
    """`The text service`, `WordPress Magazine`."""
    name = title_of(call.provider)
    return f"{name} {article.site}" if article.site and call.provider == article.site.provider else name


def _call_row(call: Call, article: Article) -> CallRow:
    marks = []
    if call.lost_answers and _is_charged(call):
        marks.append("May have been charged twice: an answer to it was lost on the way.")
    elif call.lost_answers:
        marks.append("Sent again after an answer was lost; Galley looked first, so nothing is there twice.")
    if call.state == Call.State.INTENT and call.sends and not article.is_moving and _is_charged(call):
        marks.append("No answer came; it may have been charged all the same.")
    if call.error:
        marks.append(f"{capfirst(Failure.read(call.error).reason)}.")
    cost = _cost(call, article)
    shown = cost if cost.unknown or call.cost is not None else None
    return CallRow(call, _provider(call, article), _thing(call), call.input_tokens + call.output_tokens, shown, marks)


# The manifest


@dataclass(frozen=True)
class ManifestPage:
    """The manifest as it lies in the storage; `problem` says why it cannot be shown."""

    url: str
    problem: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    steps: list[tuple[str, str, datetime | None]] = field(default_factory=list)
    files: list[File] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def manifest_page(article: Article) -> ManifestPage:
    """Reads the manifest (one request to the storage)."""
    url = reverse("artefact", args=[article.uid, MANIFEST])
    if not article.attempt:
        return ManifestPage(url, "It is written as soon as work on the article begins.")
    try:
        with storing():
            manifest = article.tree.manifest()
            files = [
                _file(article, stored.name, stored.bytes, stored.sha256) for stored in article.tree.files().values()
            ]
    except TreeError as exc:
        return ManifestPage(url, str(exc))
    except ProviderError as exc:
        return ManifestPage(url, f"{title_of(exc.provider)} could not be read just now. Reload the page in a minute.")
    try:
        return ManifestPage(url, "", _manifest_facts(manifest), _manifest_steps(manifest), files)
    except (AttributeError, TypeError, ValueError):  # valid JSON, and not what we wrote
        return ManifestPage(url, "The manifest has been changed and cannot be shown. Open it to see.")


def _manifest_facts(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    article, source = manifest.get("article", {}), manifest.get("source", {})
    facts = [
        ("Title", article.get("title") or "not yet"),
        ("Words", f"{article.get('word_count', 0):,}"),
        ("Handed in by", source.get("owner")),
        ("Handed in as", source.get("manuscript_name") or ("a manuscript" if source.get("manuscript") else "an idea")),
        ("Site", source.get("site") or "none, a preview page"),
        ("Components", ", ".join(_components(article)) or "none found"),
    ]
    return [(name, str(value)) for name, value in facts if value]


def _components(article: dict[str, Any]) -> list[str]:
    """`["2 pull quotes", "1 sidebar"]`"""
    kinds = [str(entry.get("type", "")).replace("_", " ") for entry in article.get("components", [])]
    return [formats.count(kinds.count(kind), kind) for kind in dict.fromkeys(kinds)]


def _manifest_steps(manifest: dict[str, Any]) -> list[tuple[str, str, datetime | None]]:
    """The label, status and time of each of the five steps, as they are written there."""
    steps = list(manifest.get("pipeline_stages", {}).values())
    return [
        (str(stage.label), str(step.get("status", "")), parse_datetime(step.get("timestamp") or ""))
        for stage, step in zip(Stage, steps, strict=False)
    ]
