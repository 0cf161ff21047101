"""Deliveries are sent at least once, signed, with one id each, and given up after a day."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from config.housekeeping import remove_what_ended
from publishing import secrets
from tests.journeys.installation import Installation
from tests.webhooks.conftest import webhook_of
from tests.webhooks.receiver import Receiver, receiver
from webhooks import noting, sending
from webhooks.models import Delivery, Webhook


def later(**fields: object) -> None:
    """It is due again."""
    Delivery.objects.update(next_at=timezone.now(), **fields)


def test_it_arrives_signed(webhook: Webhook, program: Receiver) -> None:
    delivery = noting.trial_of(webhook)

    assert sending.send_due() == 1

    headers, body = program.got[0]
    assert (headers["Galley-Delivery"], headers["Galley-Event"]) == (str(delivery.uid), "test")
    assert json.loads(body)["id"] == str(delivery.uid)
    # As the operator's page tells receivers to do it.
    told = f"{headers['Galley-Timestamp']}.{body}".encode()
    expected = "v1=" + hmac.new(webhook.secret.encode(), told, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(expected, headers["Galley-Signature"])
    delivery.refresh_from_db()
    assert (delivery.state, delivery.answer, delivery.tries) == ("delivered", "answered 204", 1)
    assert sending.send_due() == 0


def test_what_is_not_taken_is_sent_again_with_the_same_id(webhook: Webhook, program: Receiver) -> None:
    program.answers += [500, 302, 404]
    delivery = noting.trial_of(webhook)

    for minutes, answer in ((1, "answered 500"), (2, "answered 302"), (4, "answered 404")):
        before = timezone.now()
        assert sending.send_due() == 0
        delivery.refresh_from_db()
        assert (delivery.state, delivery.answer) == ("open", answer)
        assert before + timedelta(minutes=minutes) <= delivery.next_at <= timezone.now() + timedelta(minutes=minutes)
        assert sending.send_due() == 0, "it is not due"
        later()
    assert sending.send_due() == 1
    assert program.ids == [str(delivery.uid)] * 4
    assert len({body for _, body in program.got}) == 1


def test_after_a_day_it_is_given_up(webhook: Webhook, program: Receiver) -> None:
    program.answers += [503]
    noting.trial_of(webhook)
    later(created_at=timezone.now() - timedelta(days=1))
    sending.send_due()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.answer) == ("given_up", "answered 503")
    Delivery.objects.update(ended_at=timezone.now() - timedelta(days=31))
    remove_what_ended(timezone.now())
    assert not Delivery.objects.exists()


def test_a_receiver_that_fails_holds_up_nobody(chief: User, webhook: Webhook, program: Receiver) -> None:
    broken = webhook_of(chief, "http://127.0.0.1:9/closed")
    for _ in range(3):
        noting.trial_of(broken)
    noting.trial_of(webhook)

    assert sending.send_due() == 1
    assert len(program.got) == 1
    assert list(Delivery.objects.filter(webhook=broken).order_by("pk").values_list("tries", flat=True)) == [1, 0, 0]


def test_an_address_inside_the_network_is_not_asked(chief: User, settings: Settings) -> None:
    settings.GALLEY_ALLOW_PRIVATE_ADDRESSES = False
    with receiver() as inside:
        noting.trial_of(webhook_of(chief, inside.address))
        sending.send_due()
        assert inside.got == []
    assert Delivery.objects.get().state == "open"
    assert "inside the network" in Delivery.objects.get().answer


def test_nothing_goes_to_one_that_is_off_or_whose_owner_has_left(
    chief: User, webhook: Webhook, program: Receiver
) -> None:
    noting.trial_of(webhook)
    User.objects.filter(pk=chief.pk).update(is_active=False)
    sending.send_due()
    assert (program.got, Delivery.objects.get().state) == ([], "given_up")


def test_a_secret_that_no_key_opens_says_so(webhook: Webhook, program: Receiver) -> None:
    Webhook.objects.update(encrypted_secret="nothing of ours")
    noting.trial_of(webhook)
    assert secrets.reencrypt_all() == (0, [webhook])
    sending.send_due()
    assert "cannot be read with the present keys" in Delivery.objects.get().answer
    assert program.got == []


def test_of_two_senders_one_sends(webhook: Webhook) -> None:
    delivery = noting.trial_of(webhook)
    same = Delivery.objects.get()
    assert sending._claim(delivery)
    assert not sending._claim(same)


PREPARE = """
from django.contrib.auth.models import User
from webhooks import noting
from webhooks.models import Webhook
User.objects.update(is_staff=True, is_superuser=True)
webhook = Webhook(owner=User.objects.get(), address={address!r}, events=[])
webhook.make_secret()
webhook.save()
noting.trial_of(webhook)
"""
SEND = """
import os
from pathlib import Path
from webhooks.models import Delivery
from webhooks.sending import send_due
Path({pid!r}).write_text(str(os.getpid()))
Delivery.objects.update(next_at="2026-01-01T00:00:00Z")
send_due()
"""


def test_a_sender_that_is_killed_before_it_has_noted_it_is_followed_by_another(tmp_path: Path) -> None:
    """At least once, and known by its id."""
    desk, pid = Installation(tmp_path / "desk", {"GALLEY_ALLOW_PRIVATE_ADDRESSES": "true"}), tmp_path / "pid"
    desk.folder.mkdir()
    desk.prepare()
    with receiver() as program:
        program.before_it_answers = lambda: os.kill(int(pid.read_text()), signal.SIGKILL)
        script = PREPARE.format(address=program.address) + SEND.format(pid=str(pid))
        killed = desk.manage("shell", "--verbosity", "0", "-c", script, check=False)
        assert killed.returncode == -signal.SIGKILL
        program.before_it_answers = lambda: None
        again = SEND.format(pid=str(pid)) + "print('=>', Delivery.objects.get().state, Delivery.objects.get().tries)"
        said = desk.manage("shell", "--verbosity", "0", "-c", again).stdout
    assert said.rpartition("=>")[2].split() == ["delivered", "2"]
    assert len(program.ids) == 2
    assert len(set(program.ids)) == 1
    assert program.got[0][1] == program.got[1][1]
