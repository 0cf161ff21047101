"""The page on which articles are written, in the desk.

source      what an article is made of, one of three: an idea, a pasted text, a file; a tab each
rest        everything else that a form asks, folded; the preferences say it
several     files that were dropped together, and become an article each
pasted      a text with its headings, links and lists, as it lies on a clipboard
"""
