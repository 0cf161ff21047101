from django.apps import AppConfig


class BackupsConfig(AppConfig):
    name = "backups"
    verbose_name = "Backups"

    def ready(self) -> None:
        from django.db.models.signals import pre_save
        from django_q.models import Schedule

        from backups.desk.hours import keep_hour

        pre_save.connect(keep_hour, sender=Schedule, dispatch_uid="backups.desk.hours.keep_hour")
