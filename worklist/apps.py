from django.apps import AppConfig


class WorklistConfig(AppConfig):
    name = "worklist"
    verbose_name = "Worklist"

    def ready(self) -> None:
        from articles.pipeline import transitions
        from articles.tree.unused_pictures import naming
        from publishing import publish_tasks
        from worklist import publication, texts

        # After those of publishing, which stands before this app: by then the publish task says how it ended.
        for signal, receiver in (
            (transitions.stopped, publication.note_stopped),
            (transitions.cancelled, publication.note_cancelled),
            (transitions.finished, publication.note_finished),
            (publish_tasks.going_out, publication.check_approved),
        ):
            signal.connect(receiver, dispatch_uid=f"worklist.publication.{receiver.__name__}")
        naming.connect(texts.naming_pictures, dispatch_uid="worklist.texts.naming_pictures")
