from django.apps import AppConfig


class PublishingConfig(AppConfig):
    name = "publishing"
    verbose_name = "Publishing"

    def ready(self) -> None:
        from articles.pipeline import transitions
        from articles.tree import manifest
        from backups.health.drill import came_back
        from publishing import in_manifest, publish_tasks, sites

        for signal, receiver in (
            (transitions.stopped, publish_tasks.note_stopped),
            (transitions.cancelled, publish_tasks.note_cancelled),
            (transitions.resumed, publish_tasks.note_resumed),
            (transitions.finished, publish_tasks.note_finished),
        ):
            signal.connect(receiver, dispatch_uid=f"publishing.publish_tasks.{receiver.__name__}")
        manifest.wanted.connect(in_manifest.told, dispatch_uid="publishing.in_manifest.told")
        came_back.connect(sites.with_closed_passwords, dispatch_uid="publishing.sites.with_closed_passwords")
