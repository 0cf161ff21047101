"""What of a manifest is believed: whatever lies in the storage is held against these bounds before it is used.

They are those of the doors (`articles.bounds`) or wider: what can be handed in can be read back.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from articles import bounds
from articles.content.pictures import SIZES
from articles.models import ACCENT, PRIMARY
from articles.providers.errors import DETAIL_CHARACTERS, Then

WIDER = 10  # times as much may have been handed in to earlier versions, which had no such bounds
LONG = 1_000_000  # letters of a sentence of ours: it may name every file of an article


def _pattern(pattern: str, **bounds: int) -> StringConstraints:
    return StringConstraints(pattern=rf"\A(?:{pattern})\Z", **bounds)  # type: ignore[arg-type]  # lengths


Uid = Annotated[str, _pattern("[0-9a-f]{32}")]
Colour = Annotated[str, _pattern("#[0-9a-fA-F]{6}")]
FileName = Annotated[str, _pattern("[a-z0-9][a-z0-9_.-]{0,99}")]
Role = Annotated[str, _pattern("hero|general_[1-9]|section_[1-9]|section_[1-9][0-9]{0,4}_[1-9]|own_[0-9a-f]{12}")]
AspectRatio = Annotated[str, _pattern("|".join(("", *SIZES)))]  # of the writer's own none
UserName = Annotated[str, _pattern(r"[\w.@+-]+", max_length=150)]
SiteName = Annotated[str, _pattern(r"\w[\w .-]*", max_length=50)]
Address = Annotated[str, StringConstraints(max_length=300)]
Moment = Annotated[str, StringConstraints(max_length=40)]
Words = Annotated[str, StringConstraints(max_length=bounds.LONGEST_FIELD)]
Columns = Annotated[dict[str, Words], Field(max_length=WIDER * bounds.MOST_COLUMNS)]
Sentence = Annotated[str, StringConstraints(max_length=LONG)]
Dollars = Annotated[str, _pattern(r"\d{1,9}(?:\.\d{1,6})?")]
Formatter = Literal["auto", "claude", "template"]
Design = Literal["classic", "modern", "essay"]
State = Literal["pending", "running", "completed", "failed"]
MOST_SECTIONS = WIDER * bounds.MOST_SECTIONS  # and so the greatest index of one
MOST_PICTURES = (bounds.MOST_PICTURES + 1) * MOST_SECTIONS
MOST_COMPONENTS = 200
MOST_TASKS = 1_000  # one for each site
MOST_OPEN_COSTS = 2**31 - 1  # what its column holds


class Part(BaseModel):
    # By Python's own expressions: those of pydantic's engine take other signs for letters than the forms do.
    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True, regex_engine="python-re")


class Destination(Part):
    """A site by what it was called, and where it was."""

    site: SiteName | None = None
    site_id: int | None = None
    site_address: Address = ""


# What an article is made of


class Facts(Part):
    title: str = Field("", max_length=bounds.LONGEST_TITLE)
    components: list[dict[str, str]] = Field(default_factory=list, max_length=MOST_COMPONENTS)


class Prompt(Part):
    role: Role
    prompt: str = Field(max_length=bounds.LONGEST_PROMPT)
    alt_text: str = Field("", max_length=bounds.LONGEST_ALT_TEXT)
    aspect_ratio: AspectRatio
    own: Annotated[str, _pattern("(?:[0-9a-f]{64})?")] = ""
    after: str = Field("", max_length=200)
    opens: bool = False
    given: Annotated[str, _pattern("(?:[0-9a-f]{64})?")] = ""


class Colours(Part):
    primary: Colour = PRIMARY
    accent: Colour = ACCENT


class Uploaded(Part):
    role: Role
    media_id: int = Field(gt=0, le=2**63 - 1)
    url: Annotated[str, _pattern("(?:https?://.*)?", max_length=500)] = ""


class SectionPart(Part):
    index: int = Field(ge=1, le=MOST_SECTIONS)
    heading: str = Field(min_length=1, max_length=bounds.LONGEST_NAME)
    status: State
    timestamp: Moment | None = None
    fields: Columns = Field(default_factory=dict)


class StepPart(Part):
    status: State
    timestamp: Moment | None = None
    file: FileName | None = None
    model: str | None = Field(None, max_length=100)
    formatter: str | None = Field(None, max_length=100)
    prompts: list[Prompt] = Field(default_factory=list, max_length=MOST_PICTURES)
    opening_file: Literal["01_opening.html"] | None = None  # names.OPENING
    # Of stage 1; those of stage 3 are pictures, which are known from the prompts and the files.
    sections: list[SectionPart | dict[str, Any]] = Field(default_factory=list, max_length=MOST_PICTURES)
    brand_colors: Colours = Field(default_factory=Colours)
    uploaded_images: list[Uploaded] = Field(default_factory=list, max_length=MOST_PICTURES)
    post_id: int | None = None
    link: Annotated[str, _pattern("(?:https?://|/[^/]).*", max_length=500)] | None = None


# What was handed in


class BatchPart(Part):
    """The batch of an article, as the article's manifest knows it."""

    uid: Uid | None = None
    name: str = Field(min_length=1, max_length=bounds.LONGEST_BATCH_NAME)
    owner: UserName
    brief: str = Field(max_length=bounds.LONGEST_BRIEF)
    images_per_style: int = Field(ge=0, le=bounds.MOST_PICTURES)
    images_per_section: int = Field(ge=0, le=bounds.MOST_PICTURES)
    budget: Dollars | None = None
    fields: Columns


