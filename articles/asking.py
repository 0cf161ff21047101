"""Recover and Cancel for many articles: first a page that says what will happen, then the deed.

The page freezes the ids that were chosen, so that the set cannot grow between the question and the deed. Who may touch
which article, and which state it is in, is asked again at the deed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User

from articles import pipeline
from articles.models import Article, ArticleQuerySet, Call, Stage, StageRecord
from articles.words import count

MOST = 1000  # articles at once
SHOWN = 10  # titles on the page


@dataclass(frozen=True)
class Verb:
    """What can be done to many: how it is called, to whom it applies, who does it, what the log says."""

    name: str
    label: str
    applies: Callable[[Article], bool]
    do: Callable[[Article, User], bool]
    done: str
    else_: str


RECOVER = Verb(
    "recover",
    "Recover",
    lambda article: article.can_recover,
    pipeline.resume,
    "recovered",
    "neither stopped nor cancelled",
)
CANCEL = Verb("cancel", "Cancel", lambda article: article.can_cancel, pipeline.cancel, "cancelled", "finished already")
VERBS = {verb.name: verb for verb in (RECOVER, CANCEL)}


@dataclass(frozen=True)
class Question:
    """What will happen to the chosen articles."""

    verb: Verb
    articles: list[Article]
    left_out: list[str]
    kept: list[str]
    again: list[str]
    paid: list[str]
    lost: int

    @property
    def ids(self) -> str:
        return ",".join(str(article.pk) for article in self.articles)

    @property
    def shown(self) -> list[Article]:
        return self.articles[:SHOWN]

    @property
    def more(self) -> int:
        return len(self.articles) - SHOWN


def read_ids(text: str) -> list[int]:
    """`"3,1,2"` as numbers, each once; what is no number is left out."""
    numbers = (part for part in text.split(",") if part.isascii() and part.isdigit() and len(part) < 19)
    return list(dict.fromkeys(map(int, numbers)))


def ask(verb: Verb, chosen: Iterable[int], mine: ArticleQuerySet) -> Question:
    """The question for these ids, of which `mine` are those that the person may touch (four queries)."""
    wanted = list(chosen)
    found = list(mine.filter(pk__in=wanted[:MOST]).with_progress())
    able = [article for article in found if verb.applies(article)]
    return Question(
        verb, able, _left_out(verb, wanted, found, able), _kept(able), _again(able), _paid(able), _lost(able)
    )


def _left_out(verb: Verb, wanted: list[int], found: list[Article], able: list[Article]) -> list[str]:
    beyond = max(len(wanted) - MOST, 0)
    foreign = len(wanted) - beyond - len(found)
    other = len(found) - len(able)
    said = {
        f"{count(foreign, 'article')} that {'is' if foreign == 1 else 'are'} not yours, or gone": foreign,
        f"{count(other, 'article')} that {'is' if other == 1 else 'are'} {verb.else_}": other,
        f"{count(beyond, 'article')} beyond the first {MOST:,}: do these afterwards": beyond,
    }
    return [sentence for sentence, number in said.items() if number]


def _kept(articles: list[Article]) -> list[str]:
    """What is safe already and will be used again."""
    done = Counter(record.stage for article in articles for record in article.records.all() if _is_done(record))
    pictures = sum(image.is_stored for article in articles for image in article.images.all())
    things = {"article text": done[Stage.ARTICLE], "picture": pictures, "formatted page": done[Stage.FORMAT]}
    return [count(number, thing) for thing, number in things.items() if number]


def _again(articles: list[Article]) -> list[str]:
    """The stages that are not finished, with how many articles lack each."""
    lacking = {stage: sum(_lacks(article, stage) for article in articles) for stage in Stage}
    return [f"{stage.label} of {count(number, 'article')}" for stage, number in lacking.items() if number]


def _lost(articles: list[Article]) -> int:
    """Paid calls whose answer is missing: they are made again, and may be charged twice."""
    calls = Call.objects.filter(article__in=articles, state=Call.State.INTENT, sends__gt=0)
    return calls.exclude(key="post").exclude(key__startswith="media:").count() if articles else 0


def _paid(articles: list[Article]) -> list[str]:
    """What may cost money: the unfinished stages whose service has a key here."""
    texts = sum(_lacks(article, Stage.ARTICLE) and bool(article.idea) for article in articles)
    prompts = sum(_lacks(article, Stage.PROMPTS) for article in articles)
    images = sum(
        sum(not image.is_stored for image in article.images.all()) or 4
        for article in articles
        if _lacks(article, Stage.IMAGES)
    )
    by_claude = sum(
        _lacks(article, Stage.FORMAT) and article.formatter != Article.Formatter.TEMPLATE for article in articles
    )
    costs = {
        "article text": texts if settings.OPENAI_API_KEY else 0,
        "set of prompts,sets of prompts": prompts if settings.OPENAI_API_KEY else 0,
        "picture": images if settings.REPLICATE_API_TOKEN else 0,
        "page layout": by_claude if settings.ANTHROPIC_API_KEY else 0,
    }
    return [count(number, *thing.split(",")) for thing, number in costs.items() if number]


def _lacks(article: Article, stage: Stage) -> bool:
    return any(record.stage == stage and not _is_done(record) for record in article.records.all())


def _is_done(record: StageRecord) -> bool:
    return record.state == StageRecord.State.DONE
