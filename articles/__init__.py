"""Articles and batches: their records, their run, their pages.

article    what an editor handed in, as an idea or a manuscript, and what becomes of it
stage      one of five steps from there to the draft: article, prompts, images, format, upload
batch      a named set of articles, so many styles with the same sections each
section    a part of a long article
provider   a service outside, or a site, by an id that nobody edits: "text", "wordpress:3"
failure    what kept a stage from being done: its reason, and for each code a few words for lists (`failures`)
state      where an article stands, in the words of a sentence (`state_wording`)
"""
