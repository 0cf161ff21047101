"""What will be there when an article is published, and what is there already."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal

from articles import call_keys
from articles.estimates import cost_of, costs
from articles.failures import Failure
from articles.formats import count
from articles.models import Article, Call, Cost, DeskSettings
from articles.providers.errors import ProviderError
from publishing.models import Site, Way
from publishing.options import Options
from publishing.publish_tasks import is_gone, way_of
from publishing.publishers import agent, search_words
from publishing.publishers.post import UNSEEN, slug_of
from publishing.sites import client_for
from publishing.wordpress.marks import Marked
from publishing.wordpress.reading import Json


@dataclass(frozen=True)
class Outlook:
    """`there`, `will` and `mind` are sentences. `over` is the hash of a text that people have made there, which is
    written over only where that is wanted; `cost` is the most that may have to be paid.
    """

    there: str
    will: str
    mind: str = ""
    over: str = ""
    cost: Cost = field(default_factory=Cost)


def outlook(articles: Sequence[Article], site: Site, options: Options, publisher: str = "") -> Outlook:
    """Of one article what the site has now is looked at; of many, what the rows say. `publisher`: the way, where it is
    not the site's.
    """
    expired = [article for article in articles if is_gone(article)]
    may = _agent_may(site, publisher or way_of(site))
    cost = _of_pictures(expired) + _of_words(options, len(articles)) + Cost(may * len(articles))
    mind = " ".join(filter(None, [_expired_words(expired), _agent_words(site, publisher or way_of(site))]))
    if len(articles) != 1:
        known = _published_before(articles, site)
        there = f"{known:,} of them {'is' if known == 1 else 'are'} there already" if known else ""
        return Outlook(there, _ending(options, many=True), mind, cost=cost)
    article = articles[0]
    post, problem = _look(article, site)
    if problem:
        return Outlook(problem, "make a draft, or bring the one that is there up to date", mind, cost=cost)
    if post is None:
        return Outlook("nothing of this article yet", f"make a draft{_ending(options)}", mind, cost=cost)
    if post["status"] == "trash":
        will = "take it out again and publish it" if options.is_for_readers else "leave it there"
        return Outlook(f"post {post['id']}, in the trash there", will, mind, cost=cost)
    kind = "draft" if post["status"] in UNSEEN else "published post"
    text = Marked(post["version"], post["found"])
    changed = bool(text.found) and not text.is_untouched
    there = f"{kind} {post['id']}" + (
        ", which people have changed since" if changed else ", unchanged since it was sent"
    )
    will = f"bring {kind} {post['id']} up to date{_ending(options)}"
    return Outlook(there, will, mind, over=text.found if changed else "", cost=cost)


def _look(article: Article, site: Site) -> tuple[Json | None, str]:
    """The post, and a sentence where nobody could look."""
    try:
        with closing(client_for(site)) as client:
            return client.find_post(slug_of(article), article.uid), ""
    except ProviderError as exc:
        return None, f"could not be looked at: {Failure.of(exc).reason}"


def _published_before(articles: Sequence[Article], site: Site) -> int:
    posts = Call.objects.filter(article__in=articles, key=call_keys.POST, state=Call.State.DONE)
    there = posts.filter(provider=site.provider, address=site.address)
    return there.values("article").distinct().count()


def _ending(options: Options, *, many: bool = False) -> str:
    if not options.is_for_readers:
        return "make a draft of each, or bring the one that is there up to date" if many else ""
    said = "publish it" if not many else "publish each"
    when = " at its time" if options.publish_at else ""
    return f"{said}{when}" if many else f"; then {said}{when}"


def _of_pictures(expired: Sequence[Article]) -> Cost:
    """What it costs to make those pictures again that are nowhere any more."""
    number = sum(article.images.filter(own="", given="").count() for article in expired)
    return cost_of({"image": number}, costs()) if number else Cost(Decimal(0))


def _of_words(options: Options, number: int) -> Cost:
    """What it costs to have the words for search engines written, once for each text."""
    return cost_of({"search": number}, costs()) if search_words.are_paid_for(options) else Cost(Decimal(0))


def _agent_may(site: Site, way: str) -> Decimal:
    """US dollars that the agent may spend for an article, where it is the way."""
    return DeskSettings.now().agent_dollars if way == Way.COMPUTER_USE and agent.may_be_used(site) else Decimal(0)


def _agent_words(site: Site, way: str) -> str:
    if way != Way.HYBRID or Way.COMPUTER_USE not in site.order or not agent.may_be_used(site):
        return ""
    most = DeskSettings.now().agent_dollars
    return f"Where no other way works, the agent may spend up to ${most:,.2f} for an article."


def _expired_words(expired: Sequence[Article]) -> str:
    if not expired:
        return ""
    whose = "Its backup was" if len(expired) == 1 else f"The backups of {count(len(expired), 'article')} were"
    return (
        f"{whose} removed after it was done. The text is here; pictures are fetched from the site where they lie, "
        "and those that are not there as they were are made again."
    )
