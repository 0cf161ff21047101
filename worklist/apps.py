from django.apps import AppConfig


class WorklistConfig(AppConfig):
    name = "worklist"
    verbose_name = "Worklist"

    def ready(self) -> None:
        from articles.pipeline import transitions
        from worklist import publication

        # After those of publishing, which stands before this app: by then the publish task says how it ended.
        for signal, receiver in (
            (transitions.stopped, publication.note_stopped),
            (transitions.cancelled, publication.note_cancelled),
            (transitions.finished, publication.note_finished),
        ):
            signal.connect(receiver, dispatch_uid=f"worklist.publication.{receiver.__name__}")
