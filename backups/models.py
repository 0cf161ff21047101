"""What the database remembers of backups. The storage is the truth: these rows can be rebuilt from it at any time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import models
from django.utils import timezone

from backups.errors import Failed
from backups.repository.manifests import Generation as Manifest
from backups.storage.port import FIRST, SECOND

STORAGES = [(FIRST, "First"), (SECOND, "Second")]
FINDINGS = 1000  # that are kept word for word
UNDONE = {"restoring": "Undoing", "done": "Undone", "partly": "Undone in part", "failed": "Not undone"}


class Generation(models.Model):
    """A backup that is complete, as its signed manifest tells it; and what was found out about it since."""

    class Tier(models.TextChoices):
        FILES = "files", "Files"
        DATABASE = "database", "Database"

    tier = models.CharField(max_length=20, choices=Tier)
    storage = models.CharField(max_length=10, choices=STORAGES, default=FIRST)  # where it is
    name = models.CharField(max_length=80)  # the manifest's id
    parent = models.CharField(max_length=80, blank=True)
    began = models.DateTimeField()
    made = models.DateTimeField()  # signed; everything that goes by age goes by this
    placed = models.DateTimeField()  # the same, but never after what builds on it: by this they follow each other
    counts = models.JSONField(default=dict)
    about = models.JSONField(default=dict)
    verified_at = models.DateTimeField(null=True, blank=True)  # when all of its objects were there, the last time
    damage = models.JSONField(default=list, blank=True)  # a sentence each
    evidence = models.JSONField(default=dict, blank=True)  # by key of an object: how it was found, and the sentence
    pinned = models.BooleanField(default=False)  # as the storage said, the last time it was asked

    class Meta:
        ordering = ["-placed", "-name"]
        verbose_name = "backup"
        constraints = [models.UniqueConstraint(fields=["tier", "storage", "name"], name="one_row_per_generation")]
        indexes = [models.Index(fields=["tier", "storage", "-placed"])]  # the newest of a tier in a storage

    def __str__(self) -> str:
        return f"{self.get_tier_display()} of {self.made:%Y-%m-%d %H:%M} UTC"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Where nobody has compared it with others, its place is its time."""
        self.placed = self.placed or self.made
        super().save(*args, **kwargs)


class Verification(models.Model):
    """One look at whether the backups of a tier are whole."""

    class Kind(models.TextChoices):
        QUICK = "quick", "Quick"
        DEEP = "deep", "Deep"

    tier = models.CharField(max_length=20)  # or "trees", which are in none
    storage = models.CharField(max_length=10, choices=STORAGES, default=FIRST)
    kind = models.CharField(max_length=10, choices=Kind)
    slot = models.PositiveSmallIntegerField(null=True, blank=True)  # which thirtieth was read; of a deep one, null: all
    at = models.DateTimeField()
    objects_seen = models.PositiveBigIntegerField()
    bytes_seen = models.PositiveBigIntegerField()
    orphans = models.PositiveBigIntegerField(default=0)  # objects that nothing names
    findings = models.JSONField(default=list, blank=True)  # a sentence each
    unusable = models.JSONField(default=list, blank=True)  # those of them about manifests that cannot be believed

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["tier", "kind", "-at"])]  # the last one; those of thirty days

    def __str__(self) -> str:
        return f"{self.get_kind_display()} verification of {self.tier} at {self.at:%Y-%m-%d %H:%M}"


class DamagedTree(models.Model):
    """A tree that was read and is not what its manifest says. It stays until it was read again and is whole."""

    prefix = models.CharField(max_length=200, unique=True)
    at = models.DateTimeField()  # when it was found
    says = models.JSONField(default=list)  # a sentence each

    class Meta:
        ordering = ["-at", "prefix"]

    def __str__(self) -> str:
        return self.prefix


