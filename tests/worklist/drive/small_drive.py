"""A small Drive on a port of 127.0.0.1: what it holds is changed by tests, and it counts its changes as Google's does.

    with small_drive() as drive:
        folder = drive.folder("Desk")
        ports = drive.document("Ports", folder, "# Ports\\n\\nMany ships.")
        drive.rename(ports, "Harbours")
        drive.fail("export", "rateLimitExceeded")

Answers have the shapes of drive.v3: numbers are texts, errors name their reason, each entry of the log says how the
file is now and not how it was then. `served` is every request that came, in order.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from worklist.drive.client import DOCUMENT, FOLDER, SHORTCUT
from worklist.drive.signin import READ_ONLY

ROOT = "my-drive"
SHEET = "application/vnd.google-apps.spreadsheet"
# kind of fault: status, reason
REFUSALS = {
    "rateLimitExceeded": 403,
    "userRateLimitExceeded": 403,
    "tooMany": 429,
    "insufficientFilePermissions": 403,
    "cannotDownloadFile": 403,
    "exportSizeLimitExceeded": 403,
    "notFound": 404,
    "backendError": 500,
    "invalid": 400,
}
BROKEN = ("cut", "reset", "hang", "page")  # half an answer; torn down; never; a page of somebody else


@dataclass
class Item:
    """Something in the Drive."""

    id: str
    name: str
    kind: str
    parent: str
    version: int = 1
    trashed: bool = False
    markdown: str = ""
    html: str = ""
    content: bytes = b""
    target: str = ""
    may_be_read: bool = True
    drive: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Served:
    operation: str
    path: str
    query: dict[str, str]


class SmallDrive:
    """What it holds, who may come in, and what shall go wrong. Safe for threads."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.unshared: set[str] = set()
        self.log: list[tuple[str, str]] = []  # (id, drive), oldest first
        self.first_token = 0  # tokens of before are refused
        self.page = 1000  # files, or changes, in a page
        self.is_incomplete = False
        self.rotates = False  # each token of the access brings another lasting one
        self.lasting = {"lasting-0"}
        self.access: set[str] = set()
        self.codes: dict[str, dict[str, str]] = {}
        self.scope = READ_ONLY
        self.mail = "desk@example.org"
        self.served: list[Served] = []
        self._faults: list[tuple[str, str, int | None, str]] = []
        self._lock = threading.RLock()
        self._number = 0
        self._server = _Server(("127.0.0.1", 0), self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    # What people do there

    def folder(self, name: str, parent: str = ROOT, *, drive: str = "") -> str:
        return self._add(name, FOLDER, parent, drive=drive)

    def document(self, name: str, parent: str, markdown: str, html: str = "") -> str:
        return self._add(name, DOCUMENT, parent, markdown=markdown, html=html)

    def blob(self, name: str, parent: str, content: bytes, kind: str = "text/plain") -> str:
        return self._add(name, kind, parent, content=content)

    def shortcut(self, name: str, parent: str, target: str) -> str:
        return self._add(name, SHORTCUT, parent, target=target)

    def copy(self, file_id: str) -> str:
        of = self.items[file_id]
        return self._add(f"Copy of {of.name}", of.kind, of.parent, markdown=of.markdown, content=of.content)

    def _add(self, name: str, kind: str, parent: str, **more: Any) -> str:
        with self._lock:
            self._number += 1
            item_id = f"id{self._number}"
            drive = more.pop("drive", "") or (self.items[parent].drive if parent in self.items else "")
            self.items[item_id] = Item(item_id, name, kind, parent, drive=drive, **more)
            self._logged(item_id)
            return item_id

    def edit(self, file_id: str, markdown: str, html: str = "") -> None:
        self._change(file_id, markdown=markdown, html=html)

    def rename(self, file_id: str, name: str) -> None:
        self._change(file_id, name=name)

    def move(self, file_id: str, parent: str) -> None:
        self._change(file_id, parent=parent)

    def trash(self, file_id: str, *, back: bool = False) -> None:
        self._change(file_id, trashed=not back)

    def forbid(self, file_id: str) -> None:
        self._change(file_id, may_be_read=False)

    def delete(self, file_id: str) -> None:
        with self._lock:
            self.log.append((file_id, self.items.pop(file_id).drive))

    def unshare(self, file_id: str, *, back: bool = False) -> None:
        with self._lock:
            (self.unshared.discard if back else self.unshared.add)(file_id)
            self._logged(file_id)

    def comment(self, file_id: str, said: str, quoted: str = "", by: str = "A reader") -> dict[str, Any]:
        with self._lock:
            made: dict[str, Any] = {
                "id": f"c{len(self.items[file_id].comments)}",
                "content": said,
                "author": {"displayName": by},
            }
            made |= {"createdTime": "2026-11-30T10:00:00.000Z", "resolved": False, "replies": []}
            if quoted:
                made["quotedFileContent"] = {"mimeType": "text/html", "value": quoted}
            self.items[file_id].comments.append(made)
            self._change(file_id)
            return made

    def reply(self, file_id: str, comment: dict[str, Any], said: str, by: str = "The writer") -> None:
        made = {"id": f"r{len(comment['replies'])}", "content": said, "author": {"displayName": by}}
        comment["replies"].append(made | {"createdTime": "2026-11-30T11:00:00.000Z"})
        self._change(file_id)

    def resolve(self, file_id: str, comment: dict[str, Any], *, back: bool = False) -> None:
        comment["resolved"] = not back
        self._change(file_id)

    def _change(self, file_id: str, **values: Any) -> None:
        with self._lock:
            item = self.items[file_id]
            for name, value in values.items():
                setattr(item, name, value)
            item.version += 1
            self._logged(file_id)

    def _logged(self, file_id: str) -> None:
        self.log.append((file_id, self.items[file_id].drive))

    # What shall go wrong

    def fail(self, operation: str, kind: str, times: int | None = 1, match: str = "") -> None:
        """`match` is a part of the path with its query; None: from now on."""
        assert kind in REFUSALS or kind in (*BROKEN, "invalid_grant")
        self._faults.append((operation, kind, times, match))

    def heal(self) -> None:
        self._faults.clear()

    def revoke(self) -> None:
        self.lasting.clear()
        self.access.clear()

    def count(self, operation: str) -> int:
        return sum(each.operation == operation for each in self.served)

    def _fault(self, operation: str, path: str) -> str:
        for number, (of, kind, times, match) in enumerate(self._faults):
            if of == operation and match in path:
                if times is not None:
                    self._faults[number] = (of, kind, times - 1, match)
                    if times == 1:
                        del self._faults[number]
                return kind
        return ""

    # How it answers

    def in_trash(self, item: Item) -> bool:
        while not item.trashed and item.parent in self.items:
            item = self.items[item.parent]
        return item.trashed

    def is_seen(self, item: Item) -> bool:
        while item.id not in self.unshared and item.parent in self.items:
            item = self.items[item.parent]
        return item.id not in self.unshared

    def answer(self, path: str, query: dict[str, str], sent: dict[str, str], signed: str) -> Answer:
        with self._lock:
            parts = [unquote(part) for part in path.strip("/").split("/")]
            operation = _operation(parts, query)
            self.served.append(Served(operation, path, query))
            fault = self._fault(operation, f"{path}?{json.dumps(query)}")
            if fault in REFUSALS:
                return refusal(REFUSALS[fault], fault)
            if operation == "token":
                return self._token(sent) if fault != "invalid_grant" else _json({"error": "invalid_grant"}, 400)
            if signed.removeprefix("Bearer ") not in self.access:
                return refusal(401, "authError")
            made: Answer = self._operations()[operation](parts, query)
            made.fault = fault
            return made

    def _operations(self) -> dict[str, Any]:
        return {
            "about": lambda *_: _json({"user": {"emailAddress": self.mail, "displayName": "The desk"}}),
            "list": lambda _, query: self._list(query),
            "start": lambda *_: _json({"startPageToken": str(len(self.log))}),
            "changes": lambda _, query: self._changes(query),
            "get": lambda parts, _: self._of(parts[3], lambda item: _json(self._said(item))),
            "content": lambda parts, _: self._of(parts[3], lambda item: Answer(200, item.content)),
            "export": lambda parts, query: self._of(parts[3], lambda item: _export(item, query["mimeType"])),
            "comments": lambda parts, query: self._of(parts[3], lambda item: self._comments(item, query)),
        }

    def _token(self, sent: dict[str, str]) -> Answer:
        if sent.get("grant_type") == "authorization_code":
            if self.codes.pop(sent.get("code", ""), None) is None:
                return _json({"error": "invalid_grant"}, 400)
            self.lasting.add("lasting-by-code")
            more = {"refresh_token": "lasting-by-code"}
        elif "assertion" in sent:
            more = {}
        elif sent.get("refresh_token") not in self.lasting:
            return _json({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400)
        else:
            more = {}
            if self.rotates:
                more = {"refresh_token": f"lasting-{len(self.served)}"}
                self.lasting = {more["refresh_token"]}
        access = f"access-{len(self.served)}"
        self.access.add(access)
        return _json({"access_token": access, "expires_in": 3599, "token_type": "Bearer", "scope": self.scope, **more})

    def _of(self, item_id: str, made: Any) -> Answer:
        item = self.items.get(item_id)
        if item is None or not self.is_seen(item):
            return refusal(404, "notFound")
        answer: Answer = made(item)
        return answer

    def _said(self, item: Item) -> dict[str, Any]:
        said: dict[str, Any] = {"id": item.id, "name": item.name, "mimeType": item.kind, "version": str(item.version)}
        said |= {"trashed": self.in_trash(item), "parents": [item.parent], "owners": [{"displayName": "Ada"}]}
        said |= {
            "capabilities": {"canDownload": item.may_be_read},
            "webViewLink": f"https://docs.example.org/{item.id}",
        }
        if item.drive:
            del said["owners"]
            said |= {"driveId": item.drive, "lastModifyingUser": {"displayName": "Grace"}}
        if item.target:
            target = self.items.get(item.target)
            said["shortcutDetails"] = {"targetId": item.target, "targetMimeType": target.kind if target else DOCUMENT}
        if item.content:
            said["size"] = str(len(item.content))
        return said

    def _list(self, query: dict[str, str]) -> Answer:
        assert query["supportsAllDrives"] == query["includeItemsFromAllDrives"] == "true"
        parent = query["q"].partition("' in parents")[0].removeprefix("'")
        if (folder := self.items.get(parent)) is None or not self.is_seen(folder):
            return refusal(404, "notFound")
        found = [item for item in self.items.values() if item.parent == parent and not self.in_trash(item)]
        found = [item for item in found if self.is_seen(item)]
        first = int(query.get("pageToken") or 0)
        said: dict[str, Any] = {"files": [self._said(item) for item in found[first : first + self.page]]}
        said["incompleteSearch"] = self.is_incomplete
        if first + self.page < len(found):
            said["nextPageToken"] = str(first + self.page)
        return _json(said)

    def _changes(self, query: dict[str, str]) -> Answer:
        first = int(query["pageToken"])
        if first < self.first_token:
            return refusal(400, "invalid")
        part = self.log[first : first + self.page]
        ours = [item_id for item_id, drive in part if query.get("driveId", drive) == drive]
        said: dict[str, Any] = {"changes": [self._changed(item_id) for item_id in dict.fromkeys(ours)]}
        ends = first + len(part)
        said["nextPageToken" if ends < len(self.log) else "newStartPageToken"] = str(ends)
        return _json(said)

    def _changed(self, item_id: str) -> dict[str, Any]:
        item = self.items.get(item_id)
        if item is None or not self.is_seen(item):
            return {"fileId": item_id, "removed": True, "changeType": "file"}
        return {"fileId": item_id, "removed": False, "changeType": "file", "file": self._said(item)}

    def _comments(self, item: Item, query: dict[str, str]) -> Answer:
        first = int(query.get("pageToken") or 0)
        said: dict[str, Any] = {"comments": item.comments[first : first + 2]}
        if first + 2 < len(item.comments):
            said["nextPageToken"] = str(first + 2)
        return _json(said)

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.cut()
        self._server.server_close()


@dataclass
class Answer:
    status: int
    body: bytes
    kind: str = "application/octet-stream"
    fault: str = ""


def _json(said: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(said).encode(), "application/json")


def refusal(status: int, reason: str) -> Answer:
    error = {"domain": "global", "reason": reason, "message": f"Said by Google: {reason}"}
    return _json({"error": {"code": status, "message": error["message"], "errors": [error]}}, status)


def _operation(parts: list[str], query: dict[str, str]) -> str:
    match parts:
        case ["token"]:
            return "token"
        case ["drive", "v3", "about"]:
            return "about"
        case ["drive", "v3", "files"]:
            return "list"
        case ["drive", "v3", "changes", "startPageToken"]:
            return "start"
        case ["drive", "v3", "changes"]:
            return "changes"
        case ["drive", "v3", "files", _]:
            return "content" if query.get("alt") == "media" else "get"
        case ["drive", "v3", "files", _, ("export" | "comments") as last]:
            return last
    raise AssertionError(parts)


def _export(item: Item, kind: str) -> Answer:
    if item.kind != DOCUMENT:
        return refusal(403, "fileNotExportable")
    if kind == "text/markdown":
        return Answer(200, item.markdown.encode(), kind)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{item.name.replace('/', '')}.html", item.html or "<p></p>")
        archive.writestr("images/image1.png", b"png")
    return Answer(200, packed.getvalue(), kind)


@contextmanager
def small_drive() -> Iterator[SmallDrive]:
    served = SmallDrive()
    thread = threading.Thread(target=served.serve, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.stop()
        thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], drive: SmallDrive) -> None:
        super().__init__(address, _Handler)
        self.drive = drive
        self._open: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is cut off, or killed, is what these tests are about."""

    def cut(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._respond({})

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self._respond({name: values[0] for name, values in parse_qs(sent).items()})

    def log_message(self, *args: Any) -> None:
        """Nothing: `served` says it all."""

    def _respond(self, sent: dict[str, str]) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        signed = self.headers.get("Authorization", "")
        answer = self.server.drive.answer(address.path, query, sent, signed)
        if answer.fault in ("reset", "hang"):
            self.close_connection = True
            if answer.fault == "hang":
                self.connection.recv(1)  # until the client goes, or the Drive stops
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        body = b"<!doctype html><p>One moment</p>" if answer.fault == "page" else answer.body
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if answer.fault == "cut":
            self.close_connection = True
            body = body[: len(body) // 2]
        self.wfile.write(body)
