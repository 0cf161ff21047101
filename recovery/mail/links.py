"""The link in a mail: signed, dead after a week, and harmless. Mail scanners open links, so opening changes nothing."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from articles.models import Article, ArticleQuerySet
from recovery.models import Mail

LIFE = 7 * 24 * 3600  # seconds
FEW = 50  # articles that an address may name

# What may be wrong with a link: status, heading, what to do.
NOT_OURS = (
    404,
    "This link leads nowhere",
    "It is incomplete, or not from Galley. Copy it whole from the mail.",
)
EXPIRED = (410, "This link has expired", "Links in mails work for a week. The desk shows what is stopped.")
NOT_YOURS = (403, "This is not yours to see", "Log in as the person who got the mail, or ask a chief editor.")
ALL_WELL = (200, "Nothing is stopped any more", "What this mail was about goes on, is done, or was cancelled.")


def signer() -> TimestampSigner:
    return TimestampSigner(salt="recovery.mail")


def address(mail: Mail) -> str:
    """The whole address, to be written into the mail. It names no article and gives no right."""
    return settings.GALLEY_BASE_URL + reverse("mail-link", args=[signer().sign(str(mail.pk))])


@require_safe
@never_cache
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """To the plan of recovering what is stopped now, for who may touch it."""
    try:
        pk = int(signer().unsign(token, max_age=LIFE))
    except SignatureExpired:
        return _page(request, *EXPIRED)
    except (BadSignature, ValueError):
        return _page(request, *NOT_OURS)
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    mail = Mail.objects.filter(pk=pk).defer("text", "html").first()
    if mail is None:
        return _page(request, *EXPIRED)
    theirs = Article.objects.touchable_by(request.user)
    told = theirs.filter(stops__mail=mail)
    if not told.exists():
        return _page(request, *NOT_YOURS)
    stopped = list(_stopped(mail, theirs).order_by("pk").values_list("pk", flat=True)[: FEW + 1])
    if stopped:
        return HttpResponseRedirect(_plan(mail, stopped))
    if len(articles := list(told.distinct()[:2])) == 1:
        return HttpResponseRedirect(articles[0].get_absolute_url())
    return _page(request, *ALL_WELL)


def _stopped(mail: Mail, theirs: ArticleQuerySet) -> ArticleQuerySet:
    """What the mail told of and is stopped still, and what else of that person stopped for the same reason."""
    same = Q(owner=mail.recipient_id)
    if mail.kind == Mail.Kind.AT_ONCE:
        same &= Q(cause=mail.cause)
    if mail.kind == Mail.Kind.GIVEN:
        same = Q(pk=None)  # this one alone
    return theirs.filter(same | Q(pk__in=mail.stops.values("article")), status=Article.Status.FAILED)


def _plan(mail: Mail, stopped: list[int]) -> str:
    if len(stopped) <= FEW:
        chosen = {"ids": ",".join(map(str, stopped))}
    elif mail.kind == Mail.Kind.AT_ONCE:
        chosen = {"problem": mail.cause}
    else:
        return f"{reverse('admin:articles_article_changelist')}?state=stopped"
    return f"{reverse('admin:articles_article_recover')}?{urlencode(chosen)}"


def _page(request: HttpRequest, status: int, heading: str, words: str) -> HttpResponse:
    return TemplateResponse(request, "recovery/link.html", {"heading": heading, "words": words}, status=status)
