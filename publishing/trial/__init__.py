"""A site tried without changing anything there: what publishing will meet, before an article does.

trial     all questions put to one site, within a time of its own
finding   one fact that a trial has seen: what it is about, a code, values; words are made of it at the edge
door      a way onto the site that is tried: it is open, or what closes it
theme     how the site shows a post to readers: where its featured image stands
"""
