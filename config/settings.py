"""One file, the environment only. `.env.example` explains every variable with its unit and default."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from articles.providers import prices
from config.databases.named import databases
from config.env import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment.read(BASE_DIR / ".env")

VAR_DIR = Path(env.text("GALLEY_VAR_DIR", str(BASE_DIR / "var")))  # what a run out of the box keeps
DEBUG = env.flag("GALLEY_DEBUG")
GALLEY_BASE_URL = env.url("GALLEY_BASE_URL", "http://127.0.0.1:8000")
GALLEY_PROXIES = env.networks("GALLEY_PROXIES")  # whose X-Forwarded-For is believed
GALLEY_ALLOW_PRIVATE_ADDRESSES = env.flag("GALLEY_ALLOW_PRIVATE_ADDRESSES")


with suppress(OSError):  # whoever writes there says it
    VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)


def development_key() -> str:
    """A key of this checkout's own, made once, so that logins survive a restart of the development desk."""
    file = VAR_DIR / "secret_key"
    try:
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(50))
        return file.read_text()
    except OSError:
        return secrets.token_urlsafe(50)


SECRET_KEY = env.secret("GALLEY_SECRET_KEY")
if not SECRET_KEY:
    if not DEBUG:
        env.problem("GALLEY_SECRET_KEY", "is missing", "Set it to 50 random characters, the same on every machine.")
    SECRET_KEY = development_key() if DEBUG else secrets.token_urlsafe(50)
SECRET_KEY_FALLBACKS = env.secrets("GALLEY_SECRET_KEY_FALLBACKS")
for _name, _keys in (("GALLEY_SECRET_KEY", [SECRET_KEY]), ("GALLEY_SECRET_KEY_FALLBACKS", SECRET_KEY_FALLBACKS)):
    if not DEBUG and any(len(key) < 32 for key in _keys):
        env.problem(_name, "is so short that it can be guessed", "Each key needs 50 random characters, 32 at least.")
# Newest first: the first encrypts, all decrypt. Without any, a key derived from SECRET_KEY is used.
GALLEY_ENCRYPTION_KEYS = env.secrets("GALLEY_ENCRYPTION_KEYS")

