"""Which models are watched, field by field, and which are not and why. `tests/audit/test_watched.py` holds all to it.

`noted` are fields of which each change is noted; `secret` the same without values; `by_people` those that the desk
moves all day, of which is noted what somebody else has done. `left` are in no change, for the reason beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

KEY = "what it is known by, for ever"
TIMES = "a time that goes with the rest"
MACHINERY = "how it does, which its page says"
CONTENT = "what is written, whose versions are kept with it"
RECORD = "a record itself, written once"
RUN = "the run's own, told by its article's timeline"
SHORT = "kept for minutes or days, and by nobody's wish"
SUMS = "sums of rows that are there"


@dataclass(frozen=True)
class Watched:
    """Of one model. Its rows are called by the first of `name` that is not empty; `site__name` is the site's name."""

    name: tuple[str, ...]
    noted: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    by_people: tuple[str, ...] = ()
    left: dict[str, str] = field(default_factory=dict)
    comes: bool = True  # that a row is made is noted, too
    goes: bool = True


@dataclass(frozen=True)
class Given:
    """What many rows of one model are given of another: groups of people, and rights of both."""

    to: str  # the label of the model that is told of
    field: str
    receiver: str  # the relation to that model's row
    thing: str  # and to what is given


def _left(reason: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


WATCHED = {
    "articles.DeskSettings": Watched(
        ("name",),
        noted=("limit_article", "limit_day", "limit_month", "limit_agent_run", "film_days", "film_failed_days"),
        left=_left(KEY, "name") | _left(TIMES, "version", "changed_at"),
    ),
    "articles.Preferences": Watched(
        ("user__username",),
        noted=(
            "instructions",
            "style",
            "design",
            "byline",
            "brand_primary",
            "brand_accent",
            "stop_mail",
            "worklist_mail",
            "time_zone",
            "user",
        ),
    ),
    "articles.Article": Watched(
        ("title", "idea"),
        by_people=("status", "scheduled_at", "owner", "site"),
        left=_left(KEY, "uid", "tree_prefix", "created_at", "batch", "batch_key", "batch_fields")
        | _left(CONTENT, "idea", "manuscript", "manuscript_name", "earlier_manuscripts", "title", "html", "components")
        | _left(CONTENT, "style", "formatter", "design", "byline", "brand_primary", "brand_accent", "is_long")
        | _left(CONTENT, "earlier_files")
        | _left(SUMS, "spent", "word_count")
        | _left(RUN, "cancelled_with", "alone", "attempt", "crashes", "retries", "lease_owner", "lease_until")
        | _left(RUN, "queued_at", "next_at", "error", "cause", "ended_at", "tree_expired_at", "link", "manifest_due"),
        comes=False,
    ),
    "articles.Batch": Watched(
        ("name",),
        noted=("name", "owner", "site", "budget"),
        by_people=("state",),
        left=_left(KEY, "uid", "key", "created_at")
        | _left(CONTENT, "brief", "styles", "sections", "images_per_style", "images_per_section", "style", "design")
        | _left(CONTENT, "formatter")
        | _left(SUMS, "spent", "reserved", "open_costs", "revision")
        | _left(RUN, "reason", "cause", "starting", "starting_by", "started_at", "ended_at", "manifest_due"),
    ),
    "publishing.Site": Watched(
        ("name",),
        noted=(
            *("name", "url", "user", "kind", "categories", "typography", "design", "hero", "time_limit"),
            *("publisher", "ways", "standing"),
        ),
        secret=("encrypted_secret", "encrypted_web_secret"),
        left=_left(MACHINERY, "closed_ways", "trial", "rebuilt_from"),
    ),
    "publishing.PublishTask": Watched(
        ("article__title", "article__idea"),
        by_people=("status", "cancelled"),
        left=_left(KEY, "article", "site", "publisher", "options", "asked_by", "created_at")
        | _left(RUN, "way", "turns", "current_step", "completed_steps", "total_steps", "progress", "retry_count")
        | _left(RUN, "error", "kept", "cost", "post_id", "link", "was_done", "started_at", "completed_at"),
        comes=False,
    ),
    "recovery.Snooze": Watched(
        ("cause",),
        noted=("by", "everybody", "note", "until"),
        left=_left(KEY, "cause", "at") | _left(RUN, "woken_at"),
    ),
    "worklist.Document": Watched(
        ("title",),
        noted=("state",),
        by_people=("assignee", "due", "let_go_at"),
        left=_left(KEY, "uid", "source", "source_id", "folder", "writer", "arrived_at", "article", "task")
        | _left(CONTENT, "title", "has_own_title", "words", "text_hash", "source_hash", "offered_hash", "sent_hash")
        | _left(CONTENT, "approved_hash", "approved_at", "approved_by")
        | _left(TIMES, "since", "gone_at"),
        comes=False,
    ),
    "worklist.DriveAccount": Watched(
        ("name",),
        noted=("name", "kind"),
        secret=("encrypted_login",),
        left=_left(TIMES, "connected_at", "connected_by", "used_at")
        | _left(MACHINERY, "ended_at", "error", "wait_until", "failures"),
    ),
    "worklist.DriveFolder": Watched(
        ("name", "folder_id"),
        noted=("account", "folder_id"),
        left=_left(MACHINERY, "name", "drive_id", "page_token", "looked_at", "error", "busy_until"),
    ),
    "webhooks.Webhook": Watched(
        ("address",),
        noted=("owner", "address", "events", "active"),
        secret=("encrypted_secret",),
        left=_left(KEY, "uid", "created_at"),
    ),
    "config.Token": Watched(
        ("name",),
        noted=("user", "name", "expires_at"),
        secret=("sha256",),
        left=_left(KEY, "prefix", "created_at") | _left(MACHINERY, "last_used_at"),
    ),
    "django_q.Schedule": Watched(
        ("name", "func"),
        noted=(
            *("name", "func", "hook", "args", "kwargs", "schedule_type", "minutes", "cron", "cluster"),
            "intended_date_kwarg",
        ),
        by_people=("next_run", "repeats"),
        left=_left(MACHINERY, "task"),
    ),
    "auth.User": Watched(
        ("username",),
        noted=("username", "first_name", "last_name", "email", "is_staff", "is_active", "is_superuser"),
        secret=("password",),
        left=_left(TIMES, "last_login", "date_joined"),
    ),
    "auth.Group": Watched(("name",), noted=("name",)),
    "backups.Restore": Watched(
        ("backup", "mode"),
        noted=("state",),
        left=_left(KEY, "tier", "undoes", "at", "who", "moment", "backup", "source", "units", "mode", "home")
        | _left(
            MACHINERY, "moved_at", "counts", "told", "groups", "steps", "fingerprint", "safety", "reason", "machine"
        )
        | _left(MACHINERY, "folder", "journal", "began", "failures"),
    ),
}

GIVEN = {
    "auth.User_groups": Given("auth.User", "groups", "user", "group"),
    "auth.User_user_permissions": Given("auth.User", "user_permissions", "user", "permission"),
    "auth.Group_permissions": Given("auth.Group", "permissions", "group", "permission"),
}

# Models that nobody is told of, and why.
UNWATCHED = (
    _left(
        RECORD,
        *("audit.Change", "admin.LogEntry", "articles.Event", "articles.Attempt", "articles.CostRecord"),
        *("publishing.ExecutionLog", "worklist.Entry", "worklist.Version"),
        *("axes.AccessAttempt", "axes.AccessAttemptExpiration", "axes.AccessFailureLog", "axes.AccessLog"),
    )
    | _left(
        RUN,
        *("articles.Call", "articles.ImageFile", "articles.Section", "articles.StageRecord", "publishing.Shot"),
        "articles.KeptPicture",
        "recovery.Handover",
        *("django_q.Task", "django_q.Success", "django_q.Failure", "django_q.OrmQ", "webhooks.Delivery"),
    )
    | _left(
        SHORT,
        *("articles.ArticleKey", "articles.Pace", "publishing.SubmitKey", "publishing.BrowserSlot", "sessions.Session"),
        *("recovery.Mail", "recovery.Notice", "recovery.Stop", "insights.Mark", "insights.CostMark"),
    )
    | _left(
        SUMS,
        *("articles.SpentDay", "insights.CostSum", "insights.ProviderMetric", "insights.Rollup"),
        "insights.StorageMeasure",
    )
    | _left(
        MACHINERY,
        *("backups.Generation", "backups.Verification", "backups.Drill", "backups.Look", "backups.DamagedTree"),
        *("backups.Kit", "backups.Awaited", "backups.Touched", "config.Machine", "worklist.DriveFile"),
        *("backups.Copy", "backups.TreeCopy"),
    )
    | _left("made from the code, with each migration", "auth.Permission", "contenttypes.ContentType")
    | _left("what people say to a text, kept beside it", "worklist.Note", "worklist.Reply")
    | _left("a look at her own list, which changes nothing in it", "articles.SavedFilter")
    | _left("made by a browser, for what is typed in it", "config.TypedKey")
    | _left("made by each login at a site, with its password", "publishing.BrowserSession")
)
