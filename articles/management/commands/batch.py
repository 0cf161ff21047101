"""Batches from the shell: begin one, follow it, hold it, and see what is missing."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypedDict

import orjson
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Prefetch

from articles.batches import completeness, control, progress
from articles.batches.plan import BatchPlan, key_of, plan_batch
from articles.batches.start import start_batch
from articles.content.reading import decoding
from articles.errors import NotPossible
from articles.failures import Failure
from articles.formats import about, count, duration
from articles.management.follow_batch import articles_line, follow_batch, line
from articles.models import Article, Batch, Design, Section

ENDED_WITH_GAPS, WRONG, PAUSED = 1, 2, 3
ACTIONS = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel}
# Options that are fields.
GIVEN = ("brief", "images_per_style", "images_per_section", "style", "formatter", "design", "budget")


class Gap(TypedDict):
    """A section that is not there."""

    section: int
    heading: str
    state: str
    reason: str


class Command(BaseCommand):
    help = (
        "Begin a batch, follow it, hold it, see what is missing. Exit codes of watch, and of start --wait: 0 complete; "
        "1 ended with something missing; 3 paused. Of all: 2 it cannot be done as asked, with the reason."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        start = verbs.add_parser("start", help="make what is not there yet; again with a longer list: only what is new")
        start.add_argument("name")
        start.add_argument("--owner", required=True, metavar="USER", help="whose batch it is")
        start.add_argument("--brief", metavar="TEXT", help="what each section is about; {style}, {section}, {number}")
        start.add_argument("--styles", type=Path, metavar="FILE", help="an article each: a line each, or CSV")
        start.add_argument("--sections", type=Path, metavar="FILE", help="the sections of each article, in their order")
        start.add_argument("--images-per-style", type=int, metavar="N")
        start.add_argument("--images-per-section", type=int, metavar="N")
        start.add_argument("--style", help="the writing style")
        start.add_argument("--site", metavar="NAME", help="the WordPress it goes to; without: preview pages")
        start.add_argument("--formatter", choices=Article.Formatter.values, help="who lays the pages out")
        start.add_argument("--design", choices=Design.values, help="how the pages are drawn")
        start.add_argument("--budget", type=_dollars, metavar="DOLLARS", help="it pauses before more is spent")
        start.add_argument("--dry-run", action="store_true", help="print the plan, do nothing")
        start.add_argument("--without-bad-lines", action="store_true", help="leave out the lines that cannot be used")
        start.add_argument("--wait", action="store_true", help="then watch it")
        for verb, does in (
            ("watch", "follow it until it has ended or is paused"),
            ("pause", "take no further section in hand"),
            ("resume", "go on where it was paused or cancelled"),
            ("cancel", "end it; what is saved stays"),
            ("recover", "make what is missing of the articles that stopped; the batch goes on"),
            ("status", "how it stands; without a name: all of them"),
        ):
            one = verbs.add_parser(verb, help=does)
            one.add_argument("name", nargs="?" if verb == "status" else None)
            one.add_argument("--owner", metavar="USER", help="where two people have a batch of this name")
            if verb == "status":
                one.add_argument("--which", choices=completeness.COMPLETENESS, help="list these articles")
        for parsed in verbs.choices.values():
            parsed.add_argument("--json", action="store_true", help="lines of JSON for programs")

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        verbs: dict[str, Callable[..., None]] = {
            **dict.fromkeys(ACTIONS, self._do),
            "start": self._start,
            "watch": self._watch,
            "recover": self._recover,
            "status": self._status,
        }
        try:
            verbs[verb](verb=verb, **options)
        except NotPossible as exc:
            raise CommandError(str(exc), returncode=WRONG) from exc

    def _start(
        self, *, name: str, owner: str, dry_run: bool, without_bad_lines: bool, wait: bool, json: bool, **options: Any
    ) -> None:
        batch = _given(name, owner, options)
        plan = plan_batch(batch)
        for listed, row in plan.bad:
            self.stderr.write(f"{options[listed] or listed}, line {row.line}: {row.text}: {row.reason}")
        for _listed, said in plan.assumed:
            self.stderr.write(said)
        self._tell_plan(batch, plan, json)
        if plan.problems:
            raise NotPossible(" ".join(plan.problems))
        if plan.bad and not without_bad_lines:
            bad = count(len(plan.bad), "line")
            raise NotPossible(f"{bad} cannot be used. Mend them, or leave them out: --without-bad-lines")
        if dry_run:
            return
        # Of one that is there only what may be given: its state and revision move on meanwhile.
        batch.save(update_fields=[*GIVEN, "styles", "sections", "site"] if batch.pk else None)
        start_batch(batch, batch.owner)
        if wait:
            self._follow(batch, json)

    def _tell_plan(self, batch: Batch, plan: BatchPlan, as_json: bool) -> None:
        if as_json:
            self._print(_facts(batch, plan))
            return
        made = [
            count(len(plan.new_articles), "new article"),
            f"{count(plan.new_sections + plan.missing_sections, 'section')} to write",
            count(plan.images, "picture"),
            count(plan.calls, "paid call"),
            f"{about(plan.cost.known, plan.cost.unknown)} and {duration(plan.time)}",
        ]
        self.stdout.write(f"{batch.name}: {', '.join(made)}.")
        if plan.published:
            verb = "gets" if plan.published == 1 else "get"
            done = count(plan.published, "finished article")
            self.stdout.write(f"{done} {verb} further sections and a new page.")
        if left_out := plan.there.left_out_words:
            self.stdout.write(f"Left out, as not in the lists any more and not made yet: {left_out}.")
        if cancelled := plan.there.cancelled:
            self.stdout.write(f"Left cancelled, as somebody cancelled them one by one: {count(cancelled, 'article')}.")
        if expired := len(plan.there.expired):
            gone = count(expired, "article")
            self.stdout.write(f"The backup of {gone} was removed a week after the end: the pictures are made again.")

    def _watch(self, *, name: str, owner: str | None, json: bool, **_: Any) -> None:
        batch = _named(name, owner)
        if batch.state == Batch.State.DRAFT:
            raise NotPossible(f"“{batch}” is not started. Start it: manage.py batch start")
        self._follow(batch, json)

    def _follow(self, batch: Batch, as_json: bool) -> None:
        def tell(found: progress.BatchProgress) -> None:
            if as_json:
                self._print(found.message(found.since))

        facts = follow_batch(batch.pk, tell).facts
        if not as_json:
            self._tell(facts)
        if facts["state"] == Batch.State.PAUSED:
            sys.exit(PAUSED)
        is_complete = facts["state"] == Batch.State.DONE and facts["articles"]["complete"] == batch.articles.count()
        if not is_complete:
            sys.exit(ENDED_WITH_GAPS)

    def _do(self, *, verb: str, name: str, owner: str | None, json: bool, **_: Any) -> None:
        batch = _named(name, owner)
        self._say(batch, ACTIONS[verb](batch, None), json)

    def _recover(self, *, name: str, owner: str | None, json: bool, **_: Any) -> None:
        batch = _named(name, owner)
        rests, number = batch.state != Batch.State.RUNNING, control.recover(batch, None)
        verb, with_it = "goes" if number == 1 else "go", ", and the batch with all that is in line" if rests else ""
        gone_on = f"{count(number, 'article')} {verb} on{with_it}."
        self._say(batch, gone_on if number else "No article of it has stopped.", json)

    def _say(self, batch: Batch, message: str, as_json: bool) -> None:
        if as_json:
            batch.refresh_from_db(fields=["state"])
            self._print({"id": batch.pk, "name": batch.name, "state": batch.state, "message": message})
        else:
            self.stdout.write(f"{batch}: {message}")

    def _status(self, *, name: str | None, owner: str | None, which: str | None, json: bool, **_: Any) -> None:
        found = [_named(name, owner)] if name else Batch.objects.filter(**_of(owner))
        for batch in found:
            if which:
                self._list(batch, which, json)
                continue
            facts = progress.batch_progress(batch.pk, batch.revision).facts
            if json:
                self._print(facts)
            else:
                self._tell(facts)

    def _tell(self, facts: progress.ProgressFacts) -> None:
        self.stdout.write(line(facts))
        self.stdout.write(f"    Articles: {articles_line(facts)}")

    def _list(self, batch: Batch, which: str, as_json: bool) -> None:
        gaps = Section.objects.exclude(state=Section.State.DONE).defer("html")
        articles = completeness.of_completeness(batch.articles.defer("html", "manuscript"), which).order_by("pk")
        for article in articles.prefetch_related(Prefetch("sections", gaps, to_attr="gaps")):
            written, planned = article.written, article.planned  # type: ignore[attr-defined]  # counted there
            missing: list[Gap] = [
                {"section": gap.index, "heading": gap.heading, "state": gap.state, "reason": _reason(gap)}
                for gap in article.gaps
            ]
            if as_json:
                facts = {"id": article.pk, "title": str(article), "status": article.status, "link": article.address}
                self._print(facts | {"written": written, "planned": planned, "missing": missing})
                continue
            lacking = [f"{gap['heading']} ({gap['reason']})" if gap["reason"] else gap["heading"] for gap in missing]
            rest = f". Not there: {'; '.join(lacking)}" if lacking else ""
            self.stdout.write(f"{article.pk}  “{article}”: {written} of {count(planned, 'section')}{rest}.")

    def _print(self, facts: Mapping[str, object]) -> None:
        self.stdout.write(orjson.dumps(facts).decode())
        self.stdout.flush()


def _facts(batch: Batch, plan: BatchPlan) -> dict[str, object]:
    """A plan for programs: all that is said of it in words, and more."""
    return {
        "name": batch.name,
        "articles": plan.articles,
        "new_articles": len(plan.new_articles),
        "sections": plan.new_sections + plan.missing_sections,
        "images": plan.images,
        "calls": plan.calls,
        "cost": None if plan.cost.dollars is None else f"{plan.cost.dollars:.2f}",
        "unknown_costs": plan.cost.unknown,
        "seconds": plan.seconds,
        "published": plan.published,
        "going_on": plan.there.going_on,
        "left_out": {"articles": plan.there.left_out, "sections": plan.there.left_out_sections},
        "cancelled": plan.there.cancelled,
        "expired": len(plan.there.expired),
        "bad": [{"list": listed, "line": row.line, "reason": row.reason} for listed, row in plan.bad],
        "assumed": [{"list": listed, "words": said} for listed, said in plan.assumed],
        "problems": plan.problems,
    }


def _dollars(text: str) -> Decimal:
    try:
        return Decimal(text.removeprefix("$"))
    except InvalidOperation:
        raise ArgumentTypeError("write it as a number: 110.00") from None


def _given(name: str, owner: str, options: dict[str, Any]) -> Batch:
    """The batch of this name as it is to be, not saved yet: a new one, or what is there with what was said of it."""
    user = User.objects.filter(username=owner).first()
    if user is None:
        raise NotPossible(f'There is no user "{owner}".')
    name = " ".join(name.split())
    batch = Batch.objects.filter(owner=user, key=key_of(name)).first()
    batch = batch or Batch(owner=user, name=name, key=key_of(name))
    if batch.pk is None and not (options["brief"] and options["styles"] and options["sections"]):
        raise NotPossible(f"There is no batch “{name}” yet. A new one needs --brief, --styles and --sections.")
    for field in GIVEN:
        if options[field] is not None:
            setattr(batch, field, options[field])
    for listed in ("styles", "sections"):
        if options[listed]:
            setattr(batch, listed, _read(options[listed]))
    if options["site"]:
        sites = Batch._meta.get_field("site").related_model._default_manager
        batch.site_id = sites.filter(name=options["site"]).values_list("pk", flat=True).first()
        if batch.site_id is None:
            raise NotPossible(f'There is no site "{options["site"]}". See them: manage.py site list')
    try:
        batch.full_clean()
    except ValidationError as exc:
        said = (f"{field}: {' '.join(dict.fromkeys(reasons))}" for field, reasons in exc.message_dict.items())
        raise NotPossible(" ".join(said)) from exc
    return batch


def _read(file: Path) -> str:
    try:
        return decoding.decode(file.read_bytes())
    except OSError as exc:
        raise NotPossible(f"{file} cannot be read: {exc.strerror}.") from exc
    except decoding.Unclear as exc:
        raise NotPossible(f"{file} does not say in which encoding it is. Save it as UTF-8.") from exc
    except decoding.Unreadable as exc:
        raise NotPossible(f"{file} is empty, or no text. Save the table as CSV.") from exc


def _named(name: str, owner: str | None) -> Batch:
    found = list(Batch.objects.filter(key=key_of(name), **_of(owner)).select_related("owner"))
    if not found:
        raise NotPossible(f"There is no batch “{name}”. See them: manage.py batch status")
    if len(found) > 1:
        owners = ", ".join(sorted(batch.owner.get_username() for batch in found))
        raise NotPossible(f"Several people have a batch of this name: {owners}. Say whose: --owner")
    return found[0]


def _of(owner: str | None) -> dict[str, str]:
    return {"owner__username": owner} if owner else {}


def _reason(section: Section) -> str:
    return Failure.read(section.error).reason
