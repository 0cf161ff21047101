"""A finding in sentences: what it is, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.text import capfirst

from publishing.models import Site, Way
from publishing.trial.findings import UNTOLD, UNTRIED, Finding, State, Trial

TITLES = {
    Way.REST.value: "REST API",
    Way.XMLRPC.value: "XML-RPC",
    Way.PLAYWRIGHT.value: "Browser",
    "header": "Login header",
    "front": "In front",
    "rights": "Rights",
    "upload": "Upload limit",
    "types": "Picture types",
    "seo": "Search engines",
    "time_zone": "Time zone",
    "cache": "Cache",
    "hero": "Hero image",
}
MARKS = {State.GOOD: "✓", State.LOOK: "!", State.BAD: "✗"}
STATES = {State.GOOD: "good", State.LOOK: "look", State.BAD: "trouble"}


class Words(NamedTuple):
    sentence: str
    advice: str = ""


WORDS = {
    "rest open": Words("User “{user}” signs in, and may write drafts and upload pictures."),
    "xmlrpc open": Words("User “{user}” signs in, and may write drafts and upload pictures."),
    "playwright open": Words("User “{user}” signs in by the login page, and may write drafts and upload pictures."),
    "rest dropped": Words(
        "The site does not see the login, though the password is right.",
        "ask who runs the site to let the Authorization header through; until then XML-RPC works",
    ),
    f"rest {UNTRIED}": Words("Not tried, as the site is to be mended first."),
    f"xmlrpc {UNTRIED}": Words("Not tried: the REST API was asked first, and this would end the same."),
    f"playwright {UNTRIED}": Words("Not tried, as the site is to be mended first."),
    "playwright elsewhere": Words(
        "A browser takes too long for this page.", "try it in the shell: manage.py site test “{site}”"
    ),
    "playwright no_web_secret": Words(
        "Not tried: nobody has given the password of the login page.",
        "enter it at the site, if articles shall go there by a browser where nothing else works",
    ),
    "playwright no_browser": Words(
        "Not tried: this machine has no browser.",
        "install one where the workers run, if articles shall go there by a browser (operator's pages)",
    ),
    "header arrives": Words("The Authorization header arrives."),
    "header dropped": Words(
        "Something on the way drops the Authorization header.",
        "ask who runs the site to let it through: under Apache, CGIPassAuth On or a rule of mod_rewrite",
    ),
    "front site": Words("Nothing in front of the site turns Galley away."),
    "front cached": Words("A cache answers readers; what Galley asks goes past it."),
    "front robot_check": Words(
        "Something in front of the site checks readers for robots.", "ask who runs the site to let Galley pass"
    ),
    "front web_password": Words("The web server asks readers for a password of its own."),
    "front firewall": Words(
        "A firewall in front of the site turns Galley away.", "ask who runs the site to let Galley in"
    ),
    "rights all": Words("User “{user}” may publish, make categories, and write any HTML."),
    "rights no_publish": Words(
        "User “{user}” may not publish: articles can only be left as drafts.",
        "give the user the role Author or Editor, if Galley shall publish",
    ),
    "rights no_terms": Words(
        "User “{user}” may not make categories: those that are not there are left out.",
        "give the user the role Editor, or make the categories there first",
    ),
    "rights cleaned": Words(
        "The site cleans the HTML of user “{user}”: some colours and embedded parts may go.",
        "give the user the role Editor, if nothing of the page shall be lost",
    ),
    "upload takes": Words("The site takes pictures of {megabytes} MB and more."),
    "upload at_most": Words(
        "The site takes pictures of {megabytes} MB, but none of 4 MB.",
        "ask who runs the site to raise its upload limit",
    ),
    "upload too_small": Words(
        "The site takes no pictures of {megabytes} MB: most of Galley's are larger.",
        "ask who runs the site to raise its upload limit",
    ),
    f"upload {UNTOLD}": Words("The site does not tell how large a picture may be.", "see the first article there"),
    "types pictures": Words("The site takes pictures."),
    "types no_pictures": Words("The site takes no pictures.", "ask who runs the site to allow JPEG uploads"),
    f"types {UNTOLD}": Words("The site does not tell which files it takes.", "see the first article there"),
    "seo none": Words(
        "No plugin for search engines that Galley knows: titles and descriptions for them are dropped.",
        "install Yoast SEO, Rank Math, All in One SEO or SEOPress, if they are wanted",
    ),
    "seo kept": Words("{plugin} is there, and keeps what Galley tells it."),
    "seo partly": Words("{plugin} is there, and keeps only: {words}.", "ask who runs the site to bring it up to date"),
    "seo closed": Words(
        "{plugin} is there, and takes nothing by the API.", "ask who runs the site to bring it up to date"
    ),
    "time_zone same": Words("The site has the time of the desk."),
    "time_zone other": Words(
        "The clocks of the site are {difference} those of the desk. Times of publication are right all the same.",
        "mind it when you read times there, or set the time zone of the site to {desk}",
    ),
    f"time_zone {UNTOLD}": Words("The site does not tell its time zone."),
    "cache none": Words("No cache answers for the API."),
    "cache cached": Words(
        "A cache answers in the place of the API, so nobody knows what is there.",
        "ask who runs the site to keep /wp-json/ out of the cache",
    ),
    "hero shown": Words("The theme shows the featured image of a post, and so the site is set."),
    "hero not_shown": Words("The theme does not show the featured image of a post, and so the site is set."),
    "hero shown_otherwise": Words(
        "The theme shows the featured image by itself: with “{hero}” readers see the hero twice, or not on top.",
        "set the hero image to “{propose}”",
    ),
    "hero not_shown_otherwise": Words(
        "The theme does not show the featured image: with “{hero}” readers see no hero in the post.",
        "set the hero image to “{propose}”",
    ),
    f"hero {UNTOLD}": Words(
        "No published post with a featured image could be looked at.", "try again when there is one on the site"
    ),
}


def title(finding: Finding) -> str:
    return TITLES[finding.about]


def words(site: Site, finding: Finding) -> Words:
    """Whole sentences; the advice is empty where nothing is to be done."""
    known = WORDS.get(f"{finding.about} {finding.code}")
    if known is None:
        said, mend = str(finding.values.get("reason", "")), str(finding.values.get("mend", ""))
        return Words(f"{capfirst(said)}.", f"{capfirst(mend or 'try again later')}.")
    values = {"user": site.user, "site": site.name, **_in_words(finding)}
    sentence, advice = known.sentence.format(**values), known.advice.format(**values)
    return Words(sentence, f"{capfirst(advice)}." if advice else "")


def _in_words(finding: Finding) -> dict[str, str]:
    values = {name: str(value) for name, value in finding.values.items()}
    if "words" in finding.values:
        values["words"] = ", ".join(finding.values["words"])
    if "minutes" in finding.values:
        hours = f"{abs(finding.values['minutes']) / 60:g} h"
        values["difference"] = f"{hours} {'ahead of' if finding.values['minutes'] > 0 else 'behind'}"
    for name in values.keys() & {"hero", "propose"}:
        values[name] = str(Site.Hero(values[name]).label)
    return values


def verdict(trial: Trial) -> str:
    """Of the whole, in a sentence or two."""
    site = trial.site
    if trial.works:
        return f"“{site}” works: user “{site.user}” can write drafts and upload pictures there."
    return f"“{site}” cannot be used: {trouble(trial)}"


def trouble(trial: Trial) -> str:
    """What keeps articles out, and what comes next, behind the name of the site. "" for one that works."""
    site, finding = trial.site, trial.trouble
    if finding is None:
        return ""
    if "reason" in finding.values:
        return f"{finding.values['reason']}. Next: {finding.values['mend'] or 'try again later'}."
    said = words(site, finding)
    return f"{said.sentence} Next: {said.advice}" if said.advice else said.sentence
