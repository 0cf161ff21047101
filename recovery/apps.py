from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    name = "recovery"
    verbose_name = "Recovery"

    def ready(self) -> None:
        from articles.pipeline.transitions import stopped
        from backups.health.watch import watched
        from recovery import notify

        stopped.connect(notify.note_stop, dispatch_uid="recovery.notify.note_stop")
        watched.connect(notify.note_backups, dispatch_uid="recovery.notify.note_backups")
