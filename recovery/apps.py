from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    name = "recovery"
    verbose_name = "Recovery"

    def ready(self) -> None:
        from articles.pipeline.transitions import stopped
        from backups.health.drill import came_back
        from backups.health.tree_care import verifying
        from backups.health.watch import watched
        from recovery import keeper
        from recovery.mail import outbox

        stopped.connect(outbox.note_stop, dispatch_uid="recovery.mail.outbox.note_stop")
        watched.connect(outbox.note_backups, dispatch_uid="recovery.mail.outbox.note_backups")
        verifying.connect(keeper.verify, dispatch_uid="recovery.keeper.verify")
        came_back.connect(keeper.at_trial, dispatch_uid="recovery.keeper.at_trial")
