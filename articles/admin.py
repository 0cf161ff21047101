"""Where Django looks for the admin of an app."""

from articles.desk.article_admin import ArticleAdmin
from articles.desk.batch_admin import BatchAdmin
from articles.desk.preferences_admin import PreferencesAdmin

__all__ = ["ArticleAdmin", "BatchAdmin", "PreferencesAdmin"]
