"""A WordPress by XML-RPC."""

from __future__ import annotations

from django.conf import settings

from articles.pipeline.run import Outcome, Run
from publishing.models import PublishTask, Site, Way
from publishing.publishers import posting
from publishing.sites import login_of
from publishing.xmlrpc.client import XmlRpc


def publish(run: Run, task: PublishTask, site: Site) -> Outcome:
    return posting.publish(
        run,
        task,
        site,
        Way.XMLRPC,
        lambda site, before: XmlRpc(
            login_of(site), allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES, before=before
        ),
    )
