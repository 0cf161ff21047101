from django.apps import AppConfig
from django.db.models.signals import post_migrate


class InsightsConfig(AppConfig):
    name = "insights"
    verbose_name = "Insights"

    def ready(self) -> None:
        from articles.pipeline import transitions
        from insights import traces
        from insights.rollups import marks

        post_migrate.connect(marks.hang_up, sender=self, dispatch_uid="insights.rollups.marks.hang_up")
        for ending in (transitions.finished, transitions.stopped):
            ending.connect(traces.tell_when_ended, dispatch_uid="insights.traces.tell_when_ended")
