"""Publishing in the desk.

site admin      the sites, whose passwords go in and never come out
site form       what may be said of a site, by a person or a program
publish views   the question before articles are published, and the deed
outlook         what will be there then, and what is there already
task admin      what is on its way and what became of it; in words for people, a publication
task page       what the page of one shows
"""
