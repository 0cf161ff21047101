"""The second storage: all that is in the first, once more in another place, and how far it is behind.

copy       what brings the second storage what it lacks; its outcome is kept in a row
behind     backups of the first storage that are newer than all of their source in the second
mending    the way back: what is damaged or missing in the first comes from the second
"""
