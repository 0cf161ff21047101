"""Of all senders who have seen a mail, one takes it; the outbox as a whole is in `test_outbox.py`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from recovery.mail.delivery import LEASE, _claim
from recovery.models import Mail


@pytest.fixture
def mail(editor: User, stopped_clock: datetime) -> Mail:
    """One that is due, as a sender has seen it. Another one is due as well."""
    mails = [Mail(recipient=editor, kind=Mail.Kind.AT_ONCE, cause=cause) for cause in ("seen", "another")]
    for each in mails:
        each.created_at = each.next_at = stopped_clock
        each.save()
    return mails[0]


def test_the_first_takes_it_and_nobody_else(mail: Mail, stopped_clock: datetime) -> None:
    as_others_saw_it = Mail.objects.get(pk=mail.pk)

    assert _claim(mail)
    assert not _claim(as_others_saw_it)

    rows = Mail.objects.order_by("pk").values_list("state", "tries", "next_at")
    assert list(rows) == [("sending", 1, stopped_clock + LEASE), ("open", 0, stopped_clock)]


@pytest.mark.parametrize("change", [{"tries": 1}, {"state": Mail.State.SENT}, {"next_at": timedelta(seconds=1)}])
def test_what_has_changed_since_it_was_seen_is_left_alone(
    mail: Mail, stopped_clock: datetime, change: dict[str, Any]
) -> None:
    later = {name: stopped_clock + value for name, value in change.items() if isinstance(value, timedelta)}
    Mail.objects.filter(pk=mail.pk).update(**(change | later))
    before = list(Mail.objects.order_by("pk").values())

    assert not _claim(mail)

    assert list(Mail.objects.order_by("pk").values()) == before
