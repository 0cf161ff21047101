from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        from articles.pipeline import dispatch, transitions
        from publishing import publish_tasks
        from webhooks import noting

        for signal, receiver in (
            (transitions.finished, noting.note_done),
            (transitions.stopped, noting.note_stopped),
            (transitions.cancelled, noting.note_cancelled),
            (publish_tasks.ended, noting.note_publications),
            (dispatch.batch_rests, noting.note_batch),
        ):
            signal.connect(receiver, dispatch_uid=f"webhooks.noting.{receiver.__name__}")
