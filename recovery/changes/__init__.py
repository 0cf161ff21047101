"""What people change of an article that is made: finished, or stopped on its way to a site.

place             where a picture stands, named by its role
another picture   what takes a place that has one: made of a prompt, a person's file, or one that stood there before
another look      a page laid out anew with another title, formatter, design, byline or colours
earlier file      what stood there, kept in the tree and on no page (`articles.tree.earlier`)
"""
