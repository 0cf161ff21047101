"""Articles' files over HTTP: the page as readers will see it, its pictures, and each artefact.

A page was written by a model or pasted by an editor. It is shown as a document without an origin: it can run nothing,
load nothing but its own pictures, and knows no session. As its requests carry no cookie, its pictures' addresses carry
a key: who looks at the page, signed, for minutes. It opens what that person may still see.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.signing import BadSignature, TimestampSigner
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import escape
from django.utils.http import urlencode
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from articles.models import Article, Stage
from articles.providers.errors import Unreachable
from articles.tree import earlier, manifest, names
from articles.tree.storing import storing
from backups.trees.tree import MANIFEST, Stored, TreeError

PICTURE_LIFE = 300  # seconds; the pictures are asked for right after the page
POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src {pictures}; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
signer = TimestampSigner(salt="publishing.preview")


@login_required
@require_safe
@xframe_options_sameorigin  # the article's page shows it in a frame; nothing else at the desk may be framed
def page(request: HttpRequest, uid: str) -> HttpResponse:
    """The final page, or the formatted one, or the raw article: the furthest there is, or one laid out after it."""
    article = get_object_or_404(Article.objects.touchable_by(request.user).prefetch_related("records"), uid=uid)
    done = {record.stage: record for record in article.records.all() if record.file}
    if article.has_newer_page:
        del done[Stage.UPLOAD]
    stage = next((stage for stage in (Stage.UPLOAD, Stage.FORMAT, Stage.ARTICLE) if stage in done), None)
    stored = done[stage].stored if stage else None
    if stored is None:
        raise Http404("There is no page of this article yet.")
    return _shown(request, article, stored)


@login_required
@require_safe
@xframe_options_sameorigin  # the page of its versions shows it in a frame
def laid_out(request: HttpRequest, uid: str, name: str) -> HttpResponse:
    """A page as it is laid out, without its title, with the pictures of now: the present one, or one before it."""
    article = get_object_or_404(Article.objects.touchable_by(request.user).prefetch_related("records"), uid=uid)
    pages = {entry["file"] for entry in earlier.of_file(article, names.FORMATTED)}
    stored = article.record(Stage.FORMAT).stored if name == names.FORMATTED else earlier.stored(article).get(name)
    if stored is None or name not in {names.FORMATTED, *pages}:
        raise Http404("There is no such page.")
    return _shown(request, article, stored)


def _shown(request: HttpRequest, article: Article, stored: Stored) -> HttpResponse:
    try:
        with storing():
            html = article.tree.read(stored).decode()
    except (TreeError, Unreachable) as exc:
        raise Http404("The page in the backup cannot be used.") from exc
    response = HttpResponse(_with_pictures(request, article, html))
    pictures = request.build_absolute_uri(reverse("preview-picture", args=["a", "b"])).removesuffix("a/b")
    response["Content-Security-Policy"] = POLICY.format(pictures=pictures)
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _with_pictures(request: HttpRequest, article: Article, html: str) -> str:
    """The page with signed addresses for its pictures, also where it names those of the site."""
    for image in article.images.all():
        if image.is_stored:
            address = request.build_absolute_uri(reverse("preview-picture", args=[article.uid, image.file_name]))
            address += "?" + urlencode({"key": _key(request.user, article.uid, image.file_name)})
            for name in filter(None, (image.file_name, image.wordpress_url)):
                html = html.replace(f'src="{escape(name)}"', f'src="{escape(address)}"')
    return html


def _key(reader: AbstractBaseUser | AnonymousUser, uid: str, name: str) -> str:
    """Opens one picture for one person: their number, and the signature of it with what it opens."""
    value = f"{reader.pk}/{uid}/{name}"
    return f"{reader.pk}{signer.sign(value).removeprefix(value)}"


@require_safe
def picture(request: HttpRequest, uid: str, name: str) -> HttpResponse:
    """A picture of a page, for the reader whom the key names, as long as they may see it."""
    user_id, _, signature = request.GET.get("key", "").partition(":")
    try:
        signer.unsign(f"{user_id}/{uid}/{name}:{signature}", max_age=PICTURE_LIFE)
    except BadSignature as exc:
        raise Http404("This address has expired. Reload the page.") from exc
    reader = get_object_or_404(User, pk=user_id)
    return _file(get_object_or_404(Article.objects.touchable_by(reader), uid=uid), name)


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
    response["Cache-Control"] = "private, no-store"  # a right that ends takes what was seen along
    return response


def _manifest_as_it_is(article: Article) -> bytes:
    with article.tree.storage.open(article.tree.path(MANIFEST), "rb") as file:
        content: bytes = file.read()
    return content
