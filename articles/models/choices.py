"""What several records choose from."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.core.validators import RegexValidator
from django.db import models

if TYPE_CHECKING:
    pass

is_colour = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", "Write a colour like #1a4d8f.")
PRIMARY, ACCENT = "#1a4d8f", "#b3541e"


def new_uid() -> str:
    return uuid.uuid4().hex


class Stage(models.TextChoices):
    """The five stages, in their order."""

    ARTICLE = "article", "Article"
    PROMPTS = "prompts", "Prompts"
    IMAGES = "images", "Images"
    FORMAT = "format", "Format"
    UPLOAD = "upload", "Upload"

    @property
    def step(self) -> int:
        return list(Stage).index(self) + 1


class Design(models.TextChoices):
    """How the pages of a magazine are drawn."""

    CLASSIC = "classic", "Classic: a calm serif, headings in the main colour"
    MODERN = "modern", "Modern: sans-serif, heavy headings, strong boxes"
    ESSAY = "essay", "Essay: a narrow column with a large first letter, centred headings"

    @classmethod
    def first_of(cls, *wishes: str) -> str:
        """The first that somebody has chosen; else the one of all who choose none."""
        return next(filter(None, wishes), cls.CLASSIC.value)


class Formatter(models.TextChoices):
    """Who lays a page out."""

    AUTO = "auto", "Claude if it can, else the template"
    CLAUDE = "claude", "Claude only"
    TEMPLATE = "template", "The template"
