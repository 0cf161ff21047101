"""The pictures of an article."""

from __future__ import annotations

from datetime import datetime

from django.core.files.storage import Storage
from django.core.validators import MaxLengthValidator
from django.db import models

from articles import bounds
from articles.tree import names
from backups import configured
from backups.storage import backup_storage
from backups.trees.tree import Stored, Tree


def storage_of_images() -> Storage:
    """A callable, so that migrations do not hold the storage of one machine."""
    return backup_storage()


class ImageFile(models.Model):
    """One picture of an article, from its prompt to the media library of the site."""

    article = models.ForeignKey("articles.Article", models.CASCADE, related_name="images")
    # hero, section_1 …; written in sections: general_2, section_7_1; the writer's own: own_9f86d081884c
    role = models.CharField(max_length=20)
    prompt = models.TextField(validators=[MaxLengthValidator(bounds.LONGEST_PROMPT)])
    alt_text = models.CharField(max_length=bounds.LONGEST_ALT_TEXT, blank=True)
    aspect = models.CharField(max_length=5)  # 16:9; empty for the writer's own
    # Of one that the writer has put into the manuscript: what it is called there, behind which words, or at the top.
    own = models.CharField(max_length=64, blank=True, default="", db_default="")
    after = models.CharField(max_length=200, blank=True, default="", db_default="")
    opens = models.BooleanField(default=False, db_default=False)
    # Of a file that a person has chosen for this place: what it is called among the kept pictures.
    given = models.CharField(max_length=64, blank=True, default="", db_default="")
    source_url = models.URLField(max_length=2000, blank=True)
    source_expires_at = models.DateTimeField(null=True)
    file = models.FileField(storage=storage_of_images, max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    bytes = models.PositiveBigIntegerField(default=0)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    base64_sha256 = models.CharField(max_length=64, blank=True)
    wordpress_media_id = models.PositiveBigIntegerField(null=True)
    wordpress_url = models.URLField(max_length=500, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["article", "role"], name="one_image_per_role")]

    def __str__(self) -> str:
        return self.label

    @property
    def is_stored(self) -> bool:
        return bool(self.sha256)

    @property
    def is_brought(self) -> bool:
        """A person has brought it: no service is asked for it."""
        return bool(self.own or self.given)

    @property
    def is_hero(self) -> bool:
        """Whether it is the picture of the whole article."""
        return self.role == "hero" or self.opens

    @property
    def section(self) -> int | None:
        """The index of the section that it came with; None for a picture of the whole article."""
        parts = self.role.split("_")
        return int(parts[1]) if len(parts) == 3 else None

    @property
    def label(self) -> str:
        """`hero`, `section 2`, `section 7, picture 1` of one that came with a section, or `writer's`: for people."""
        if self.own:
            return "writer's"
        words = self.role.split("_")
        return f"section {words[1]}, picture {words[2]}" if len(words) == 3 else " ".join(words)

    @property
    def file_name(self) -> str:
        return names.image(self.role)

    @property
    def base64_name(self) -> str:
        return names.base64(self.role)

    @property
    def stored(self) -> Stored:
        return Stored(self.file_name, self.sha256, self.bytes)

    @property
    def stored_base64(self) -> Stored:
        return Stored(self.base64_name, self.base64_sha256, 4 * -(-self.bytes // 3))

    def url_is_fresh(self, now: datetime) -> bool:
        return bool(self.source_url and self.source_expires_at and self.source_expires_at > now)


class KeptPicture(models.Model):
    """A writer's own picture, kept in the storage since a text brought it (`articles.tree.kept_pictures`)."""

    name = models.CharField(max_length=64, unique=True)  # by which texts name it: the SHA-256 of the file as it came
    bytes = models.PositiveBigIntegerField(default=0)  # of the picture as it is kept
    unused_since = models.DateTimeField(null=True, blank=True)  # when no text was found that names it

    class Meta:
        indexes = [models.Index(fields=["unused_since"], name="kept_picture_by_disuse")]

    def __str__(self) -> str:
        return self.name

    @property
    def tree(self) -> Tree:
        return configured.tree(names.picture(self.name))
