"""What failed, why, what is safe and what comes next, in words: the same in the desk, the log and the mail.

failure   one error of a service, or of ours: facts, of which the words are made here
cause     what stopped an article, the same for all that one remedy helps
problem   stopped articles of one cause
report    the failure of one article, with what is saved and what is not
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from articles.failure_names import BY_KIND, SHORT
from articles.formats import count
from articles.models import Article, ArticleQuerySet, Stage, StageRecord
from articles.providers.errors import GALLEY, IT, ProviderError, SavedError, Then
from articles.providers.names import name_of, title_of

MOST = 200  # problems that are told apart
LATELY = timedelta(hours=1)
RECOVER, RESUME = "press Recover", "resume the batch"  # what goes on, by its button

VERBS = {
    "Unreachable": "could not finish",
    "Busy": "was too busy for",
    "NotYet": "was too busy for",
    "Refused": "refused",
    "Rejected": "declined",
    "Garbled": "gave an unusable answer for",
    "Mistake": "made a mistake with",
}
# By code, where service, verb and thing do not make a true sentence.
HEADLINES = {
    "rebuilt": "Galley rebuilt this article from its backup",
    "login": "{title} refused the login",
    "401": "{title} refused the key",
    "invalid_api_key": "{title} refused the key",
    "authentication_error": "{title} refused the key",
    "no_credit": "{title} has no credit left for us",
    "402": "{title} has no credit left for us",
    "not_configured": "{title} is not set up here",
    "crashes": "This article was interrupted too often",
    "sections": "{missing}",
    "manuscript": "The manuscript cannot be read",
    "private_address": "An address lies inside the network",
    "not_approved": "The text is not approved",
    # Ours, over what nobody declined.
    "damaged": "A saved file is damaged or gone",
    "own_picture": "A picture of the manuscript is lost",
    "limit_article": "The article would cost too much",
    "limit_day": "No money is left for today",
    "limit_month": "No money is left for this month",
    "limit_unpriced": "The price of a model is not known",
    "budget": "The budget of the batch has no room just now",
    "browsers": "All browsers are at work",
    "no_browser": "No browser can run here",
    "no_agent": "There is no agent here",
    "undecipherable": "A stored password cannot be read",
    "no_web_secret": "The password of the login page is missing",
    # Of a site, which did not decline either.
    "edited": "The post was changed on the site",
    "dropped": "The site left out a part of the draft",
    "stored_in_part": "The site kept only a part of the text",
    "published_at_once": "The site published the draft at once",
    "moved": "The site has moved",
    **dict.fromkeys(["agent_turns", "agent_seconds", "agent_dollars"], "The agent used up what it may"),
    "agent_price": "The price of the agent's model is not known",
    "agent_refused": "The agent's model declined to go on",
    **dict.fromkeys(
        ["agent_cut_off", "agent_contradicted", "agent_stuck", "agent_strayed"], "The agent did not finish"
    ),
}
# Who mends what an editor cannot. A site's login is kept by chief editors, our keys by the operator.
CHIEF, OPERATOR = "a chief editor", "the operator"
# Kinds of what lies not in what an article is: a key, a site, a machine.
OUTSIDE = {"Unreachable", "Busy", "NotYet", "Refused", "Mistake"}
OURS = {"text", "pictures", "layout", "agent"}
# What follows what is to be mended, which stands for `{mend}`; alone where nothing is.
NEXT = {
    Then.RECOVER: ("{go_on}", "{mend}, then {go_on}"),
    Then.REMAKE: ("{go_on} to have it made again", "{mend}, then {go_on} to have it made again"),
    Then.ASK_AGAIN: ("{go_on} to ask again", "{mend}, then {go_on} to ask again"),
    Then.ONCE_MORE: ("{go_on} to try once more", "{mend}; {go_on} to try once more"),
    Then.WHAT_IS_MISSING: (
        "{go_on}: only what is missing is made",
        "{mend}, then {go_on}: only what is missing is made",
    ),
    Then.RECOVER_OR_MANUSCRIPT: ("{go_on}, or hand in a manuscript", "{mend} and {go_on}, or hand in a manuscript"),
    Then.ANOTHER_MANUSCRIPT: (
        "press Another manuscript on the article's page",
        "{mend} (Another manuscript, on the article's page)",
    ),
    Then.HAND_IN: ("hand it in again", "{mend}, then hand it in again"),
    Then.NOTHING: ("read the full answer on the article's page", "{mend}"),
}

UNKNOWN: SavedError = {
    "kind": "",
    "provider": GALLEY,
    "reason": "",
    "mend": "",
    "then": Then.RECOVER.value,
    "code": "",
    "detail": "",
    "thing": "",
    "stage": "",
}


# One failure


@dataclass(frozen=True)
class Failure:
    """The words for an error, as it was raised or as a row has kept it."""

    error: SavedError

    @classmethod
    def of(cls, exc: ProviderError) -> Failure:
        return cls(exc.saved())

    @classmethod
    def read(cls, saved: Any) -> Failure:
        """Of what a row has kept. One that came back from a backup of an earlier version may lack fields."""
        return cls({**UNKNOWN, **(saved or {})})

    @property
    def headline(self) -> str:
        """`WordPress refused the hero image`."""
        title, thing = title_of(self.error["provider"]), self.error["thing"]
        if known := HEADLINES.get(self.error["code"]):
            return known.format(title=title, missing=thing if thing[:1].isupper() else "Sections are missing")
        return f"{title} {VERBS.get(self.error['kind'], 'did not do')} {thing or 'the request'}"

    @property
    def reason(self) -> str:
        """Behind the headline, which names the provider: `it did not answer in time`."""
        return self.error["reason"].replace(IT, "it")

    @property
    def clause(self) -> str:
        """The reason within a sentence that has named nobody: `the picture service did not answer in time`."""
        return self.error["reason"].replace(IT, name_of(self.error["provider"]))

    @property
    def why(self) -> str:
        """The reason where it stands alone: `The picture service did not answer in time`."""
        begins = self.error["reason"].startswith(IT)
        return self.error["reason"].replace(IT, title_of(self.error["provider"])) if begins else self.clause

    @property
    def sentence(self) -> str:
        return f"{self.headline}: {self.reason}"

    @property
    def short(self) -> str:
        """In two or three words."""
        return SHORT.get(self.error["code"]) or BY_KIND.get(self.error["kind"], "see why")

    @property
    def next(self) -> str:
        """`check the API key, then press Recover`."""
        return self.next_by(RECOVER)

    @property
    def mender(self) -> str:
        """Whom an editor asks to mend it; "" where everybody can, or the sentence says it."""
        if self.error["kind"] != "Refused" or self.error["code"] == "not_configured":
            return ""
        provider = self.error["provider"].partition(":")[0]
        return OPERATOR if provider in OURS else CHIEF if provider == "wordpress" else ""

    def next_for(self, reader: AbstractBaseUser | AnonymousUser) -> str:
        """`ask a chief editor to check the password of site "Magazine", then press Recover`, to whom cannot."""
        can = {OPERATOR: getattr(reader, "is_superuser", False), CHIEF: _may_mend_sites(reader)}
        return self.next_by(RECOVER, ask="" if can.get(self.mender, True) else self.mender)

    def next_by(self, button: str, *, ask: str = "") -> str:
        """What a person does, where another button goes on; or has done, by whom they `ask`."""
        alone, joined = NEXT[Then(self.error["then"])]
        mend = self.error["mend"]
        said = f"ask {ask} to {mend}" if ask and mend else mend
        return (joined if mend else alone).replace("{go_on}", button).replace("{mend}", said)


def _may_mend_sites(reader: AbstractBaseUser | AnonymousUser) -> bool:
    return isinstance(reader, User) and reader.has_perm("publishing.change_site")


# Stopped articles by what stopped them: is it one problem or thirty?


def cause(error: SavedError, site_id: int | None) -> str:
    """What stopped an article, the same for all that one remedy helps: `wordpress:3|upload|login|3`.

    Each site has its own logins, so the upload's problems are told apart by site.
    """
    site = site_id if error["stage"] == Stage.UPLOAD else None
    return f"{error['provider'][:100]}|{error['stage']}|{error['code']}|{site or ''}"


@dataclass(frozen=True)
class Problem:
    """So many articles that stopped for one reason, from `since` until `last`; all but the cause in words."""

    cause: str
    count: int
    since: datetime
    last: datetime
    lately: int  # within the last hour
    newest: int  # the id of an article
    provider: str  # within a sentence
    stage: str
    reason: str  # a clause
    next: str
    short: str
    site: str
    is_outside: bool  # of the articles: whoever mends it mends it for all

    @property
    def sentence(self) -> str:
        """`Upload: the site did not accept the application password of user "desk"`."""
        return f"{self.stage}: {self.reason}"

    @property
    def label(self) -> str:
        """Short, for a filter: `Upload to Magazine: login refused`."""
        place = f" to {self.site}" if self.site else f", {self.provider}"
        return f"{self.stage}{place}: {self.short}"


Reader = AbstractBaseUser | AnonymousUser | None


def problems(articles: ArticleQuerySet, reader: Reader = None) -> list[Problem]:
    """The problems of these articles, the most frequent first (two queries, however many there are)."""
    groups = list(
        articles.filter(status=Article.Status.FAILED)
        .order_by()
        .values("cause")
        .annotate(
            number=Count("pk"),
            since=Min("ended_at"),
            last=Max("ended_at"),
            lately=Count("pk", filter=Q(ended_at__gte=timezone.now() - LATELY)),
            oldest=Min("pk"),
            newest=Max("pk"),
        )
        .order_by("-number", "-newest")[:MOST]
    )
    ends = {pk for group in groups for pk in (group["oldest"], group["newest"])}
    samples = Article.objects.filter(pk__in=ends).select_related("site").only("error", "site__name").in_bulk()
    return [
        _problem(group, samples, reader) for group in groups if {group["oldest"], group["newest"]} <= samples.keys()
    ]


def with_cause(articles: ArticleQuerySet, cause: str) -> ArticleQuerySet:
    """Only those that stopped for this reason."""
    return articles.filter(status=Article.Status.FAILED, cause=cause.replace("\x00", ""))


def _problem(group: Mapping[str, Any], samples: dict[int, Article], reader: Reader) -> Problem:
    oldest, newest = samples[group["oldest"]], samples[group["newest"]]
    failure, first = Failure.read(newest.error), Failure.read(oldest.error)
    stage = failure.error["stage"]
    # Where the reasons differ in a detail, only what they share is said.
    same = first.error["reason"] == failure.error["reason"]
    return Problem(
        cause=group["cause"],
        count=group["number"],
        since=group["since"],
        last=group["last"],
        lately=group["lately"],
        newest=newest.pk,
        provider=name_of(failure.error["provider"]),
        stage=str(Stage(stage).label) if stage in Stage else "",
        reason=failure.clause if same else failure.short,
        next=failure.next_for(reader) if reader else failure.next,
        short=failure.short,
        site=newest.site.name if newest.site and stage == Stage.UPLOAD else "",
        is_outside=failure.error["kind"] in OUTSIDE,
    )


# One article


@dataclass(frozen=True)
class Report:
    """The failure of an article. All but the stage are phrases for people."""

    title: str
    headline: str
    stage: Stage  # where it stands still
    reason: str
    next: str
    saved: str
    not_done: str
    backup: str
    detail: str

    @property
    def step(self) -> int:
        return self.stage.step

    def __str__(self) -> str:
        return (
            f"Galley could not finish “{self.title}”: {self.headline} (step {self.step} of {len(Stage)}).\n"
            f"Reason: {self.reason}.   Next: {self.next}.\n"
            f"Saved: {self.saved}.   Not done: {self.not_done}.   Backup: {self.backup}"
        )


def report(article: Article, reader: Reader = None) -> Report:
    """The report of an article that failed or waits (three queries, none when its rows were fetched before)."""
    failure = Failure.read(article.error)
    done = {record.stage for record in article.records.all() if record.state == StageRecord.State.DONE}
    return Report(
        title=str(article),
        headline=failure.headline,
        stage=Stage(failure.error["stage"] or Stage.ARTICLE),
        reason=failure.reason,
        next=failure.next_for(reader) if reader else failure.next,
        saved=", ".join(saved_phrases(article)) or "what you handed in",
        not_done=", ".join(stage.label.lower() for stage in Stage if stage not in done),
        backup=article.tree_prefix,
        detail=failure.error["detail"],
    )


def saved_phrases(article: Article) -> list[str]:
    """`["article (2,143 words)", "4 prompts", "4 images", "formatted page"]`, as far as it came."""
    done = {record.stage for record in article.records.all() if record.state == StageRecord.State.DONE}
    images = list(article.images.all())
    stored = sum(image.is_stored for image in images)
    phrases = []
    written, planned = article.sections_written
    if Stage.ARTICLE in done:
        phrases.append(f"article ({count(article.word_count, 'word')})")
    elif planned and article.word_count:
        phrases.append(f"opening and {written:,} of {count(planned, 'section')}")
    if Stage.PROMPTS in done:
        phrases.append(f"{sum(not image.own for image in images)} prompts")
    if stored:
        phrases.append(count(stored, "image"))
    if Stage.FORMAT in done:
        phrases.append("formatted page")
    if Stage.UPLOAD in done:
        phrases.append("uploaded draft")
    return phrases
