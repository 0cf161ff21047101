"""What ends a failure: its plan, an article from its tree alone, the removal of old trees, and mail about what stopped.

plan      what a recovery would reuse, do again and cost; it changes nothing
rebuild   an article from its tree, when the database is gone
expire    the removal of trees whose articles are safely on their site
"""
