"""The settings in the API: what holds, changed in part; and whether a site can be reached with what is saved."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Header, Router, Status
from ninja.errors import HttpError
from pydantic import Field

from articles.api.asking import who_may
from articles.api.strict import REFUSALS, Problem, Strict
from articles.models import DeskSettings
from articles.models.desk_settings import MOST_DAYS, MOST_DOLLARS
from articles.pipeline.money import limits
from publishing.models import Site
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


class SecretOut(Strict):
    """A secret goes in and never out."""

    set: bool
    changed_at: datetime | None = Field(description="null: it is not known")


class ServiceOut(Strict):
    """A service, as the operator has set it up."""

    key: SecretOut
    model: str = Field(description="empty: none")


class SiteOut(Strict):
    """How articles get onto a site."""

    site_id: str
    name: str
    provider: str
    order: list[str]
    closed: list[str]
    password: SecretOut
    web_password: SecretOut


class LimitsOut(Strict):
    """US dollars; null: no limit. `spent` with what may have been charged besides."""

    article: Decimal | None
    day: Decimal | None
    month: Decimal | None
    agent_run: Decimal | None
    spent_today: Decimal
    spent_this_month: Decimal


class FilmOut(Strict):
    """Days that pictures of what browsers showed are kept."""

    days: int
    failed_days: int = Field(description="of publications that have stopped")


class SettingsOut(Strict):
    """What holds now. The `ETag` of the answer is its version."""

    provider_config: dict[str, ServiceOut] = Field(description="by service: text, images, format; the operator's")
    cms_config: list[SiteOut] = Field(description="changed at the sites in the desk")
    cost_limits: LimitsOut
    screenshot_retention: FilmOut


class StaleOut(Problem):
    """Somebody else was quicker."""

    present: SettingsOut


Dollars = Annotated[Decimal | None, Field(strict=False, ge=0, le=MOST_DOLLARS, decimal_places=2)]
Days = Annotated[int | None, Field(ge=0, le=MOST_DAYS)]


class LimitsIn(Strict):
    """Null takes a limit away; what is left out stays."""

    article: Dollars = None
    day: Dollars = None
    month: Dollars = None
    agent_run: Dollars = None


class FilmIn(Strict):
    """Null: as the operator has set it; what is left out stays."""

    days: Days = None
    failed_days: Days = None


class SettingsIn(Strict):
    """What shall be otherwise."""

    cost_limits: LimitsIn = Field(default_factory=lambda: LimitsIn.model_validate({}))
    screenshot_retention: FilmIn = Field(default_factory=lambda: FilmIn.model_validate({}))

    @property
    def values(self) -> dict[str, Any]:
        """By the names of the row's fields."""
        limits_said = self.cost_limits.model_dump(exclude_unset=True)
        film_said = self.screenshot_retention.model_dump(exclude_unset=True)
        return {f"limit_{name}": value for name, value in limits_said.items()} | {
            f"film_{name}": value for name, value in film_said.items()
        }


@router.get("", response={200: SettingsOut, **REFUSALS}, operation_id="settings")
def settings_now(request: HttpRequest, response: HttpResponse) -> SettingsOut:
    """What holds for the desk as a whole (six queries)."""
    who_may(request, "articles.view_desksettings")
    row = DeskSettings.row()
    response["ETag"] = _etag(row)
    return _out(row)


@router.put("", response={200: SettingsOut, 412: StaleOut, 428: Problem, **REFUSALS}, operation_id="settings_change")
def change_settings(
    request: HttpRequest,
    response: HttpResponse,
    wanted: SettingsIn,
    if_match: Annotated[str | None, Header(alias="If-Match", max_length=100)] = None,
) -> Status[SettingsOut | StaleOut | Problem]:
    """Change some of it, if it still is as you know it: `If-Match` with the `ETag` of what you have read."""
    who_may(request, "articles.change_desksettings")
    if if_match is None:
        return Status(428, Problem.of(428, "Say with If-Match which version you change: the ETag of GET /settings."))
    row = DeskSettings.row()
    if if_match != _etag(row) or not limits.change(row.version, wanted.values):
        row = DeskSettings.row()
        response["ETag"] = _etag(row)
        said = (
            "Somebody has changed the settings since you have read them: see what they are now, and send yours again."
        )
        return Status(412, StaleOut.of(412, said, present=_out(row)))
    row = DeskSettings.row()
    response["ETag"] = _etag(row)
    return Status(200, _out(row))


def _etag(row: DeskSettings) -> str:
    return f'"{row.version}"'


def _out(row: DeskSettings) -> SettingsOut:
    today = timezone.localdate()
    return SettingsOut(
        provider_config={
            name: ServiceOut(key=_secret(key), model=model)
            for name, (key, model) in {
                "text": (settings.OPENAI_API_KEY, settings.OPENAI_MODEL),
                "images": (settings.REPLICATE_API_TOKEN, settings.REPLICATE_MODEL),
                "format": (settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_MODEL),
            }.items()
        },
        cms_config=[
            SiteOut(
                site_id=str(site.pk),
                name=site.name,
                provider=site.publisher,
                order=site.order,
                closed=sorted(site.closed_ways),
                password=_secret(site.encrypted_secret),
                web_password=_secret(site.encrypted_web_secret),
            )
            for site in Site.objects.all()
        ],
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


def _secret(secret: str | None) -> SecretOut:
    return SecretOut(set=bool(secret), changed_at=None)
