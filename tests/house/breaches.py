"""What does not keep a rule of the house yet, with what it is or what would mend it. The table can only shrink."""

from __future__ import annotations

from collections.abc import Iterable

BREACHES: dict[str, dict[str, str]] = {
    "rooms of backups import down": {
        "backups.health.watch imports backups.restores.database": "restores can end what lost its worker",
    },
    "no circles": {
        "backups.repository.repository > backups.repository.run": "let a run be begun with its repository",
    },
    "backups know no article": {
        "backups.trees.retention says step5_wordpress_upload": "which tree may go is a matter of articles/tree",
    },
    "packages say what they are for": dict.fromkeys(
        [
            "articles/__init__.py",
            "articles/batches/__init__.py",
            "articles/desk/__init__.py",
            "articles/pipeline/__init__.py",
            "backups/__init__.py",
            "backups/database/__init__.py",
            "backups/desk/__init__.py",
            "backups/files/__init__.py",
            "backups/health/__init__.py",
            "backups/repository/__init__.py",
            "backups/restores/__init__.py",
            "config/__init__.py",
            "publishing/__init__.py",
            "recovery/__init__.py",
            "recovery/mail/__init__.py",
        ],
        "empty, or a word",
    ),
    "rooms open with their nouns": dict.fromkeys(
        [
            "articles/api/__init__.py",
            "articles/batches/__init__.py",
            "articles/content/__init__.py",
            "articles/desk/__init__.py",
            "articles/pipeline/__init__.py",
            "articles/providers/__init__.py",
            "articles/stages/__init__.py",
            "articles/tree/__init__.py",
            "backups/database/__init__.py",
            "backups/desk/__init__.py",
            "backups/files/__init__.py",
            "backups/health/__init__.py",
            "backups/repository/__init__.py",
            "backups/restores/__init__.py",
            "backups/trees/__init__.py",
            "config/desk/__init__.py",
            "publishing/publishers/__init__.py",
            "recovery/mail/__init__.py",
        ],
        "no glossary yet",
    ),
    "folders are not crowded": {
        "config": "tokens (models, admin) or what is for machines (health, metrics) could have a room",
    },
    "files are short": {
        "articles/content/markup.py": "cleaning, and the lines and words of a page",
        "articles/desk/article_admin.py": "the list, the page and its actions",
        "articles/desk/batch_page.py": "the list's lines, the plan and the grid",
        "articles/pipeline/transitions.py": "what people do, and how a run ends",
        "backups/database/backup.py": "a run, and its job for one model",
        "backups/database/compare.py": "steps, and the comparison of one table",
        "backups/database/snapshot.py": "SQLite and PostgreSQL",
        "publishing/wordpress.py": "requests, and what WordPress answers",
        "recovery/rebuild.py": "the strict schema of a manifest, and what is made of it",
    },
    "functions are short": {
        "articles.pipeline.transitions.resume": "42 lines",
        "articles.providers.web.answer_error": "53 lines: a table of status and error",
        "backups.files.backup.backup": "52 lines",
        "backups.storage.bulk.in_bulk": "41 lines",
        "recovery.plan._plan": "54 lines",
    },
    "codes have words": dict.fromkeys(
        [
            "bad_address",
            "download",
            "empty",
            "failed",
            "gone",
            "invalid",
            "malformed",
            "no_address",
            "not_json",
            "settling",
        ],
        "named by its kind alone",
    ),
}


def held(rule: str, found: Iterable[str]) -> None:
    """Fail for what breaks a rule and is not in the table, and for what is in the table and breaks it no more."""
    breaches, known = set(found), BREACHES.get(rule, {}).keys()
    new, mended = sorted(breaches - known), sorted(known - breaches)
    assert not new, "\n  ".join([f"This breaks the rule “{rule}”:", *new])
    assert not mended, "\n  ".join([f"This keeps the rule “{rule}”; take it out of tests/house/breaches.py:", *mended])
