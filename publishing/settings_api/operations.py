"""The settings in the API: what holds, changed in part; and whether a site can be reached with what is saved."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Header, Router, Status
from ninja.errors import HttpError
from pydantic import Field

from articles.api.asking import who_may
from articles.api.strict import REFUSALS, FieldProblem, Problem, Strict
from articles.models import DeskSettings
from articles.pipeline.money import limits
from backups.clocks import DESK
from publishing.models import Site
from publishing.settings_api.schemas import FilmOut, LimitsOut, ServiceSetUpOut, SettingsIn, SettingsOut, StaleOut
from publishing.settings_api.sites import Wanted, secret, shown_to, try_all, version
from publishing.trial.trial import try_site
from publishing.trial.wording import verdict, words

router = Router(tags=["settings"])


class TestIn(Strict):
    """Only what was saved is tried: neither an address nor a password is taken from here."""

    site_id: str = Field(pattern=r"^[0-9]{1,18}$")


class FindingOut(Strict):
    """One fact, and the same in sentences."""

    about: str = Field(
        description="rest, xmlrpc, playwright, header, front, rights, upload, types, seo, time_zone, cache, hero"
    )
    code: str = Field(description="what was found; open: this way works; that of the error where it is one")
    state: Literal["good", "look", "bad"]
    values: dict[str, Any]
    sentence: str
    advice: str = Field(description="what to do; empty: nothing")


class TestOut(Strict):
    """What publishing will meet at a site."""

    site_id: str
    works: bool = Field(description="at least one of the ways that its articles take is open")
    open_ways: list[str]
    message: str
    at: datetime
    findings: list[FindingOut]


@router.post("/test-connection", response={200: TestOut, **REFUSALS}, operation_id="settings_test_connection")
def test_connection(request: HttpRequest, wanted: TestIn) -> TestOut:
    """Try a site as it is saved. Nothing is changed there; it takes a minute at most, for all questions together."""
    who_may(request, "publishing.change_site")
    site = Site.objects.filter(pk=int(wanted.site_id)).first()
    if site is None:
        raise HttpError(422, "There is no such site. The desk lists them under Sites.")
    trial = try_site(site)
    trial.keep()
    return TestOut(
        site_id=str(site.pk),
        works=trial.works,
        open_ways=trial.open_ways,
        message=verdict(trial),
        at=trial.at,
        findings=[FindingOut(**finding.saved(), **words(site, finding)._asdict()) for finding in trial.findings],
    )


# What holds for the desk

SERVICES = {
    "text": ("OPENAI_API_KEY", "OPENAI_MODEL"),
    "images": ("REPLICATE_API_TOKEN", "REPLICATE_MODEL"),
    "format": ("ANTHROPIC_API_KEY", "ANTHROPIC_MODEL"),
    "agent": ("ANTHROPIC_API_KEY", "GALLEY_AGENT_MODEL"),
}
QUICKER = "Somebody has changed the settings since you have read them: see what they are now, and send yours again."


@router.get("", response={200: SettingsOut, **REFUSALS}, operation_id="settings")
def settings_now(request: HttpRequest, response: HttpResponse) -> SettingsOut:
    """What holds for the desk as a whole, and for its sites."""
    return _answered(response, who_may(request, "articles.view_desksettings"))


@router.put("", response={200: SettingsOut, 412: StaleOut, 428: Problem, **REFUSALS}, operation_id="settings_change")
def change_settings(
    request: HttpRequest,
    response: HttpResponse,
    wanted: SettingsIn,
    if_match: Annotated[str | None, Header(alias="If-Match", max_length=100)] = None,
) -> Status[SettingsOut | StaleOut | Problem]:
    """Change some of it, if it still is as you know it: `If-Match` with the `ETag` of what you have read.

    All of it holds then, or nothing. A site is changed as by its form at the desk; a new password is tried at once,
    and `tested` says what came of that. Services are set up by the operator, and refused here.
    """
    user = who_may(request, "articles.view_desksettings")
    for right in wanted.rights:
        who_may(request, right)
    if if_match is None:
        return Status(428, Problem.of(428, "Say with If-Match which version you change: the ETag of GET /settings."))
    with transaction.atomic():
        row = DeskSettings.objects.select_for_update(no_key=True).get(pk=DeskSettings.row().pk)
        sites = Wanted(wanted.cms_config)
        if if_match != _etag(row):
            return Status(412, StaleOut.of(412, QUICKER, present=_answered(response, user)))
        if problems := [*_of_the_operator(wanted), *sites.problems]:
            said = " ".join(problem.message for problem in problems)
            return Status(422, Problem.of(422, said, errors=problems))
        limits.change(row.version, wanted.values)
        with_new_password = sites.save(user)
    try_all(with_new_password, user)
    return Status(200, _answered(response, user))


def _etag(row: DeskSettings) -> str:
    return f'"{row.version}-{version()}"'


def _of_the_operator(wanted: SettingsIn) -> list[FieldProblem]:
    """What is said of services, which no row keeps."""
    return [
        FieldProblem(
            field=f"body.provider_config.{name}.{word}",
            message=f"“provider_config.{name}.{word}” stands in the environment of the desk, and cannot be changed "
            f"here: have the operator set {setting} there, and start the desk again.",
        )
        for name, service in wanted.provider_config.items()
        for word, setting in zip(("key", "model"), SERVICES[name], strict=True)
        if word in service.model_fields_set
    ]


def _answered(response: HttpResponse, user: User) -> SettingsOut:
    """What holds now, with its version."""
    row, today = DeskSettings.row(), DESK.today()
    response["ETag"] = _etag(row)
    return SettingsOut(
        provider_config={name: _service(*names) for name, names in SERVICES.items()},
        cms_config=shown_to(user),
        cost_limits=LimitsOut(
            article=row.limit_article,
            day=row.limit_day,
            month=row.limit_month,
            agent_run=row.limit_agent_run,
            spent_today=limits.charged(today),
            spent_this_month=limits.charged(limits.first_of_month(today)),
        ),
        screenshot_retention=FilmOut(days=row.keeps_film, failed_days=row.keeps_film_of_failed),
    )


def _service(key: str, model: str) -> ServiceSetUpOut:
    return ServiceSetUpOut(
        key=secret(getattr(settings, key)), key_setting=key, model=getattr(settings, model), model_setting=model
    )
