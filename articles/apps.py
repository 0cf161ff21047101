from django.apps import AppConfig


class ArticlesConfig(AppConfig):
    name = "articles"
    verbose_name = "Articles"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate
        from django_q.signals import post_spawn

        from articles import tasks
        from articles.batches import control, start
        from articles.full_text import index
        from articles.pipeline import dispatch, sweep, transitions

        transitions.stopped.connect(control.note_stop, dispatch_uid="articles.batches.control.note_stop")
        transitions.lined_up.connect(dispatch.top_up, dispatch_uid="articles.pipeline.dispatch.top_up")
        sweep.sweeping.connect(start.go_on_with_rows, dispatch_uid="articles.batches.start.go_on_with_rows")
        post_migrate.connect(index.hang_up, sender=self, dispatch_uid="articles.full_text.index.hang_up")
        post_spawn.connect(tasks.worker_started, dispatch_uid="articles.tasks.worker_started")
