"""The records of the worklist.

document    what waits, for whom, and which of its versions counts as what
version     a text as it arrived, by its hash
entry       a line of the history
note        words to a place of the text; `Reply` answers one
"""

from worklist.models.document import Document, DocumentQuerySet, Source, State, Version
from worklist.models.history import Entry
from worklist.models.notes import Note, Reply

__all__ = ["Document", "DocumentQuerySet", "Entry", "Note", "Reply", "Source", "State", "Version"]
