"""An article of which only the upload is left: four stages are done, and it has two pictures, small ones."""

from __future__ import annotations

import base64
import io

from django.contrib.auth.models import User
from PIL import Image

from articles.models import Article, ImageFile, Stage, StageRecord
from articles.pipeline import transitions
from publishing.models import Site

PAGE = (
    '<article style="color: #1c1c1e"><p><img src="03_hero.jpg" alt="Ships"></p>'
    "<p>Lorries &amp; trains: 12 % faster, “so they say” \\ 😀\u2028 &lt;b&gt;</p>"
    '<p><img src="03_section_1.jpg" alt="Roads"></p></article>'
)
ALT = {"hero": "Ships in the port", "section_1": "Roads & <rails>"}


def nearly_done(owner: User, site: Site | None, title: str, page: str = PAGE) -> Article:
    article = Article(owner=owner, manuscript="# Text", title=title, html="<p>Text</p>", site=site)
    transitions.submit(article)
    for number, role in enumerate(ALT):
        _picture(article, role, number)
    article.records.exclude(stage=Stage.UPLOAD).update(state=StageRecord.State.DONE)
    stored = article.tree.add("04_formatted.html", page.encode())
    article.records.filter(stage=Stage.FORMAT).update(file=stored.name, sha256=stored.sha256, bytes=stored.bytes)
    return article


def _picture(article: Article, role: str, number: int) -> None:
    jpeg = io.BytesIO()
    Image.new("RGB", (400, 225), (number * 90, 90, 160)).save(jpeg, "JPEG")
    image = ImageFile(article=article, role=role, prompt="A picture", alt_text=ALT[role], aspect="16:9")
    stored = article.tree.add(image.file_name, jpeg.getvalue())
    image.file.name = article.tree.path(stored.name)
    image.sha256, image.bytes, image.width, image.height = stored.sha256, stored.bytes, 400, 225
    image.base64_sha256 = article.tree.add(image.base64_name, base64.b64encode(jpeg.getvalue())).sha256
    image.save()
