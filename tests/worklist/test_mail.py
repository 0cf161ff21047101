"""People are told what is handed to them and what comes back: gathered, once, as it is true when it is sent."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from articles.models import Preferences
from config.roles import EDITORS
from recovery.mail import delivery, outbox
from recovery.models import Mail, Notice
from tests.recovery.conftest import later
from tests.recovery.conftest import server as server
from tests.services.smtp import MailServer
from tests.worklist.conftest import InState, arrive
from worklist import intake, moves
from worklist.intake import Arrival
from worklist.models import Document, Source, State


def deliver(minutes: float = 16) -> None:
    """The minute in which what has happened is collected, and the one in which its mail is due."""
    outbox.deliver()
    with later(minutes=minutes):
        outbox.deliver()


def test_what_is_handed_over_is_told_once_and_together(server: MailServer, editor: User, chief: User) -> None:
    documents = [arrive(source_id=str(number), title=f"Ports {number}") for number in range(3)]
    for document in documents[:2]:
        moves.assign(document.pk, chief, editor, date(2026, 12, 4))
    outbox.deliver()
    assert not server.received  # gathered for a while
    moves.assign(documents[2].pk, chief, editor, None)
    deliver()
    [mail] = server.received
    assert mail.to == ["ada@example.org"]
    assert mail.subject == "Worklist: 3 documents"
    assert mail.text.startswith(
        f"Ports 0\nhanded to you by chief, until 4 December: to evaluate.\nhttp://127.0.0.1:8000{documents[0].get_absolute_url()}\n"
    )
    for document in documents:
        assert f"http://127.0.0.1:8000{document.get_absolute_url()}" in mail.text
        assert f'href="http://127.0.0.1:8000{document.get_absolute_url()}"' in mail.html
    assert "?person=me" in mail.html
    assert "Freight rates" not in mail.text + mail.html  # not a word of the text itself
    deliver(60)
    assert len(server.received) == 1


def test_what_came_back_says_why(server: MailServer, document_in: InState, editor: User, chief: User) -> None:
    document = document_in(State.TO_REVIEW)
    moves.assign(document.pk, editor, editor, None)
    moves.move_on(document.pk, State.TO_REVISE, chief, seen=State.TO_REVIEW, why="Two sums are wrong")
    deliver()
    [mail] = server.received
    assert mail.subject == 'Worklist: "Tariffs and AI" – came back by chief, to revise: Two sums are wrong'


def test_what_is_for_nobody_comes_back_to_who_moved_it_on(server: MailServer, editor: User, chief: User) -> None:
    document = arrive()
    moves.move_on(document.pk, State.TO_CONFIRM, editor, seen=State.TO_EVALUATE)
    moves.move_on(document.pk, State.TO_EVALUATE, chief, seen=State.TO_CONFIRM, why="Too short")
    deliver()
    assert [mail.to for mail in server.received] == [["ada@example.org"]]


def test_what_loses_its_approval_comes_back(server: MailServer, document_in: InState, editor: User) -> None:
    document = document_in(State.READY)
    Document.objects.filter(pk=document.pk).update(assignee=editor)
    intake.arrive(Source.FOLDER, "ports.md", Arrival("# Another\n\nText.", "ports.md"))
    deliver()
    [mail] = server.received
    assert "has changed at its source, and is to be approved again" in mail.text


@pytest.mark.parametrize("over", ["handed on", "let go", "no rights", "switched off", "inactive", "no mail at all"])
def test_what_is_over_or_not_theirs_to_see_is_not_told(
    over: str, server: MailServer, editor: User, other_editor: User, chief: User
) -> None:
    document = arrive()
    moves.assign(document.pk, chief, editor, None)
    outbox.deliver()
    assert Mail.objects.get().recipient == editor
    match over:
        case "handed on":
            Document.objects.filter(pk=document.pk).update(assignee=other_editor)
        case "let go":
            moves.let_go(document.pk, chief)
        case "no rights":
            editor.groups.remove(Group.objects.get(name=EDITORS))
        case "switched off":
            Preferences.objects.create(user=editor, worklist_mail=False)
        case "inactive":
            User.objects.filter(pk=editor.pk).update(is_active=False)
        case _:
            User.objects.filter(pk=editor.pk).update(email="")
    deliver()
    assert not server.received
    assert not Mail.objects.exists()
    assert not Notice.objects.exists()


def test_nobody_is_told_what_they_did_themselves_or_have_switched_off(editor: User, chief: User) -> None:
    document = arrive()
    moves.assign(document.pk, editor, editor, None)
    Preferences.objects.create(user=chief, worklist_mail=False)
    moves.assign(document.pk, editor, chief, None)
    assert not Notice.objects.exists()


def test_no_mail_about_stops_is_no_word_about_the_worklist(server: MailServer, editor: User, chief: User) -> None:
    Preferences.objects.create(user=editor, stop_mail="never")
    moves.assign(arrive().pk, chief, editor, None)
    deliver()
    assert len(server.received) == 1


def test_handed_over_and_back_again_is_one_line(
    server: MailServer, editor: User, other_editor: User, chief: User
) -> None:
    document = arrive()
    for person in (editor, other_editor, editor):
        moves.assign(document.pk, chief, person, None)
    deliver()
    [mail] = server.received
    assert mail.to == ["ada@example.org"]
    assert mail.text.count("handed to you") == 1


def test_what_happens_while_a_mail_is_sent_gets_the_next_one(server: MailServer, editor: User, chief: User) -> None:
    one, two = arrive(title="One"), arrive(source_id="2", title="Two")
    moves.assign(one.pk, chief, editor, None)
    outbox.deliver()
    with later(minutes=16):
        mail = Mail.objects.select_related("recipient").get()
        assert delivery._claim(mail)
        assert delivery._write(mail)
        moves.assign(two.pk, chief, editor, None)
        outbox.deliver()
        assert Notice.objects.filter(mail=None).count() == 1
    with later(minutes=30):  # its sender has died meanwhile: the very same mail goes
        outbox.deliver()
        assert [mail.subject for mail in server.received] == ['Worklist: "One" – handed to you by chief: to evaluate']
        assert server.received[0].message["Message-ID"] == mail.message_id
        outbox.deliver()
    with later(minutes=50):
        outbox.deliver()
    assert [mail.subject[:15] for mail in server.received] == ['Worklist: "One"', 'Worklist: "Two"']


def test_a_mended_mail_server_sends_nothing_early(server: MailServer, editor: User, chief: User) -> None:
    moves.assign(arrive().pk, chief, editor, None)
    outbox.deliver()
    delivery.wake()
    outbox.deliver()
    assert not server.received
    assert Mail.objects.get().next_at > timezone.now() + timedelta(minutes=10)


def test_many_are_cut_and_no_title_makes_a_header(server: MailServer, editor: User, chief: User) -> None:
    for number in range(23):
        document = arrive(source_id=str(number), title=f"<b>{number}</b>\u2028Bcc: ben@example.org")
        moves.assign(document.pk, chief, editor, None)
    deliver()
    [mail] = server.received
    assert mail.to == ["ada@example.org"]
    assert "And 3 more documents: the worklist shows them all." in mail.text
    assert "<b>0</b>" not in mail.html
    assert len(re.findall(r"^http\S+/document/\d+/change/$", mail.text, re.MULTILINE)) == 20
