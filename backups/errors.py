"""What can go wrong with a backup. Every message is a sentence for people.

BackupError             .retry says whether trying again may help
  StorageError          the storage
    Missing             there is no such object
    Exists              there is one already
    StorageUnreachable  no answer, or one of a server in trouble    retry
    Denied              our keys or our rights                      a person acts
    Failed              everything else; a full disk, say           a person acts
      TooLarge          an object of more bytes than it may have
  Damaged               an object is not what its manifest names    a person looks
  Forged                a document that is not ours, or was changed a person looks
  Hostile               a document of ours that says what cannot be a person looks
  Doubtful              what is newest cannot be told             a person chooses
  Changed               a source is not any more what it was        retry
"""

from __future__ import annotations

from backups.redaction import black_out


class BackupError(Exception):
    retry = False

    def __init__(self, sentence: str = "") -> None:
        """Of what a storage answers nothing stays that is ours to keep."""
        super().__init__(black_out(sentence))


class StorageError(BackupError):
    pass


class Missing(StorageError):
    pass


class Exists(StorageError):
    pass


class StorageUnreachable(StorageError):
    retry = True


class Denied(StorageError):
    pass


class Failed(StorageError):
    pass


class TooLarge(Failed):
    pass


class Damaged(BackupError):
    pass


class Forged(BackupError):
    pass


class Hostile(BackupError):
    pass


class Doubtful(BackupError):
    pass


class Changed(BackupError):
    retry = True