class Drill(models.Model):
    """One restore for trial, of one tier."""

    tier = models.CharField(max_length=20, choices=Generation.Tier)
    storage = models.CharField(max_length=10, choices=STORAGES, default=FIRST)
    generation = models.CharField(max_length=80, blank=True)  # its name; "" when there was none to restore
    at = models.DateTimeField()
    seconds = models.FloatField()
    things = models.PositiveBigIntegerField()  # rows or files that came back as they were
    differences = models.JSONField(default=list, blank=True)  # a sentence each

    class Meta:
        ordering = ["-at", "tier"]

    def __str__(self) -> str:
        return f"Drill of {self.tier} at {self.at:%Y-%m-%d %H:%M}"


class Copy(models.Model):
    """The last copy of a tier into the second storage. There is one row for each."""

    tier = models.CharField(max_length=20, unique=True)
    at = models.DateTimeField()
    done_at = models.DateTimeField(
        null=True, blank=True
    )  # when the second storage had all that it should, the last time
    reason = models.TextField(blank=True)  # why the last one ended before it was done
    left = models.JSONField(default=list, blank=True)  # a sentence for each backup that could not be copied

    def __str__(self) -> str:
        return f"Copy of {self.tier} at {self.at:%Y-%m-%d %H:%M}"


class TreeCopy(models.Model):
    """A tree, and whether it lies in the second storage as it is."""

    prefix = models.CharField(max_length=200, unique=True)
    since = models.DateTimeField(default=timezone.now)  # its manifest was written
    copied_at = models.DateTimeField(null=True, blank=True)  # null: since then it was not copied
    removed_at = models.DateTimeField(null=True, blank=True)  # it was removed from the first storage, on purpose

    class Meta:
        indexes = [models.Index(fields=["since"], condition=models.Q(copied_at=None), name="trees_to_copy")]

    def __str__(self) -> str:
        return self.prefix


def note_changed(prefix: str) -> None:
    """The second storage has not what a tree is now."""
    fields = {"since": timezone.now(), "copied_at": None, "removed_at": None}
    TreeCopy.objects.update_or_create(prefix=prefix, defaults=fields)


def note_removed(prefix: str) -> None:
    """A tree was removed from the first storage on purpose: what is lost there in another way is never noted so."""
    TreeCopy.objects.filter(prefix=prefix).update(removed_at=timezone.now())


class Awaited(models.Model):
    """A source that schedules back up, and since when they do: its first backup cannot be late before."""

    tier = models.CharField(max_length=20, choices=Generation.Tier)
    source = models.TextField()
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.source}, since {self.since:%Y-%m-%d %H:%M}"


class Look(models.Model):
    """What only the storage and a comparison can tell, of the last time when they were asked. There is one row."""

    at = models.DateTimeField()
    pending = models.PositiveBigIntegerField(null=True)  # rows that a backup would add; null: all, or not known
    unread = models.TextField(blank=True)  # why the storage could not be read
    findings = models.JSONField(default=list, blank=True)  # as `health.bucket_findings.to_json` makes them
    unfinished = models.PositiveBigIntegerField(null=True)  # uploads in parts that nobody will finish; null: not known

    def __str__(self) -> str:
        return f"Look at {self.at:%Y-%m-%d %H:%M}"


class Kit(models.Model):
    """The recovery kit that was printed last, without what it held. There is one row."""

    printed_at = models.DateTimeField()
    marks = models.JSONField(default=dict)  # by setting: what tells its keys from others, as `kit.marks` makes them
    tried_at = models.DateTimeField(null=True, blank=True)  # when a drill with nothing else has passed

    def __str__(self) -> str:
        return f"Recovery kit of {self.printed_at:%Y-%m-%d %H:%M}"


