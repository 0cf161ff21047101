"""Stopped articles by what stopped them, as one person sees them: is it getting worse, and who has put it aside?

group     the articles of one cause that this person may touch
trend     whether more of them stopped within a day than within the day before
return    that it was mended already, and came again
snooze    a group put aside until a time, with a note: out of *Needs you* and of what mails repeat, never out of a list
"""
