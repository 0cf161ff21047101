"""The records of publishing.

site        a WordPress, and the user who writes there
way         how an article gets onto a site: by one of them, or by the best that works
task        one go of an article's fifth stage: its way, its steps, what the site has kept
log         what has happened to a task, line by line
session     what keeps a browser signed in at a site: as good as a password
slot        one browser that a machine may run
shot        a picture of what a browser showed at a step of a task
submit key  under which a program has asked for a task, so that asking twice is asking once
"""

from publishing.models.execution_log import ExecutionLog
from publishing.models.site import BrowserSession, BrowserSlot, Site, Way, is_clean_url
from publishing.models.task import PublishTask, Shot, SubmitKey

__all__ = [
    "BrowserSession",
    "BrowserSlot",
    "ExecutionLog",
    "PublishTask",
    "Shot",
    "Site",
    "SubmitKey",
    "Way",
    "is_clean_url",
]
