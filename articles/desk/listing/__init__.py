"""The list of articles in the desk.

quick edit     title and site of one row, changed where it stands, by the rules of the article's own form
saved filter   what a person has chosen among the articles, under a name of theirs
"""
