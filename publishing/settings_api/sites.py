"""Sites that a program changes: by the form of the desk, so the same values hold and the same sentences refuse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User

from articles.api.strict import FieldProblem
from articles.models.access import may_look
from publishing.desk.site_form import SiteForm
from publishing.models import Site
from publishing.settings_api.schemas import SecretOut, SiteIn, SiteOut, TestedOut
from publishing.trial.findings import Trial
from publishing.trial.trial import try_site
from publishing.trial.wording import trouble, verdict

FORM_NAMES = {"provider": "publisher", "order": "ways", "publish_immediately": "posts"}
OUR_NAMES = {name: ours for ours, name in FORM_NAMES.items()}


# Out


def shown_to(user: User) -> list[SiteOut]:
    """The sites, for who may see them."""
    return [_out(site) for site in Site.objects.all()] if may_look(user, Site) else []


def _out(site: Site) -> SiteOut:
    wishes = site.wishes
    return SiteOut(
        site_id=str(site.pk),
        name=site.name,
        url=site.url,
        user=site.user,
        kind=site.kind,
        password=secret(site.encrypted_secret),
        web_password=secret(site.encrypted_web_secret),
        provider=site.publisher,
        order=site.order,
        closed=sorted(site.closed_ways),
        typography=site.typography,
        design=site.design,
        hero=site.hero,
        time_limit=site.time_limit,
        publish_immediately=wishes.publish_immediately,
        categories=site.category_names,
        tags=list(wishes.tags),
        comments=wishes.comments,
        seo_optimization=wishes.seo_optimization,
        warning=site.in_clear,
        tested=_tested(site),
    )


def _tested(site: Site) -> TestedOut | None:
    trial = Trial.kept(site)
    if trial is None:
        return None
    return TestedOut(at=trial.at, works=trial.works, open_ways=trial.open_ways, message=verdict(trial))


def secret(stored: str | None) -> SecretOut:
    return SecretOut(set=bool(stored), changed_at=None)


def version() -> str:
    """Another one for any other value that may be changed. What Galley itself finds out of a site is none of it."""
    fields = ["pk", *SiteForm.Meta.fields, "standing", "encrypted_secret", "encrypted_web_secret"]
    rows = list(Site.objects.order_by("pk").values_list(*fields))
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16]


# In


class Wanted:
    """What somebody wants of some sites, judged and not yet done. Within a transaction: the sites are locked."""

    def __init__(self, said: list[SiteIn]) -> None:
        numbers = [int(each.site_id) for each in said]
        there = {site.pk: site for site in Site.objects.select_for_update().filter(pk__in=numbers).order_by("pk")}
        self.problems: list[FieldProblem] = []
        self._forms: list[SiteForm] = []
        for place, (each, pk) in enumerate(zip(said, numbers, strict=True)):
            if pk not in there:
                self._refuse(place, "site_id", "There is no such site. GET /settings lists them.")
            elif pk in numbers[:place]:
                self._refuse(place, "site_id", "This site is named twice. Say all of it at once.")
            else:
                self._judge(place, _form(there[pk], each))

    def _judge(self, place: int, form: SiteForm) -> None:
        self._forms.append(form)
        for name, sentences in form.errors.items():
            for sentence in sentences:
                self._refuse(place, OUR_NAMES.get(name, name), str(sentence))

    def _refuse(self, place: int, name: str, sentence: str) -> None:
        name = f"cms_config.{place}.{name}".removesuffix(".__all__")
        self.problems.append(FieldProblem(field=f"body.{name}", message=f"“{name}”: {sentence}"))

    def save(self, user: User) -> list[Site]:
        """Those with a new password, which are to be tried once all of it holds. In the history of each it is told."""
        for form in self._forms:
            site = form.save()
            changed = [OUR_NAMES.get(name, name).replace("_", " ") for name in form.changed_data]
            said = f"Changed by the API: {', '.join(changed) or 'nothing'}."
            LogEntry.objects.log_actions(user.pk, [site], CHANGE, said, single_object=True)
        return [form.instance for form in self._forms if form.cleaned_data["password"]]


def _form(site: Site, wanted: SiteIn) -> SiteForm:
    """As if a person had opened it, changed what is said, and pressed Save."""
    opened = SiteForm(instance=site)
    said = {name: opened[name].value() for name in opened.fields}
    for name, value in wanted.model_dump(exclude_unset=True, exclude={"site_id"}).items():
        said[FORM_NAMES.get(name, name)] = _typed(name, value)
    return SiteForm(said, instance=site)


def _typed(name: str, value: Any) -> Any:
    if name == "publish_immediately":
        return "publish" if value else ""
    return ", ".join(value) if isinstance(value, list) else value


def try_all(sites: Iterable[Site], user: User) -> None:
    """What a new password is good for, as after Save in the desk."""
    for site in sites:
        trial = try_site(site)
        trial.keep()
        said = "Tested: it works." if trial.works else f"Tested: {trouble(trial)}"
        LogEntry.objects.log_actions(user.pk, [site], CHANGE, said, single_object=True)
