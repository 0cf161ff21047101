"""A WordPress by its REST API."""

from __future__ import annotations

from articles.pipeline.run import Outcome, Run
from publishing.models import PublishTask, Site, Way
from publishing.publishers import posting
from publishing.sites import client_for


def publish(run: Run, task: PublishTask, site: Site) -> Outcome:
    return posting.publish(run, task, site, Way.REST, lambda site, before: client_for(site, before=before))
