import django_stubs_ext
from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate

# Django's classes take type parameters. Here, before any app's models, as commands that need no app need no part of it.
django_stubs_ext.monkeypatch()


class DeskConfig(admin_apps.SimpleAdminConfig):
    """Django's admin, with the desk as its site. What it shows is loaded with the URLs: a command needs none of it."""

    default = False
    default_site = "config.desk.site.Desk"


class ConfigConfig(AppConfig):
    name = "config"
    default = True
    verbose_name = "Galley"

    def ready(self) -> None:
        from config import checks  # noqa: F401  registers them
        from config.roles import create_groups
        from recovery.mail import notices
        from worklist import telling

        post_migrate.connect(create_groups, sender=self)
        # Neither knows the other: what concerns somebody on the worklist is told by mail.
        telling.concerns.connect(notices.note, dispatch_uid="recovery.mail.notices.note")
        notices.telling.connect(telling.lines, dispatch_uid="worklist.telling.lines")
