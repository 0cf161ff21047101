"""Stage 2: what the pictures shall show: asked of the text service, or made from the headings of the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q

from articles import call_keys
from articles.content import manuscripts, markup, placing
from articles.content.own_pictures import OwnPicture
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
    own = _own(run.article)
    if made := _staying(run.article):
        return _saved(run, made, own, "as before")
    sections = len(placing.places_of(run.article.html, SECTIONS, own))
    if not sections and any(picture.opens for picture in own):
        return _saved(run, [], own, "manuscript")
    if not settings.OPENAI_API_KEY:
        return _saved(run, _rows(run, from_headings(run.article, own), own, again=True), own, "headings")
    words = {
        "article": run.article,
        "text": markup.text_of(run.article.html)[:TEXT_CHARACTERS],
        "sections": sections,
    }
    call = ask(run, "pictures", key=call_keys.PROMPTS, thing=THING, words=words, schema=_schema(sections))
    with run.calls.reading(call, THING):
        prompts = _read(call.raw, sections)
    outcome = _saved(run, _rows(run, prompts, own, again=call.state == Call.State.DONE), own, call.model)
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


def _own(article: Article) -> tuple[OwnPicture, ...]:
    """What the writer has put into the manuscript."""
    return manuscripts.read(article.manuscript, article.manuscript_name).pictures if article.manuscript else ()


def from_headings(article: Article, own: Sequence[OwnPicture] = ()) -> list[Prompt]:
    """The title for the hero, and for each place of a picture the heading or the paragraph that it stands before."""
    subjects = [
        manuscripts.shortened(markup.line_of(place), 120) for place in placing.places_of(article.html, SECTIONS, own)
    ]
    style = "Editorial magazine photograph, natural light, no text, no logos"
    hero = Prompt(f"{style}. {article}. The opening picture of the article.", line(article, 300))
    return [
        hero,
        *(Prompt(f"{style}. {subject} (from an article on: {article}).", subject) for subject in subjects),
    ]


def _staying(article: Article) -> list[ImageFile]:
    """The pictures that were made of an earlier text, and stay; none where a person wants them anew."""
    made = list(article.images.filter(own="")) if article.earlier_manuscripts else []
    return made if all(image.is_stored for image in made) else []


def _rows(run: Run, prompts: list[Prompt], own: Sequence[OwnPicture], *, again: bool) -> list[ImageFile]:
    """`again`: from what was read once before. An editor may have changed a prompt since; it stays.

    Where a picture of the writer's opens the article, no other does.
    """
    pictures = [
        ImageFile(article=run.article, role=role, aspect=aspect, prompt=prompt.text, alt_text=prompt.alt_text)
        for (role, aspect), prompt in zip(ASPECTS.items(), prompts, strict=False)  # fewer where the text bears fewer
    ]
    there = {image.role: image for image in run.article.images.all()} if again else {}
    opened = any(picture.opens for picture in own)
    return [there.get(picture.role, picture) for picture in pictures[opened:]]


def _saved(run: Run, made: list[ImageFile], own: Sequence[OwnPicture], maker: str) -> Outcome:
    """Those that are made, and the writer's own. A row that is there keeps its picture."""
    pictures = [*made, *(_own_row(run, picture) for picture in own)]
    stored = run.save_file(names.PROMPTS, prompts_file(pictures))
    with run.lease.fence():
        # Of an earlier text that bore more: none is made for those, and one that is there stays.
        others = run.article.images.exclude(role__in=[picture.role for picture in pictures])
        others.filter(~Q(own="") | Q(sha256="")).delete()  # of the writer's own also those that are there
        ImageFile.objects.bulk_create(
            [picture for picture in pictures if picture.pk is None],
            update_conflicts=True,
            unique_fields=["article", "role"],
            update_fields=["prompt", "alt_text", "aspect", "own", "after", "opens"],
        )
    return Outcome(stored, maker=maker, details={"prompts": len(made)})


def _own_row(run: Run, picture: OwnPicture) -> ImageFile:
    return ImageFile(
        article=run.article,
        role=picture.role,
        alt_text=picture.alt_text,
        own=picture.name,
        after=picture.after,
        opens=picture.opens,
    )
