"""Another picture for a place of an article that is finished, or has stopped.

*place*: where a picture stands, named by its role. *another picture*: what takes a place that has one: made of a
prompt, a person's own file, or one that stood there before. What stood there stays in the tree
(`articles.tree.earlier`).
"""
