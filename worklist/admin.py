"""The door for Django."""

from worklist.desk import document_admin, drive_admin

__all__ = ["document_admin", "drive_admin"]
