"""The best way that works: each in the order of the site, and why another one was begun.

A change is committed before the next way begins, which begins with the look-up: what the one before has made is found.
"""

from __future__ import annotations

from articles.pipeline.run import Outcome, Run
from articles.providers.errors import ProviderError
from publishing import publish_tasks
from publishing.models import PublishTask, Site, Way
from publishing.publishers import agent, browser, rest, xmlrpc
from publishing.publishers.fates import Fate, fate_of

WAYS = {
    Way.REST.value: rest.publish,
    Way.XMLRPC.value: xmlrpc.publish,
    Way.PLAYWRIGHT.value: browser.publish,
    Way.COMPUTER_USE.value: agent.publish,
}
# What not every machine and every site has: passed over where there is another way.
MAY_BE_USED = {Way.PLAYWRIGHT.value: browser.may_be_used, Way.COMPUTER_USE.value: agent.may_be_used}


def publish(run: Run, task: PublishTask, site: Site) -> Outcome:
    known = [way for way in site.order if way in WAYS]
    usable = [way for way in known if way not in MAY_BE_USED or MAY_BE_USED[way](site)] or known
    ways = [way for way in usable if way not in site.closed_ways] or usable
    if task.way in ways:  # it goes on where it had turned to
        ways = ways[ways.index(task.way) :]
    doubts: dict[str, ProviderError] = {}
    for way, following in zip(ways, [*ways[1:], ""], strict=True):
        try:
            outcome = WAYS[way](run, task, site)
        except ProviderError as exc:
            fate = fate_of(way, exc, run.article.retries)
            if fate == Fate.STAYS or not following or (fate == Fate.DOUBTFUL and following != Way.XMLRPC):
                raise  # the login page has a password of its own, and says nothing of this one
            if fate == Fate.CLOSED:
                publish_tasks.close_way(site, way, exc)
            if fate == Fate.DOUBTFUL:
                doubts[way] = exc
            publish_tasks.turn(run, task, following, exc)
        else:
            for doubtful, doubt in doubts.items():
                publish_tasks.close_way(site, doubtful, doubt)
            return outcome
    raise AssertionError("a site has at least one way")
