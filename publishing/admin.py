"""The door for Django."""

from publishing.desk import publish_views, site_admin, task_admin

__all__ = ["publish_views", "site_admin", "task_admin"]
