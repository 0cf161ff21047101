"""Stage 1 of a long article: its opening first, then section by section, each kept with its pictures at once.

What one section meets stops none of the others: it is missing at the end, and only it is made when the article is
recovered. What keeps a service from answering anybody stops the article, which goes on at that very section.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from articles import call_keys
from articles.batches import control, lists
from articles.content import manuscripts, markup, word_counts
from articles.failures import VERBS, Failure
from articles.formats import count
from articles.models import Article, Call, ImageFile, Section, Stage, StageRecord
from articles.pipeline.lease import HeldBack
from articles.pipeline.revision import batch_revision
from articles.pipeline.run import Outcome, Run
from articles.providers import text, wrapping
from articles.providers.errors import GALLEY, IT, Garbled, ProviderError, Rejected, Then
from articles.providers.names import title_of
from articles.stages import images
from articles.stages.prompts import PICTURE, line
from articles.stages.text_calls import ask, garbled, writing_words
from articles.tree import names

OUTLINE = (3, 40)  # sections of an outline, fewest and most
FEWEST_WORDS = 30  # of a section
ALONE = (Rejected, Garbled)  # what one section may meet while the others are written
THING = "the opening of the article"


@dataclass(frozen=True)
class Opening:
    """What comes before the sections: title, introduction, its pictures, and the outline where none was given."""

    title: str
    html: str
    pictures: list[tuple[str, str]]  # prompt, text for those who cannot see it
    outline: list[tuple[str, str]]  # heading, brief


def run(run: Run) -> Outcome:
    article = run.article
    control.check_turn(run)
    record = _opened(run)
    failures = _general_pictures(run)
    # Looked up one by one: a list may be made longer or shorter meanwhile.
    while section := article.sections.exclude(state__in=[Section.State.DONE, Section.State.FAILED]).first():
        run.lease.check_time()
        control.check_turn(run)
        _write(run, section)
    missing = list(article.sections.exclude(state=Section.State.DONE))
    if missing:
        raise _incomplete(article, missing)
    if failures:
        raise failures[0]
    html = _joined(record.details["opening"]["html"], article)
    return Outcome(
        run.save_page(names.ARTICLE, str(article), html),
        maker=record.maker,
        details=record.details | {"sections": article.sections.count()},
        article={"html": html, "word_count": word_counts.word_count(html)},
    )


# The opening


def _opened(run: Run) -> StageRecord:
    """The record of this stage, with the opening in its details: written now, or by an earlier run."""
    article = run.article
    record = article.records.get(stage=Stage.ARTICLE)
    if "opening" in record.details:
        return record
    pictures = article.batch.images_per_style if article.batch else 0
    words = writing_words(article) | {
        "brief": lists.filled(article.batch.brief, article.batch_fields) if article.batch else "",
        "pictures": pictures,
        "headings": list(article.sections.values_list("heading", flat=True)),
        "most": OUTLINE[1],
    }
    schema = _schema(pictures, title={"type": "string"}, **({} if article.batch else {"sections": _OUTLINE}))
    call = ask(run, "opening", key=call_keys.TEXT, thing=THING, words=words, schema=schema)
    with _reading(run, call, THING):
        opening = _read_opening(call.raw, pictures, with_outline=article.batch is None)
    _keep_opening(run, call, opening, record)
    return record


@contextmanager
def _reading(run: Run, call: Call, thing: str) -> Iterator[None]:
    """As `run.reading`; what is declined of a batch is mended in its brief."""
    with run.calls.reading(call, thing):
        try:
            yield
        except Rejected as exc:
            if run.article.batch:
                exc.mend, exc.then = "change the brief of the batch", Then.RECOVER
            raise


_OUTLINE: dict[str, Any] = {
    "type": "array",
    "minItems": OUTLINE[0],
    "maxItems": OUTLINE[1],
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["heading", "brief"],
        "properties": {"heading": {"type": "string"}, "brief": {"type": "string"}},
    },
}


def _schema(pictures: int, **properties: Any) -> dict[str, Any]:
    properties |= {"html": {"type": "string"}}
    if pictures:
        properties["pictures"] = {"type": "array", "minItems": pictures, "maxItems": pictures, "items": PICTURE}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _read_opening(raw: dict[str, Any], pictures: int, *, with_outline: bool) -> Opening:
    """Raises Rejected, Garbled."""
    found = text.content(raw)
    title, html = found.get("title"), found.get("html")
    if not isinstance(title, str) or not isinstance(html, str):
        raise garbled("its answer has no title or no text", raw)
    plain = " ".join(markup.text_of(markup.clean_text(title)).split()) or "Untitled"
    return Opening(
        manuscripts.shortened(plain, 160),
        _below(markup.clean_text(wrapping.html_field(html)), "h3"),
        _read_pictures(found, pictures, raw),
        _read_outline(found, raw) if with_outline else [],
    )


def _read_outline(found: dict[str, Any], raw: dict[str, Any]) -> list[tuple[str, str]]:
    entries = text.dicts(found.get("sections"))[: OUTLINE[1]]
    outline = {
        lists.folded(heading): (heading, line(entry.get("brief"), 1000))
        for entry in entries
        if (heading := line(entry.get("heading"), 200))
    }
    if len(outline) < OUTLINE[0]:
        raise garbled(f"its outline has fewer than {OUTLINE[0]} sections", raw)
    return list(outline.values())


def _read_pictures(found: dict[str, Any], wanted: int, raw: dict[str, Any]) -> list[tuple[str, str]]:
    entries = found.get("pictures")
    pictures = [
        (line(entry.get("prompt"), 2000), line(entry.get("alt_text"), 300))
        for entry in (entries if isinstance(entries, list) else [])[:wanted]
        if isinstance(entry, dict)
    ]
    if len(pictures) < wanted or not all(prompt for prompt, _ in pictures):
        raise garbled(f"it wrote fewer than {wanted} prompts for pictures", raw)
    return pictures


def _keep_opening(run: Run, call: Call, opening: Opening, record: StageRecord) -> None:
    """Title, introduction, outline and the prompts of its pictures: safe before the first section is asked for."""
    article = run.article
    stored = run.save_page(names.OPENING, opening.title, opening.html)
    kept = {"title": opening.title, "html": opening.html, "sha256": stored.sha256, "bytes": stored.bytes}
    record.details = {"opening": kept, "reasoning_tokens": call.reasoning_tokens}
    record.maker = call.model
    with transaction.atomic():
        run.lease.renew(title=opening.title, html=opening.html, word_count=word_counts.word_count(opening.html))
        roles = ["hero", *(f"general_{n}" for n in range(2, len(opening.pictures) + 1))]
        _keep_prompts(article, roles[: len(opening.pictures)], opening.pictures, images.HERO_ASPECT)
        outline = (
            Section(
                article=article,
                index=index,
                heading=heading,
                key=lists.folded(heading),
                fields={"section": heading, "brief": brief},
            )
            for index, (heading, brief) in enumerate(opening.outline, 1)
        )
        Section.objects.bulk_create(outline)
        record.save(update_fields=["details", "maker"])
        run.calls.done(call)
        run.lease.note("saved", "The opening is safe")
    run.commit_manifest()


def _keep_prompts(article: Article, roles: list[str], pictures: list[tuple[str, str]], aspect: str) -> None:
    ImageFile.objects.bulk_create(
        (
            ImageFile(article=article, role=role, aspect=aspect, prompt=prompt, alt_text=alt_text)
            for role, (prompt, alt_text) in zip(roles, pictures, strict=True)
        ),
        update_conflicts=True,  # a section that is written anew shows something else
        unique_fields=["article", "role"],
        update_fields=["prompt", "alt_text", "aspect"],
    )


def _general_pictures(run: Run) -> list[ProviderError]:
    """What the pictures of the opening met that stops none of the sections."""
    pictures = [image for image in run.article.images.all() if image.section is None and not image.is_stored]
    try:
        images.make(run, pictures)
    except ALONE as exc:
        return [exc]
    finally:
        run.commit_manifest()
    return []


# A section


def _write(run: Run, section: Section) -> None:
    if not mark_section(run, section, Section.State.RUNNING):
        return
    try:
        if not section.sha256:
            _write_text(run, section)
        # A prompt may have been changed by an editor, and pictures may be there already.
        role = f"section_{section.index}_"
        pictures = [image for image in run.article.images.filter(role__startswith=role) if not image.is_stored]
        images.make(run, pictures)
    except ALONE as exc:
        mark_section(run, section, Section.State.FAILED, error=exc.saved())
        run.lease.note("missing", f"Section {section.index}, {section}: {Failure.of(exc).reason}", exc.detail)
        control.pause_when_all_fail(run.article)
    except (ProviderError, HeldBack):
        mark_section(run, section, Section.State.PENDING)
        raise
    else:
        mark_section(run, section, Section.State.DONE, error=None)
    run.commit_manifest()


def mark_section(run: Run, section: Section, state: Section.State, **changes: Any) -> bool:
    """Move a section on, with the batch's revision. False: it is there no more."""
    article, is_done = run.article, state == Section.State.DONE
    changes |= {"state": state, "finished_at": timezone.now() if is_done else None}
    with batch_revision(article.batch_id) as revision:
        if is_done:
            run.lease.made_headway()
        else:
            run.lease.renew()
        is_there = article.sections.filter(pk=section.pk).update(**changes, revision=revision)
    section.state = state
    return bool(is_there)


