"""The settings in the API: what holds for the desk and for its sites, read and changed in part.

setting    a part of what holds, by the name that programs know; a secret among them goes in and never out
version    of all that may be changed: whoever changes some of it says which one they have read
changing   what was said, given to the form of a site; all of it holds, or nothing
"""
