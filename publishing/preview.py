"""Articles' files over HTTP: the page as readers will see it, its pictures, and each artefact.

A page was written by a model or pasted by an editor. It is shown as a document without an origin: it can run nothing,
load nothing but its own pictures, and knows no session. As its requests carry no cookie, its pictures' addresses carry
a signature that dies within the hour.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from django.contrib.auth.decorators import login_required
from django.core.signing import BadSignature, TimestampSigner
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import escape
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from articles.models import Article, Stage
from articles.providers.errors import Unreachable
from articles.tree import manifest
from articles.tree.storing import storing
from backups.trees.tree import MANIFEST, TreeError

PICTURE_LIFE = 3600  # seconds
POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src {pictures}; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
signer = TimestampSigner(salt="publishing.preview")


@login_required
@require_safe
@xframe_options_sameorigin  # the article's page shows it in a frame; nothing else at the desk may be framed
def page(request: HttpRequest, uid: str) -> HttpResponse:
    """The final page, or the formatted one, or the raw article: the furthest there is."""
    article = get_object_or_404(Article.objects.touchable_by(request.user), uid=uid)
    done = {record.stage: record for record in article.records.all() if record.file}
    stage = next((stage for stage in (Stage.UPLOAD, Stage.FORMAT, Stage.ARTICLE) if stage in done), None)
    stored = done[stage].stored if stage else None
    if stored is None:
        raise Http404("There is no page of this article yet.")
    try:
        with storing():
            html = article.tree.read(stored).decode()
    except (TreeError, Unreachable) as exc:
        raise Http404("The page in the backup cannot be used.") from exc
    response = HttpResponse(_with_pictures(request, article, html))
    pictures = request.build_absolute_uri(reverse("preview-picture", args=["any"])).removesuffix("any")
    response["Content-Security-Policy"] = POLICY.format(pictures=pictures)
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _with_pictures(request: HttpRequest, article: Article, html: str) -> str:
    """The page with signed addresses for its pictures, also where it names those of the site."""
    for image in article.images.all():
        if image.is_stored:
            signed = signer.sign(f"{article.uid}/{image.file_name}")
            address = request.build_absolute_uri(reverse("preview-picture", args=[signed]))
            for name in filter(None, (image.file_name, image.wordpress_url)):
                html = html.replace(f'src="{escape(name)}"', f'src="{escape(address)}"')
    return html


@require_safe
def picture(_request: HttpRequest, signed: str) -> HttpResponse:
    """A picture of a page that its reader was allowed to see."""
    try:
        uid, _, name = signer.unsign(signed, max_age=PICTURE_LIFE).partition("/")
    except BadSignature as exc:
        raise Http404("This address has expired. Reload the page.") from exc
    return _file(get_object_or_404(Article, uid=uid), name)


@login_required
@require_safe
def artefact(request: HttpRequest, uid: str, name: str) -> HttpResponse:
    """A file of the tree: pictures and texts to look at, HTML only to download or as text."""
    article = get_object_or_404(Article.objects.touchable_by(request.user), uid=uid)
    response = _file(article, name)
    if "download" in request.GET:
        response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _file(article: Article, name: str) -> HttpResponse:
    """A file that the manifest names, whole. HTML and JSON come as plain text: they are looked at, not run."""
    _, files = manifest.build(article)
    if name != MANIFEST and name not in files:
        raise Http404("There is no such file in this article's backup.")
    try:
        with storing():
            content = article.tree.read(files[name]) if name in files else _manifest_as_it_is(article)
    except (TreeError, Unreachable) as exc:
        raise Http404(f"{name} in the backup cannot be used.") from exc
    kind = "image/jpeg" if PurePosixPath(name).suffix == ".jpg" else "text/plain; charset=utf-8"
    response = HttpResponse(content, content_type=kind)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=300"
    return response


def _manifest_as_it_is(article: Article) -> bytes:
    with article.tree.storage.open(article.tree.path(MANIFEST), "rb") as file:
        content: bytes = file.read()
    return content
