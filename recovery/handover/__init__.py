"""An article that is stopped, given to a colleague with a note.

handover    who has it, from whom, and why: a row while it is to be mended, and what happened on the timeline
colleague   somebody who may touch the article anyway: giving gives no rights
"""
