"""Which floor everything stands on, from the ground up, and why.

Imports go down only, and rooms of one floor do not import each other. `tree.names` is one module that stands lower than
its room.
"""

from __future__ import annotations

from typing import NamedTuple


class Floor(NamedTuple):
    rooms: set[str]
    reason: str


HOUSE = [
    Floor({"audit"}, "notes who changed what, whatever it is; knows models by their labels"),
    Floor({"backups"}, "stores and restores anything, whatever it is about"),
    Floor({"articles"}, "makes articles; knows its last stage by a dotted name, and sites by a label"),
    Floor({"publishing"}, "brings what was made onto a site"),
    Floor(
        {"recovery", "worklist", "webhooks"},
        "repair articles, hand documents in, tell programs: all begin or hear of what the floors below do",
    ),
    Floor({"insights"}, "reads everything and changes nothing"),
    Floor({"config"}, "puts all of it together; imported by nobody"),
]

ROOMS = {
    "backups": [
        Floor({"redaction"}, "our secrets, and words without them: for everybody who writes down what others say"),
        Floor({"errors", "progress", "clocks"}, "what can go wrong, how far it is, what time it is: for everybody"),
        Floor({"moments"}, "times as somebody types them"),
        Floor({"partitions"}, "months of large tables: for whoever writes rows into one"),
        Floor({"storage"}, "bytes by key, wherever they lie"),
        Floor({"repository"}, "generations in an object store, whatever they hold; what a signature of ours is"),
        Floor({"trees"}, "files under a prefix, and the manifest that names them: signed, too"),
        Floor({"files", "database"}, "the two tiers: plain Python, as files are backed up without loading an app"),
        Floor({"models"}, "rows about generations"),
        Floor({"configured"}, "the repositories and trees that the settings name"),
        Floor({"kit"}, "what is kept elsewhere of these settings, and whether it is still true"),
        Floor({"catalogue"}, "keeps those rows true to the repository"),
        Floor({"health"}, "judges both tiers by rows and storage"),
        Floor({"restores"}, "what the queue does for a restore of the desk; may ask how the backups do"),
        Floor({"tasks", "management"}, "the doors for the queue and for the shell"),
        Floor({"desk"}, "the pages, and the schedules of those tasks"),
        Floor({"admin", "apps"}, "the doors for Django"),
    ],
    "articles": [
        Floor(
            {"tree.names", "bounds", "errors"}, "plain words, numbers and refusals: for the records, and for everybody"
        ),
        Floor({"models", "providers", "formats"}, "records, services and the form of numbers: each stands alone"),
        Floor(
            {"content", "call_keys", "processes", "failure_names"},
            "what comes from outside, made safe; names of calls, of processes and of failures",
        ),
        Floor(
            {"failures", "estimates", "cost_records", "full_text"},
            "what the records say of what stopped; what calls will cost and take, and have cost; words within articles",
        ),
        Floor({"tree"}, "the same as files: a manifest says what failed, too"),
        Floor({"state_wording", "unchanged"}, "sentences about all of these, and whether they are still so"),
        Floor({"templatetags"}, "the same sentences for templates, and for the columns of the desk"),
        Floor({"pipeline"}, "moves one article; alone changes its status"),
        Floor({"batches"}, "moves many of them, by way of the pipeline"),
        Floor({"handing_in"}, "how an article comes in: one form for all the doors above"),
        Floor({"stages", "desk", "api"}, "what happens within a run, and the doors for people and programs"),
        Floor({"tasks", "management", "admin"}, "the doors for the queue, the shell and Django"),
        Floor({"apps"}, "connects the signals; the queue's task is one of those who listen"),
    ],
}
