"""What goes in and out of the settings. Which values a site may have says its form."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from articles.api.strict import Problem, Strict
from articles.models import Design
from articles.models.desk_settings import MOST_DAYS, MOST_DOLLARS
from publishing.models import Site, Way
from publishing.models.site import SINGLE

MOST_SITES = 5  # in one change: a new password is tried at once, which takes a minute at most


# Out


class SecretOut(Strict):
    """A secret goes in and never out."""

    set: bool
    changed_at: datetime | None = Field(description="null: it is not known")


class ServiceSetUpOut(Strict):
    """A service, as the operator has set it up: key and model stand in the environment of the desk alone."""

    key: SecretOut
    key_setting: str = Field(description="the name in the environment")
    model: str = Field(description="empty: none")
    model_setting: str = Field(description="the name in the environment")


class TestedOut(Strict):
    """What was found when a site was tried last, with this address, user and password."""

    at: datetime
    works: bool = Field(description="at least one of the ways that its articles take is open")
    open_ways: list[str]
    message: str


class SiteOut(Strict):
    """A site, as it holds: all that may be changed, and what became of it."""

    site_id: str
    name: str
    url: str
    user: str
    kind: str = Field(description="how it signs in: app-password or jwt")
    password: SecretOut
    web_password: SecretOut = Field(description="of the login page, for publishing by a browser")
    provider: str = Field(description="the way, where nobody says otherwise")
    order: list[str] = Field(description="of the ways, where that is hybrid: the first is tried first")
    closed: list[str] = Field(description="ways that are not tried at present; any change opens them again")
    typography: str
    design: str = Field(description="of articles for it that are to have no other; empty: none")
    hero: str
    time_limit: int = Field(description="seconds that it may work on one request")
    publish_immediately: bool = Field(description="where whoever publishes says nothing else; false: drafts")
    categories: list[str] = Field(description="of every post")
    tags: list[str] = Field(description="of every post")
    comments: str = Field(description="open, closed, or empty: as the site has it")
    seo_optimization: bool
    warning: str = Field(description="of an address that sends the password in clear; else empty")
    tested: TestedOut | None = Field(description="null: not since address, user or password are these")


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

    provider_config: dict[str, ServiceSetUpOut] = Field(
        description="by service: text, images, format, agent; the operator's, in the environment of the desk"
    )
    cms_config: list[SiteOut] = Field(description="the sites; empty for who may not see them")
    cost_limits: LimitsOut
    screenshot_retention: FilmOut


class StaleOut(Problem):
    """Somebody else was quicker."""

    present: SettingsOut


# In


Dollars = Annotated[Decimal | None, Field(strict=False, ge=0, le=MOST_DOLLARS, decimal_places=2)]
Days = Annotated[int | None, Field(ge=0, le=MOST_DAYS)]
# The form has lists as words with commas between them: a comma in a name would make two of it.
Names = Annotated[list[Annotated[str, Field(pattern=r"^[^,]*$")]], Field(max_length=100)]


def _one_of(*values: str, **more: Any) -> Any:
    return Field(default_factory=str, json_schema_extra={"enum": list(values)}, **more)


class ServiceIn(Strict):
    """Nothing of it can be changed here: the answer says where."""

    key: str | None = None
    model: str | None = None


class SiteIn(Strict):
    """What shall be otherwise with a site; what is left out stays. Its form judges it, as in the desk."""

    site_id: str = Field(pattern=r"^[0-9]{1,18}$")
    name: str = Field(default_factory=str)
    url: str = Field(default_factory=str, description="a new one needs the password, too")
    user: str = Field(default_factory=str)
    kind: str = _one_of(*Site.Kind.values, description="how it signs in; another one needs the password, too")
    password: str = Field(default_factory=str, min_length=1, description="it is tried at once, and never shown")
    web_password: str = Field(
        default_factory=str, min_length=1, description="of the login page; a new address or user forgets it"
    )
    provider: str = _one_of(Way.HYBRID.value, *SINGLE, description="the way, where nobody says otherwise")
    order: Names = Field(default_factory=list, description=f"of the ways: {', '.join(SINGLE)}")
    typography: str = _one_of(*Site.Typography.values)
    design: str = _one_of("", *Design.values)
    hero: str = _one_of(*Site.Hero.values)
    time_limit: int = Field(default_factory=int, description="seconds")
    publish_immediately: bool = Field(default_factory=bool)
    categories: Names = Field(default_factory=list)
    tags: Names = Field(default_factory=list)
    comments: str = _one_of("", "open", "closed")
    seo_optimization: bool = Field(default_factory=bool)


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

    provider_config: dict[Literal["text", "images", "format", "agent"], ServiceIn] = Field(
        {}, description="refused: these stand in the environment of the desk"
    )
    cms_config: list[SiteIn] = Field([], max_length=MOST_SITES, description="a site once; another one stays as it is")
    cost_limits: LimitsIn = Field(default_factory=lambda: LimitsIn.model_validate({}))
    screenshot_retention: FilmIn = Field(default_factory=lambda: FilmIn.model_validate({}))

    @property
    def values(self) -> dict[str, Any]:
        """Of the desk as a whole, by the names of the row's fields."""
        limits_said = self.cost_limits.model_dump(exclude_unset=True)
        film_said = self.screenshot_retention.model_dump(exclude_unset=True)
        return {f"limit_{name}": value for name, value in limits_said.items()} | {
            f"film_{name}": value for name, value in film_said.items()
        }

    @property
    def rights(self) -> list[str]:
        """That it takes, beside that to see the settings: those of the pages where people change the same."""
        of_sites = ["publishing.change_site"] if self.cms_config else []
        of_desk = ["articles.change_desksettings"] if self.values or not self.cms_config else []
        return [*of_sites, *of_desk]
