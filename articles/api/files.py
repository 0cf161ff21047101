"""The files of an article in the API: its text, its prompts, its pictures, its page."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router
from ninja.errors import HttpError
from pydantic import Field

from articles.api.asking import who_may_look
from articles.api.strict import A_TIME, REFUSALS, Problem, Strict
from articles.models import Article
from articles.providers.errors import Unreachable
from articles.tree import manifest, names
from articles.tree.storing import storing
from backups.trees.tree import FileDamaged, Stored

# A file was written by a model or pasted by a person. Whatever is in it, a browser that is led to it saves it or shows
# it as plain text, without an origin, and nobody keeps it beyond the right to see it.
HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
KINDS = {"text/plain": {"type": "string"}, "image/jpeg": {"type": "string", "format": "binary"}}
FILE = {"description": "OK", "content": {kind: {"schema": schema} for kind, schema in KINDS.items()}}

router = Router(tags=["articles"])


class FileOut(Strict):
    """A file that the manifest of an article names."""

    name: str
    stage: str = Field(description="that makes it: article, prompts, images, format or upload")
    bytes: int
    sha256: str
    url: str


class FilesOut(Strict):
    """What is saved of an article."""

    files: list[FileOut] = Field(description="by name; those of a stage that is not done are not there")
    removed_at: Annotated[str, A_TIME] | None = Field(
        description="the backup of a finished article is removed after some days: when"
    )


@router.get("/{int:article_id}/files", response={200: FilesOut, **REFUSALS}, operation_id="article_files")
def files(request: HttpRequest, article_id: int) -> FilesOut:
    """The files of an article: its text, its prompts, its pictures, its page (eight queries)."""
    article = _article(request, article_id)
    removed = article.tree_expired_at
    listed = [] if removed else sorted(manifest.build(article)[1].values(), key=lambda stored: stored.name)
    return FilesOut(
        files=[_file(article, stored) for stored in listed], removed_at=removed.isoformat() if removed else None
    )


@router.get(
    "/{int:article_id}/files/{name}",
    response={**REFUSALS, 409: Problem, 503: Problem},
    openapi_extra={"responses": {200: FILE}},
    operation_id="article_file",
    url_name="article_file",
)
def file(request: HttpRequest, article_id: int, name: str) -> HttpResponse:
    """A file as it is, whole: pictures as JPEG, everything else, HTML as well, as plain text."""
    article = _article(request, article_id)
    stored = None if article.tree_expired_at else manifest.build(article)[1].get(name)
    if stored is None:
        raise Http404
    try:
        with storing():
            content = article.tree.read(stored)
    except FileDamaged as exc:
        raise HttpError(409, f"{name} is damaged in the backup. Recover makes it again.") from exc
    except Unreachable as exc:
        raise HttpError(503, "The backup storage does not answer. Try again in a minute.") from exc
    kind = "image/jpeg" if PurePosixPath(name).suffix == ".jpg" else "text/plain; charset=utf-8"
    attached = {"Content-Disposition": f'attachment; filename="{name}"'}  # our own names are plain
    return HttpResponse(content, content_type=kind, headers={**HARMLESS, **attached})


def _article(request: HttpRequest, article_id: int) -> Article:
    mine = Article.objects.touchable_by(who_may_look(request, Article))
    article = mine.filter(pk=article_id).first()
    if article is None:
        raise Http404
    return article


def _file(article: Article, stored: Stored) -> FileOut:
    path = reverse("api:article_file", args=[article.pk, stored.name])
    return FileOut(
        name=stored.name,
        stage=names.stage_of(stored.name),
        bytes=stored.bytes,
        sha256=stored.sha256,
        url=f"{settings.GALLEY_BASE_URL}{path}",
    )
