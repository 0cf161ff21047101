"""The rows of the list, with all that a line shows."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from articles.desk.listing.quick_edit import EDITED, edited
from articles.full_text.find import find, passages
from articles.models import Article, ArticleQuerySet, SavedFilter, Stage, StageRecord
from articles.templatetags import desk as written

SEEN = {"publish", "private", "future"}  # by WordPress's status: by readers, by some of them, or at a time


class ArticleList(ChangeList):
    edited: Article | None
    saved: QuerySet[SavedFilter]  # of the person who looks
    plain: str  # the address without the open row
    address: str  # of what is chosen, to be saved
    moving: str  # the ids of those that move by themselves

    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        return cast(ArticleQuerySet, qs).with_progress()

    def get_filters_params(self, params: Any = None) -> Any:
        """Which row is being edited is no choice among them."""
        said = super().get_filters_params(params)
        said.pop(EDITED, None)
        return said

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        shown = passages([article.pk for article in self.result_list], self.query) if self.query else {}
        for article in self.result_list:
            article.passage = shown.get(article.pk)  # of this list alone
        self.moving = ",".join(str(article.pk) for article in self.result_list if article.is_moving)
        self.edited = edited(request, self.result_list)
        self.saved = SavedFilter.objects.filter(user=cast(User, request.user))
        self.plain = self.get_query_string(remove=[EDITED])
        chosen = self.has_active_filters or self.query
        self.address = self.get_query_string(remove=["p", EDITED]) if chosen else ""


def searched(articles: ArticleQuerySet, named: QuerySet[Article], said: str) -> QuerySet[Article]:
    """Those that are called so, and those in whose texts it stands."""
    found = find(articles, said)
    return articles.filter(Q(pk__in=named.values("pk")) | Q(pk__in=found)) if found else named


def published_at(article: Article) -> SafeString | str:
    """Of one that was fetched with its progress."""
    sent = (
        each for each in article.records.all() if each.stage == Stage.UPLOAD and each.state == StageRecord.State.DONE
    )
    upload = next(sent, None)
    if upload is None or not article.site_id:
        return "–"
    status = upload.details.get("status")
    return written.ago(upload.finished_at) if status in SEEN else "as a draft"
