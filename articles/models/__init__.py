"""The records of an article: what was asked for, what was made, what every call to the outside cost and answered.

Rows are the truth about a run, and only `articles.pipeline` moves an article from one state to another.

article        what an editor handed in, and the state of its run
batch          a named set of articles, so many styles with the same sections each
section        a part of a long article, written, kept and shown on its own
stage          one of the five steps from what was handed in to the draft on the site
stage record   how an article stands at one stage
call           one call to the outside that costs money or changes the world
cost           what calls have cost, as far as it is known, and how many of them nobody knows the cost of
cost record    one change of what a call has cost; it outlives the call and its article
image file     one picture of an article, from its prompt to the media library of the site
kept picture   one that a writer has put into a text, whatever became of the text
attempt        one go at an article
event          a line of an article's timeline
request key    under which a program has asked for something, so that asking twice is asking once
preferences    what an editor always wants
saved filter   what an editor looks for again and again, among the articles
desk settings  what chief editors set for the desk as a whole: its limits
spent day      what the calls of one day have cost, and may have cost besides
"""

from articles.models.article import Article, ArticleQuerySet
from articles.models.batch import Batch, BatchQuerySet, Section
from articles.models.calls import Call, CallQuerySet, Cost, Pace
from articles.models.choices import ACCENT, PRIMARY, Design, Formatter, Stage, is_colour, new_uid
from articles.models.cost_records import CostRecord, CostRecordQuerySet
from articles.models.desk_settings import DeskSettings, SpentDay
from articles.models.history import Attempt, Event, StageRecord
from articles.models.images import ImageFile, KeptPicture, storage_of_images
from articles.models.preferences import Preferences, SavedFilter
from articles.models.request_keys import ArticleKey, RequestKey

__all__ = [
    "ACCENT",
    "PRIMARY",
    "Article",
    "ArticleKey",
    "ArticleQuerySet",
    "Attempt",
    "Batch",
    "BatchQuerySet",
    "Call",
    "CallQuerySet",
    "Cost",
    "CostRecord",
    "CostRecordQuerySet",
    "Design",
    "DeskSettings",
    "Event",
    "Formatter",
    "ImageFile",
    "KeptPicture",
    "Pace",
    "Preferences",
    "RequestKey",
    "SavedFilter",
    "Section",
    "SpentDay",
    "Stage",
    "StageRecord",
    "is_colour",
    "new_uid",
    "storage_of_images",
]
