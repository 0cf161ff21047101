from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit import triggers

        connection_created.connect(triggers.watch, dispatch_uid="audit.triggers.watch")
        pre_migrate.connect(triggers.before_migrations, sender=self, dispatch_uid="audit.triggers.before_migrations")
        post_migrate.connect(triggers.after_migrations, sender=self, dispatch_uid="audit.triggers.after_migrations")
