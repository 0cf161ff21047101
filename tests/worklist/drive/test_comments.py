"""Comments of Google Drive are notes beside the text: they follow what is said there, and nothing here is overruled."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.desk import as_, text
from tests.worklist.drive.small_drive import SmallDrive
from tests.worklist.drive.test_sync import TEXT, look
from worklist import notes
from worklist.models import Document, Note, Reply

pytestmark = pytest.mark.django_db


def test_comments_come_as_notes_with_their_replies(small: SmallDrive, desk: str, chief: User) -> None:
    ports = small.document("Ports", desk, TEXT)
    first = small.comment(ports, "How <b>many</b>?", "many &amp; more <i>ships</i>", by="Grace\0")
    small.reply(ports, first, "A hundred.", by="Ada")
    for number in range(4):
        small.comment(ports, f"Comment {number}")
    look()
    document = Document.objects.get()
    note = document.notes.first()
    assert note is not None
    assert (note.said, note.quotation, note.writer, note.by) == ("How <b>many</b>?", "many & more ships", "Grace", None)
    assert [(reply.said, reply.writer) for reply in note.replies.all()] == [("A hundred.", "Ada")]
    assert document.notes.count() == 5
    assert "many" not in document.text.manuscript.replace("many ships", "")
    shown = as_(chief).get(document.get_absolute_url())
    assert "Grace" in text(shown)
    assert "<b>many</b>" not in shown.content.decode()
    look()
    assert (Note.objects.count(), Reply.objects.count()) == (5, 1)


def test_they_are_resolved_there_or_here(small: SmallDrive, desk: str, editor: User) -> None:
    ports = small.document("Ports", desk, TEXT)
    there, here = small.comment(ports, "There"), small.comment(ports, "Here")
    look()
    own = notes.add(Document.objects.get(), editor, "My own")
    small.resolve(ports, there)
    notes.resolve(Note.objects.get(said="Here"), editor)
    look()
    assert set(Note.objects.exclude(resolved_at=None).values_list("said", flat=True)) == {"There", "Here"}
    small.resolve(ports, there, back=True)
    look()
    assert set(Note.objects.exclude(resolved_at=None).values_list("said", flat=True)) == {"Here"}, "by a person: kept"
    small.items[ports].comments.remove(there)
    here["content"] = "Here, edited"
    small.edit(ports, TEXT)
    look()
    assert set(Note.objects.exclude(resolved_at=None).values_list("said", flat=True)) == {"There", "Here, edited"}
    own.refresh_from_db()
    assert own.resolved_at is None


def test_comments_that_are_not_for_us_keep_no_text_away(small: SmallDrive, desk: str) -> None:
    ports = small.document("Ports", desk, TEXT)
    small.comment(ports, "Closed")
    small.fail("comments", "insufficientFilePermissions")
    look()
    assert Document.objects.get().notes.count() == 0
    small.items[ports].comments[0]["createdTime"] = "9999-99-99"
    small.fail("comments", "backendError")
    small.edit(ports, TEXT + " Later.")
    look()
    assert Document.objects.get().text.manuscript == TEXT, "text and notes come together"
    look()
    assert Document.objects.get().text.manuscript.endswith("Later.")
    assert Document.objects.get().notes.get().said == "Closed"