_base = urlsplit(GALLEY_BASE_URL)
ALLOWED_HOSTS = [_base.hostname or "127.0.0.1", *env.words("GALLEY_ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [GALLEY_BASE_URL]
if DEBUG:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1"]
if _base.scheme == "https":
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

INSTALLED_APPS = [
    "config.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "config",  # before the queue, whose command it completes
    "django_q",
    "axes",
    "csp",
    "audit",
    "backups",
    "articles",
    "publishing",
    "recovery",
    "insights",
    "worklist",
    "webhooks",
]

MIDDLEWARE = [
    "config.monitors.health.Probes",
    "config.api.JsonErrors",  # around all others: their errors, too
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "audit.doors.requests",
    "config.desk.zones.reading",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "config.databases.standby.ReadsFromStandby",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = databases(env, VAR_DIR)
DATABASE_ROUTERS = ["config.databases.standby.Router"] if "standby" in DATABASES else []
GALLEY_STANDBY_LAG = env.number("GALLEY_STANDBY_LAG", 10)  # seconds, by which what is read from a standby may be old
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "media"},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    "backups": env.storage("GALLEY_STORAGE_URL", f"file://{VAR_DIR / 'backups'}"),
}
if env.text("GALLEY_SECOND_STORAGE_URL"):  # where all of it lies once more
    STORAGES["second"] = env.storage("GALLEY_SECOND_STORAGE_URL", f"file://{VAR_DIR / 'second'}", keys="GALLEY_SECOND")
# Newest first: the first signs the manifests of backups, all are accepted. Without any, one made from SECRET_KEY does.
GALLEY_BACKUP_KEYS = env.secrets("GALLEY_BACKUP_KEYS")
# Newest first: the first encrypts what is backed up before it leaves the machine, all decrypt. Without any, nothing is.
GALLEY_BACKUP_ENCRYPTION_KEYS = env.secrets("GALLEY_BACKUP_ENCRYPTION_KEYS")
GALLEY_BACKUP_SSE = env.choice("GALLEY_BACKUP_SSE", "AES256", "aws:kms", "none")  # by the bucket itself
GALLEY_BACKUP_KMS_KEY = env.text("GALLEY_BACKUP_KMS_KEY")
env.needs("GALLEY_BACKUP_KMS_KEY", "GALLEY_BACKUP_SSE", "aws:kms")
GALLEY_SECOND_SSE = env.choice("GALLEY_SECOND_SSE", "AES256", "aws:kms", "none")  # the same of the second bucket
GALLEY_SECOND_KMS_KEY = env.text("GALLEY_SECOND_KMS_KEY")
env.needs("GALLEY_SECOND_KMS_KEY", "GALLEY_SECOND_SSE", "aws:kms")
# What brings a desk back that has lost its machine, as it was given: it is kept elsewhere, as its recovery kit.
RECOVERY_KIT = {
    "GALLEY_STORAGE_URL": env.text("GALLEY_STORAGE_URL", f"file://{VAR_DIR / 'backups'}"),
    "AWS_ACCESS_KEY_ID": env.text("AWS_ACCESS_KEY_ID"),
    "AWS_SECRET_ACCESS_KEY": env.secret("AWS_SECRET_ACCESS_KEY"),  # which boto3 reads itself
    "GALLEY_BACKUP_KEYS": ",".join(GALLEY_BACKUP_KEYS),
    "GALLEY_BACKUP_ENCRYPTION_KEYS": ",".join(GALLEY_BACKUP_ENCRYPTION_KEYS),
    "GALLEY_ENCRYPTION_KEYS": ",".join(GALLEY_ENCRYPTION_KEYS),
    "GALLEY_SECRET_KEY": SECRET_KEY,
    "GALLEY_SECRET_KEY_FALLBACKS": ",".join(SECRET_KEY_FALLBACKS),
    "GALLEY_SECOND_ACCESS_KEY_ID": env.text("GALLEY_SECOND_ACCESS_KEY_ID"),
    "GALLEY_SECOND_SECRET_ACCESS_KEY": env.secret("GALLEY_SECOND_SECRET_ACCESS_KEY"),
}
for key in "SECOND_STORAGE_URL", "BACKUP_SSE", "BACKUP_KMS_KEY", "SECOND_SSE", "SECOND_KMS_KEY":
    RECOVERY_KIT[f"GALLEY_{key}"] = env.text(f"GALLEY_{key}")
RECOVERY_KIT = {name: value for name, value in RECOVERY_KIT.items() if value}
GALLEY_TIMELINE_KEEP_DAYS = env.number("GALLEY_TIMELINE_KEEP_DAYS", 0, least=0)  # of finished articles; 0: for ever
GALLEY_COST_KEEP_MONTHS = env.number("GALLEY_COST_KEEP_MONTHS", 36, least=0)  # of what was paid; 0: for ever
GALLEY_LOG_KEEP_MONTHS = env.number("GALLEY_LOG_KEEP_MONTHS", 12, least=0)  # of publications; 0: for ever
GALLEY_AUDIT_KEEP_DAYS = env.number("GALLEY_AUDIT_KEEP_DAYS", 730, least=0)  # who changed what; 0: for ever
GALLEY_PUBLISH_RETRIES = env.number("GALLEY_PUBLISH_RETRIES", 3, least=0)  # of one task, by a person or a program
GALLEY_TREE_KEEP_DAYS = env.number("GALLEY_TREE_KEEP_DAYS", 7)  # of finished articles on a site
GALLEY_FILM_DAYS = env.number("GALLEY_FILM_DAYS", 14, least=0)  # pictures of what browsers showed at sites
GALLEY_FILM_FAILED_DAYS = env.number("GALLEY_FILM_FAILED_DAYS", 60, least=0)  # of publications that have stopped
GALLEY_BACKUP_KEEP_DAYS = env.number("GALLEY_BACKUP_KEEP_DAYS", 90)
GALLEY_BACKUP_KEEP_MONTHS = env.number("GALLEY_BACKUP_KEEP_MONTHS", 12, least=0)  # the last backup of each
GALLEY_BACKUP_EXCLUDE = env.words("GALLEY_BACKUP_EXCLUDE")  # patterns of files that no backup takes
GALLEY_BACKUP_KILOBYTES = env.number("GALLEY_BACKUP_KILOBYTES", 0, least=0)  # a second, of files and copies; 0: any
GALLEY_BACKUP_HOURS = env.hours("GALLEY_BACKUP_HOURS")  # in which schedules do these; None: at any time
# What tells a row apart on any machine, of all that the backup of the database keeps and of what that refers to.
BACKUP_NATURAL_KEYS = {
    "contenttypes.ContentType": ["app_label", "model"],
    "auth.Permission": ["content_type", "codename"],
    "auth.Group": ["name"],
    "auth.User": ["username"],
    "publishing.Site": ["name"],
    "articles.Preferences": ["user"],
    "articles.SavedFilter": ["user", "name"],
    "articles.DeskSettings": ["name"],
    "articles.SpentDay": ["day"],
    "articles.Batch": ["owner", "key"],
    "articles.Article": ["uid"],
    "articles.StageRecord": ["article", "stage"],
    "articles.Call": ["article", "key", "generation"],
    "articles.ImageFile": ["article", "role"],
    "articles.Section": ["article", "index"],
    "articles.Attempt": ["article", "asked_at"],
    "articles.Event": ["article", "at", "kind", "message"],
    "articles.CostRecord": ["article", "key", "generation", "number"],
    "publishing.PublishTask": ["article", "created_at"],
    "publishing.ExecutionLog": ["task", "at", "code", "step"],
    "recovery.Handover": ["article"],
    "recovery.Snooze": ["cause", "by"],
    "worklist.Document": ["uid"],
    "worklist.Version": ["document", "sha256"],
    "worklist.Entry": ["uid"],
    "worklist.Note": ["uid"],
    "worklist.Reply": ["uid"],
    "worklist.DriveAccount": ["name"],
    "worklist.DriveFolder": ["account", "folder_id"],
    "worklist.DriveFile": ["folder", "file_id"],
    "webhooks.Webhook": ["uid"],
    "audit.Change": ["uid"],
}
# What it keeps, with the tables of their many-to-many relations.
BACKUP_MODELS = [name for name in BACKUP_NATURAL_KEYS if name not in ("contenttypes.ContentType", "auth.Permission")]
# What a person restores one by one: the model, how its rows are named, the time by which they are chosen, and when
# retention has removed their files.
BACKUP_UNIT = {
    "model": "articles.Article",
    "name": "uid",
    "title": "title",
    "time": "created_at",
    "emptied": "tree_expired_at",
}
BACKUP_WORDS = {"articles.ImageFile": "picture", "articles.StageRecord": "stage"}  # what people call rows of these
BACKUP_GROWING = ["audit.Change"]  # records of what has happened here, which no restore takes away
# Moments that say nothing of a row's age, but what is still to be done about it.
BACKUP_AGELESS = ["manifest_due"]
BUCKET_KEYS_GIVEN = bool(env.text("AWS_ACCESS_KEY_ID"))  # else boto3 looks for them elsewhere
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
if DEBUG:
    # Straight from the source folders: no collectstatic, no manifest to go stale.
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    WHITENOISE_USE_FINDERS = True
    WHITENOISE_AUTOREFRESH = True

# Rows are the truth and a message only a hint, so a message that fails is thrown away and never redelivered soon;
# whoever is idle finds what it was about.
GALLEY_WORKERS = env.number("GALLEY_WORKERS", 2)  # processes
GALLEY_BROWSERS = env.number("GALLEY_BROWSERS", 1, least=0)  # at once on a machine, of 650 MB each
TASK_SECONDS = 600  # the longest that one task may take
GALLEY_STAGE_CPU_SECONDS = env.number("GALLEY_STAGE_CPU_SECONDS", 120)  # of computing, until something is saved
Q_CLUSTER: dict[str, Any] = {
    "name": "galley",
    "timeout": TASK_SECONDS,
    "retry": 4 * TASK_SECONDS,
    "max_attempts": 1,
    "ack_failures": True,
    "bulk": 1,
    "save_limit": -1,
    "catch_up": False,
    "poll": 0.2,  # seconds
    "recycle": 200,  # tasks, then a fresh process: picture decoding leaves a large heap behind
}
GALLEY_BROKER_URL = env.redis("GALLEY_BROKER_URL")
if GALLEY_BROKER_URL:
    Q_CLUSTER["redis"] = GALLEY_BROKER_URL
else:
    Q_CLUSTER["orm"] = "default"

# A failure that may pass: how often it is tried again, after how many seconds first, and at most; doubling each time.
# Everything else stops the article at once: a person must act, and trying again would only cost.
GALLEY_RETRIES = {
    "Unreachable": env.numbers("GALLEY_RETRY_UNREACHABLE", (6, 15, 900)),
    "Busy": env.numbers("GALLEY_RETRY_BUSY", (6, 15, 900)),
}
# Requests a minute, of all workers on all machines together; 0: as many as there are.
GALLEY_PER_MINUTE = {
    "text": env.number("GALLEY_TEXT_PER_MINUTE", 0, least=0),
    "pictures": env.number("GALLEY_PICTURES_PER_MINUTE", 0, least=0),
    "layout": env.number("GALLEY_FORMAT_PER_MINUTE", 0, least=0),
    "agent": 0,  # what it may cost bounds it
}

OPENAI_BASE_URL = env.url("OPENAI_BASE_URL", "https://api.openai.com/v1")
OPENAI_API_KEY = env.secret("OPENAI_API_KEY")
OPENAI_MODEL = env.text("OPENAI_MODEL", "gpt-5-mini")
OPENAI_API = env.choice("OPENAI_API", "responses", "chat")
ANTHROPIC_BASE_URL = env.url("ANTHROPIC_BASE_URL", "https://api.anthropic.com")
ANTHROPIC_API_KEY = env.secret("ANTHROPIC_API_KEY")
ANTHROPIC_MODEL = env.text("ANTHROPIC_MODEL", "claude-sonnet-5-5")
# The agent, which steers a browser by a model of Claude. What it may use up for one publication, until a person has it
# tried again.
GALLEY_AGENT_MODEL = env.text("GALLEY_AGENT_MODEL", "claude-sonnet-5-5")
GALLEY_AGENT_TURNS = env.number("GALLEY_AGENT_TURNS", 50)
GALLEY_AGENT_SECONDS = env.number("GALLEY_AGENT_SECONDS", 900)
GALLEY_AGENT_DOLLARS = env.number("GALLEY_AGENT_DOLLARS", 2, least=0)  # 0: there is no agent
REPLICATE_BASE_URL = env.url("REPLICATE_BASE_URL", "https://api.replicate.com/v1")
REPLICATE_API_TOKEN = env.secret("REPLICATE_API_TOKEN")
REPLICATE_MODEL = env.text("REPLICATE_MODEL", "bytedance/seedream-4")
REPLICATE_ASPECTS = env.words("REPLICATE_ASPECTS")  # that the model knows; none: it is asked, and says what it knows
if any(not re.fullmatch(r"[1-9]\d?:[1-9]\d?", _aspect) for _aspect in REPLICATE_ASPECTS):
    env.problem("REPLICATE_ASPECTS", "is no list of aspects", "Write it like: 16:9, 3:2.")
    REPLICATE_ASPECTS = []
for _model, _key in (
    ("OPENAI_MODEL", "OPENAI_API_KEY"),
    ("ANTHROPIC_MODEL", "ANTHROPIC_API_KEY"),
    ("REPLICATE_MODEL", "REPLICATE_API_TOKEN"),
):
    if env.text(_model):
        env.together(_model, _key)
# The desk as a client of Google, to connect people's Drives; a service account needs none.
GOOGLE_CLIENT_ID = env.text("GOOGLE_CLIENT_ID")
GOOGLE_CLIENT_SECRET = env.secret("GOOGLE_CLIENT_SECRET")
if GOOGLE_CLIENT_ID:
    env.together("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
GOOGLE_BASE_URL = env.url("GOOGLE_BASE_URL", "https://www.googleapis.com")
GOOGLE_TOKEN_URL = env.url("GOOGLE_TOKEN_URL", "https://oauth2.googleapis.com/token")
GOOGLE_SIGN_IN_URL = env.url("GOOGLE_SIGN_IN_URL", "https://accounts.google.com/o/oauth2/v2/auth")

# What models cost, for those that `articles/providers/prices.toml` does not name, or names otherwise.
try:
    GALLEY_PRICES = prices.PUBLISHED.with_own(env.words("GALLEY_PRICES"))
except ValueError as _exc:
    env.problem("GALLEY_PRICES", str(_exc), "Write it like: my-model 0.50 2.00, owner/pictures 0.04.")
    GALLEY_PRICES = prices.PUBLISHED
# What a batch with a budget does where a model has no price: counts its calls at the dearest price that is known, or
# refuses to make them.
GALLEY_UNKNOWN_PRICES = env.choice("GALLEY_UNKNOWN_PRICES", "dearest", "refuse")

GALLEY_TRACES_URL = env.url("GALLEY_TRACES_URL")  # of a collector of OpenTelemetry; without it nothing is told

vars().update(env.email("EMAIL_URL"))
EMAIL_TIMEOUT = 20  # seconds, for each answer of the mail server
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("GALLEY_FROM_EMAIL", f"Galley <galley@{_base.hostname}>")

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HANDLER = "config.login.limits.Limits"
AXES_CLIENT_IP_CALLABLE = "config.login.visitors.address_of"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # else whoever goes on guessing keeps the name locked for ever
AXES_LOCKOUT_TEMPLATE = "locked.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "sealed"]  # what its own records leave out

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

TIME_ZONE = env.zone("GALLEY_TIME_ZONE")
LANGUAGE_CODE = "en-gb"

MANUSCRIPT_BYTES = 5 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024  # a manuscript in base64, with what stands beside it

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": "config.logs.formatter",
            "as_json": env.choice("GALLEY_LOG_FORMAT", "text", "json") == "json",
        }
    },
    "filters": {"without_queries": {"()": "config.logs.WithoutQueries"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "galley": {"level": env.choice("GALLEY_LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR")},
        "django-q": {"level": "WARNING", "handlers": []},
        "uvicorn.access": {"filters": ["without_queries"], "handlers": ["console"], "propagate": False},
    },
}
SETTINGS_PROBLEMS = env.problems
GIVEN_SETTINGS = env.given
