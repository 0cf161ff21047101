"""Google Drive, as far as it is read: a few calls, each within a time and a size. Plain Python.

Reference: https://developers.google.com/workspace/drive/api/reference/rest/v3. Requests are signed, and signed in
again, by google-auth; how soon they are made again is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession, Request

from articles.content import markup
from articles.providers import deadline, web
from articles.providers.errors import Garbled, ProviderError
from worklist.drive.errors import DriveError, FileClosed, Later, NotThere, SignInEnded, TokenRefused, TooMany
from worklist.drive.signin import PROVIDER, Google, opened

FOLDER = "application/vnd.google-apps.folder"
DOCUMENT = "application/vnd.google-apps.document"
SHORTCUT = "application/vnd.google-apps.shortcut"

LISTING_SECONDS, FILE_SECONDS = 60.0, 120.0  # of one request, with all of its answer
LISTING_BYTES = 32 * 2**20
EXPORT_BYTES = 50 * 2**20
PAGE, COMMENTS_PAGE = 1000, 100  # the most that Google gives
MOST_PAGES = 1000  # a million files: beyond it a Drive goes round in circles
FIELDS = (
    "id,name,mimeType,version,trashed,parents,size,md5Checksum,shortcutDetails(targetId,targetMimeType),"
    "capabilities/canDownload,owners/displayName,lastModifyingUser/displayName,webViewLink,driveId"
)
COMMENT_FIELDS = (
    "nextPageToken,comments(id,content,deleted,resolved,createdTime,author/displayName,quotedFileContent/value,"
    "replies(id,content,deleted,createdTime,author/displayName))"
)
OF_ALL_DRIVES = {"supportsAllDrives": "true", "includeItemsFromAllDrives": "true"}

PACE = {"userRateLimitExceeded", "rateLimitExceeded", "dailyLimitExceeded", "sharingRateLimitExceeded"}
CLOSED = {
    "insufficientFilePermissions": "The account may not read this file. Share it with the account.",
    "cannotDownloadFile": "Its owner does not let anybody take a copy of it. Ask the owner to allow it.",
    "cannotExportFile": "Its owner does not let anybody take a copy of it. Ask the owner to allow it.",
    "fileNotDownloadable": "Google does not give this kind of file away.",
    "fileNotExportable": "Google does not give this kind of file away as a text.",
    "exportSizeLimitExceeded": "With its pictures it is larger than the 10 MB that Google gives away. Split it.",
}


@dataclass(frozen=True)
class File:
    """What lies in a Drive. `version` counts every change of it; comments and rights, too."""

    id: str
    name: str
    kind: str
    version: int = 0
    parent: str = ""
    trashed: bool = False
    size: int = 0
    md5: str = ""
    target: str = ""  # of a shortcut
    target_kind: str = ""
    may_be_read: bool = True
    writer: str = ""
    link: str = ""
    drive: str = ""  # the shared drive in which it lies

    @property
    def is_folder(self) -> bool:
        return self.kind == FOLDER

    @staticmethod
    def of(said: Mapping[str, Any]) -> File:
        shortcut, owners = said.get("shortcutDetails") or {}, said.get("owners") or [{}]
        link, last = str(said.get("webViewLink", "")), said.get("lastModifyingUser") or {}
        return File(
            id=str(said["id"]),
            name=markup.usable(str(said.get("name", ""))),
            kind=str(said.get("mimeType", "")),
            version=_number(said.get("version")),
            parent=str((said.get("parents") or [""])[0]),
            trashed=bool(said.get("trashed")),
            size=_number(said.get("size")),
            md5=str(said.get("md5Checksum", "")),
            target=str(shortcut.get("targetId", "")),
            target_kind=str(shortcut.get("targetMimeType", "")),
            may_be_read=bool((said.get("capabilities") or {}).get("canDownload", True)),
            writer=markup.usable(str(owners[0].get("displayName") or last.get("displayName", ""))),
            link=link if link.startswith("https://") else "",
            drive=str(said.get("driveId", "")),
        )


def _number(said: Any) -> int:
    """Of a number that JSON has as a text."""
    return int(said) if str(said).isdecimal() and len(str(said)) < 19 else 0


@dataclass(frozen=True)
class Change:
    """A line of the log; without a file it was deleted for good, or is not ours to see any more."""

    id: str
    file: File | None


@dataclass
class Listing:
    """What lies in one folder, and whether that is all of it."""

    files: list[File] = field(default_factory=list)
    is_whole: bool = True


class Drive:
    """The Drive of one account. Not for more than one thread."""

    def __init__(self, google: Google, login: Mapping[str, Any]) -> None:
        self._url = f"{google.api}/drive/v3"
        self._credentials = opened(google, login)
        self._for_tokens = web.session(allow_private=google.allow_private)
        self._http = AuthorizedSession(self._credentials, auth_request=Request(self._for_tokens))
        web.guard(self._http, allow_private=google.allow_private)

    def close(self) -> None:
        self._http.close()
        self._for_tokens.close()

    @property
    def refresh_token(self) -> str:
        """As it is now: Google may give another one with any answer. Empty for a service account."""
        return getattr(self._credentials, "refresh_token", None) or ""

    def who(self) -> str:
        """The mail address of the account."""
        said = self._json("about", fields="user(emailAddress,displayName)")
        user = said.get("user") or {}
        return str(user.get("emailAddress") or user.get("displayName") or "")

    def file(self, file_id: str) -> File:
        return File.of(self._json(f"files/{_id(file_id)}", fields=FIELDS, supportsAllDrives="true"))

    def listing(self, folder_id: str, drive_id: str = "") -> Listing:
        """What lies in one folder; the folders in it are listed by themselves."""
        asked: dict[str, str] = {
            "q": f"'{_escaped(folder_id)}' in parents and trashed=false",
            "fields": f"nextPageToken,incompleteSearch,files({FIELDS})",
            "pageSize": str(PAGE),
            **OF_ALL_DRIVES,
        }
        if drive_id:
            asked |= {"corpora": "drive", "driveId": drive_id}
        found = Listing()
        for said in self._pages("files", asked):
            found.files += [File.of(each) for each in said.get("files", [])]
            found.is_whole = found.is_whole and not said.get("incompleteSearch")
        return found

    def start_token(self, drive_id: str = "") -> str:
        return str(self._json("changes/startPageToken", **_log_of(drive_id))["startPageToken"])

    def changes(self, token: str, drive_id: str = "") -> tuple[list[Change], str]:
        """What has happened since, and the token from which it goes on. Raises TokenRefused."""
        fields = f"nextPageToken,newStartPageToken,changes(fileId,removed,changeType,file({FIELDS}))"
        asked = {"pageToken": token, "fields": fields, "pageSize": str(PAGE), "includeRemoved": "true"}
        found, following = [], ""
        try:
            for said in self._pages("changes", {**asked, **OF_ALL_DRIVES, **_log_of(drive_id)}):
                found += [_change(each) for each in said.get("changes", []) if each.get("fileId")]
                following = str(said.get("newStartPageToken", ""))
        except NotThere as exc:
            raise TokenRefused(str(exc)) from exc
        if not following:
            raise TokenRefused("The log of changes has no end.")
        return found, following

    def export(self, file_id: str, kind: str) -> bytes:
        """A document of Google's own as another kind. Raises FileClosed where it is too large or closed."""
        return self._body(f"files/{_id(file_id)}/export", EXPORT_BYTES, mimeType=kind)

    def content(self, file_id: str, most: int) -> bytes:
        return self._body(f"files/{_id(file_id)}", most, alt="media", supportsAllDrives="true")

    def comments(self, file_id: str) -> Iterator[dict[str, Any]]:
        asked = {"fields": COMMENT_FIELDS, "pageSize": str(COMMENTS_PAGE)}
        for said in self._pages(f"files/{_id(file_id)}/comments", asked):
            yield from said.get("comments", [])

    def _pages(self, path: str, asked: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            said = self._json(path, **{**asked, **more})
            yield said
            if not (following := said.get("nextPageToken")):
                return
            more = {"pageToken": str(following)}
        raise DriveError("Google's list has no end.")

    def _json(self, path: str, **asked: str) -> dict[str, Any]:
        body = self._get(path, asked, LISTING_SECONDS, LISTING_BYTES)
        try:
            said = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise Later("Google Drive's answer is none.") from exc
        if not isinstance(said, dict):
            raise Later("Google Drive's answer is none.")
        return said

    def _body(self, path: str, most: int, **asked: str) -> bytes:
        return self._get(path, asked, FILE_SECONDS, most)

    def _get(self, path: str, asked: Mapping[str, str], seconds: float, most: int) -> bytes:
        try:
            with (
                deadline.within(seconds, PROVIDER),
                web.speaking_to(PROVIDER),
                self._http.get(
                    f"{self._url}/{path}", params=asked, timeout=seconds, stream=True, allow_redirects=False
                ) as answer,
            ):
                body = web.body_within(answer, most, PROVIDER)
        except GoogleAuthError as exc:
            raise _of_sign_in(exc) from exc
        except Garbled as exc:
            raise FileClosed(f"It is larger than {most // 2**20} MB. Split it.") from exc
        except ProviderError as exc:
            raise Later("Google Drive did not answer. It is tried again.") from exc
        if answer.status_code != 200:
            raise _refusal(answer.status_code, body, answer.headers)
        return body


def _id(file_id: str) -> str:
    return quote(file_id, safe="")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _log_of(drive_id: str) -> dict[str, str]:
    """A shared drive has a log of its own."""
    return {"supportsAllDrives": "true", **({"driveId": drive_id} if drive_id else {})}


def _change(said: Mapping[str, Any]) -> Change:
    gone = said.get("removed") or not said.get("file")
    return Change(str(said["fileId"]), None if gone else File.of(said["file"]))


def _of_sign_in(exc: GoogleAuthError) -> DriveError:
    """By what google-auth says of trying again, and never by its words."""
    # A server that fails, or cannot be reached, says nothing about the account.
    if exc.retryable or isinstance(exc, TransportError):
        return Later("Google did not answer when Galley signed in. It is tried again.")
    return SignInEnded("Google lets Galley into this account no more. Connect it again.")


def _refusal(status: int, body: bytes, headers: Any) -> DriveError:
    """One status stands for several things: judged by the reason that Google gives."""
    reason = _reason(body)
    after = web.retry_after(headers)
    if status == 429 or reason in PACE:
        return TooMany("Google Drive has had too many requests. Galley waits, and goes on by itself.", after)
    if status == 401:
        return SignInEnded("Google lets Galley into this account no more. Connect it again.")
    if status >= 500 or status == 408:
        return Later(f"Google Drive failed with an error of its own ({status}). It is tried again.", after)
    if reason in CLOSED:
        return FileClosed(CLOSED[reason], too_large=reason == "exportSizeLimitExceeded")
    if status == 404:
        return NotThere("It is not there any more, or not shared with this account.")
    if status in (400, 410):
        return TokenRefused(f"Google Drive did not accept the request ({reason or status}).")
    return FileClosed(f"Google Drive refused it ({reason or status}).")


def _reason(body: bytes) -> str:
    try:
        reason = orjson.loads(body)["error"]["errors"][0]["reason"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return ""
    return reason[:60] if isinstance(reason, str) and reason.isalnum() else ""
