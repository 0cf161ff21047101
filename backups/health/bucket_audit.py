"""Whether the place of the backups is as safe as it could be: a sentence for what is not, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from backups import configured
from backups.repository.manifests import TIERS
from backups.storage.options import FolderOptions

UNFINISHED = timedelta(days=1)  # an upload in parts that is older will not be finished
MOST = 20  # pages of a thousand uploads, of one folder
PLAIN = Config(
    signature_version="s3v4",
    connect_timeout=10,
    read_timeout=20,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
# Answers of stores that do not know a question, and of those that let us not ask it.
UNKNOWN = {"NotImplemented", "MethodNotAllowed", "XNotImplemented", "501", "405", "NoSuchUpload"}  # the last: rclone
HIDDEN = {"AccessDenied", "AllAccessDisabled", "403"}


@dataclass(frozen=True)
class Posture:
    findings: list[str]
    unfinished: int | None = 0  # uploads in parts that nobody will finish; None: the store does not tell


def look(now: datetime | None = None) -> Posture:
    """Ask the storage that the settings name. What a store does not know is not held against it."""
    options = configured.storage_options()
    if isinstance(options, FolderOptions):
        return Posture(_folder(Path(options.location)))
    client = boto3.client(
        "s3",
        endpoint_url=options.endpoint_url,
        region_name=options.region_name,
        aws_access_key_id=options.access_key,
        aws_secret_access_key=options.secret_key,
        config=PLAIN,
    )
    asking = _Bucket(client, options.bucket_name, options.location)
    findings = [*asking.versions(), *asking.public(), *asking.lifecycle()]
    unfinished = asking.unfinished(now or datetime.now(UTC))
    if isinstance(unfinished, list):
        return Posture([*findings, *unfinished], None)
    return Posture(findings, unfinished)


def _folder(folder: Path) -> list[str]:
    """A folder on the disk of the database goes with it."""
    name = settings.DATABASES["default"]["NAME"]
    file = Path(str(name))
    try:
        same = file.is_file() and folder.stat().st_dev == file.stat().st_dev
    except OSError:
        return []
    if not same:
        return []
    return ["The backups lie on the disk of the database, and are lost with it. Set GALLEY_STORAGE_URL to another."]


@dataclass
class _Bucket:
    client: Any
    name: str
    prefix: str

    def versions(self) -> list[str]:
        answer = self._ask("get_bucket_versioning", "whether it keeps versions")
        if isinstance(answer, list):
            return answer
        if answer.get("Status") == "Enabled":
            return []
        return [
            "Versioning is off: what is deleted is gone for ever. Switch it on: aws s3api put-bucket-versioning "
            f"--bucket {self.name} --versioning-configuration Status=Enabled"
        ]

    def public(self) -> list[str]:
        answer = self._ask("get_public_access_block", "who may reach it", "NoSuchPublicAccessBlockConfiguration")
        if isinstance(answer, list):
            return answer
        if all((answer.get("PublicAccessBlockConfiguration") or {"none": False}).values()):
            return []
        return [
            "Public access is not blocked. Block it: aws s3api put-public-access-block "
            f"--bucket {self.name} --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,"
            "BlockPublicPolicy=true,RestrictPublicBuckets=true"
        ]

    def lifecycle(self) -> list[str]:
        """Rules that would remove objects of ours; old versions of them may go."""
        answer = self._ask("get_bucket_lifecycle_configuration", "its rules", "NoSuchLifecycleConfiguration")
        if isinstance(answer, list):
            return answer
        found = []
        for rule in answer.get("Rules", []):
            where = rule.get("Filter", {})
            prefix = where.get("Prefix") or where.get("And", {}).get("Prefix") or rule.get("Prefix") or ""
            ends = rule.get("Expiration", {})
            if rule.get("Status") == "Enabled" and (ends.get("Days") or ends.get("Date")) and self._ours(prefix):
                found.append(
                    f"The rule {rule.get('ID', 'without a name')} deletes objects of the backups below {prefix!r}. "
                    "Retention is manage.py prune_backups alone: remove that rule, or restrict it to other folders."
                )
        return found

    def unfinished(self, now: datetime) -> int | list[str]:
        """How many, of what is ours; findings when there is no answer. Beyond MOST pages there are at least so many."""
        found = 0
        for prefix in self._folders():
            after: dict[str, str] = {}
            for _ in range(MOST):
                answer = self._ask("list_multipart_uploads", "what is unfinished", Prefix=prefix, **after)
                if isinstance(answer, list):
                    return answer
                uploads = [each for each in answer.get("Uploads", []) if each["Key"].startswith(prefix)]
                found += sum(now - each["Initiated"] > UNFINISHED for each in uploads)
                if not answer.get("IsTruncated"):
                    break
                after = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer.get("NextUploadIdMarker", "")}
        return found

    def _folders(self) -> list[str]:
        return [f"{self.prefix}/{tier.folder}/".lstrip("/") for tier in TIERS.values()]

    def _ours(self, prefix: str) -> bool:
        return any(each.startswith(prefix) or prefix.startswith(each) for each in self._folders())

    def _ask(self, question: str, about: str, nothing: str = "", **more: str) -> dict[str, Any] | list[str]:
        """The answer; empty for the code that says that there is nothing; findings when there is no answer."""
        try:
            answer: dict[str, Any] = getattr(self.client, question)(Bucket=self.name, **more)
        except ClientError as exc:
            code = str(exc.response.get("Error", {}).get("Code", ""))
            if code == nothing:
                return {}
            if code in HIDDEN:
                return [f"The bucket does not let us see {about}. Give our key the right for {question}."]
            return [] if code in UNKNOWN else [f"The bucket does not say {about}: {code or exc}."]
        except BotoCoreError as exc:
            return [f"The bucket does not say {about}: {exc}"]
        return answer
