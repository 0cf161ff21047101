"""The desk: Django's admin as Galley's front, and its start page, which sees every app."""