def _write_text(run: Run, section: Section) -> None:
    article = run.article
    pictures = article.batch.images_per_section if article.batch else 0
    words = writing_words(article) | {
        "section": section,
        "headings": list(article.sections.values_list("heading", flat=True)),
        "brief": lists.filled(article.batch.brief, article.batch_fields | section.fields)
        if article.batch
        else section.fields.get("brief", ""),
        "pictures": pictures,
    }
    thing = f"section {section.index}, {section.heading}"
    key = call_keys.section(section.index)
    call = ask(run, "section", key=key, thing=thing, words=words, schema=_schema(pictures))
    with _reading(run, call, thing):
        html, count, prompts = _read_section(call.raw, pictures)
    stored = run.save_page(section.file_name, section.heading, html)
    with transaction.atomic():
        roles = [f"section_{section.index}_{n}" for n in range(1, pictures + 1)]
        _keep_prompts(article, roles, prompts, images.SECTION_ASPECT)
        article.sections.filter(pk=section.pk).update(
            html=html, word_count=count, sha256=stored.sha256, bytes=stored.bytes
        )
        run.calls.done(call)


def _read_section(raw: dict[str, Any], pictures: int) -> tuple[str, int, list[tuple[str, str]]]:
    """The text, its number of words, and its pictures. Raises Rejected, Garbled."""
    found = text.content(raw)
    html = found.get("html")
    if not isinstance(html, str):
        raise garbled("its answer has no text", raw)
    cleaned = _below(markup.clean_text(wrapping.html_field(html)), "h3")
    if (count := word_counts.word_count(cleaned)) < FEWEST_WORDS:
        raise garbled(f"{IT} wrote only {count} words", raw, "too_short")
    return cleaned, count, _read_pictures(found, pictures, raw)


