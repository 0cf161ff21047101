from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ArticlesConfig(AppConfig):
    name = "articles"
    verbose_name = "Articles"

    def ready(self) -> None:
        from django_q.signals import post_spawn

        from articles import tasks
        from articles.batches import control
        from articles.groups import create_groups
        from articles.pipeline import dispatch, transitions

        post_migrate.connect(create_groups, sender=self)
        transitions.stopped.connect(control.note_stop, dispatch_uid="articles.batches.control.note_stop")
        transitions.lined_up.connect(dispatch.top_up, dispatch_uid="articles.pipeline.dispatch.top_up")
        post_spawn.connect(tasks.worker_started, dispatch_uid="articles.tasks.worker_started")