class Restore(models.Model):
    """One restore that somebody asked for in the desk: compared, shown, and done only as shown; or the undo of one.

    No row of it refers to a row that a restore may change.
    """

    class State(models.TextChoices):
        COMPARING = "comparing", "Comparing"
        SHOWN = "shown", "Nothing has changed yet"
        CONFIRMED = "confirmed", "Begins in a moment"
        RESTORING = "restoring", "Restoring"
        DONE = "done", "Restored"
        PARTLY = "partly", "Restored in part"
        FAILED = "failed", "Not restored"

    tier = models.CharField(max_length=20, choices=Generation.Tier, default=Generation.Tier.DATABASE)
    undoes = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="undos")
    state = models.CharField(max_length=20, choices=State, default=State.COMPARING)
    at = models.DateTimeField(auto_now_add=True)
    moved_at = models.DateTimeField(default=timezone.now)  # into its state
    who = models.CharField(max_length=150)
    moment = models.DateTimeField(null=True, blank=True)  # the newest backup until then; null: the newest
    backup = models.CharField(max_length=80, blank=True)  # its name, when it is known
    source = models.TextField(blank=True)  # whose files
    units = models.JSONField(default=list)  # articles by number or title, or paths of files; none: everything
    mode = models.CharField(max_length=20)
    counts = models.JSONField(default=dict)  # rows by what happens to them
    told = models.JSONField(default=list)  # sentences about the backup and this database
    steps = models.JSONField(default=list)  # the first differences
    groups = models.JSONField(default=list, db_default=[])  # the same by article, each with all of its rows counted
    fingerprint = models.CharField(max_length=64, blank=True)  # of the plan that was shown
    safety = models.CharField(max_length=80, blank=True)  # the backup of how it was before
    reason = models.TextField(blank=True)  # why it was not restored
    # Of files, which lie on one machine: another one can neither compare them nor do anything to them.
    home = models.BooleanField(default=False)  # to where they were backed up from; else to a folder of their own
    machine = models.CharField(max_length=255, blank=True)  # that compared
    folder = models.TextField(blank=True)  # where to, on that machine
    journal = models.CharField(max_length=80, blank=True)  # the name of what undoes it, on that machine
    began = models.DateTimeField(null=True, blank=True)  # when something may first have been done
    failures = models.JSONField(default=list)  # the first files that could not be restored, and why

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{'Undo' if self.undoes_id else 'Restore'} of {self.at:%Y-%m-%d %H:%M} UTC"

    @property
    def said(self) -> str:
        """The state in words, as an undo says it, too."""
        if self.undoes_id and self.state in UNDONE:
            return UNDONE[self.state]
        return self.get_state_display()

    def note(self, safety: Manifest | None, touched: Iterable[tuple[str, str, bytes]]) -> None:
        """That it is done, and by which rows it is undone; in the transaction that does it."""
        using = self._state.db
        fields = {"state": self.State.DONE, "safety": safety.id if safety else "", "reason": ""}
        Restore.objects.using(using).filter(pk=self.pk).update(moved_at=timezone.now(), **fields)
        Touched.objects.using(using).bulk_create(
            (Touched(restore=self, model=model, action=action, rows=rows) for model, action, rows in touched),
            batch_size=100,
        )

    def what_it_touched(self) -> Iterator[tuple[str, str, bytes]]:
        """As it was noted. Raises Failed when nothing was."""
        rows = self.touched.order_by("pk").values_list("model", "action", "rows")
        if not rows.exists():
            raise Failed(f"What this restore touched is not known. The backup {self.safety} has all as it was before.")
        for model, action, packed in rows.iterator():
            yield model, action, bytes(packed)

    @property
    def moving(self) -> bool:
        return self.state in (self.State.COMPARING, self.State.CONFIRMED, self.State.RESTORING)

    @property
    def may_go_on(self) -> bool:
        """Whether files were begun and, for all that the row knows, not finished; and nobody has undone them."""
        unfinished = self.state in (self.State.RESTORING, self.State.PARTLY, self.State.FAILED)
        return bool(self.began and unfinished and not self.undoes_id and not self.undos.exclude(began=None).exists())

    @property
    def may_be_undone(self) -> bool:
        if self.undoes_id and self.tier == Generation.Tier.FILES:
            return False  # what it removed is in the backup
        return bool(self.safety or self.began)


class Touched(models.Model):
    """Rows of the database that a restore has changed, by which it is undone."""

    restore = models.ForeignKey(Restore, models.CASCADE, related_name="touched")
    model = models.CharField(max_length=200)
    action = models.CharField(max_length=20)
    rows = models.BinaryField()  # packed as `restoring.TOUCHED`, some hundreds

    def __str__(self) -> str:
        return f"{self.model}: {self.action}"
