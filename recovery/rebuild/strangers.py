"""Trees that bear no signature of ours: whoever can write into the storage may have made them, hashes and all.

What is taken of such a one is what an editor could have handed in: texts, prompts and pictures, each held against the
same bounds and cleaned. Whose it is, where it goes, which batch it belongs to, how it stands, what it has cost and the
pages that were laid out are not taken from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from articles.models import Stage
from articles.tree import names
from articles.tree.schema import Manifest, StatePart
from backups.trees.tree import Stored

OWNER = "unsigned"  # who has it until somebody takes it over; nobody logs in by this name
OPTION = "take trees that bear no signature as well: a stranger's, as nobody knows who wrote them"
AS_SUCH = (
    "With --unsigned it is taken as a stranger's: its texts are cleaned, its page is laid out anew, and owner, site, "
    "batch and state are not taken from it. Where the database knows the article, manage.py sign_trees signs it."
)
TAKEN = (
    f"It bears no signature, so nobody knows who wrote it. It belongs to “{OWNER}”, who cannot log in, and goes to no "
    "site. Read it before it goes anywhere."
)
PAGES = (names.FORMATTED, names.FINAL)
_MADE = (Stage.ARTICLE, Stage.PROMPTS, Stage.IMAGES)


def taken(manifest: Manifest, files: Mapping[str, Stored]) -> tuple[Manifest, dict[str, Stored]]:
    """What is taken of a stranger's manifest, and of the files that it names."""
    source = manifest.source
    nobodys: dict[str, Any] = {"owner": OWNER, "site": None, "site_id": None, "site_address": "", "batch": None}
    nobodys |= {"scheduled_at": None, "publish_tasks": []}
    by_sections = {"is_long": source.is_long or source.batch is not None}
    steps = {names.STEPS[stage]: manifest.pipeline_stages.get(names.STEPS[stage]) for stage in _MADE}
    kept = {
        "source": source.model_copy(update=nobodys | by_sections),
        "pipeline_stages": {name: step for name, step in steps.items() if step},
        "state": StatePart(),
        "records": {stage: record for stage, record in manifest.records.items() if stage in _MADE},
    }
    return manifest.model_copy(update=kept), {name: file for name, file in files.items() if name not in PAGES}
