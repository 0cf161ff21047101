"""The tables of what works: ways and services side by side, what stopped by the hour, what is stored."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal

from articles.formats import money, written
from articles.models import Stage
from articles.providers.names import name_of, title_of
from articles.templatetags.desk import size
from insights.comparison import Comparison, Did, Who, cause_words
from insights.desk.tables import Cell, Table
from insights.models import ProviderMetric, StorageMeasure
from insights.prices import ARTICLES, Price, What
from insights.stops import What as Stopped
from insights.storage import Size, StorageUsage
from publishing.models import Way

DID = ("All", "Completed", "Failed", "Success", "Between", "Mean", "Cost", "For each", "Mostly")
SERVICES = ("text", "pictures", "layout", "agent")
WORK = {"text": "Text", "pictures": "Pictures", "layout": "Layout"}


def comparison_tables(found: Comparison) -> list[Table]:
    """Ways by what was asked for and by what was really gone, and services by what they do, and their models."""
    titles = {"publishers": "Publications, as they were asked for", "ways": "Ways that were gone"}
    ways = [_ways(name, title, found.groups[name]) for name, title in titles.items()]
    return [*ways, _services({who: did for name in SERVICES for who, did in found.groups[name].items()})]


def _ways(name: str, title: str, figures: dict[Who, Did]) -> Table:
    rows, plain = list[list[str]](), list[list[Cell]]()
    for who, did in figures.items():
        label = str(Way(who.provider).label)
        rows.append([label, *_words(did)])
        plain.append([label, *_plain(did)])
    return Table(name, title, ["Way", *DID], rows, plain)


def _services(figures: dict[Who, Did]) -> Table:
    rows, plain = list[list[str]](), list[list[Cell]]()
    for who, did in figures.items():
        kind = ProviderMetric.Kind(who.kind).label
        model = who.model or "no answer, or no model said"
        rows.append([f"{kind}: {name_of(who.provider)}, {model}", *_words(did)])
        plain.append([f"{kind}: {name_of(who.provider)}, {model}", *_plain(did)])
    return Table("services", "Services, by what they were asked for", ["Service", *DID], rows, plain)


def _words(did: Did) -> list[str]:
    between = did.success_between
    return [
        f"{did.number:,}",
        f"{did.completed:,}",
        f"{did.failed:,}",
        "–" if did.success_rate is None else f"{did.success_rate:.0%}",
        f"{between.low:.0%} to {between.high:.0%}" if between else "–",
        "–" if did.mean is None else f"{did.mean:,.1f} s",
        money(did.cost.known, did.cost.unknown),
        "–" if did.cost_each is None else money(did.cost_each),
        _mostly(did) or "–",
    ]


def _plain(did: Did) -> list[Cell]:
    low, high = did.success_between or (None, None)
    between = None if low is None else f"{low:.4f} to {high:.4f}"
    each = did.cost_each and round(did.cost_each, 6)
    return [
        did.number,
        did.completed,
        did.failed,
        did.success_rate,
        between,
        did.mean,
        did.cost.known,
        each,
        _mostly(did),
    ]


def _mostly(did: Did) -> str:
    """What failures came of: `login refused, 9 of 12`."""
    return "".join(f"{cause_words(cause)}, {n:,} of {did.failed:,}" for cause, n in did.causes.most_common(1))


def price_table(found: dict[What, Price]) -> Table:
    """The same kinds of article side by side: what each service and model makes them for."""
    rows, plain = list[list[str]](), list[list[Cell]]()
    for what, price in found.items():
        who = f"{WORK[what.work]}: {name_of(what.provider)}, {what.model or 'no answer, or no model said'}"
        each, words = (value if value is None else money(value) for value in (price.each, price.per_thousand_words))
        rows.append(
            [
                who,
                ARTICLES[what.article],
                f"{price.articles:,}",
                money(price.cost, price.unknown),
                f"{price.unknown:,}",
                each or "–",
                f"{price.sample:,}",
                words or "–",
                f"{price.worded:,}",
            ]
        )
        sums: list[Cell] = [price.articles, price.cost, price.unknown, price.each, price.sample]
        plain.append([who, ARTICLES[what.article], *sums, price.per_thousand_words, price.worded])
    heads = ["Service", "Articles", "Number", "Cost", "Unknown calls", "An article", "Of", "1,000 words", "Of"]
    return Table("prices", "What articles of the same kind cost", heads, rows, plain)


def stopped_table(hours: dict[datetime, Counter[Stopped]]) -> Table:
    """Hours in which something stopped, the newest first."""
    rows, plain = list[list[str]](), list[list[Cell]]()
    for hour, stopped in reversed(hours.items()):
        for what, number in stopped.most_common():
            stage = str(Stage(what.stage).label) if what.stage in Stage else ""
            whose = title_of(what.provider) if what.provider else ""
            rows.append([hour_words(hour), stage or "–", whose or "–", f"{number:,}"])
            plain.append([hour.isoformat(), stage, whose, number])
    return Table("stopped", "What stopped, by the hour", ["Hour", "Stage", "Where", "Stopped"], rows, plain)


def hour_words(hour: datetime) -> str:
    return written(hour, "j M, H:i")


def storage_table(found: StorageUsage) -> Table:
    rows, plain = list[list[str]](), list[list[Cell]]()
    for part in found.parts:
        label = str(StorageMeasure.Part(part.part).label)
        grown = "–" if part.grown is None else f"{'−' if part.grown < 0 else ''}{size(abs(part.grown))}"
        since = part.since.isoformat() if part.since else None
        rows.append([label, size(part.now.bytes), _number(part.now), grown, since or "–", _leaving(part.leaving)])
        leaving = part.leaving.bytes if part.leaving else None
        plain.append([label, Decimal(part.now.bytes), part.now.number, part.grown, since, leaving])
    heads = ["What", "Size", "Number", "Grown", "Since", "Goes within 30 days"]
    return Table("storage", "What is stored", heads, rows, plain)


def _number(found: Size) -> str:
    return "–" if found.number is None else f"{found.number:,}"


def _leaving(found: Size | None) -> str:
    return "nobody knows before" if found is None else size(found.bytes)
