"""Send the mail that is due now instead of within a minute, or try the mail server."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from recovery.mail import collect, outbox, smtp
from recovery.mail.delivery import letter, wake
from recovery.models import Mail


class Command(BaseCommand):
    help = (
        "Send the mails that are due, and those that wait for their next try. Exits 0; 1 when the mail server did not "
        "take one, with the reason on standard error. Such a mail is not lost: it is tried again by itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dry-run", action="store_true", help="only say what would be sent, and to whom")
        what.add_argument("--test", metavar="ADDRESS", help="send a test mail to this address, and nothing else")
        parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON")

    def handle(self, *_: Any, dry_run: bool, test: str | None, json: bool, **__: Any) -> None:
        if test is not None:
            outcome, sentence = self._test(test)
        elif dry_run:
            outcome, sentence = self._would_send()
        else:
            outcome, sentence = self._send()
        self.stdout.write(orjson.dumps(outcome).decode() if json else sentence)
        if trouble := outcome.get("trouble"):
            raise CommandError(f"{trouble[:1].upper()}{trouble[1:]}.")

    def _send(self) -> tuple[dict[str, Any], str]:
        wake()
        delivery = outbox.deliver()
        waiting = Mail.objects.filter(state__in=collect.ON_ITS_WAY).count()
        given_up = Mail.objects.filter(state=Mail.State.GIVEN_UP).order_by("address")
        refused = dict(given_up.values_list("address", "error"))  # within thirty days: older ones are gone
        lines = [f"{address}: {error}" for address, error in refused.items()]
        counts = f"Mails sent: {delivery.sent}. Given up: {delivery.given_up}. Waiting: {waiting}."
        return {**asdict(delivery), "waiting": waiting, "refused": refused}, "\n".join([*lines, counts])

    def _would_send(self) -> tuple[dict[str, Any], str]:
        with transaction.atomic():
            collect.collect()
            mails = Mail.objects.filter(state__in=collect.ON_ITS_WAY).select_related("recipient").order_by("pk")
            found = [
                {"to": mail.address or mail.recipient.email, "subject": said.subject}
                for mail in mails
                if (said := mail if mail.subject else letter(mail))
            ]
            transaction.set_rollback(True)
        lines = [f"{mail['to']}  {mail['subject']}" for mail in found]
        return {"would_send": found}, "\n".join([*lines, f"Mails that would be sent: {len(found)}."])

    def _test(self, address: str) -> tuple[dict[str, Any], str]:
        try:
            validate_email(address)
        except ValidationError as exc:
            raise CommandError(f"{address} is not an address.") from exc
        failure = smtp.send_test(address)
        trouble = failure.words if failure else ""
        return {"to": address, "trouble": trouble}, "" if failure else f"The mail server took the mail to {address}."
