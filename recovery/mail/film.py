"""What a browser saw where a publication stopped: the last picture of its film, for the mail about that."""

from __future__ import annotations

from email.mime.image import MIMEImage

from django.contrib.auth.models import User

from articles.models import Article, Stage
from publishing.models import PublishTask, Shot, Way
from recovery.models import Mail

MOST_BYTES = 250_000  # that a mail may bring; a larger one is looked at in the desk


def failing_picture(article: Article, reader: User) -> bytes:
    """A JPEG of where it stopped; empty where no browser was at work, where the picture is gone or too large, and for
    who may not see it (two queries).
    """
    if not article.error or article.error["stage"] != Stage.UPLOAD:
        return b""
    began = article.attempts.filter(number=article.attempt).values_list("started_at", flat=True).last()
    if began is None:
        return b""
    by_browser = {"status": PublishTask.Status.FAILED, "way__in": [Way.PLAYWRIGHT, Way.COMPUTER_USE]}
    tasks = PublishTask.objects.touchable_by(reader).filter(article=article, site=article.site_id, **by_browser)
    shot = Shot.objects.filter(task__in=tasks, step="failed", at__gte=began).order_by("-pk").first()
    return bytes(shot.jpeg) if shot and len(shot.jpeg) <= MOST_BYTES else b""


def name_in(mail: Mail) -> str:
    """By which the words of a mail refer to its picture."""
    return f"film.{mail.message_id.strip('<>')}"


def part_of(mail: Mail) -> MIMEImage:
    """The picture as a part of its mail, shown where the words have it and not as a file beside them."""
    part = MIMEImage(bytes(mail.picture), "jpeg")
    part.add_header("Content-ID", f"<{name_in(mail)}>")
    part.add_header("Content-Disposition", "inline", filename="where-it-stopped.jpg")
    return part
