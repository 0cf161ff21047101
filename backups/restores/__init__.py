"""Restores that somebody asks for at the desk, and the queue does.

restore     what was asked for, and how far it is (`models.Restore`): compared, shown, confirmed, done
undo        a restore that brings back how it was before another one
group       an article with all rows of it that differ, or what is of none: a line of the difference
shown       a difference, as it was before it was confirmed: only that is done
journal     what undoes a restore of files, on the machine that did it
machine     that has the folder of a restore of files: no other one can do it
"""
