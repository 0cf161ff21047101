"""A page here, for articles without a site."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.urls import reverse

from articles.content import designs
from articles.pipeline.run import Outcome, Run
from articles.tree import names
from publishing import publish_tasks
from publishing.models import PublishTask, Way
from publishing.publishers.page import formatted_page


def publish(run: Run, task: PublishTask) -> Outcome:
    """The page on its own, with its pictures named as the files beside it: it opens from the folder, too."""
    publish_tasks.step(run, task, PublishTask.Status.CREATING_POST, way=Way.PREVIEW, total_steps=1)
    words = {"article": run.article, "page": formatted_page(run), "masthead": designs.masthead(run.article)}
    page = render_to_string("publishing/page.html", words)
    stored = run.save_file(names.FINAL, page.encode())
    return Outcome(stored, maker="preview", article={"link": reverse("preview", args=[run.article.uid])})
