"""A WordPress as one speaks to it.

client      its REST API, with all that publishing asks of it
line        where requests to one site leave, bounded in time and bytes
transport   how a request leaves: by a connection of our own, or within a browser
answer      what came back: who answered, and what it means where it is no success
reading     what is taken of an answer, in the type and length that is expected
doubt       an answer that says it is a success, and is none
mark        by which a post is known as ours, and known to be as it was written
seo         what a post tells search engines, by the plugin that has a place for it
"""
