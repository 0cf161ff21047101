"""The tree of an article."""
