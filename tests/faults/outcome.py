"""What came of some articles whose makers were killed or cut off: counted, and judged, from outside."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.doubles import Request
from tests.faults import verdict
from tests.journeys.stacks import Stack

_TOLD = (
    "[[a.uid, a.tree_prefix, a.status, a.error, a.attempt, "
    " [[c.key, c.idempotency_key, c.lost_answers] for c in a.calls.all()],"
    " Event.objects.filter(article=a, kind='repeated').count()] for a in Article.objects.all()]"
)


@dataclass
class Outcome:
    """`findings` are sentences about what should not be."""

    articles: int
    seed: int
    calls: int = 0
    repeats: int = 0
    flagged: int = 0  # on the rows
    told: int = 0  # in the timelines: a death between the two is flagged again, and told once
    unflagged: int = 0  # repeats that no row counts
    lost: int = 0  # articles that are not there, not done, or lack something
    doubled: int = 0  # posts and media items
    orphans: int = 0
    findings: list[str] = field(default_factory=list)
    again: list[tuple[Request, Request]] = field(default_factory=list)  # with the one before it, whose answer was lost

    def judge(self, running: Stack, expected: int) -> None:
        """Of so many articles, all that there are: one post each, one media item a picture, every file whole."""
        told = running.galley.ask(_TOLD)
        uids = [uid for uid, *_ in told]
        site = verdict.on_site(running.wordpress, uids)
        for uid, prefix, status, error, attempt, *_ in told:
            found = [f"is {status} after attempt {attempt}: {error}"] * (status != "done")
            found += verdict.on_tree(running.galley, prefix) + site[uid]
            self.findings += [f"article {uid[:12]} {finding}" for finding in found]
            self.lost += bool(found)
        self.lost += max(expected - len(told), 0)
        self.doubled = verdict.doubled(running.wordpress, uids)
        self.orphans = len(verdict.orphans(running.wordpress))
        self.findings += [f"{len(told)} articles instead of {expected}"] * (len(told) != expected)
        self._judge_calls(running.services.requests(), [(calls, repeated) for *_, calls, repeated in told])

    def _judge_calls(self, requests: list[Request], told: list[tuple[list[Any], int]]) -> None:
        """By the calls of each article, and how often its timeline tells of a repeat."""
        flagged, lost = Counter[str](), Counter[str]()
        for calls, repeated in told:
            before = flagged.total()
            for name, key, times in calls:
                if not name.startswith(("media:", "post")):
                    flagged[key] += times
                    lost[name] += times
            flags = flagged.total() - before
            self.findings += [f"flagged {flags}, told {repeated} times"] * (flags < repeated)
            self.told += repeated
        self.again = verdict.repeats(requests)
        self.calls, self.flagged, self.repeats = len(verdict.paid(requests)), flagged.total(), len(self.again)
        self.unflagged = (Counter(verdict.key_of(request) for _, request in self.again) - flagged).total()
        self.findings += verdict.on_calls(requests, len(told), lost)
        self.findings += [f"{self.unflagged} repeats are not flagged"] * bool(self.unflagged)
        self.findings += [f"told only {self.told} of {self.repeats} repeats"] * (self.told < self.repeats)
