"""What of a manifest is believed: whatever lies in the storage is held against these bounds before it is used."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from articles.content.pictures import SIZES
from articles.models import ACCENT, PRIMARY

Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,99}$")]
Role = Annotated[
    str, StringConstraints(pattern=r"^(?:hero|general_[1-9]|section_[1-9]|section_[1-9][0-9]{0,3}_[1-9])$")
]
AspectRatio = Annotated[str, StringConstraints(pattern=f"^(?:{'|'.join(SIZES)})$")]
UserName = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[\w.@+-]+$")]
Words = Annotated[str, StringConstraints(max_length=1000)]
MOST_SECTIONS = 5000
MOST_PICTURES = 7 * MOST_SECTIONS


class Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)


class Facts(Part):
    title: str = Field("", max_length=300)
    components: list[dict[str, str]] = Field(default_factory=list, max_length=200)


class Prompt(Part):
    role: Role
    prompt: str = Field(max_length=4000)
    alt_text: str = Field("", max_length=300)
    aspect_ratio: AspectRatio


class Colours(Part):
    primary: Colour = PRIMARY
    accent: Colour = ACCENT


class Uploaded(Part):
    role: Role
    media_id: int = Field(gt=0, le=2**63 - 1)
    url: str = Field("", max_length=500, pattern=r"^(?:https?://.*)?$")


class SectionPart(Part):
    index: int = Field(ge=1, le=MOST_SECTIONS)
    heading: str = Field(min_length=1, max_length=200)
    status: Literal["pending", "running", "completed", "failed"]
    timestamp: str | None = Field(None, max_length=40)
    fields: dict[str, Words] = Field(default_factory=dict, max_length=100)


class BatchPart(Part):
    name: str = Field(min_length=1, max_length=100)
    owner: UserName
    brief: str = Field(max_length=5000)
    images_per_style: int = Field(ge=0, le=6)
    images_per_section: int = Field(ge=0, le=6)
    fields: dict[str, Words] = Field(max_length=100)


class StepPart(Part):
    status: Literal["pending", "running", "completed", "failed"]
    timestamp: str | None = Field(None, max_length=40)
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
    link: str | None = Field(None, max_length=500, pattern=r"^(?:https?://|/[^/]).*$")


class Source(Part):
    uid: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    owner: UserName
    created_at: str = Field(max_length=40)
    idea: str = Field("", max_length=20_000)
    manuscript: str = Field("", max_length=6 * 1024 * 1024)
    manuscript_name: str = Field("", max_length=255)
    style: str = Field("", max_length=200)
    formatter: Literal["auto", "claude", "template"] = "auto"
    site: str | None = Field(None, max_length=50, pattern=r"^\w[\w .-]*$")
    is_long: bool = False
    batch: BatchPart | None = None


class Manifest(Part):
    schema_version: Literal[1] = Field(alias="schema")
    article: Facts
    pipeline_stages: dict[str, StepPart]
    source: Source
