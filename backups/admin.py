"""Where Django looks for the admin of an app."""

from backups.desk.admin import GenerationAdmin

__all__ = ["GenerationAdmin"]
