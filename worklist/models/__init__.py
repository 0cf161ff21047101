"""The records of the worklist.

document    what waits, for whom, and which of its versions counts as what
version     a text as it arrived, by its hash
entry       a line of the history
note        words to a place of the text; `Reply` answers one
account     of Google, with its login encrypted; it has folders that are followed, and these have files
"""

from worklist.models.document import Document, DocumentQuerySet, Source, State, Version
from worklist.models.drive import DriveAccount, DriveFile, DriveFolder
from worklist.models.history import Entry
from worklist.models.notes import Note, Reply

__all__ = [
    "Document",
    "DocumentQuerySet",
    "DriveAccount",
    "DriveFile",
    "DriveFolder",
    "Entry",
    "Note",
    "Reply",
    "Source",
    "State",
    "Version",
]
