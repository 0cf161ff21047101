"""Stage 2: what the pictures shall show: asked of the text service, or made from the headings of the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from articles import call_keys
from articles.content import manuscripts, markup, placing
from articles.models import Article, Call, ImageFile
from articles.pipeline.run import Outcome, Run
from articles.providers import text
from articles.providers.errors import IT
from articles.stages.images import ASPECTS, SECTIONS
from articles.stages.text_calls import ask, garbled
from articles.tree import names
from articles.tree.prompts import prompts_file

THING = "the picture prompts"
PICTURE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["prompt", "alt_text"],
    "properties": {"prompt": {"type": "string"}, "alt_text": {"type": "string"}},
}
TEXT_CHARACTERS = 24_000  # of the article, as much as a prompt needs


@dataclass(frozen=True)
class Prompt:
    """What a picture shall show, and the words for those who cannot see it."""

    text: str
    alt_text: str


def run(run: Run) -> Outcome:
    if run.article.batch_id:
        return _with_the_sections(run)
    if not settings.OPENAI_API_KEY:
        return _saved(run, from_headings(run.article), "headings", again=True)
    sections = len(placing.places_of(run.article.html, SECTIONS))
    words = {
        "article": run.article,
        "text": markup.text_of(run.article.html)[:TEXT_CHARACTERS],
        "sections": sections,
    }
    call = ask(run, "pictures", key=call_keys.PROMPTS, thing=THING, words=words, schema=_schema(sections))
    with run.calls.reading(call, THING):
        prompts = _read(call.raw, sections)
    outcome = _saved(run, prompts, call.model, again=call.state == Call.State.DONE)
    run.calls.done(call)
    return outcome


def _with_the_sections(run: Run) -> Outcome:
    """Each section of a batch came with the prompts of its pictures."""
    pictures = list(run.article.images.all())
    return Outcome(
        run.save_file(names.PROMPTS, prompts_file(pictures)), maker="sections", details={"prompts": len(pictures)}
    )


def _schema(sections: int) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["hero", "sections"],
        "properties": {
            "hero": PICTURE,
            "sections": {"type": "array", "minItems": sections, "maxItems": sections, "items": PICTURE},
        },
    }


def _read(raw: dict[str, Any], wanted: int) -> list[Prompt]:
    """The prompts for the hero and so many sections. Raises Rejected, Garbled."""
    found = text.content(raw)
    sections = found.get("sections")
    entries = [found.get("hero"), *(sections if isinstance(sections, list) else [])][: wanted + 1]
    prompts = [
        Prompt(line(entry.get("prompt"), 2000), line(entry.get("alt_text"), 300))
        for entry in entries
        if isinstance(entry, dict)
    ]
    if len(prompts) <= wanted or not all(prompt.text for prompt in prompts):
        raise garbled(f"{IT} wrote fewer than {wanted + 1} prompts", raw)
    return prompts


def line(value: object, limit: int) -> str:
    return " ".join(str(value or "").replace("\x00", "").split())[:limit]


def from_headings(article: Article) -> list[Prompt]:
    """The title for the hero, and for each place of a picture the heading or the paragraph that it stands before."""
    subjects = [
        manuscripts.shortened(markup.line_of(place), 120) for place in placing.places_of(article.html, SECTIONS)
    ]
    style = "Editorial magazine photograph, natural light, no text, no logos"
    hero = Prompt(f"{style}. {article}. The opening picture of the article.", line(article, 300))
    return [
        hero,
        *(Prompt(f"{style}. {subject} (from an article on: {article}).", subject) for subject in subjects),
    ]


def _saved(run: Run, prompts: list[Prompt], maker: str, *, again: bool) -> Outcome:
    """`again`: from what was read once before. An editor may have changed a prompt since; it stays."""
    pictures = [
        ImageFile(article=run.article, role=role, aspect=aspect, prompt=prompt.text, alt_text=prompt.alt_text)
        for (role, aspect), prompt in zip(ASPECTS.items(), prompts, strict=False)  # fewer where the text bears fewer
    ]
    there = {image.role: image for image in run.article.images.all()} if again else {}
    pictures = [there.get(picture.role, picture) for picture in pictures]
    stored = run.save_file(names.PROMPTS, prompts_file(pictures))
    with run.lease.fence():
        # Of an earlier text that bore more: none is made for those, and one that is there stays.
        run.article.images.filter(sha256="").exclude(role__in=[picture.role for picture in pictures]).delete()
        ImageFile.objects.bulk_create(
            [picture for picture in pictures if picture.pk is None],
            update_conflicts=True,
            unique_fields=["article", "role"],
            update_fields=["prompt", "alt_text", "aspect"],
        )
    return Outcome(stored, maker=maker, details={"prompts": len(pictures)})
