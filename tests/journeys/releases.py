"""The release before this one, as it stood in the history of this checkout."""

from __future__ import annotations

import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from tests.journeys.installation import ROOT

NAMED = "GALLEY_LAST_RELEASE"  # a commit or tag
MIGRATIONS = ":(glob)*/migrations/0*.py"


class NoHistoryError(Exception):
    """There is nothing to take it from; says what would help."""


def last_release() -> str:
    """The commit that the environment names; else the newest tag of a version before this commit; else the commit
    before the newest that has brought a migration, as a release that is over would have another schema."""
    if named := os.environ.get(NAMED):
        return _git("rev-parse", "--verify", f"{named}^{{commit}}").decode().strip()
    if _git("rev-parse", "--is-shallow-repository").strip() == b"true":
        raise NoHistoryError("this clone is shallow: git fetch --unshallow")
    tags = _git("tag", "--list", "v[0-9]*", "--sort=-creatordate", "--merged", "HEAD~1").decode().split()
    if tags:
        return tags[0]
    words = ["-1", "--format=%H", "--find-renames", "--diff-filter=A", "--", MIGRATIONS]
    newest = _git("log", *words).decode().strip()
    if not newest:
        raise NoHistoryError("no commit of its history has brought a migration")
    return _git("rev-parse", f"{newest}^").decode().strip()


def unpacked(commit: str, folder: Path) -> Path:
    """Its program, in a new folder."""
    program = folder / "last-release"
    with tarfile.open(fileobj=BytesIO(_git("archive", "--format=tar", commit))) as archive:
        archive.extractall(program, filter="data")
    return program


def _git(*words: str) -> bytes:
    try:
        return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout
    except FileNotFoundError as exc:
        raise NoHistoryError("git is missing: apt-get install git") from exc
    except subprocess.CalledProcessError as exc:
        raise NoHistoryError(f"git {words[0]}: {exc.stderr.decode(errors='replace').strip()}") from exc
