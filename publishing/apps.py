from django.apps import AppConfig


class PublishingConfig(AppConfig):
    name = "publishing"
    verbose_name = "Publishing"

    def ready(self) -> None:
        from articles.pipeline import transitions
        from backups.health.drill import came_back
        from publishing import publish_tasks, sites

        for signal, receiver in (
            (transitions.stopped, publish_tasks.note_stopped),
            (transitions.cancelled, publish_tasks.note_cancelled),
            (transitions.resumed, publish_tasks.note_resumed),
            (transitions.finished, publish_tasks.note_finished),
        ):
            signal.connect(receiver, dispatch_uid=f"publishing.publish_tasks.{receiver.__name__}")
        came_back.connect(sites.with_closed_passwords, dispatch_uid="publishing.sites.with_closed_passwords")
