from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    name = "recovery"
    verbose_name = "Recovery"

    def ready(self) -> None:
        from articles.pipeline.transitions import cancelled, finished, stopped
        from backups.health.drill import came_back
        from backups.health.second.copies import copying_trees
        from backups.health.tree_care import verifying
        from backups.health.watch import watched
        from recovery import keeper, second_trees
        from recovery.groups import snoozes
        from recovery.handover import deeds
        from recovery.mail import outbox

        stopped.connect(outbox.note_stop, dispatch_uid="recovery.mail.outbox.note_stop")
        stopped.connect(snoozes.wake, dispatch_uid="recovery.groups.snoozes.wake")
        finished.connect(deeds.note_finished, dispatch_uid="recovery.handover.deeds.note_finished")
        cancelled.connect(deeds.note_cancelled, dispatch_uid="recovery.handover.deeds.note_cancelled")
        watched.connect(outbox.note_backups, dispatch_uid="recovery.mail.outbox.note_backups")
        verifying.connect(keeper.verify, dispatch_uid="recovery.keeper.verify")
        copying_trees.connect(second_trees.copy, dispatch_uid="recovery.second_trees.copy")
        came_back.connect(keeper.at_trial, dispatch_uid="recovery.keeper.at_trial")
