"""Whether the place of the backups is as safe as it could be, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError
from django.conf import settings

from backups import configured
from backups.health.bucket_findings import (
    BucketElsewhere,
    BucketFinding,
    HostWanted,
    OnDiskOfDatabase,
    PublicAccessOpen,
    QuestionForbidden,
    QuestionRefused,
    QuestionUnanswered,
    RuleDeletesBackups,
    VersioningOff,
)
from backups.repository.manifests import TIERS
from backups.storage.manner import goes_in_circles
from backups.storage.options import FolderOptions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import LifecycleRuleOutputTypeDef, ListMultipartUploadsRequestTypeDef

T = TypeVar("T")

UNFINISHED = timedelta(days=1)  # an upload in parts that is older will not be finished
MOST = 20  # pages of a thousand uploads, of one folder
# Answers of stores that do not know a question, and of those that let us not ask it.
UNKNOWN = {"NotImplemented", "MethodNotAllowed", "XNotImplemented", "501", "405", "NoSuchUpload"}  # the last: rclone
HIDDEN = {"AccessDenied", "AllAccessDisabled", "403"}
ELSEWHERE = {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "301", "307"}
HOST_WANTED = ("SecondLevelDomain", "PathStyle", "VirtualHost")  # how the codes begin: Alibaba's, Tencent's, others'


@dataclass(frozen=True)
class BucketAudit:
    findings: list[BucketFinding]
    unfinished: int | None = 0  # uploads in parts that nobody will finish; None: the store does not tell


class NoAnswer(Exception):
    """The store did not answer. `findings` tell why: there are none where it does not know the question."""

    def __init__(self, *findings: BucketFinding) -> None:
        self.findings = findings
        super().__init__(*findings)


def audit(now: datetime | None = None) -> BucketAudit:
    """Ask the storage that the settings name. What a store does not know is not held against it."""
    options = configured.storage_options()
    if isinstance(options, FolderOptions):
        return BucketAudit(_folder(Path(options.location)))
    import boto3  # a quarter of a second that most processes do not need

    from backups.storage.django_bucket import client_config

    client = boto3.client(
        "s3",
        endpoint_url=options.endpoint_url,
        region_name=options.region_name,
        aws_access_key_id=options.access_key,
        aws_secret_access_key=options.secret_key,
        config=client_config(options),
    )
    bucket = _Bucket(client, options.bucket_name, options.location)
    findings: list[BucketFinding] = []
    for question in (bucket.versions, bucket.public, bucket.lifecycle):
        try:
            findings += question()
        except NoAnswer as exc:
            findings += exc.findings
    findings = list(dict.fromkeys(findings))  # what keeps every question from the bucket is told once
    try:
        return BucketAudit(findings, bucket.unfinished(now or datetime.now(UTC)))
    except NoAnswer as exc:
        return BucketAudit(list(dict.fromkeys([*findings, *exc.findings])), None)


def _folder(folder: Path) -> list[BucketFinding]:
    """A folder on the disk of the database goes with it."""
    name = settings.DATABASES["default"]["NAME"]
    file = Path(str(name))
    try:
        same = file.is_file() and folder.stat().st_dev == file.stat().st_dev
    except OSError:
        return []
    return [OnDiskOfDatabase()] if same else []


@dataclass
class _Bucket:
    """Each question raises NoAnswer."""

    client: S3Client
    name: str
    prefix: str

    def versions(self) -> list[BucketFinding]:
        answer = _ask("get_bucket_versioning", lambda: self.client.get_bucket_versioning(Bucket=self.name))
        return [] if answer and answer.get("Status") == "Enabled" else [VersioningOff(self.name)]

    def public(self) -> list[BucketFinding]:
        answer = _ask(
            "get_public_access_block",
            lambda: self.client.get_public_access_block(Bucket=self.name),
            "NoSuchPublicAccessBlockConfiguration",
        )
        blocked = answer.get("PublicAccessBlockConfiguration") if answer else None
        return [] if blocked and all(blocked.values()) else [PublicAccessOpen(self.name)]

    def lifecycle(self) -> list[BucketFinding]:
        """Rules that would remove objects of ours; old versions of them may go."""
        answer = _ask(
            "get_bucket_lifecycle_configuration",
            lambda: self.client.get_bucket_lifecycle_configuration(Bucket=self.name),
            "NoSuchLifecycleConfiguration",
        )
        return [
            RuleDeletesBackups(rule.get("ID", ""), prefix)
            for rule in (answer.get("Rules", []) if answer else [])
            if _deletes(rule) and self._ours(prefix := _prefix(rule))
        ]

    def unfinished(self, now: datetime) -> int:
        """How many, of what is ours. Beyond MOST pages there are at least so many."""
        return sum(self._unfinished(prefix, now) for prefix in self._folders())

    def _unfinished(self, prefix: str, now: datetime) -> int:
        found = 0
        asked: ListMultipartUploadsRequestTypeDef = {"Bucket": self.name, "Prefix": prefix}
        for _ in range(MOST):
            answer = _ask("list_multipart_uploads", partial(self.client.list_multipart_uploads, **asked))
            if answer is None:
                break
            uploads = [each for each in answer.get("Uploads", []) if each["Key"].startswith(prefix)]
            found += sum(now - each["Initiated"] > UNFINISHED for each in uploads)
            if not answer.get("IsTruncated"):
                break
            asked |= {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer.get("NextUploadIdMarker", "")}
        return found

    def _folders(self) -> list[str]:
        return [f"{self.prefix}/{tier.folder}/".lstrip("/") for tier in TIERS.values()]

    def _ours(self, prefix: str) -> bool:
        return any(each.startswith(prefix) or prefix.startswith(each) for each in self._folders())


def _deletes(rule: LifecycleRuleOutputTypeDef) -> bool:
    ends = rule.get("Expiration", {})
    return rule.get("Status") == "Enabled" and bool(ends.get("Days") or ends.get("Date"))


def _prefix(rule: LifecycleRuleOutputTypeDef) -> str:
    where = rule.get("Filter", {})
    return where.get("Prefix") or where.get("And", {}).get("Prefix") or rule.get("Prefix") or ""


def _ask(question: str, call: Callable[[], T], nothing: str = "") -> T | None:
    """The answer; None for the code that says that there is nothing. Raises NoAnswer."""
    try:
        return call()
    except ClientError as exc:
        code = str(exc.response.get("Error", {}).get("Code", ""))
        if nothing and code == nothing:
            return None
        if code in HIDDEN:
            raise NoAnswer(QuestionForbidden(question)) from exc
        if code in UNKNOWN:
            raise NoAnswer from exc
        if code in ELSEWHERE:
            raise NoAnswer(BucketElsewhere(str(exc.response["Error"].get("Endpoint", "")))) from exc
        if code.startswith(HOST_WANTED):
            raise NoAnswer(HostWanted()) from exc
        raise NoAnswer(QuestionRefused(question, code or str(exc))) from exc
    except Exception as exc:  # whatever it makes of an answer that it cannot read
        if goes_in_circles(exc):
            raise NoAnswer(BucketElsewhere("")) from exc
        raise NoAnswer(QuestionUnanswered(question, str(exc))) from exc
