"""A backup beside the database: what a restore or an undo would do to each row. Nothing is written here.

row step       what happens to one row of the target, and why
plan           all row steps of a restore or an undo
policy         what decides them: the questions (`policy`), and the answers of a restore and of an undo (`…_policy`)
mode           how far a restore goes: only what is missing, what is newer, all, or all and nothing else
target key     the key that a row of the backup has, or gets, in the target
touched rows   what a restore has written or deleted: by these it is undone
"""