# The whole


def _below(html: str, highest: str) -> str:
    """With no heading above `highest`: the sections' own stand there."""
    root = markup.parse(html)
    for heading in root.iter("h1", "h2"):
        heading.tag = highest
    return markup.serialize(root)


def _joined(opening: str, article: Article) -> str:
    """The opening and all sections that are there, each under its heading."""
    there = article.sections.exclude(sha256="")
    parts = (render_to_string("articles/section.html", {"section": section}) for section in there.iterator())
    return "\n".join([opening, *parts]).rstrip()  # as it is read back from its file


def why_missing(missing: list[Section]) -> str:
    """`The text service declined one section`; without a name where there are several reasons."""
    number = "one section" if len(missing) == 1 else count(len(missing), "section")
    failures = [Failure.read(section.error).error for section in missing]
    [provider, *other_providers] = {error["provider"] for error in failures}
    [kind, *other_kinds] = {error["kind"] for error in failures}
    if other_providers or other_kinds or kind not in VERBS:
        return f"{number} could not be made".capitalize()
    return f"{title_of(provider)} {VERBS[kind]} {number}"


def _incomplete(article: Article, missing: list[Section]) -> ProviderError:
    names = ", ".join(section.heading for section in missing[:3])
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    verb = "is" if len(missing) == 1 else "are"
    return Rejected(
        GALLEY,
        f"{len(missing)} of {article.sections.count()} sections {verb} missing: {names}{more}",
        then=Then.WHAT_IS_MISSING,
        code="sections",
        detail="\n".join(f"{section}: {Failure.read(section.error).reason}" for section in missing),
        thing=why_missing(missing),
    )
