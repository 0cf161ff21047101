"""Another picture for a place of an article that is finished, or has stopped.

place             where a picture stands, named by its role
another picture   what takes a place that has one: made of a prompt, a person's file, or one that stood there before
earlier file      what stood there, kept in the tree and on no page (`articles.tree.earlier`)
"""
