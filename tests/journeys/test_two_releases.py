"""A deploy that nobody notices: the workers of the last release go on over the present schema, beside the new ones."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import verdict
from tests.faults.claims import hand_in, repeated, statuses
from tests.journeys.releases import NoHistoryError, last_release, unpacked
from tests.journeys.stacks import desk
from tests.services.process import wait_until

PATIENCE = 300  # seconds, on a busy machine
LAST = "messages"  # the call after which nothing more is paid for

pytestmark = [pytest.mark.dealt_whole(3), pytest.mark.xdist_group("workers")]


def program(folder: Path) -> Path:
    try:
        commit = last_release()
        print(f"the last release is {commit}")  # noqa: T201  shown with a failure
        return unpacked(commit, folder)
    except NoHistoryError as exc:
        pytest.skip(f"NO LAST RELEASE TO LIVE WITH: {exc}")


def test_the_last_release_works_on_over_the_new_schema_until_its_workers_have_ended(tmp_path: Path) -> None:
    before = program(tmp_path)
    with desk("sqlite", tmp_path) as new:  # migrated first, as the operator's page says
        new.galley.settings["GALLEY_WORKERS"] = "1"
        new.services.configure(image_width=512, latency={LAST: PATIENCE})
        old = replace(new, galley=replace(new.galley, program=before))
        with old.galley.workers() as leaving:
            assert leaving.process
            hand_in(old, "handed in and begun by the last release, finished by this one")
            wait_until(lambda: any(request.operation == LAST for request in new.services.requests()), PATIENCE)
            leaving.process.send_signal(signal.SIGTERM)
            with new.galley.workers():
                new.services.configure(latency={})
                assert leaving.process.wait(PATIENCE) == 0
                wait_until(lambda: statuses(new) == ["done"], PATIENCE)

        assert repeated(new) == []
        assert verdict.on_calls(new.services.requests(), 1, {}) == []
        assert new.rows("SELECT DISTINCT crashes FROM articles_article WHERE crashes > 1") == []