class EarlierManuscript(Part):
    """What the article was made of before, and until when."""

    manuscript: str = Field(max_length=settings.MANUSCRIPT_BYTES)
    manuscript_name: str = Field("", max_length=bounds.LONGEST_FILE_NAME)
    title: str = Field("", max_length=bounds.LONGEST_TITLE)
    prompts: list[Prompt] = Field(default_factory=list, max_length=MOST_PICTURES)
    until: Moment


class EarlierFile(Part):
    """A file that another took the place of, and until when it was in force."""

    file: FileName
    of: FileName
    sha256: Annotated[str, _pattern("[0-9a-f]{64}")]
    bytes: int = Field(ge=0)
    until: Moment
    prompt: str = Field("", max_length=bounds.LONGEST_PROMPT)
    alt_text: str = Field("", max_length=bounds.LONGEST_ALT_TEXT)
    source_url: Annotated[str, StringConstraints(max_length=2000)] = ""
    width: int = Field(0, ge=0, le=2**31 - 1)
    height: int = Field(0, ge=0, le=2**31 - 1)
    maker: Annotated[str, StringConstraints(max_length=100)] = ""
    title: str = Field("", max_length=bounds.LONGEST_TITLE)
    formatter: Formatter = "auto"
    design: Design = "classic"
    byline: str = Field("", max_length=bounds.LONGEST_BYLINE)
    brand_primary: Colour = PRIMARY
    brand_accent: Colour = ACCENT
    made_of: Annotated[str, _pattern("(?:[0-9a-f]{64})?")] = ""
    why: Literal["", "picture", "words", "look", "earlier"] = ""


class Source(Destination):
    uid: Uid
    owner: UserName
    created_at: Moment
    idea: str = Field("", max_length=WIDER * bounds.LONGEST_FILLED)
    manuscript: str = Field("", max_length=settings.MANUSCRIPT_BYTES)  # a letter has one byte at least
    manuscript_name: str = Field("", max_length=bounds.LONGEST_FILE_NAME)
    earlier_manuscripts: list[EarlierManuscript] = Field(default_factory=list, max_length=bounds.MOST_MANUSCRIPTS)
    earlier_files: list[EarlierFile] = Field(default_factory=list, max_length=bounds.MOST_EARLIER_FILES)
    style: str = Field("", max_length=bounds.LONGEST_STYLE)
    formatter: Formatter = "auto"
    design: Design = "classic"
    byline: str = Field("", max_length=bounds.LONGEST_BYLINE)
    is_long: bool = False
    scheduled_at: Moment | None = None
    batch: BatchPart | None = None
    # Whoever makes them again holds them against bounds of their own.
    publish_tasks: list[dict[str, Any]] = Field(default_factory=list, max_length=MOST_TASKS)


# How it stands


class Stop(Part):
    """Why it stopped: a SavedError."""

    kind: str = Field(max_length=100)
    provider: str = Field(max_length=100)
    reason: Sentence
    mend: Sentence
    then: str = Field(pattern=rf"\A(?:{'|'.join(Then)})\Z")
    code: str = Field(max_length=100)
    detail: str = Field(max_length=max(DETAIL_CHARACTERS, LONG))
    thing: Sentence
    stage: str = Field(pattern=r"\A(?:article|prompts|images|format|upload)\Z")


class StatePart(Part):
    status: Annotated[str, StringConstraints(max_length=10)] = ""
    ended_at: Moment | None = None
    error: Stop | None = None
    cancelled_with: Literal["", "batch", "list"] = ""
    spent: Dollars = "0"
    reserved: Dollars = "0"


class OpeningPart(Part):
    title: Annotated[str, StringConstraints(max_length=bounds.LONGEST_TITLE)] = ""


class RecordPart(Part):
    started_at: Moment | None = None
    finished_at: Moment | None = None
    failed_at: Moment | None = None
    maker: Annotated[str, StringConstraints(max_length=100)] = ""
    error: Sentence = ""
    details: dict[str, OpeningPart | Sentence | int | float | bool | None] = Field(default_factory=dict, max_length=20)


class Manifest(Part):
    schema_version: Literal[1] = Field(alias="schema")
    article: Facts
    pipeline_stages: dict[str, StepPart]
    source: Source
    state: StatePart = StatePart()
    records: dict[str, RecordPart] = Field(default_factory=dict, max_length=20)


class WholeBatch(Destination):
    """A batch as its own manifest knows it."""

    uid: Uid
    name: str = Field(min_length=1, max_length=bounds.LONGEST_BATCH_NAME)
    owner: UserName
    created_at: Moment
    brief: str = Field(max_length=bounds.LONGEST_BRIEF)
    styles: str = Field(max_length=bounds.LONGEST_LIST)
    sections: str = Field(max_length=bounds.LONGEST_LIST)
    images_per_style: int = Field(ge=0, le=bounds.MOST_PICTURES)
    images_per_section: int = Field(ge=0, le=bounds.MOST_PICTURES)
    style: str = Field("", max_length=bounds.LONGEST_STYLE)
    formatter: Formatter = "template"
    design: Literal["", "classic", "modern", "essay"] = ""
    budget: Dollars | None = None
    state: Literal["draft", "running", "paused", "done", "cancelled"]
    reason: str = Field("", max_length=500)
    spent: Dollars = "0"
    reserved: Dollars = "0"
    open_costs: int = Field(0, ge=0, le=MOST_OPEN_COSTS)
    started_at: Moment | None = None
    ended_at: Moment | None = None


class BatchManifest(Part):
    schema_version: Literal[1] = Field(alias="schema")
    batch: WholeBatch
