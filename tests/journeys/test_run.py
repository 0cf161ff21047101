"""From the shell to a finished page, through real workers, on every stack that the settings can name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.doubles.server import Doubles, doubles
from tests.journeys.installation import Installation
from tests.services import postgres, redis, s3
from tests.services.process import wait_until

pytestmark = pytest.mark.dealt_whole(3)

STACKS = ["sqlite, folder, database queue", "postgresql, rclone, redis", "postgresql, moto, database queue"]
PAID = {("openai", "responses"), ("replicate", "create"), ("anthropic", "messages")}
CALLS = 7  # text, prompts, four pictures, the page


@pytest.fixture
def galley(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    stack: str = request.param
    reasons = {"postgresql": postgres.available, "redis": redis.available}
    reasons |= {"rclone": s3.rclone_available, "moto": s3.moto_available}
    for word, available in reasons.items():
        if word in stack and (reason := available()):
            pytest.skip(reason)
    made = Installation(tmp_path / "var")
    made.folder.mkdir()
    with ExitStack() as servers:
        if "postgresql" in stack:
            made.settings["DATABASE_URL"] = servers.enter_context(postgres.postgres(_folder(tmp_path, "postgresql")))
        if "redis" in stack:
            made.settings["GALLEY_BROKER_URL"] = servers.enter_context(redis.redis(_folder(tmp_path, "redis")))
        for name, serve in (("rclone", s3.rclone), ("moto", s3.moto)):
            if name in stack:
                server = servers.enter_context(serve(_folder(tmp_path, name)))
                made.settings |= {"GALLEY_STORAGE_URL": server.galley_url("desk"), **server.environment()}
        made.prepare()
        yield made


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Doubles]:
    with doubles() as running:
        running.configure(image_bytes=300_000)
        yield running


@pytest.mark.parametrize("galley", STACKS, indirect=True)
def test_an_idea_from_the_shell_becomes_a_page(galley: Installation, services: Doubles) -> None:
    galley.with_services(services)
    with galley.workers():
        said = galley.manage("submit", "--owner", "ada", "--idea", "night trains", "--wait", "--json")

    outcome = json.loads(said.stdout)
    assert outcome["status"] == "done"
    tree = galley.tree(outcome["backup"])
    assert len(tree.files()) == 12
    assert tree.verify() == []
    assert _paid(services) == CALLS


@pytest.mark.parametrize("galley", STACKS[:1], indirect=True)
def test_a_failure_is_told_and_the_exit_code_says_so(galley: Installation, services: Doubles) -> None:
    galley.with_services(services)
    services.fail("openai", "responses", "refusal")
    with galley.workers():
        said = galley.manage("submit", "--owner", "ada", "--idea", "night trains", "--wait", check=False)

    assert said.returncode == 1
    assert "The text service declined the article (step 1 of 5)" in said.stderr
    assert "Next: change the idea" in said.stderr


@pytest.mark.dealt(4)
@pytest.mark.parametrize(
    ("galley", "moment"),
    [(STACKS[0], 1), (STACKS[0], 2), (STACKS[0], 5), (STACKS[0], 10), (STACKS[0], 15), (STACKS[1], 4), (STACKS[1], 12)],
    indirect=["galley"],
)
def test_killed_in_the_middle_it_goes_on(galley: Installation, services: Doubles, moment: int) -> None:
    """The whole cluster dies when the services have seen so many requests; a fresh one finishes."""
    galley.with_services(services)
    services.configure(latency=dict.fromkeys(("responses", "create", "poll", "deliver", "messages"), 0.1))
    said = json.loads(galley.manage("submit", "--owner", "ada", "--idea", "night trains", "--json").stdout)
    with galley.workers() as workers:
        wait_until(lambda: len(services.requests()) >= moment, 120)
        workers.kill()
        before = _paid(services)
        workers.start()
        wait_until(lambda: _is_done(galley, said), 90)

    lost = galley.ask(f"sum(Call.objects.filter(article={said['id']}).values_list('lost_answers', flat=True))")
    assert before <= CALLS
    assert _paid(services) == CALLS + lost, "every repeated call is flagged"
    assert lost <= 1
    tree = galley.tree(said["backup"])
    assert len(tree.files()) == 12
    assert tree.verify() == []


@pytest.mark.parametrize("galley", STACKS[:1], indirect=True)
def test_no_orphan_survives_its_parent(galley: Installation) -> None:
    with galley.workers() as workers:
        assert workers.process
        group = workers.process.pid
        wait_until(lambda: len(_group(group)) > 2, 30)
        os.kill(group, 9)
        wait_until(lambda: not set(_group(group)) - {group}, 10)


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def _is_done(galley: Installation, said: dict[str, str]) -> bool:
    """By the manifest, which is the last thing that is written."""
    step = galley.tree(said["backup"]).manifest()["pipeline_stages"]["step5_wordpress_upload"]
    return bool(step["status"] == "completed")


def _paid(services: Doubles) -> int:
    return sum((request.provider, request.operation) in PAID for request in services.requests())


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _group(leader: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            state, _, group, *_ = _fields(int(entry.name))
        except (ValueError, OSError):
            continue
        if int(group) == leader and state != "Z":
            found.append(int(entry.name))
    return found
