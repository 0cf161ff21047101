"""What a file of a Drive says, as a text that can be an article; or why it cannot be one."""

from __future__ import annotations

import re
from pathlib import PurePath

from django.conf import settings

from articles.content.manuscripts import Unreadable
from articles.content.reading import decoding
from articles.providers.errors import Unreachable
from articles.tree.kept_pictures import Keeper
from worklist import texts
from worklist.drive import page
from worklist.drive.client import DOCUMENT, Drive, File
from worklist.drive.errors import FileClosed, Later
from worklist.intake import Arrival

MARKDOWN, PACKED = "text/markdown", "application/zip"
OTHERS = {
    "application/vnd.google-apps.spreadsheet": "It is a spreadsheet.",
    "application/vnd.google-apps.presentation": "It is a presentation.",
    "application/vnd.google-apps.form": "It is a form.",
    "application/vnd.google-apps.drawing": "It is a drawing.",
    "application/pdf": "It is a PDF. Hand its text in as a document.",
}
_TABLE = re.compile(r"^[ \t]*\|(?:[ \t]*:?-{2,}:?[ \t]*\|)+[ \t]*$", re.MULTILINE)
_ANCHOR = re.compile(r"^(#{1,6}[ \t][^\n]*?)[ \t]*\{#[\w.-]{1,200}\}[ \t]*$", re.MULTILINE)


def reason_against(file: File) -> str:
    """Why a file is left out, by what the listing says of it; empty where it can be read."""
    kind = file.target_kind or file.kind
    if not file.may_be_read:
        return "Its owner does not let anybody take a copy of it. Ask the owner to allow it."
    if kind == DOCUMENT or file.target:  # of a shortcut only the target itself can tell
        return OTHERS.get(kind, "")
    if kind in OTHERS:
        return OTHERS[kind]
    if not file.name.lower().endswith(texts.KINDS):
        return f"This is no text that can be an article. Save it as one of {', '.join(texts.KINDS)}."
    if file.size > texts.most_bytes(file.name):
        return str(texts.too_large(file.name))
    return ""


def read(drive: Drive, file: File, folder: str) -> Arrival:
    """Its pictures are kept before the text names them. Raises Unreadable, DriveError."""
    try:
        return _read(drive, file, folder)
    except Unreachable as exc:
        raise Later(f"{texts.NOT_KEPT} It is read again by itself.") from exc


def _read(drive: Drive, file: File, folder: str) -> Arrival:
    facts = {"writer": file.writer, "folder": folder}
    if file.kind != DOCUMENT:
        text = texts.of_file(file.name, drive.content(file.id, texts.most_bytes(file.name)))
        return Arrival(text, file.name, **facts)
    text, suffix = _exported(drive, file)
    if len(text) > settings.MANUSCRIPT_BYTES:
        raise Unreadable("its text is larger than 5 MB", "split it into several documents")
    stem = PurePath(file.name.replace("/", " ")).name[:200] or "document"
    return Arrival(text, f"{stem}{suffix}", title=" ".join(file.name.split()), **facts)


def _exported(drive: Drive, file: File) -> tuple[str, str]:
    """As Markdown; as a page where it has tables, or pictures too large for the other."""
    try:
        text = decoding.read(drive.export(file.id, MARKDOWN), "utf-8").text
    except FileClosed as exc:
        if not exc.too_large:
            raise
    else:
        if not _TABLE.search(text):
            return _ANCHOR.sub(r"\1", texts.with_names(text)), ".md"
    keep = Keeper().keep
    return page.meant(texts.with_names(page.unpacked(drive.export(file.id, PACKED), keep), keep)), ".html"
