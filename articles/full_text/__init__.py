"""Words within articles, found.

index     what the database keeps, so that no search reads all texts
word      what somebody searches for: the beginning of one; an article is found that holds all of them
passage   where they stand, for people
"""
