"""How much is taken at most: plain numbers, for those who write rows and for those who read them back from a manifest.

Nobody who reads may be narrower than those who write.
"""

from __future__ import annotations

# Of each list of a batch
LONGEST_LIST = 1_000_000  # characters
MOST_LINES = 5000
MOST_COLUMNS = 50
LONGEST_NAME = 200  # characters of a style or a heading
LONGEST_FIELD = 1000  # characters of a further column

# Of a batch
LONGEST_BATCH_NAME = 100  # characters
LONGEST_BRIEF = 5000  # characters
LONGEST_FILLED = 20_000  # characters of the brief with the words of its lines in it
MOST_PICTURES = 6  # of each article, and of each section
MOST_CELLS = 50_000  # sections of all its articles: what Start makes in minutes, and a page counts in a second

# Of an article
MOST_SECTIONS = 5000  # and so the greatest index of one
MOST_MANUSCRIPTS = 5  # that one was made of before its present one: its manifest holds them all
MOST_EARLIER_FILES = 100  # pictures and pages that took another's place: its manifest names them all
LONGEST_IDEA = 20_000  # characters
LONGEST_STYLE = 200  # characters of a writing style
LONGEST_BYLINE = 160  # characters of who wrote it, and when
LONGEST_TITLE = 300  # characters
LONGEST_FILE_NAME = 255  # characters
LONGEST_PROMPT = 4000  # characters of what a picture shall show
LONGEST_ALT_TEXT = 300  # characters
